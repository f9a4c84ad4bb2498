"""Methods, headers, cross-origin rules: what every address has in common."""

import httpx
import pytest

from support.browser import Browser, Page
from support.world import Client, World

holds = pytest.mark.holds

READ = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/oauth2/jwks"]
CALLED = ["/oauth2/token", "/oauth2/revoke", "/oauth2/userinfo"]
PAGES = ["/oauth2/authorize", "/oauth2/logout", "/signed-out"]


def answers(world: World, web: Client) -> dict[str, httpx.Response]:
    """One answer of each kind."""
    browser = world.browser()
    page = web.begin(browser)
    assert isinstance(page, Page)
    wire, issuer = world.wire, world.issuer
    return {
        "metadata": wire.get(issuer + READ[0]),
        "keys": wire.get(issuer + READ[2]),
        "token": wire.post(issuer + CALLED[0]),
        "revoke": wire.post(issuer + CALLED[1]),
        "introspect": wire.post(f"{issuer}/oauth2/introspect"),
        "userinfo": wire.get(issuer + CALLED[2]),
        "redirect": browser.responses[0],
        "sign-in": wire.get(page.url),
        "page": browser.responses[-1],
        "error page": wire.get(issuer + PAGES[0]),
        "signed out": wire.get(issuer + PAGES[2]),
        "not found": wire.get(f"{issuer}/nothing"),
        "not allowed": wire.get(issuer + CALLED[0]),
    }


@holds("endpoint headers", "endpoint origin")
def test_every_answer_is_guarded(world: World, web: Client) -> None:
    """RFC 6797 §7.1, Fetch (X-Content-Type-Options), Content Security Policy 3 §6.4.2 (frame-ancestors)"""
    for name, response in answers(world, web).items():
        headers = response.headers
        assert headers["x-content-type-options"] == "nosniff", name
        policy = headers["strict-transport-security"]
        assert int(policy.split("max-age=")[1].split(";")[0]) >= 15_552_000, name
        assert "frame-ancestors 'none'" in headers["content-security-policy"], name
        assert "unsafe" not in headers["content-security-policy"], name
        assert headers["referrer-policy"] in {"no-referrer", "same-origin"}, name
        assert "server" not in headers and "x-powered-by" not in headers, name


@holds("endpoint headers", "token response")
def test_nothing_but_documents_is_stored(world: World, web: Client) -> None:
    """RFC 6749 §5.1, RFC 9111 §5.2.2.5"""
    for name, response in answers(world, web).items():
        if name in {"metadata", "keys"}:
            assert "max-age=" in response.headers["cache-control"], name
        else:
            assert "no-store" in response.headers["cache-control"], name


@holds("endpoint headers", "wire errors")
def test_no_answer_is_a_fault_of_the_server(world: World, web: Client) -> None:
    """RFC 9110 §15.6"""
    for name, response in answers(world, web).items():
        assert response.status_code < 500, name


@holds("endpoint methods")
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/.well-known/openid-configuration", {"GET"}),
        ("/.well-known/oauth-authorization-server", {"GET"}),
        ("/oauth2/jwks", {"GET"}),
        ("/oauth2/authorize", {"GET", "POST"}),
        ("/oauth2/token", {"POST"}),
        ("/oauth2/userinfo", {"GET", "POST"}),
        ("/oauth2/revoke", {"POST"}),
        ("/oauth2/introspect", {"POST"}),
        ("/oauth2/logout", {"GET", "POST"}),
    ],
)
def test_each_address_takes_its_methods_and_no_other(world: World, path: str, allowed: set[str]) -> None:
    """RFC 6749 §3.1, §3.2; RFC 7009 §2; RFC 7662 §2.1; RFC 9110 §15.5.6"""
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        response = world.wire.request(method, world.issuer + path)
        assert (response.status_code == 405) == (method not in allowed), f"{method}: {response.status_code}"


@holds("endpoint methods")
def test_a_method_cannot_be_overridden(world: World, web: Client) -> None:
    """RFC 9110 §9.1: the method is that of the request line"""
    headers, _ = web.credentials()
    headers |= {"X-HTTP-Method-Override": "POST"}
    assert world.wire.get(f"{world.endpoint('token_endpoint')}?_method=POST", headers=headers).status_code == 405


@holds("endpoint cors")
@pytest.mark.parametrize("path", READ + CALLED)
def test_scripts_may_read_what_they_call(world: World, path: str) -> None:
    """Fetch §3.3: any origin, without credentials"""
    origin = {"Origin": "https://page.example"}
    for response in (
        world.wire.request("POST" if path in CALLED else "GET", world.issuer + path, headers=origin),
        world.wire.options(world.issuer + path, headers=origin | {"Access-Control-Request-Method": "POST"}),
    ):
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers
    asked = origin | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = world.wire.options(world.issuer + path, headers=asked)
    assert preflight.status_code in {200, 204}
    allowed = [name.strip() for name in preflight.headers["access-control-allow-headers"].lower().split(",")]
    assert "authorization" in allowed and "content-type" in allowed
    called = world.wire.request("POST" if path in CALLED else "GET", world.issuer + path, headers=origin)
    assert "www-authenticate" in called.headers["access-control-expose-headers"].lower()


@holds("endpoint cors")
@pytest.mark.parametrize("path", [*PAGES, "/oauth2/introspect", "/nothing"])
def test_scripts_may_read_nothing_else(world: World, path: str) -> None:
    """RFC 9700 §2.6: the authorization endpoint MUST NOT support CORS"""
    origin = {"Origin": "https://page.example"}
    asked = origin | {"Access-Control-Request-Method": "GET"}
    for response in (
        world.wire.get(world.issuer + path, headers=origin),
        world.wire.post(world.issuer + path, headers=origin),
        world.wire.options(world.issuer + path, headers=asked),
    ):
        assert not [name for name in response.headers if name.startswith("access-control-")]


@holds("endpoint cors")
def test_pages_are_not_readable_either(web: Client, browser: Browser) -> None:
    """RFC 9700 §2.6"""
    web.begin(browser)
    for response in browser.responses:
        assert not [name for name in response.headers if name.startswith("access-control-")]


@holds("endpoint methods")
def test_each_address_has_one_spelling(world: World) -> None:
    """RFC 3986 §6: what a rule in front of the server sees is what the server serves"""
    for path in ("/oauth2/token/", "//oauth2/token", "/oauth2//token", "/oauth2/%74oken", "/OAUTH2/token"):
        response = world.wire.post(httpx.URL(world.issuer).copy_with(raw_path=path.encode()))
        assert response.status_code == 404, path


@holds("endpoint headers")
def test_nothing_is_spoken_without_tls(world: World) -> None:
    """RFC 6749 §3.1, §3.2, RFC 9325: a request in the clear gets no answer of the protocol"""
    with httpx.Client(trust_env=False, timeout=5) as plain:
        try:
            response = plain.get(world.issuer.replace("https:", "http:") + READ[0])
        except httpx.HTTPError:
            return
    assert response.status_code >= 300
