"""OAuth 2.0 Form Post Response Mode."""

import pytest

from support.browser import Answer, Browser, Page
from support.world import REDIRECT_WITH_QUERY, Client, World, returned

holds = pytest.mark.holds


@holds("authorize 3", "discovery truth")
def test_the_answer_is_a_form_for_the_redirect_uri(world: World, web: Client, browser: Browser) -> None:
    """OAuth 2.0 Form Post Response Mode §2, §4"""
    answer = web.authorize(browser, response_mode="form_post")
    assert answer.mode == "form_post" and answer.url == web.redirect_uri
    assert set(answer.parameters) == {"code", "state", "iss"} and answer["iss"] == world.issuer
    assert "location" not in answer.response.headers and "code=" not in str(answer.response.url)
    assert web.exchange(answer["code"]).status_code == 200


@holds("authorize 3")
def test_the_page_works_without_script_and_runs_none_of_the_page_itself(web: Client, browser: Browser) -> None:
    """OAuth 2.0 Form Post Response Mode §4; Content Security Policy 3: no inline script"""
    response = web.authorize(browser, response_mode="form_post").response
    assert response.status_code == 200
    page = Page(str(response.url), response)
    assert page.headers["content-type"].startswith("text/html")
    assert len(page.forms) == 1 and page.forms[0].attributes["method"].lower() == "post"
    assert any(e.tag in {"button", "input"} and e.attributes.get("type") == "submit" for e in page.elements)
    scripts = [element for element in page.elements if element.tag == "script"]
    assert len(scripts) == 1 and scripts[0].attributes["src"].startswith("/")
    assert not any(name.startswith("on") for element in page.elements for name in element.attributes)
    policy = page.headers["content-security-policy"]
    assert "unsafe" not in policy and "https://rp.example" in policy
    script = browser.wire.get(f"{browser.origin}{scripts[0].attributes['src']}")
    assert script.status_code == 200 and "javascript" in script.headers["content-type"]
    assert "submit" in script.text


@holds("authorize 3")
def test_the_page_is_not_stored(web: Client, browser: Browser) -> None:
    """OAuth 2.0 Form Post Response Mode §4: Cache-Control: no-cache, no-store"""
    headers = web.authorize(browser, response_mode="form_post").response.headers
    assert "no-store" in headers["cache-control"]
    assert headers["referrer-policy"] in {"no-referrer", "same-origin", "origin"}


@holds("authorize 3")
@pytest.mark.parametrize("state", ['"><script>alert(1)</script>', "a b+c&d=e", "äöü €", "' onload='x", "&quot;&amp;"])
def test_values_are_escaped_and_arrive_as_they_were(web: Client, browser: Browser, state: str) -> None:
    """OAuth 2.0 Form Post Response Mode §4, §5: HTML-encoded values"""
    answer = web.authorize(browser, response_mode="form_post", state=state)
    assert answer["state"] == state
    assert "<script>alert" not in answer.response.text


@holds("authorize 2", "authorize 3")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "nothing:known"}, "invalid_scope"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "https://rp.example/r"}, "request_uri_not_supported"),
        ({"resource": "https://unknown.example/"}, "invalid_target"),
    ],
)
def test_errors_take_the_same_way(
    world: World, web: Client, browser: Browser, changes: dict[str, str], error: str
) -> None:
    """OAuth 2.0 Form Post Response Mode §2, RFC 6749 §4.1.2.1"""
    request = web.request(response_mode="form_post", **changes)
    answer = returned(web.begin(browser, request), error, request, world.issuer)
    assert answer.mode == "form_post"


@holds("authorize 3")
def test_a_refusal_takes_the_same_way(world: World, web: Client, browser: Browser, person: str) -> None:
    """OAuth 2.0 Form Post Response Mode §2"""
    request = web.request(response_mode="form_post")
    page = web.begin(browser, request)
    assert isinstance(page, Page)
    page = browser.press(page, "login-submit", username=person, password=world.password)
    assert isinstance(page, Page)
    answer = returned(browser.press(page, "consent-deny"), "access_denied", request, world.issuer)
    assert answer.mode == "form_post"


@holds("authorize 3")
def test_the_redirect_uri_keeps_its_query(web: Client, browser: Browser) -> None:
    """RFC 6749 §3.1.2, OAuth 2.0 Form Post Response Mode §2"""
    answer = web.authorize(browser, response_mode="form_post", redirect_uri=REDIRECT_WITH_QUERY)
    assert answer.url == REDIRECT_WITH_QUERY and set(answer.parameters) == {"code", "state", "iss"}


@holds("authorize 1", "authorize 3")
def test_nothing_is_posted_to_an_unregistered_address(web: Client, browser: Browser) -> None:
    """RFC 6749 §4.1.2.1"""
    page = web.begin(browser, response_mode="form_post", redirect_uri="https://evil.example/cb")
    assert isinstance(page, Page) and page.status == 400 and not page.forms


@holds("authorize 3", "authorize 5")
def test_a_silent_answer_is_a_form_too(web: Client, browser: Browser) -> None:
    """OAuth 2.0 Form Post Response Mode §2"""
    web.authorize(browser)
    answer = web.authorize(browser, response_mode="form_post", prompt="none")
    assert isinstance(answer, Answer) and answer.mode == "form_post" and "code" in answer


@holds("authorize 3", "discovery truth")
def test_query_is_the_default_and_can_be_asked_for(world: World, web: Client, browser: Browser) -> None:
    """OAuth 2.0 Multiple Response Type Encoding Practices §2.1, §3"""
    assert sorted(world.metadata["response_modes_supported"]) == ["form_post", "query"]
    assert web.authorize(browser).mode == web.authorize(browser, response_mode="query").mode == "query"
