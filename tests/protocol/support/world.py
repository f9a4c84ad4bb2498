"""What `run` prepared: a Doorward over TLS with people, clients and resource servers; how applications talk to it."""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx
from joserfc import jws, jwt
from joserfc.jwk import KeySet

from .browser import Answer, Browser, Page, open_wire
from .keys import read_key

NOTES = "https://notes.example/api"
BILLING = "https://billing.example/api"
REDIRECT = "https://rp.example/cb"
REDIRECT_WITH_QUERY = "https://rp.example/cb?tenant=7"
SIGNED_OUT = "https://rp.example/bye"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Fields = dict[str, str] | list[tuple[str, str]]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the claims of a JWT, unverified."""
    header, claims, _ = token.split(".")
    return json.loads(unb64(header)), json.loads(unb64(claims))


@dataclass
class Pkce:
    verifier: str
    challenge: str

    @classmethod
    def fresh(cls) -> "Pkce":
        verifier = secrets.token_urlsafe(48)
        return cls(verifier, b64(hashlib.sha256(verifier.encode()).digest()))


class World:
    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.issuer = (self.folder / "issuer").read_text()
        self.wire = open_wire(str(self.folder / "ca.pem"))

    @cached_property
    def password(self) -> str:
        return (self.folder / "password").read_text()

    @cached_property
    def metadata(self) -> dict[str, Any]:
        response = self.wire.get(f"{self.issuer}/.well-known/openid-configuration")
        assert response.status_code == 200
        return response.json()

    def endpoint(self, name: str) -> str:
        return self.metadata[name]

    def jwks(self) -> dict[str, Any]:
        return self.wire.get(self.metadata["jwks_uri"]).json()

    def browser(self, language: str = "en") -> Browser:
        return Browser(self.wire, self.issuer, language)

    def client(self, client_id: str) -> "Client":
        about = json.loads((self.folder / "clients" / f"{client_id}.json").read_text())
        return Client(self, client_id, about.get("client_secret"), about)

    def sub(self, username: str) -> str:
        return json.loads((self.folder / "users" / f"{username}.json").read_text())["sub"]

    def doorward(self, *arguments: str, stdin: str = "") -> str:
        """The command line beside the running server."""
        command = [os.environ["PROTOCOL_DOORWARD"], *arguments]
        settings = [text for text in (self.folder / "settings").read_text().split("\0") if text]
        own = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
        own |= dict(setting.split("=", 1) for setting in settings)
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, env=own)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def create_person(self) -> str:
        """Somebody who has agreed to nothing yet."""
        username = f"p{secrets.token_hex(6)}"
        self.doorward("user", "create", username)
        self.doorward("user", "set-password", username, stdin=self.password)
        return username

    def create_client(self, *options: str) -> "Client":
        """A client like `web` that a test may spoil."""
        client_id = f"c{secrets.token_hex(6)}"
        usual = ["--pkce-optional", "--scope", "openid", "--resource", "notes", "--redirect-uri", REDIRECT]
        about = json.loads(self.doorward("client", "create", client_id, *usual, *options, "--json"))
        return Client(self, client_id, about.get("client_secret"), about)

    # ---- tokens -----------------------------------------------------------------------------------------------------

    def verify(self, token: str, kind: str | None = None) -> dict[str, Any]:
        """The claims of a token that a published key signed."""
        header, _ = parts(token)
        if kind:
            assert header["typ"].lower() == kind
        decoded = jwt.decode(token, KeySet.import_key_set(self.jwks()), algorithms=["RS256"])
        return decoded.claims

    def id_token(self, token: str, client: "Client", nonce: str | None = None) -> dict[str, Any]:
        """OpenID Connect Core 1.0 §3.1.3.7: the claims of an ID token that its client may believe."""
        header, _ = parts(token)
        assert header["alg"] == "RS256" and header["kid"]
        claims = self.verify(token)
        assert claims["iss"] == self.issuer
        audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        assert audience == [client.client_id]
        now = time.time()
        assert now - 60 < claims["iat"] <= now + 5 and now < claims["exp"]
        assert claims.get("nonce") == nonce
        return claims

    def userinfo(self, access_token: str, method: str = "GET", **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {access_token}"}
        return self.wire.request(method, self.endpoint("userinfo_endpoint"), headers=headers, **more)

    def claims(self, access_token: str) -> dict[str, Any]:
        response = self.userinfo(access_token)
        assert response.status_code == 200, response.text
        return response.json()

    def is_alive(self, access_token: str, client: "Client") -> bool:
        """As userinfo and introspection see it; they must agree."""
        active = client.introspect(access_token)["active"]
        accepted = self.userinfo(access_token).status_code == 200
        if active != accepted:
            # A change may have come in between; then introspection knows of it now.
            active = client.introspect(access_token)["active"]
        assert active == accepted, f"introspection says {active}, userinfo {accepted}"
        return active


@dataclass
class Signed:
    """One sign-in, with what came of it."""

    answer: Answer
    tokens: dict[str, Any]
    id_claims: dict[str, Any]
    request: dict[str, str]

    @property
    def access_token(self) -> str:
        return self.tokens["access_token"]

    @property
    def refresh_token(self) -> str:
        return self.tokens["refresh_token"]


@dataclass
class Client:
    """A relying party."""

    world: World
    client_id: str
    secret: str | None
    about: dict[str, Any]

    @property
    def method(self) -> str:
        return self.about["auth_method"]

    @property
    def redirect_uri(self) -> str:
        return self.about["redirect_uris"][0]

    # ---- the authorization endpoint ---------------------------------------------------------------------------------

    def request(self, **changes: str | None) -> dict[str, str]:
        """An authorization request; `None` leaves a parameter out."""
        usual: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": "openid",
            "state": secrets.token_urlsafe(12),
            "nonce": secrets.token_urlsafe(12),
        }
        return {name: value for name, value in (usual | changes).items() if value is not None}

    def url(self, request: Fields) -> str:
        return f"{self.world.endpoint('authorization_endpoint')}?{urlencode(request)}"

    def begin(self, browser: Browser, request: Fields | None = None, /, **changes: str | None) -> Page | Answer:
        """Sends the browser to the authorization endpoint; what it shows first."""
        request = request if request is not None else self.request(**changes)
        return browser.open(self.url(request))

    def go_on(self, browser: Browser, at: Page | Answer, username: str = "alice") -> Answer:
        """Does what the pages ask for, until the application has its answer."""
        for _ in range(6):
            if isinstance(at, Answer):
                return at
            assert at.status == 200, f"{at.status} from {at.url}: {at.text}"
            match at.kind:
                case "sign-in":
                    at = browser.press(at, "login-submit", username=username, password=self.world.password)
                case "consent":
                    at = browser.press(at, "consent-allow")
                case "select-account":
                    at = browser.press(at, "account-continue")
                case _:
                    raise AssertionError(f"an unexpected page at {at.url}: {at.text}")
        raise AssertionError(f"the pages do not end: {browser.pages}")

    def authorize(self, browser: Browser, username: str = "alice", /, **changes: str | None) -> Answer:
        browser.pages.clear()
        return self.go_on(browser, self.begin(browser, self.request(**changes)), username)

    def sign_in(
        self,
        browser: Browser | None = None,
        username: str = "alice",
        *,
        pkce: Pkce | None = None,
        **changes: str | None,
    ) -> Signed:
        """The whole way, from the request to the tokens."""
        browser = browser or self.world.browser()
        if pkce:
            changes |= {"code_challenge": pkce.challenge, "code_challenge_method": "S256"}
        request = self.request(**changes)
        browser.pages.clear()
        answer = self.go_on(browser, self.begin(browser, request), username)
        assert "error" not in answer, answer.parameters
        more = {"code_verifier": pkce.verifier} if pkce else {}
        response = self.exchange(answer["code"], redirect_uri=request["redirect_uri"], **more)
        assert response.status_code == 200, response.text
        tokens = response.json()
        claims = self.world.id_token(tokens["id_token"], self, request.get("nonce")) if "id_token" in tokens else {}
        return Signed(answer, tokens, claims, request)

    # ---- what the client calls itself -------------------------------------------------------------------------------

    def credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and fields by which it authenticates, as it is registered."""
        match self.method:
            case "client_secret_basic":
                pair = f"{quote(self.client_id, safe='')}:{quote(self.secret or '', safe='')}"
                return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}, {}
            case "client_secret_post":
                return {}, {"client_id": self.client_id, "client_secret": self.secret or ""}
            case "private_key_jwt":
                return {}, {"client_assertion_type": JWT_BEARER, "client_assertion": self.assertion()}
            case _:
                return {}, {"client_id": self.client_id}

    def assertion(
        self, alg: str = "RS256", *, key: Any = None, header: dict[str, Any] | None = None, **changes: Any
    ) -> str:
        """RFC 7523 §3; a claim that is `None` is left out."""
        now = int(time.time())
        usual = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.world.issuer,
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
        }
        claims = {name: value for name, value in (usual | changes).items() if value is not None}
        key = key or self.key(alg)
        headers = {"alg": alg, "kid": key.kid, "typ": "JWT"} | (header or {})
        return jws.serialize_compact(headers, json.dumps(claims).encode(), key, algorithms=[alg])

    def key(self, alg: str) -> Any:
        return read_key(self.world.folder, {"PS256": "RS256"}.get(alg, alg))

    def call(self, endpoint: str, fields: Fields, *, authenticate: bool = True) -> httpx.Response:
        headers, proof = self.credentials() if authenticate else ({}, {})
        pairs = list(fields.items()) if isinstance(fields, dict) else list(fields)
        url = self.world.endpoint(endpoint)
        headers |= {"Content-Type": "application/x-www-form-urlencoded"}
        return self.world.wire.post(url, headers=headers, content=urlencode(pairs + list(proof.items())))

    def token(self, **fields: str | None) -> httpx.Response:
        named = {name: value for name, value in fields.items() if value is not None}
        return self.call("token_endpoint", named)

    def exchange(self, code: str, **fields: str | None) -> httpx.Response:
        usual: dict[str, str | None] = {"grant_type": "authorization_code", "code": code}
        return self.token(**(usual | {"redirect_uri": self.redirect_uri} | fields))

    def refresh(self, token: str, **fields: str | None) -> httpx.Response:
        return self.token(grant_type="refresh_token", refresh_token=token, **fields)

    def introspect(self, token: str) -> dict[str, Any]:
        response = self.call("introspection_endpoint", {"token": token})
        assert response.status_code == 200, response.text
        return response.json()

    def revoke(self, token: str) -> httpx.Response:
        return self.call("revocation_endpoint", {"token": token})


