"""How clients prove who they are (RFC 6749 §2.3, RFC 7523, OpenID Connect Core 1.0 §9)."""

import base64
import json
import time
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jws
from joserfc.jwk import OctKey

from support.browser import Browser
from support.keys import new_key
from support.world import JWT_BEARER, Client, Pkce, World, b64, refused

holds = pytest.mark.holds

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]


def post(world: World, fields: dict[str, str], endpoint: str = "token_endpoint", **headers: str) -> httpx.Response:
    return world.wire.post(world.endpoint(endpoint), headers=FORM | headers, content=urlencode(fields))


def basic(client_id: str, secret: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(f'{client_id}:{secret}'.encode()).decode()}"


MACHINE = {"grant_type": "client_credentials"}


@pytest.fixture
def bot(world: World) -> Client:
    return world.client("bot")


@pytest.fixture
def signer(world: World) -> Client:
    return world.client("bot-signer")


def by_assertion(client: Client, assertion: str, endpoint: str = "token_endpoint", **more: str) -> httpx.Response:
    fields = {"client_assertion_type": JWT_BEARER, "client_assertion": assertion, "token": "x"} | MACHINE | more
    return post(client.world, fields, endpoint)


# ---- each advertised method ----------------------------------------------------------------------------------------


@holds("client methods", "discovery truth")
@pytest.mark.parametrize("client_id", ["web", "post", "signer", "page"])
def test_each_advertised_method_works(world: World, browser: Browser, client_id: str) -> None:
    """OpenID Connect Core 1.0 §9; Discovery 1.0 §3: token_endpoint_auth_methods_supported; RFC 8414 §2"""
    client = world.client(client_id)
    pkce = Pkce.fresh() if client.method == "none" else None
    for member in ("token", "revocation"):
        assert client.method in world.metadata[f"{member}_endpoint_auth_methods_supported"]
    signed = client.sign_in(browser, pkce=pkce)
    assert client.refresh(signed.refresh_token).status_code == 200
    assert client.revoke(signed.access_token).status_code == 200
    if client.method != "none":
        assert client.method in world.metadata["introspection_endpoint_auth_methods_supported"]
        assert client.introspect(signed.access_token) == {"active": False}


@holds("client methods", "discovery truth")
def test_no_other_method_is_advertised(world: World) -> None:
    """OpenID Connect Core 1.0 §9: client_secret_jwt would need secrets that are kept in the clear"""
    methods = {"client_secret_basic", "client_secret_post", "private_key_jwt", "none"}
    assert set(world.metadata["token_endpoint_auth_methods_supported"]) == methods
    assert "none" not in world.metadata["introspection_endpoint_auth_methods_supported"]


@holds("client methods", "wire errors")
def test_only_the_registered_method_is_accepted(world: World, bot: Client, signer: Client) -> None:
    """RFC 7591 §2: token_endpoint_auth_method; OpenID Connect Core 1.0 §9"""
    post_client = world.client("post")
    secret, other_secret = bot.secret or "", post_client.secret or ""
    refused(post(world, MACHINE | {"client_id": "bot", "client_secret": secret}), "invalid_client", 401)
    refused(post(world, MACHINE, Authorization=basic("post", other_secret)), "invalid_client", 401)
    refused(post(world, MACHINE | {"client_id": "bot"}), "invalid_client", 401)
    refused(post(world, MACHINE | {"client_id": "bot-signer"}), "invalid_client", 401)
    refused(post(world, MACHINE | {"client_id": "page", "client_secret": "x"}), "invalid_client", 401)
    refused(by_assertion(bot, signer.assertion(iss="bot", sub="bot")), "invalid_client", 401)


@holds("client methods", "wire errors")
def test_two_methods_at_once_are_refused(world: World, bot: Client, signer: Client) -> None:
    """RFC 6749 §2.3: MUST NOT use more than one method"""
    header = basic("bot", bot.secret or "")
    both = MACHINE | {"client_id": "bot", "client_secret": bot.secret or ""}
    refused(post(world, both, Authorization=header), "invalid_request")
    assertion = {"client_assertion_type": JWT_BEARER, "client_assertion": signer.assertion()}
    refused(post(world, MACHINE | assertion, Authorization=header), "invalid_request")
    refused(post(world, both | assertion), "invalid_request")


@holds("client methods")
def test_a_client_id_beside_basic_is_one_method(world: World, bot: Client) -> None:
    """RFC 6749 §2.3.1, §3.2.1: but it must be the same"""
    header = basic("bot", bot.secret or "")
    assert post(world, MACHINE | {"client_id": "bot"}, Authorization=header).status_code == 200
    refused(post(world, MACHINE | {"client_id": "web"}, Authorization=header), "invalid_request")


