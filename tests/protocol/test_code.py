"""Codes, and what is issued for them."""

import base64
import hashlib
import json
import threading
import time

import pytest

from support.browser import Browser
from support.world import (
    BILLING,
    NOTES,
    REDIRECT_WITH_QUERY,
    Client,
    World,
    b64,
    parts,
    refused,
    returned,
)

holds = pytest.mark.holds


@holds("token response")
def test_a_token_response_is_complete_and_never_stored(web: Client, browser: Browser) -> None:
    """RFC 6749 §5.1, OpenID Connect Core 1.0 §3.1.3.3"""
    answer = web.authorize(browser, scope="openid email notes:read")
    response = web.exchange(answer["code"])
    assert response.status_code == 200
    assert response.headers["content-type"].split(";")[0] == "application/json"
    assert "no-store" in response.headers["cache-control"] and response.headers["pragma"] == "no-cache"
    tokens = response.json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 900 and type(tokens["expires_in"]) is int
    assert sorted(tokens["scope"].split()) == ["email", "notes:read", "openid"]
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope", "refresh_token", "id_token"}


@holds("id token")
def test_an_id_token_is_signed_by_a_published_key_and_says_what_it_must(world: World, web: Client) -> None:
    """OpenID Connect Core 1.0 §2, §3.1.3.6, §3.1.3.7"""
    before = int(time.time())
    signed = web.sign_in()
    header, _ = parts(signed.tokens["id_token"])
    assert header["alg"] == "RS256" and header["kid"] in {key["kid"] for key in world.jwks()["keys"]}
    assert header.get("typ", "JWT") == "JWT" and set(header) <= {"alg", "kid", "typ"}
    claims = signed.id_claims
    required = {"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "at_hash", "sid"}
    assert set(claims) == required
    assert all(type(claims[name]) is int for name in ("exp", "iat", "auth_time"))
    assert before - 1 <= claims["auth_time"] <= claims["iat"] <= int(time.time()) + 1 < claims["exp"]
    assert claims["sub"] == world.sub("alice")
    digest = hashlib.sha256(signed.access_token.encode("ascii")).digest()
    assert claims["at_hash"] == b64(digest[:16])


@holds("access token")
def test_an_access_token_is_as_its_profile_asks(world: World, web: Client) -> None:
    """RFC 9068 §2.1, §2.2"""
    signed = web.sign_in(scope="openid notes:read")
    header, _ = parts(signed.access_token)
    assert header["typ"] == "at+jwt" and header["alg"] == "RS256"
    claims = world.verify(signed.access_token, "at+jwt")
    assert {"iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "auth_time", "acr", "sid"} <= set(claims)
    assert claims["iss"] == world.issuer and claims["client_id"] == "web"
    assert claims["sub"] == signed.id_claims["sub"]
    assert sorted(claims["aud"]) == sorted([NOTES, world.issuer]), "the API, and the issuer for userinfo alone"
    assert claims["exp"] - claims["iat"] == signed.tokens["expires_in"]
    assert claims["nbf"] <= claims["iat"]
    assert claims["auth_time"] == signed.id_claims["auth_time"] and claims["sid"] == signed.id_claims["sid"]
    assert claims["scope"].split() == ["notes:read", "openid"] or claims["scope"].split() == ["openid", "notes:read"]
    assert not {"email", "name", "nonce"} & set(claims)


@holds("access token")
def test_no_two_tokens_are_the_same(world: World, web: Client, browser: Browser) -> None:
    """RFC 9068 §2.2: jti"""
    one, two = web.sign_in(browser), web.sign_in(browser)
    ids = {world.verify(signed.access_token)["jti"] for signed in (one, two)}
    assert len(ids) == 2
    assert len({one.refresh_token, two.refresh_token}) == 2


@holds("access token")
def test_a_resource_decides_the_audience(world: World, browser: Browser) -> None:
    """RFC 8707 §2, §2.2"""
    both = world.client("both")
    signed = both.sign_in(browser, scope="openid billing:read notes:read", resource=BILLING)
    assert sorted(world.verify(signed.access_token)["aud"]) == sorted([BILLING, world.issuer])
    request = both.request(scope="openid billing:read notes:read")
    answer = both.go_on(browser, both.begin(browser, [*request.items(), ("resource", NOTES), ("resource", BILLING)]))
    tokens = both.exchange(answer["code"]).json()
    assert sorted(world.verify(tokens["access_token"])["aud"]) == sorted([NOTES, BILLING, world.issuer])


@holds("access token", "wire errors")
@pytest.mark.parametrize("resource", ["https://unknown.example/", BILLING, "no-uri", "https://notes.example/api#x"])
def test_a_resource_that_is_not_the_clients_is_refused(
    world: World, web: Client, browser: Browser, resource: str
) -> None:
    """RFC 8707 §2: invalid_target"""
    request = web.request(resource=resource)
    returned(web.begin(browser, request), "invalid_target", request, world.issuer)


@holds("access token", "wire errors")
def test_without_a_resource_a_default_or_openid_there_is_no_audience(world: World, browser: Browser) -> None:
    """RFC 8707 §2.2, RFC 9068 §3: invalid_target"""
    both = world.client("both")
    request = both.request(scope="notes:read")
    returned(both.begin(browser, request), "invalid_target", request, world.issuer)
    signed = both.sign_in(browser, scope="openid")
    assert world.verify(signed.access_token)["aud"] == world.issuer


@holds("code reuse", "grant", "wire errors")
def test_a_code_that_is_used_again_at_once_ends_everything(world: World, web: Client, browser: Browser) -> None:
    """RFC 6749 §4.1.2, §10.5, RFC 9700 §4.5: the tokens issued before are revoked"""
    signed = web.sign_in(browser)
    assert world.is_alive(signed.access_token, web)
    refused(web.exchange(signed.answer["code"]), "invalid_grant")
    assert not world.is_alive(signed.access_token, web)
    refused(web.refresh(signed.refresh_token), "invalid_grant")
    assert web.introspect(signed.refresh_token) == {"active": False}
    again = web.sign_in(browser, prompt="none")
    assert world.is_alive(again.access_token, web), "the person's session is not to blame"


@holds("code reuse")
def test_of_many_exchanges_at_once_one_wins_at_most_and_nothing_lives(world: World, web: Client) -> None:
    """RFC 6749 §4.1.2, RFC 9700 §4.5"""
    code = web.authorize(world.browser())["code"]
    responses = []
    threads = [threading.Thread(target=lambda: responses.append(web.exchange(code))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    won = [response.json() for response in responses if response.status_code == 200]
    assert len(responses) == 6 and len(won) <= 1
    assert all(r.json()["error"] == "invalid_grant" for r in responses if r.status_code != 200)
    for tokens in won:
        assert not world.is_alive(tokens["access_token"], web)
        assert web.refresh(tokens["refresh_token"]).status_code == 400


@holds("code", "wire errors")
def test_a_code_belongs_to_its_client(web: Client, other: Client, browser: Browser) -> None:
    """RFC 6749 §4.1.3, §5.2: a wrong client burns nothing"""
    answer = web.authorize(browser)
    refused(other.exchange(answer["code"]), "invalid_grant")
    assert web.exchange(answer["code"]).status_code == 200


@holds("code", "wire errors")
@pytest.mark.parametrize("redirect_uri", [REDIRECT_WITH_QUERY, "https://evil.example/cb", None, ""])
def test_a_code_belongs_to_its_redirect_uri(web: Client, browser: Browser, redirect_uri: str | None) -> None:
    """RFC 6749 §4.1.3: compared again; a wrong one burns nothing"""
    answer = web.authorize(browser)
    error = web.exchange(answer["code"], redirect_uri=redirect_uri)
    assert error.json()["error"] in {"invalid_grant", "invalid_request"}
    refused(error, error.json()["error"])
    assert web.exchange(answer["code"]).status_code == 200


@holds("code", "wire errors")
@pytest.mark.parametrize("how", ["unknown", "shortened", "lengthened", "flipped", "empty"])
def test_a_code_that_is_not_exactly_one_is_refused(web: Client, browser: Browser, how: str) -> None:
    """RFC 6749 §5.2"""
    code = web.authorize(browser)["code"]
    bad = {
        "unknown": "x" * len(code),
        "shortened": code[:-1],
        "lengthened": code + "A",
        "flipped": code[:-1] + ("A" if code[-1] != "A" else "B"),
        "empty": "",
    }[how]
    refused(web.exchange(bad), "invalid_request" if how == "empty" else "invalid_grant")
    assert web.exchange(code).status_code == 200


@holds("code", "wire errors")
def test_a_token_request_without_its_parameters_is_refused(web: Client) -> None:
    """RFC 6749 §4.1.3, §5.2"""
    refused(web.token(grant_type="authorization_code"), "invalid_request")
    refused(web.token(code="x"), "invalid_request")
    refused(web.token(grant_type="refresh_token"), "invalid_request")


@holds("authorize 4", "wire errors")
@pytest.mark.parametrize("name", ["grant_type", "code", "redirect_uri", "client_id", "scope"])
def test_a_repeated_parameter_of_a_token_request_is_refused(web: Client, browser: Browser, name: str) -> None:
    """RFC 6749 §3.2: parameters MUST NOT be included more than once"""
    code = web.authorize(browser)["code"]
    fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": web.redirect_uri}
    value = fields.get(name, "web" if name == "client_id" else "openid")
    pairs = [*fields.items(), (name, value), *([] if name in fields else [(name, value)])]
    refused(web.call("token_endpoint", pairs), "invalid_request")
    assert web.exchange(code).status_code == 200


@holds("authorize 4")
def test_unknown_parameters_of_a_token_request_are_ignored(web: Client, browser: Browser) -> None:
    """RFC 6749 §3.2"""
    assert web.exchange(web.authorize(browser)["code"], extra="foobar", scope="").status_code == 200


@holds("discovery truth", "wire errors")
@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:openid:params:grant-type:ciba",
        "AUTHORIZATION_CODE",
        "x",
    ],
)
def test_a_grant_that_is_not_advertised_is_refused(world: World, web: Client, grant_type: str) -> None:
    """RFC 6749 §5.2, RFC 9700 §2.4: no password grant"""
    assert grant_type not in world.metadata["grant_types_supported"]
    response = web.token(grant_type=grant_type, username="alice", password=world.password, assertion="x")
    refused(response, "unsupported_grant_type")


@holds("client methods", "wire errors")
def test_a_client_uses_only_the_grants_it_is_registered_for(world: World, web: Client, browser: Browser) -> None:
    """RFC 6749 §5.2: unauthorized_client"""
    refused(web.token(grant_type="client_credentials"), "unauthorized_client")
    bot = world.client("bot")
    refused(bot.token(grant_type="refresh_token", refresh_token="x"), "unauthorized_client")
    refused(bot.token(grant_type="authorization_code", code="x", redirect_uri=web.redirect_uri), "unauthorized_client")


@holds("access token", "token response")
def test_a_machine_gets_a_token_for_itself(world: World) -> None:
    """RFC 6749 §4.4, RFC 9068 §2.2"""
    bot = world.client("bot")
    response = bot.token(grant_type="client_credentials", scope="notes:read")
    tokens = response.json()
    assert response.status_code == 200 and "no-store" in response.headers["cache-control"]
    assert tokens["token_type"] == "Bearer"
    assert "refresh_token" not in tokens and "id_token" not in tokens, "RFC 6749 §4.4.3"
    claims = world.verify(tokens["access_token"], "at+jwt")
    assert claims["sub"] == claims["client_id"] == "bot" and claims["aud"] == NOTES
    assert claims["scope"] == "notes:read"


@holds("wire errors", "access token")
@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"scope": "billing:read"}, "invalid_scope"),
        ({"scope": "notes:read admin"}, "invalid_scope"),
        ({"scope": 'no"te'}, "invalid_scope"),
        ({"scope": "openid"}, "invalid_scope"),
        ({"resource": BILLING}, "invalid_target"),
        ({"resource": "https://unknown.example/"}, "invalid_target"),
    ],
)
def test_a_machine_gets_no_more_than_it_is_registered_for(world: World, fields: dict[str, str], error: str) -> None:
    """RFC 6749 §3.3, §5.2, RFC 8707 §2"""
    refused(world.client("bot").token(grant_type="client_credentials", **fields), error)


