"""What the provider says of itself, and whether it is so."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from support.browser import Answer, Browser
from support.rules import problems, readme
from support.world import Client, World, unb64

holds = pytest.mark.holds

OPENID = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"
REGISTRY = json.loads((Path(__file__).parent / "support" / "metadata_registry.json").read_text())


@holds("discovery")
def test_the_document_is_where_the_issuer_says(world: World) -> None:
    """OpenID Connect Discovery 1.0 §4.1, §4.3: the issuer is exactly the prefix of the address"""
    response = world.wire.get(world.issuer + OPENID)
    assert response.status_code == 200
    assert response.headers["content-type"].split(";")[0] == "application/json"
    assert response.json()["issuer"] == world.issuer
    assert not urlsplit(world.issuer).query and not world.issuer.endswith("/")


@holds("discovery")
def test_both_documents_are_the_same(world: World) -> None:
    """RFC 8414 §3, §5"""
    assert world.wire.get(world.issuer + OAUTH).json() == world.metadata


@holds("discovery")
def test_what_must_be_there_is_there(world: World) -> None:
    """OpenID Connect Discovery 1.0 §3, RFC 8414 §2, RFC 9207 §3, RP-Initiated Logout 1.0 §2.1"""
    required = """issuer authorization_endpoint token_endpoint userinfo_endpoint jwks_uri end_session_endpoint
    response_types_supported subject_types_supported id_token_signing_alg_values_supported scopes_supported
    claims_supported grant_types_supported response_modes_supported acr_values_supported
    token_endpoint_auth_methods_supported token_endpoint_auth_signing_alg_values_supported
    code_challenge_methods_supported authorization_response_iss_parameter_supported claims_parameter_supported
    request_parameter_supported request_uri_parameter_supported revocation_endpoint introspection_endpoint"""
    assert set(required.split()) <= set(world.metadata)
    assert world.metadata["authorization_response_iss_parameter_supported"] is True
    assert "RS256" in world.metadata["id_token_signing_alg_values_supported"]
    assert "none" not in world.metadata["id_token_signing_alg_values_supported"]
    assert "openid" in world.metadata["scopes_supported"]


@holds("discovery")
def test_no_member_is_unknown_to_the_registry(world: World) -> None:
    """RFC 8414 §7.1: OAuth Authorization Server Metadata"""
    assert set(world.metadata) <= set(REGISTRY["members"]), set(world.metadata) - set(REGISTRY["members"])


@holds("discovery")
def test_no_member_is_empty(world: World) -> None:
    """RFC 8414 §2, §3.2: claims with zero elements MUST be omitted"""
    for name, value in world.metadata.items():
        assert value not in ([], "", None, {}), name
        if isinstance(value, list):
            assert len(set(value)) == len(value) and all(isinstance(item, str) for item in value), name


@holds("discovery")
def test_every_address_is_absolute_and_of_the_issuer(world: World) -> None:
    """OpenID Connect Discovery 1.0 §3: https URLs"""
    addresses = {n: v for n, v in world.metadata.items() if n.endswith(("_endpoint", "_uri"))}
    assert len(addresses) >= 7
    for name, value in addresses.items():
        assert value.startswith(f"{world.issuer}/"), name
        assert urlsplit(value).scheme == "https" and not urlsplit(value).fragment


@holds("discovery truth")
def test_every_address_answers(world: World) -> None:
    """OpenID Connect Discovery 1.0 §3"""
    for name, value in world.metadata.items():
        if name.endswith(("_endpoint", "_uri")):
            method = "POST" if name.split("_")[0] in {"token", "revocation", "introspection"} else "GET"
            assert world.wire.request(method, value).status_code not in {404, 405, 500, 501, 503}, name


@holds("discovery truth")
@pytest.mark.parametrize(
    "path",
    [
        "/oauth2/register",
        "/oauth2/par",
        "/oauth2/device",
        "/oauth2/device_authorization",
        "/oauth2/bc-authorize",
        "/oauth2/checksession",
        "/.well-known/webfinger?resource=acct:alice@localhost&rel=http://openid.net/specs/connect/1.0/issuer",
    ],
)
def test_what_is_not_advertised_is_not_there(world: World, path: str) -> None:
    """OpenID Connect Discovery 1.0 §3: no member, no endpoint"""
    members = "registration pushed_authorization_request device_authorization backchannel_authentication check_session"
    for member in members.split():
        assert not any(name.startswith(member) for name in world.metadata)
    assert world.wire.get(world.issuer + path).status_code == 404
    assert world.wire.post(world.issuer + path, json={}).status_code == 404


@holds("discovery truth", "token response")
def test_each_advertised_scope_is_granted(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Discovery 1.0 §3: scopes_supported"""
    scopes = world.metadata["scopes_supported"]
    signed = web.sign_in(browser, scope=" ".join(scopes), prompt="consent")
    assert set(signed.tokens["scope"].split()) == set(scopes)