@holds("client basic", "wire errors")
def test_failed_basic_authentication_is_challenged(world: World, bot: Client) -> None:
    """RFC 6749 §5.2, RFC 7617 §2: 401 with the scheme that was tried"""
    secret = bot.secret or ""
    bad = [basic("bot", "wrong"), basic("nobody", secret), basic("bot", ""), basic("bot", secret + "x")]
    bad += [basic("bot", secret[:-1]), basic("gone", world.client("gone").secret or "")]
    bad += ["Basic", "Basic !!", "Basic Ym90"]
    for header in bad:
        response = post(world, MACHINE, Authorization=header)
        refused(response, "invalid_client", 401)
        assert response.headers["www-authenticate"].lower().startswith("basic ")


@holds("client basic", "wire errors")
def test_a_client_that_brings_nothing_is_refused(world: World) -> None:
    """RFC 6749 §5.2: invalid_client"""
    refused(post(world, MACHINE), "invalid_client", 401)
    refused(post(world, MACHINE | {"client_id": "nobody"}), "invalid_client", 401)
    refused(post(world, MACHINE | {"client_id": "post", "client_secret": "wrong"}), "invalid_client", 401)


@holds("client basic")
def test_an_unknown_client_looks_like_a_wrong_secret(world: World) -> None:
    """RFC 9700 §4.11: no enumeration"""
    one = post(world, MACHINE, Authorization=basic("nobody", "wrong"))
    two = post(world, MACHINE, Authorization=basic("bot", "wrong"))
    gone = post(world, MACHINE, Authorization=basic("gone", world.client("gone").secret or ""))
    assert one.json() == two.json() == gone.json()
    assert {one.status_code, two.status_code, gone.status_code} == {401}


@holds("client basic")
def test_basic_credentials_are_form_decoded(world: World, bot: Client) -> None:
    """RFC 6749 §2.3.1: encoded with application/x-www-form-urlencoded first"""
    encoded = "".join(f"%{byte:02X}" for byte in b"bot")
    secret = "".join(f"%{ord(char):02x}" for char in bot.secret or "")
    assert post(world, MACHINE, Authorization=basic(encoded, secret)).status_code == 200
    assert post(world, MACHINE, Authorization=basic("bot", bot.secret or "", "bAsIc")).status_code == 200
    refused(post(world, MACHINE, Authorization=basic("bot%", bot.secret or "")), "invalid_client", 401)


@holds("client methods", "wire errors")
@pytest.mark.parametrize("endpoint", ["token_endpoint", "revocation_endpoint", "introspection_endpoint"])
@pytest.mark.parametrize("name", ["client_secret", "client_assertion"])
def test_credentials_in_the_url_are_refused(world: World, endpoint: str, name: str) -> None:
    """RFC 6749 §2.3.1: MUST NOT be included in the request URI"""
    url = f"{world.endpoint(endpoint)}?{urlencode({'client_id': 'post', name: world.client('post').secret or ''})}"
    fields = {"grant_type": "refresh_token", "token": "x", "client_id": "post"}
    response = world.wire.post(url, headers=FORM, content=urlencode(fields))
    assert response.status_code in {400, 401}
    refused(response, response.json()["error"], response.status_code)


@holds("client methods", "wire errors")
@pytest.mark.parametrize("endpoint", ["token_endpoint", "revocation_endpoint", "introspection_endpoint"])
def test_a_body_that_is_no_form_is_refused(world: World, bot: Client, endpoint: str) -> None:
    """RFC 6749 §3.2, Appendix B: application/x-www-form-urlencoded"""
    header = {"Authorization": basic("bot", bot.secret or "")}
    refused(world.wire.post(world.endpoint(endpoint), headers=header, json=MACHINE), "invalid_request")


@holds("client methods")
def test_a_charset_beside_the_type_of_the_body_is_no_error(world: World, bot: Client) -> None:
    """RFC 9110 §8.3.1: parameters of a media type; its name is read in any case"""
    header = {"Authorization": basic("bot", bot.secret or "")}
    for type_ in (
        "application/x-www-form-urlencoded; charset=UTF-8",
        "Application/X-WWW-Form-Urlencoded;charset=utf-8",
    ):
        headers = header | {"Content-Type": type_}
        response = world.wire.post(world.endpoint("token_endpoint"), headers=headers, content=urlencode(MACHINE))
        assert response.status_code == 200


@holds("introspection", "revocation", "wire errors")
def test_introspection_is_for_authenticated_clients(world: World) -> None:
    """RFC 7662 §2.1: MUST require some form of authorization"""
    refused(post(world, {"token": "x"}, "introspection_endpoint"), "invalid_client", 401)
    refused(post(world, {"token": "x"}, "revocation_endpoint"), "invalid_client", 401)
    public = post(world, {"token": "x", "client_id": "page"}, "introspection_endpoint")
    assert public.status_code == 401 or public.json() == {"active": False}


