"""Proof Key for Code Exchange (RFC 7636)."""

import secrets

import pytest

from support.browser import Browser, Page
from support.world import Client, Pkce, World, refused, returned

holds = pytest.mark.holds


@pytest.fixture(params=["page", "app", "strict", "web"])
def client(world: World, request: pytest.FixtureRequest) -> Client:
    """Public ones, a confidential one that must, and one that may."""
    return world.client(request.param)


def with_challenge(pkce: Pkce) -> dict[str, str | None]:
    return {"code_challenge": pkce.challenge, "code_challenge_method": "S256"}


@holds("client pkce", "discovery truth")
def test_a_code_with_a_challenge_is_good_with_its_verifier(world: World, client: Client, browser: Browser) -> None:
    """RFC 7636 §4.5, §4.6"""
    signed = client.sign_in(browser, pkce=Pkce.fresh())
    assert signed.id_claims["sub"] == world.sub("alice")


@holds("client pkce", "code", "wire errors")
@pytest.mark.parametrize("wrong", ["other", "challenge", "missing", "short", "empty"])
def test_a_wrong_verifier_is_refused_and_burns_nothing(client: Client, browser: Browser, wrong: str) -> None:
    """RFC 7636 §4.6: invalid_grant"""
    pkce = Pkce.fresh()
    answer = client.authorize(browser, **with_challenge(pkce))
    verifier = {
        "other": Pkce.fresh().verifier,
        "challenge": pkce.challenge,
        "missing": None,
        "short": pkce.verifier[:42],
        "empty": "",
    }[wrong]
    refused(client.exchange(answer["code"], code_verifier=verifier), "invalid_grant")
    assert client.exchange(answer["code"], code_verifier=pkce.verifier).status_code == 200


@holds("client pkce", "authorize 2", "wire errors")
@pytest.mark.parametrize("client_id", ["page", "app", "strict"])
def test_who_must_bring_a_challenge_gets_nowhere_without(world: World, browser: Browser, client_id: str) -> None:
    """RFC 7636 §4.4.1, RFC 9700 §2.1.1"""
    client = world.client(client_id)
    request = client.request()
    returned(client.begin(browser, request), "invalid_request", request, world.issuer)


@holds("client pkce", "authorize 2", "discovery truth", "wire errors")
@pytest.mark.parametrize("method", ["plain", None, "s256", "S512"])
def test_only_s256_is_there(world: World, client: Client, browser: Browser, method: str | None) -> None:
    """RFC 7636 §4.3: a missing method means plain; RFC 9700 §2.1.1"""
    assert world.metadata["code_challenge_methods_supported"] == ["S256"]
    request = client.request(code_challenge=Pkce.fresh().challenge, code_challenge_method=method)
    returned(client.begin(browser, request), "invalid_request", request, world.issuer)


@holds("client pkce", "authorize 2", "wire errors")
@pytest.mark.parametrize("challenge", [None, "", "short", "a" * 44, "ä" * 43, "a" * 42 + "="])
def test_what_is_no_challenge_is_refused(world: World, client: Client, browser: Browser, challenge: str | None) -> None:
    """RFC 7636 §4.2: 43 characters of base64url for S256"""
    request = client.request(code_challenge=challenge, code_challenge_method="S256")
    returned(client.begin(browser, request), "invalid_request", request, world.issuer)


@holds("client pkce", "wire errors")
def test_a_verifier_without_a_challenge_is_a_downgrade(web: Client, browser: Browser) -> None:
    """RFC 9700 §4.8.2: refused, and the code is not burnt"""
    answer = web.authorize(browser)
    refused(web.exchange(answer["code"], code_verifier=secrets.token_urlsafe(48)), "invalid_grant")
    assert web.exchange(answer["code"]).status_code == 200


@holds("client redirects")
@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://127.0.0.1:1/cb",
        "http://127.0.0.1:65535/cb",
        "com.example.app:/cb",
    ],
)
def test_an_app_on_the_device_listens_on_any_port(world: World, browser: Browser, redirect_uri: str) -> None:
    """RFC 8252 §7.1, §7.3: the port of a loopback IP alone may differ"""
    app = world.client("app")
    signed = app.sign_in(browser, pkce=Pkce.fresh(), redirect_uri=redirect_uri)
    assert signed.answer.url.startswith(redirect_uri + "?")


@holds("client redirects", "authorize 1")
@pytest.mark.parametrize(
    "redirect_uri",
    [
        "http://localhost:8000/cb",
        "http://127.0.0.2:8000/cb",
        "http://[::1]:8000/cb",
        "https://127.0.0.1:8000/cb",
        "http://127.0.0.1:8000/cb/",
        "http://127.0.0.1:8000/cb?x=1",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1@evil.example/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:99999/cb",
        "com.example.app:/other",
        "com.example.app.evil:/cb",
        "com.example.app://cb",
    ],
)
def test_but_nothing_else_of_its_address_may_differ(world: World, browser: Browser, redirect_uri: str) -> None:
    """RFC 8252 §7.3, RFC 9700 §2.1"""
    app, pkce = world.client("app"), Pkce.fresh()
    page = app.begin(browser, redirect_uri=redirect_uri, **with_challenge(pkce))
    assert isinstance(page, Page) and page.status == 400


@holds("client redirects", "authorize 1")
def test_a_page_on_https_has_no_loose_port(world: World, browser: Browser) -> None:
    """RFC 9700 §2.1: exact string matching"""
    page, pkce = world.client("page"), Pkce.fresh()
    shown = page.begin(browser, redirect_uri="https://page.example:8443/cb", **with_challenge(pkce))
    assert isinstance(shown, Page) and shown.status == 400