@holds("discovery truth")
def test_each_advertised_grant_works(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Discovery 1.0 §3: grant_types_supported"""
    granted = {"authorization_code", "refresh_token", "client_credentials"}
    assert set(world.metadata["grant_types_supported"]) == granted
    signed = web.sign_in(browser)
    assert web.refresh(signed.refresh_token).status_code == 200
    assert world.client("bot").token(grant_type="client_credentials").status_code == 200


@holds("discovery truth")
def test_each_advertised_response_type_and_mode_works(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Discovery 1.0 §3: response_types_supported, response_modes_supported"""
    for response_type in world.metadata["response_types_supported"]:
        for mode in world.metadata["response_modes_supported"]:
            answer = web.authorize(browser, response_type=response_type, response_mode=mode)
            assert "code" in answer and answer.mode == mode


@holds("endpoint origin", "discovery")
@pytest.mark.parametrize("header", ["Host", "X-Forwarded-Host", "Forwarded", "X-Forwarded-Proto"])
def test_nothing_is_built_from_what_the_caller_says(world: World, web: Client, header: str) -> None:
    """RFC 9700 §4.13; OpenID Connect Discovery 1.0 §4.3: the issuer is configured, not heard"""
    value = {"Forwarded": "host=evil.example;proto=http", "X-Forwarded-Proto": "http"}.get(header, "evil.example")
    answer = world.wire.get(world.issuer + OPENID, headers={header: value})
    assert answer.status_code in {400, 421} or answer.json() == world.metadata
    begun = world.wire.get(web.url(web.request()), headers={header: value})
    assert "evil.example" not in begun.headers.get("location", "") + begun.text
    refusal = world.wire.get(web.url(web.request(prompt="none login")), headers={header: value})
    assert "evil.example" not in refusal.headers.get("location", "")
    for line in begun.headers.get_list("set-cookie"):
        assert line.startswith("__Host-") and "secure" in line.lower()


@holds("endpoint jwks", "id token")
def test_the_keys_are_public_distinct_and_strong(world: World) -> None:
    """RFC 7517 §4, §5, RFC 7518 §6.3.1; OpenID Connect Core 1.0 §10.1"""
    response = world.wire.get(world.metadata["jwks_uri"])
    assert response.status_code == 200
    assert response.headers["content-type"].split(";")[0] in {"application/jwk-set+json", "application/json"}
    keys = response.json()["keys"]
    assert keys and len({key["kid"] for key in keys}) == len(keys)
    for key in keys:
        assert not {"d", "p", "q", "dp", "dq", "qi", "oth", "k"} & set(key)
        assert key["kty"] != "oct" and key["use"] == "sig" and key["alg"]
        if key["kty"] == "RSA":
            assert len(unb64(key["n"])) * 8 >= 2048 and unb64(key["n"])[0] != 0
            assert key["e"] == "AQAB"
    assert any(key["alg"] == "RS256" for key in keys)


@holds("endpoint jwks")
def test_the_keys_may_be_kept_for_a_while(world: World) -> None:
    """RFC 9111 §5.2.2; OpenID Connect Core 1.0 §10.1.1: shorter than a new key waits before it signs (an hour)"""
    response = world.wire.get(world.metadata["jwks_uri"])
    directives = [part.strip() for part in response.headers["cache-control"].split(",")]
    assert "public" in directives
    age = next(int(part.split("=")[1]) for part in directives if part.startswith("max-age="))
    assert 0 < age < 3600
    again = world.wire.get(world.metadata["jwks_uri"], headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304 and not again.content


@holds("discovery truth", "authorize 3")
def test_every_answer_says_who_gave_it(world: World, web: Client, browser: Browser) -> None:
    """RFC 9207 §2, §3: authorization_response_iss_parameter_supported"""
    for changes in ({}, {"prompt": "none login"}, {"response_mode": "form_post"}):
        answer = web.go_on(browser, web.begin(browser, web.request(**changes)))
        assert isinstance(answer, Answer) and answer["iss"] == world.issuer


@holds("discovery truth")
def test_what_the_readme_says_of_these_tests_is_so() -> None:
    """Not a clause: the table in README.md names every test of every line, and no line is without one"""
    here = Path(__file__).parent
    assert problems(here) == []
    assert (here / "README.md").read_text() == readme(here), "run: python -m support.rules"