@holds("introspection", "discovery truth", "wire errors")
def test_a_public_client_may_not_introspect(world: World) -> None:
    """RFC 8414 §2: introspection_endpoint_auth_methods_supported, which does not name none"""
    refused(post(world, {"token": "x", "client_id": "page"}, "introspection_endpoint"), "invalid_client", 401)


# ---- private_key_jwt -----------------------------------------------------------------------------------------------


@holds("client assertion", "discovery truth")
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_each_advertised_algorithm_signs_assertions(world: World, signer: Client, alg: str) -> None:
    """OpenID Connect Core 1.0 §9; Discovery 1.0 §3: token_endpoint_auth_signing_alg_values_supported"""
    for endpoint in ("token", "revocation", "introspection"):
        assert alg in world.metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
        response = by_assertion(signer, signer.assertion(alg), f"{endpoint}_endpoint")
        assert response.status_code == 200, response.text


@holds("client assertion", "discovery truth")
def test_no_symmetric_algorithm_is_advertised(world: World) -> None:
    """RFC 8414 §2: the value none MUST NOT be used"""
    for endpoint in ("token", "revocation", "introspection"):
        assert set(world.metadata[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]) == set(ALGORITHMS)


@holds("client assertion")
def test_an_assertion_may_be_for_the_issuer_or_the_token_endpoint(world: World, signer: Client) -> None:
    """RFC 7523 §3: aud; OpenID Connect Core 1.0 §9"""
    for audience in (world.issuer, world.endpoint("token_endpoint")):
        assert by_assertion(signer, signer.assertion(aud=audience)).status_code == 200


@holds("client assertion")
def test_an_assertion_needs_neither_kid_nor_type_nor_client_id(signer: Client) -> None:
    """RFC 7523 §3, RFC 7515 §4.1: all of them are optional"""
    key = signer.key("ES256")
    now = int(time.time())
    base = {"iss": "bot-signer", "sub": "bot-signer", "aud": signer.world.issuer, "exp": now + 60}
    bare = jws.serialize_compact({"alg": "ES256"}, json.dumps(base | {"jti": f"bare-{now}"}), key, algorithms=["ES256"])
    assert by_assertion(signer, bare).status_code == 200
    assert by_assertion(signer, signer.assertion(), client_id="bot-signer").status_code == 200


NOW_CHANGES: dict[str, dict[str, Any]] = {
    "of another audience": {"aud": "https://other.example"},
    "for the authorization endpoint": {"aud": "/oauth2/authorize"},
    "for the issuer with a slash": {"aud": "/"},
    "for nobody": {"aud": None},
    "for several": {"aud": ["issuer", "https://other.example"]},
    "expired": {"exp": -60},
    "without an end": {"exp": None},
    "good for an hour": {"exp": 3600},
    "without an id": {"jti": None},
    "with an empty id": {"jti": ""},
    "of another issuer": {"iss": "web"},
    "of no issuer": {"iss": None},
    "about another subject": {"sub": "web"},
    "about no subject": {"sub": None},
    "not valid yet": {"nbf": 60},
    "issued in the future": {"iat": 60},
}


@holds("client assertion", "wire errors")
@pytest.mark.parametrize("how", NOW_CHANGES)
def test_an_assertion_is_refused_when_it_is(signer: Client, how: str) -> None:
    """RFC 7523 §3, OpenID Connect Core 1.0 §9"""
    changes = dict(NOW_CHANGES[how])
    issuer, now = signer.world.issuer, int(time.time())
    for name, value in changes.items():
        if isinstance(value, int):
            changes[name] = now + value
        elif isinstance(value, list):
            changes[name] = [issuer if item == "issuer" else item for item in value]
        elif isinstance(value, str) and value.startswith("/"):
            changes[name] = issuer + value
    response = by_assertion(signer, signer.assertion(**changes))
    refused(response, "invalid_client", 401)


@holds("client assertion", "wire errors")
def test_an_assertion_is_good_once(signer: Client) -> None:
    """RFC 7523 §3: jti; RFC 9700 §4.16"""
    assertion = signer.assertion()
    assert by_assertion(signer, assertion).status_code == 200
    refused(by_assertion(signer, assertion), "invalid_client", 401)
    refused(by_assertion(signer, assertion, "introspection_endpoint"), "invalid_client", 401)


@holds("client assertion", "wire errors")
def test_the_same_id_of_another_client_is_another_id(world: World, signer: Client) -> None:
    """RFC 7523 §3: the issuer of the assertion and its jti together"""
    jti = f"shared-{time.time_ns()}"
    assert by_assertion(signer, signer.assertion(jti=jti)).status_code == 200
    assertion = world.client("signer").assertion(jti=jti)
    response = by_assertion(signer, assertion)
    refused(response, "unauthorized_client")