@holds("refresh token")
def test_a_client_without_the_refresh_grant_gets_no_refresh_token(world: World, browser: Browser) -> None:
    """RFC 6749 §1.5, §5.1: OPTIONAL"""
    once = world.client("once")
    assert "refresh_token" not in once.sign_in(browser, scope="openid email").tokens


@holds("access token")
def test_scopes_are_filtered_to_what_the_client_may_ask_for(web: Client, browser: Browser) -> None:
    """RFC 6749 §3.3: what was granted is said when it is not what was asked for"""
    signed = web.sign_in(browser, scope="openid billing:read notes:read")
    assert sorted(signed.tokens["scope"].split()) == ["notes:read", "openid"]


@holds("id token")
def test_a_token_that_was_altered_is_not_believed(world: World, web: Client) -> None:
    """RFC 8725 §3.1, RFC 6750 §3.1: every octet of a token counts"""
    token = web.sign_in().access_token
    head, claims, signature = token.split(".")
    payload = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
    raised = b64(json.dumps(payload | {"scope": "openid email profile"}).encode())
    none = b64(json.dumps({"alg": "none", "typ": "at+jwt"}).encode())
    bad = [
        f"{head}.{raised}.{signature}",
        f"{none}.{claims}.",
        f"{none}.{claims}.{signature}",
        f"{head}.{claims}.",
        f"{head}.{claims}.{signature[:-4]}",
        f"{head}.{claims}.{signature}=",
        f"{head}.{claims}.{signature}.",
        f"{token} ",
    ]
    for forged in bad[:-1]:
        assert world.userinfo(forged).status_code == 401, forged
        assert web.introspect(forged) == {"active": False}