def eventually(what: str, holds: Callable[[], bool], *, within: float = 3) -> None:
    """A change made by the command line is in force within a second; three are allowed, for a machine under load."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, f"not so after {within} seconds: {what}"
        time.sleep(0.05)


def refused(response: httpx.Response, error: str, status: int = 400) -> dict[str, Any]:
    """RFC 6749 §5.2: an error in the words of the list, never to be stored."""
    assert response.status_code == status, f"{response.status_code}: {response.text}"
    body = response.json()
    assert body["error"] == error, body
    assert set(body) <= {"error", "error_description", "error_uri"}
    assert all(" " <= c <= "~" and c not in '"\\' for c in body.get("error_description", ""))
    assert "no-store" in response.headers["cache-control"]
    assert response.headers["content-type"].split(";")[0] == "application/json"
    return body


def returned(answer: Page | Answer, error: str, request: dict[str, str], issuer: str) -> Answer:
    """RFC 6749 §4.1.2.1, RFC 9207 §2: an error at the redirect URI, with nothing beside what belongs there."""
    assert isinstance(answer, Answer), f"a page and no answer: {answer.text}"
    assert answer.url.split("?")[0] == request["redirect_uri"].split("?")[0]
    assert answer["error"] == error, answer.parameters
    own = {name for name, _ in parse_qsl(urlsplit(request["redirect_uri"]).query)}
    assert set(answer.parameters) - own <= {"error", "error_description", "state", "iss"}, answer.parameters
    assert answer["iss"] == issuer
    assert answer.parameters.get("state") == request.get("state")
    description = answer.parameters.get("error_description", "")
    assert all(" " <= c <= "~" and c not in '"\\' for c in description), description
    return answer