@holds("client assertion", "wire errors")
def test_an_assertion_that_is_not_signed_is_refused(signer: Client) -> None:
    """RFC 8725 §3.1, RFC 7518 §3.6: none"""
    head, claims, signature = signer.assertion().split(".")
    for alg in ("none", "None", "NONE", "nOnE"):
        unsigned = b64(json.dumps({"alg": alg, "typ": "JWT"}).encode())
        refused(by_assertion(signer, f"{unsigned}.{claims}."), "invalid_client", 401)
        refused(by_assertion(signer, f"{unsigned}.{claims}.{signature}"), "invalid_client", 401)
    refused(by_assertion(signer, f"{head}.{claims}."), "invalid_client", 401)
    refused(by_assertion(signer, f"{head}.{claims}"), "invalid_client", 401)


@holds("client assertion", "wire errors")
@pytest.mark.parametrize("of", ["RS256", "ES256", "EdDSA"])
def test_an_assertion_is_never_checked_with_a_public_key_as_a_secret(signer: Client, of: str) -> None:
    """RFC 8725 §2.1, §3.1: algorithm confusion"""
    public = signer.key(of)
    octets = [public.as_pem(private=False), public.as_pem(private=False).strip(), public.as_der(private=False)]
    now = int(time.time())
    claims = {"iss": "bot-signer", "sub": "bot-signer", "aud": signer.world.issuer, "exp": now + 60}
    for index, secret in enumerate(octets):
        header = b64(json.dumps({"alg": "HS256", "typ": "JWT", "kid": public.kid}).encode())
        signed = f"{header}.{b64(json.dumps(claims | {'jti': f'hs-{of}-{index}-{now}'}).encode())}"
        mac = hmac.HMAC(secret, hashes.SHA256())
        mac.update(signed.encode())
        refused(by_assertion(signer, f"{signed}.{b64(mac.finalize())}"), "invalid_client", 401)


@holds("client assertion", "client methods", "wire errors")
def test_a_secret_signs_no_assertion(world: World) -> None:
    """OpenID Connect Core 1.0 §9: client_secret_jwt is not there"""
    bot = world.client("bot")
    key = OctKey.import_key(bot.secret or "", {"kid": "x"})
    now = int(time.time())
    claims = {"iss": "bot", "sub": "bot", "aud": world.issuer, "exp": now + 60, "jti": f"oct-{now}"}
    assertion = jws.serialize_compact({"alg": "HS256"}, json.dumps(claims), key, algorithms=["HS256"])
    refused(by_assertion(bot, assertion), "invalid_client", 401)


@holds("client assertion", "wire errors")
def test_only_a_registered_key_signs(signer: Client) -> None:
    """RFC 7523 §3: neither a key of another, nor one that the assertion brings along"""
    for alg in ALGORITHMS:
        strange = new_key(alg, signer.key(alg).kid)
        refused(by_assertion(signer, signer.assertion(alg, key=strange)), "invalid_client", 401)
    strange = new_key("ES256", "mine")
    brought = {"jwk": strange.as_dict(private=False)}
    refused(by_assertion(signer, signer.assertion("ES256", key=strange, header=brought)), "invalid_client", 401)


@holds("client assertion", "wire errors")
@pytest.mark.parametrize("type_", ["urn:ietf:params:oauth:client-assertion-type:saml2-bearer", "jwt", None])
def test_an_assertion_of_another_kind_is_refused(world: World, signer: Client, type_: str | None) -> None:
    """RFC 7521 §4.2: client_assertion_type"""
    fields = MACHINE | {"client_assertion": signer.assertion()}
    response = post(world, fields | ({"client_assertion_type": type_} if type_ else {}))
    assert response.status_code in {400, 401}
    refused(response, response.json()["error"], response.status_code)


@holds("client assertion", "wire errors")
def test_an_id_token_is_no_assertion(world: World, signer: Client) -> None:
    """RFC 8725 §3.11, §3.12: tokens of one kind are not taken for another"""
    signed = world.client("web").sign_in()
    for token in (signed.tokens["id_token"], signed.access_token):
        refused(by_assertion(signer, token), "invalid_client", 401)


@holds("client assertion", "wire errors")
def test_an_assertion_with_a_critical_header_that_is_not_known_is_refused(signer: Client) -> None:
    """RFC 7515 §4.1.11: crit"""
    head, claims, _ = signer.assertion("RS256").split(".")
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    header |= {"crit": ["https://claims.example/x"], "https://claims.example/x": 1}
    signed = f"{b64(json.dumps(header).encode())}.{claims}"
    key = signer.key("RS256").private_key
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    refused(by_assertion(signer, f"{signed}.{b64(signature)}"), "invalid_client", 401)
