"""Userinfo, and how access tokens are used (RFC 6750)."""

import httpx
import pytest

from support.browser import Browser
from support.world import Client, World, b64, parts

holds = pytest.mark.holds
UNSIGNED = b64(b'{"alg":"none","typ":"at+jwt"}')
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def challenged(response: httpx.Response, error: str, status: int) -> None:
    """RFC 6750 §3"""
    assert response.status_code == status, response.text
    challenge = response.headers["www-authenticate"]
    assert challenge.startswith("Bearer") and f'error="{error}"' in challenge
    assert "no-store" in response.headers["cache-control"]


@holds("scope claims", "discovery truth")
@pytest.mark.parametrize("how", ["GET", "POST with the header", "POST with the header and a form", "POST in the body"])
def test_userinfo_takes_the_token_in_each_way(world: World, web: Client, browser: Browser, how: str) -> None:
    """OpenID Connect Core 1.0 §5.3.1, RFC 6750 §2.1, §2.2"""
    token = web.sign_in(browser, scope="openid email").access_token
    endpoint = world.endpoint("userinfo_endpoint")
    match how:
        case "GET":
            response = world.userinfo(token)
        case "POST with the header":
            response = world.userinfo(token, "POST")
        case "POST with the header and a form":
            response = world.userinfo(token, "POST", data={"x": "y"})
        case _:
            response = world.wire.post(endpoint, headers=FORM, content=f"access_token={token}")
    assert response.status_code == 200
    assert response.json() == {"sub": world.sub("alice"), "email": "alice@example.com", "email_verified": True}
    assert response.headers["content-type"].split(";")[0] == "application/json"
    assert "no-store" in response.headers["cache-control"]


@holds("wire bearer")
def test_the_scheme_is_read_in_any_case(world: World, web: Client, browser: Browser) -> None:
    """RFC 9110 §11.1, RFC 6750 §2.1"""
    token = web.sign_in(browser).access_token
    for scheme in ("bearer", "BEARER", "Bearer"):
        headers = {"Authorization": f"{scheme} {token}"}
        assert world.wire.get(world.endpoint("userinfo_endpoint"), headers=headers).status_code == 200


@holds("wire bearer")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_token_there_is_a_bare_challenge(world: World, method: str) -> None:
    """RFC 6750 §3.1: SHOULD NOT include an error code or other error information"""
    response = world.wire.request(method, world.endpoint("userinfo_endpoint"))
    assert response.status_code == 401
    challenge = response.headers["www-authenticate"]
    assert challenge.split()[0].rstrip(",") == "Bearer" and "error" not in challenge
    assert "Basic" not in challenge


@holds("wire bearer")
@pytest.mark.parametrize("how", ["unknown", "id token", "refresh token", "code", "alg none", "shortened", "swapped"])
def test_what_is_no_access_token_is_an_invalid_token(world: World, web: Client, browser: Browser, how: str) -> None:
    """RFC 6750 §3.1, RFC 9068 §4, RFC 8725 §3.11: an ID token is not taken for an access token"""
    signed = web.sign_in(browser)
    head, claims, signature = signed.access_token.split(".")
    id_head, id_claims, _ = signed.tokens["id_token"].split(".")
    token = {
        "unknown": "x",
        "id token": signed.tokens["id_token"],
        "refresh token": signed.refresh_token,
        "code": web.authorize(browser)["code"],
        "alg none": f"{UNSIGNED}.{claims}.",
        "shortened": f"{head}.{claims}.{signature[:-2]}",
        "swapped": f"{head}.{id_claims}.{signature}",
    }[how]
    challenged(world.userinfo(token), "invalid_token", 401)


@holds("wire bearer", "access token")
def test_a_token_that_is_not_for_userinfo_is_refused(world: World, web: Client, browser: Browser) -> None:
    """RFC 6750 §3.1, RFC 9068 §4: the audience is checked"""
    answer = web.authorize(browser, scope="notes:read", nonce=None)
    token = web.exchange(answer["code"]).json()["access_token"]
    challenged(world.userinfo(token), "invalid_token", 401)
    machine = world.client("bot").token(grant_type="client_credentials").json()["access_token"]
    challenged(world.userinfo(machine), "invalid_token", 401)


@holds("wire bearer", "refresh narrowing")
def test_a_token_that_was_narrowed_out_of_openid_is_refused(world: World, web: Client, browser: Browser) -> None:
    """RFC 6750 §3.1, OpenID Connect Core 1.0 §5.3: userinfo wants openid"""
    signed = web.sign_in(browser, scope="openid notes:read")
    token = web.refresh(signed.refresh_token, scope="notes:read").json()["access_token"]
    response = world.userinfo(token)
    assert response.status_code in {401, 403}
    challenged(response, "insufficient_scope" if response.status_code == 403 else "invalid_token", response.status_code)


@holds("wire bearer")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_in_the_url_is_not_looked_at(world: World, web: Client, browser: Browser, method: str) -> None:
    """RFC 6750 §2.3, §5.3, RFC 9700 §4.3.2: clients MUST NOT pass access tokens in a URI query parameter"""
    token = web.sign_in(browser).access_token
    url = f"{world.endpoint('userinfo_endpoint')}?access_token={token}"
    response = world.wire.request(method, url)
    assert response.status_code in {400, 401}
    assert "sub" not in response.json()
    posted = world.wire.post(url, headers=FORM, content="x=y")
    assert posted.status_code in {400, 401} and "sub" not in posted.json()


@holds("wire bearer")
def test_a_token_in_two_ways_is_refused(world: World, web: Client, browser: Browser) -> None:
    """RFC 6750 §2: MUST NOT use more than one method; §3.1: invalid_request is 400"""
    token = web.sign_in(browser).access_token
    endpoint = world.endpoint("userinfo_endpoint")
    both = FORM | {"Authorization": f"Bearer {token}"}
    assert world.wire.post(endpoint, headers=both, content=f"access_token={token}").status_code == 400
    twice = world.wire.post(endpoint, headers=FORM, content=f"access_token={token}&access_token={token}")
    assert twice.status_code == 400
    headers = httpx.Headers([("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")])
    assert world.wire.get(endpoint, headers=headers).status_code in {400, 401}


@holds("wire bearer")
def test_a_token_in_a_body_that_is_no_form_is_not_looked_at(world: World, web: Client, browser: Browser) -> None:
    """RFC 6750 §2.2: the entity-header Content-Type is application/x-www-form-urlencoded"""
    token = web.sign_in(browser).access_token
    response = world.wire.post(world.endpoint("userinfo_endpoint"), json={"access_token": token})
    assert response.status_code in {400, 401}


@holds("wire bearer", "client basic")
def test_client_credentials_open_no_userinfo(world: World, web: Client) -> None:
    """RFC 6750 §3"""
    headers, _ = web.credentials()
    response = world.wire.get(world.endpoint("userinfo_endpoint"), headers=headers)
    assert response.status_code == 401 and response.headers["www-authenticate"].startswith("Bearer")


@holds("access token", "id token")
def test_tokens_of_another_house_are_strangers(world: World, impatient: World, browser: Browser) -> None:
    """RFC 9068 §4: another issuer, another key"""
    signed = impatient.client("web").sign_in()
    assert parts(signed.access_token)[1]["iss"] == impatient.issuer != world.issuer
    challenged(world.userinfo(signed.access_token), "invalid_token", 401)
    assert world.client("web").introspect(signed.access_token) == {"active": False}
    assert world.client("web").revoke(signed.access_token).status_code == 200
    assert impatient.userinfo(signed.access_token).status_code == 200
