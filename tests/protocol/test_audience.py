"""What a token is for, and what a request for it leaves behind: audiences, challenges, connections."""

import http.client
import json
import ssl
import time

import httpx
import pytest

from support.browser import Browser
from support.world import BILLING, NOTES, Client, World, refused

holds = pytest.mark.holds


@pytest.fixture
def code(world: World, browser: Browser):
    both = world.client("both")
    request = both.request(scope="openid notes:read billing:read")
    answer = both.go_on(browser, both.begin(browser, [*request.items(), ("resource", NOTES), ("resource", BILLING)]))
    return answer["code"]


@holds("access token")
def test_resource_at_the_exchange_narrows_the_first_access_token(world: World, code: str) -> None:
    """RFC 8707 §2.2: resource in the access token request of an authorization code"""
    tokens = world.client("both").exchange(code, resource=BILLING).json()
    assert sorted(world.verify(tokens["access_token"])["aud"]) == sorted([BILLING, world.issuer])


@holds("access token", "wire errors")
def test_a_resource_that_was_not_granted_is_refused_at_the_exchange(world: World, code: str) -> None:
    """RFC 8707 §2, §2.2: invalid_target"""
    refused(world.client("both").exchange(code, resource="https://unknown.example/"), "invalid_target")


@holds("wire bearer")
def test_a_token_in_two_ways_is_an_invalid_request_with_its_challenge(world: World, web: Client, browser: Browser) -> None:
    """RFC 6750 §3, §3.1"""
    token = web.sign_in(browser).access_token
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Bearer {token}"}
    response = world.wire.post(world.endpoint("userinfo_endpoint"), headers=headers, content=f"access_token={token}")
    assert response.status_code == 400
    assert 'error="invalid_request"' in response.headers["www-authenticate"]


@holds("wire bearer")
def test_userinfo_offers_no_scheme_that_it_does_not_take(world: World, web: Client, browser: Browser) -> None:
    """RFC 9110 §11.6.1"""
    headers = httpx.Headers([("Authorization", "Bearer x"), ("Authorization", "Bearer y")])
    response = world.wire.get(world.endpoint("userinfo_endpoint"), headers=headers)
    assert "Basic" not in response.headers["www-authenticate"]


@holds("endpoint methods")
@pytest.mark.parametrize("pause", [0.0, 0.02])
def test_a_connection_that_ends_is_announced(world: World, pause: float) -> None:
    """RFC 9112 §9.6: a server that closes SHOULD send Connection: close in its last answer"""
    tls = ssl.create_default_context(cafile=str(world.folder / "ca.pem"))
    host = world.issuer.removeprefix("https://")
    bad = 0
    for _ in range(30):
        connection = http.client.HTTPSConnection(host, context=tls, timeout=5)
        body = b"grant_type=client_credentials"
        connection.putrequest("POST", "/oauth2/token?client_secret=x")
        connection.putheader("Content-Type", "application/x-www-form-urlencoded")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        time.sleep(pause)
        connection.send(body)
        response = connection.getresponse()
        response.read()
        announced = (response.headers.get("connection") or "").lower() == "close"
        time.sleep(0.05)
        try:
            connection.request("GET", "/oauth2/jwks")
            connection.getresponse().read()
        except (http.client.HTTPException, ConnectionError, ssl.SSLError) as error:
            if not announced:
                bad += 1
                last = repr(error)
        connection.close()
    assert not bad, f"{bad} of 30 closed without a word: {last}"


@holds("access token")
def test_a_token_for_one_api_carries_no_scope_of_another(world: World, browser: Browser) -> None:
    """RFC 8707 §2.2, RFC 9068 §3, §5: scopes are those of the audience"""
    both = world.client("both")
    signed = both.sign_in(browser, scope="openid billing:read notes:read", resource=BILLING)
    claims = world.verify(signed.access_token)
    assert sorted(claims["aud"]) == sorted([BILLING, world.issuer])
    assert "notes:read" not in claims["scope"].split(), claims


@holds("refresh narrowing")
def test_a_refresh_for_one_api_carries_no_scope_of_another(world: World, browser: Browser) -> None:
    """RFC 8707 §2.2"""
    both = world.client("both")
    request = both.request(scope="openid notes:read billing:read")
    answer = both.go_on(browser, both.begin(browser, [*request.items(), ("resource", NOTES), ("resource", BILLING)]))
    tokens = both.exchange(answer["code"]).json()
    narrowed = both.refresh(tokens["refresh_token"], resource=BILLING).json()
    claims = world.verify(narrowed["access_token"])
    assert "notes:read" not in claims["scope"].split(), claims


@holds("access token")
def test_openid_alone_grants_no_scope_of_an_api(world: World, browser: Browser) -> None:
    """Doorward: no resource and no default: the token is for userinfo alone"""
    both = world.client("both")
    signed = both.sign_in(browser, scope="openid notes:read billing:read")
    claims = world.verify(signed.access_token)
    assert claims["aud"] == world.issuer
    assert "notes:read" not in claims["scope"].split(), claims


@holds("access token")
def test_a_machine_token_for_one_api_carries_no_scope_of_another(world: World) -> None:
    """RFC 8707 §2.2"""
    arguments = ["--resource", "notes", "--resource", "billing", "--scope", "notes:read", "--scope", "billing:read"]
    about = json.loads(world.doorward("client", "create", "machine-of-both", *arguments, "--json"))
    machine = Client(world, "machine-of-both", about["client_secret"], about)
    answer = machine.token(grant_type="client_credentials", resource=BILLING)
    claims = world.verify(answer.json()["access_token"])
    assert "notes:read" not in claims["scope"].split(), claims


@holds("refresh token")
def test_offline_access_without_the_refresh_grant_is_not_granted(world: World, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §11"""
    signed = world.client("once").sign_in(browser, scope="openid offline_access", prompt="consent")
    assert "offline_access" not in signed.tokens["scope"].split(), signed.tokens["scope"]


@holds("discovery backchannel")
def test_the_metadata_says_of_back_channel_logout_what_is_so(world: World) -> None:
    """OpenID Connect Back-Channel Logout 1.0 §2.1"""
    assert world.metadata["backchannel_logout_supported"] is True
    assert world.metadata["backchannel_logout_session_supported"] is True
