import base64
import hashlib
import hmac
import json
from datetime import timedelta

import httpx2
import jwt
import pytest
import time_machine
from conftest import BILLING, NOTES, bearer
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import RSAAlgorithm

from notes_api.doorward import Doorward, Settings, discover
from notes_api.errors import InvalidToken, Unavailable
from notes_api.verify import Verifier


def encode(data: bytes | dict) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims_of(token: str) -> dict:
    return jwt.decode(token, options={"verify_signature": False})


def flip(token: str) -> str:
    head, _, signature = token.rpartition(".")
    raw = bytearray(jwt.utils.base64url_decode(signature))
    raw[0] ^= 1
    return f"{head}.{encode(bytes(raw))}"


def assert_refused(response) -> None:
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith('Bearer error="invalid_token"')
    assert response.json()["detail"]["error"] == "invalid_token"
    assert response.json()["detail"]["message"]


def test_a_token_from_the_client_credentials_grant_opens_the_api(api, editor):
    response = api.get("/me", headers=bearer(editor))
    assert response.status_code == 200
    assert response.json() == {
        "sub": "notes-bot",
        "client_id": "notes-bot",
        "scope": "notes:read notes:write",
        # The role it was given, and the one it includes.
        "roles": ["editor", "viewer"],
        "permissions": ["read:note", "update:note"],
    }


def test_an_access_token_is_what_rfc_9068_says(world, editor):
    header, claims = jwt.get_unverified_header(editor), claims_of(editor)
    assert (header["alg"], header["typ"]) == ("RS256", "at+jwt")
    assert (claims["iss"], claims["aud"]) == (world.issuer, NOTES)
    assert claims["nbf"] <= claims["iat"] < claims["exp"]


def test_without_a_token_the_challenge_names_no_error(api):
    response = api.get("/notes")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["detail"]["error"] == "missing_token"


def test_a_token_in_the_query_string_is_not_looked_at(api, editor):
    response = api.get("/notes", params={"access_token": editor, "token": editor})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


def test_another_scheme_than_bearer_is_no_token(api, editor):
    assert api.get("/notes", headers={"Authorization": f"Basic {editor}"}).status_code == 401


def test_a_token_in_the_cookie_is_accepted(api, editor):
    assert api.get("/notes/42", headers={"Cookie": f"theme=dark; notes_token={editor}"}).status_code == 200


@pytest.mark.parametrize(
    ("site", "status"),
    [("cross-site", 403), ("same-site", 403), ("none", 403), (None, 403), ("same-origin", 200)],
)
def test_a_cookie_changes_nothing_when_another_site_sends_it_along(api, editor, site, status):
    headers = {"Cookie": f"notes_token={editor}"} | ({"Sec-Fetch-Site": site} if site else {})
    response = api.put("/notes/42", json={"text": "changed"}, headers=headers)
    assert response.status_code == status
    if status == 403:
        assert response.json()["detail"]["error"] == "cross_site_request"


def test_a_tampered_token_is_refused(api, editor):
    head, payload, signature = editor.split(".")
    grown = encode(claims_of(editor) | {"roles": ["admin"]})
    for tampered in (f"{head}.{grown}.{signature}", flip(editor), f"{head}.{payload}.", "nonsense"):
        assert_refused(api.get("/me", headers=bearer(tampered)))


def test_a_token_that_says_alg_none_is_refused(api, editor):
    header = jwt.get_unverified_header(editor) | {"alg": "none"}
    assert_refused(api.get("/me", headers=bearer(f"{encode(header)}.{editor.split('.')[1]}.")))


def test_a_token_signed_with_the_public_key_as_a_shared_secret_is_refused(world, api, editor):
    kid = jwt.get_unverified_header(editor)["kid"]
    key = jwt.PyJWKClient(discover(world.issuer)["jwks_uri"]).get_signing_key(kid).key
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{encode({'alg': 'HS256', 'typ': 'at+jwt', 'kid': kid})}.{editor.split('.')[1]}"
    forged = f"{signed}.{encode(hmac.digest(pem, signed.encode(), hashlib.sha256))}"
    assert_refused(api.get("/me", headers=bearer(forged)))


def test_a_strangers_signature_is_refused(api, editor):
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for kid in (jwt.get_unverified_header(editor)["kid"], "unknown"):
        headers = {"typ": "at+jwt", "kid": kid}
        forged = jwt.encode(claims_of(editor), stranger, algorithm="RS256", headers=headers)
        assert_refused(api.get("/me", headers=bearer(forged)))


def test_another_kind_of_token_or_an_incomplete_one_is_refused_under_a_good_signature(world, editor, monkeypatch):
    # Doorward signs its ID tokens with the same keys. Here we play the issuer, to have such tokens at hand.
    ours = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    published = RSAAlgorithm.to_jwk(ours.public_key(), as_dict=True) | {"kid": "ours", "alg": "RS256", "use": "sig"}
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda self: {"keys": [published]})
    verifier = Verifier(issuer=world.issuer, audience=NOTES, jwks_uri="http://127.0.0.1:1/jwks")

    def sign(typ: str | None, claims: dict) -> str:
        return jwt.encode(claims, ours, algorithm="RS256", headers={"kid": "ours", "typ": typ})

    claims = claims_of(editor)
    assert verifier.verify(sign("at+jwt", claims))["sub"] == "notes-bot"
    for typ in ("JWT", "logout+jwt", None):
        with pytest.raises(InvalidToken):
            verifier.verify(sign(typ, claims))
    for name in ("iss", "sub", "aud", "client_id", "exp", "iat", "jti"):
        with pytest.raises(InvalidToken):
            verifier.verify(sign("at+jwt", {key: value for key, value in claims.items() if key != name}))


def test_a_token_for_another_api_is_refused(world, api):
    foreign = world.token("billing-bot", resource=BILLING, scope="billing:read")
    assert claims_of(foreign)["aud"] == BILLING
    assert_refused(api.get("/me", headers=bearer(foreign)))


def test_a_token_of_another_issuer_is_refused(world, editor):
    keys = discover(world.issuer)["jwks_uri"]
    with pytest.raises(InvalidToken):
        Verifier(issuer="https://login.example", audience=NOTES, jwks_uri=keys).verify(editor)


@pytest.mark.parametrize("offset", [timedelta(hours=1), timedelta(hours=-1)])
def test_a_token_is_refused_once_it_has_expired_and_before_its_time(doorward, editor, offset):
    doorward.verify(editor)
    with time_machine.travel(offset, tick=True), pytest.raises(InvalidToken):
        doorward.verify(editor)


def test_without_the_signing_keys_nobody_is_told_that_the_token_is_bad(world, editor):
    verifier = Verifier(issuer=world.issuer, audience=NOTES, jwks_uri="http://127.0.0.1:1/jwks")
    with pytest.raises(Unavailable):
        verifier.verify(editor)


def test_plain_http_is_for_this_machine_only():
    with pytest.raises(ValueError, match="https"):
        Doorward(Settings("http://login.example", NOTES, "notes-api", "secret"))


def test_the_published_keys_are_public_and_cacheable(world):
    response = httpx2.get(discover(world.issuer)["jwks_uri"])
    assert "max-age" in response.headers["cache-control"]
    keys = response.json()["keys"]
    assert len({key["kid"] for key in keys}) == len(keys) > 0
    for key in keys:
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & key.keys()
