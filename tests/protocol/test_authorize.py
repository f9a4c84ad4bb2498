"""The authorization endpoint: requests, and what becomes of wrong ones."""

import json
import secrets
import socket
from urllib.parse import urlencode

import pytest

from support.browser import Answer, Browser, Page
from support.world import REDIRECT, REDIRECT_WITH_QUERY, Client, World, returned

holds = pytest.mark.holds


@holds("authorize 3", "id token", "scope claims", "discovery truth")
def test_from_discovery_to_userinfo_a_person_signs_in(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1, RFC 6749 §4.1, RFC 9207 §2"""
    signed = web.sign_in(browser, scope="openid profile email")
    assert signed.answer.url.startswith(f"{REDIRECT}?")
    assert signed.answer["state"] == signed.request["state"]
    assert signed.answer["iss"] == world.issuer
    assert set(signed.answer.parameters) == {"code", "state", "iss"}
    claims = world.claims(signed.access_token)
    assert claims["sub"] == signed.id_claims["sub"] == world.sub("alice")
    assert claims["name"] == "Alice Ames"


@holds("authorize 3")
def test_a_code_is_long_and_never_the_same(web: Client, browser: Browser) -> None:
    """RFC 6749 §10.10: 128 bits at least, which are 22 characters of base64"""
    codes = {web.authorize(browser)["code"] for _ in range(3)}
    assert len(codes) == 3
    assert all(len(code) >= 22 and len(set(code)) > 10 for code in codes)


@holds("authorize 1")
@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": ""},
        {"client_id": "nobody"},
        {"client_id": "gone"},
        {"redirect_uri": None},
        {"redirect_uri": ""},
        {"redirect_uri": "https://evil.example/cb"},
        {"redirect_uri": "https://rp.example/cb/"},
        {"redirect_uri": "https://rp.example/CB"},
        {"redirect_uri": "https://RP.example/cb"},
        {"redirect_uri": "https://rp.example:443/cb"},
        {"redirect_uri": "https://rp.example/cb#here"},
        {"redirect_uri": "https://rp.example/cb/../cb"},
        {"redirect_uri": "https://rp.example/cb%2f"},
        {"redirect_uri": "https://rp.example.evil.example/cb"},
        {"redirect_uri": "https://rp.example@evil.example/cb"},
        {"redirect_uri": "http://rp.example/cb"},
        {"redirect_uri": "/cb"},
        {"redirect_uri": "javascript:alert(1)//rp.example/cb"},
    ],
    ids=lambda changes: "-".join(f"{name}={value}" for name, value in changes.items()),
)
def test_an_untrusted_request_gets_a_page_and_no_redirect(
    web: Client, browser: Browser, changes: dict[str, str | None]
) -> None:
    """RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.1, RFC 9700 §2.1"""
    page = web.begin(browser, **changes)
    assert isinstance(page, Page), f"sent to {page.url}"
    assert page.status == 400
    assert page.headers["content-type"].startswith("text/html")
    assert page.kind == "other" and not page.forms


@holds("authorize 1")
def test_the_page_for_an_untrusted_request_shows_nothing_of_it_as_markup(web: Client, browser: Browser) -> None:
    """RFC 9700 §4.11: what an attacker puts into a request runs nowhere"""
    page = web.begin(browser, client_id='"><script>alert(1)</script>', redirect_uri='"><img src=x onerror=alert(1)>')
    assert isinstance(page, Page) and page.status == 400
    assert "<script>alert" not in page.source and "<img" not in page.source


@holds("authorize 1", "client redirects")
def test_a_redirect_uri_with_a_query_keeps_it(web: Client, browser: Browser) -> None:
    """RFC 6749 §3.1.2: the query component MUST be retained"""
    answer = web.authorize(browser, redirect_uri=REDIRECT_WITH_QUERY)
    assert answer.url.startswith(REDIRECT_WITH_QUERY + "&")
    assert answer.pairs[0] == ("tenant", "7")
    assert set(answer.parameters) == {"tenant", "code", "state", "iss"}
    response = web.exchange(answer["code"], redirect_uri=REDIRECT_WITH_QUERY)
    assert response.status_code == 200


@holds("authorize 1", "client redirects")
@pytest.mark.parametrize("added", ["?foo=bar", "?tenant=8", "?tenant=7&foo=bar", "?", "?tenant=7&tenant=7"])
def test_a_query_that_was_not_registered_is_refused(web: Client, browser: Browser, added: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: simple string comparison"""
    page = web.begin(browser, redirect_uri=REDIRECT + added)
    assert isinstance(page, Page) and page.status == 400


@holds("authorize 1", "authorize 4")
@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
@pytest.mark.parametrize("second", ["same", "https://evil.example/cb"])
def test_a_repeated_client_id_or_redirect_uri_gets_a_page(
    web: Client, browser: Browser, name: str, second: str
) -> None:
    """RFC 6749 §3.1: parameters MUST NOT be included more than once"""
    request = web.request()
    again = request[name] if second == "same" else second
    page = web.begin(browser, [*request.items(), (name, again)])
    assert isinstance(page, Page) and page.status == 400


@holds("authorize 2", "authorize 4", "wire errors")
@pytest.mark.parametrize(
    "name",
    "response_type scope state nonce prompt max_age login_hint id_token_hint acr_values ui_locales claims display "
    "response_mode code_challenge code_challenge_method request request_uri claims_locales".split(),
)
def test_a_repeated_parameter_is_refused(world: World, web: Client, browser: Browser, name: str) -> None:
    """RFC 6749 §3.1, §4.1.2.1"""
    request = web.request(**{name: web.request().get(name, "1")})
    answer = web.begin(browser, [*request.items(), (name, "again")])
    assert isinstance(answer, Answer) and answer["error"] == "invalid_request"
    assert answer["iss"] == world.issuer
    assert set(answer.parameters) <= {"error", "error_description", "state", "iss"}


@holds("authorize 2", "authorize 4", "wire errors")
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_a_request_without_response_type_is_refused(
    world: World, web: Client, browser: Browser, value: str | None
) -> None:
    """RFC 6749 §3.1.1, §4.1.2.1"""
    request = web.request(response_type=value)
    answer = web.begin(browser, request)
    assert isinstance(answer, Answer)
    returned(answer, answer["error"], request, world.issuer)
    assert answer["error"] in {"invalid_request", "unsupported_response_type"}


@holds("authorize 2", "discovery truth", "wire errors")
@pytest.mark.parametrize(
    "response_type",
    ["token", "id_token", "none", "id_token token", "code id_token", "code token", "code id_token token", "CODE", "x"],
)
def test_only_the_code_flow_is_there(world: World, web: Client, browser: Browser, response_type: str) -> None:
    """RFC 6749 §3.1.1, RFC 9700 §2.1.2"""
    request = web.request(response_type=response_type)
    returned(web.begin(browser, request), "unsupported_response_type", request, world.issuer)


@holds("authorize 2", "discovery truth", "wire errors")
@pytest.mark.parametrize("mode", ["fragment", "web_message", "jwt", "query.jwt", "form_post.jwt", "x"])
def test_a_response_mode_that_is_not_advertised_is_refused(
    world: World, web: Client, browser: Browser, mode: str
) -> None:
    """OAuth 2.0 Multiple Response Type Encoding Practices §2.1"""
    request = web.request(response_mode=mode)
    returned(web.begin(browser, request), "invalid_request", request, world.issuer)


@holds("authorize 2", "authorize 10", "discovery truth", "wire errors")
def test_a_request_object_by_value_is_refused_and_not_ignored(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.6, §6.1"""
    assert world.metadata["request_parameter_supported"] is False
    unsigned = "eyJhbGciOiJub25lIn0.e30."
    for scope in ("openid", None):
        request = web.request(request=unsigned, scope=scope)
        returned(web.begin(browser, request), "request_not_supported", request, world.issuer)


@holds("authorize 2", "authorize 10", "discovery truth", "wire errors")
@pytest.mark.parametrize("uri", ["https://rp.example/request.jwt", "urn:ietf:params:oauth:request_uri:unknown"])
def test_a_request_object_by_reference_is_refused_and_not_ignored(
    world: World, web: Client, browser: Browser, uri: str
) -> None:
    """OpenID Connect Core 1.0 §3.1.2.6, §6.2; Discovery 1.0 §3: the default of the member is true"""
    assert world.metadata["request_uri_parameter_supported"] is False
    request = web.request(request_uri=uri)
    returned(web.begin(browser, request), "request_uri_not_supported", request, world.issuer)


@holds("authorize 10")
def test_a_request_uri_is_never_fetched(world: World, web: Client, browser: Browser) -> None:
    """RFC 9101 §10.4.1: no request goes out to an address that a stranger chose"""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.settimeout(1)
        request = web.request(request_uri=f"http://127.0.0.1:{listening.getsockname()[1]}/request.jwt")
        returned(web.begin(browser, request), "request_uri_not_supported", request, world.issuer)
        with pytest.raises(TimeoutError):
            listening.accept()


@holds("authorize 4")
def test_unknown_parameters_are_ignored(web: Client, browser: Browser) -> None:
    """RFC 6749 §3.1, OpenID Connect Core 1.0 §3.1.2.1"""
    answer = web.authorize(browser, extra="foobar", registration="x", audience="y")
    assert "code" in answer and "extra" not in answer


@holds("authorize 4")
def test_empty_values_count_as_absent(web: Client, browser: Browser) -> None:
    """RFC 6749 §3.1: parameters sent without a value MUST be treated as if they were omitted"""
    empty = "prompt max_age login_hint acr_values ui_locales display claims request request_uri response_mode".split()
    answer = web.authorize(browser, **dict.fromkeys(empty, ""), state="", nonce="")
    assert "code" in answer and "state" not in answer


@holds("authorize 2", "wire errors")
@pytest.mark.parametrize("scope", ["nothing:known", '"', "open\\id", None])
def test_a_scope_that_holds_nothing_is_refused(world: World, web: Client, browser: Browser, scope: str | None) -> None:
    """RFC 6749 §3.3, §4.1.2.1"""
    request = web.request(scope=scope)
    returned(web.begin(browser, request), "invalid_scope", request, world.issuer)


@holds("authorize 4", "access token")
def test_without_openid_it_is_plain_oauth(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: without the scope openid the request is no OpenID request"""
    answer = web.authorize(browser, scope="notes:read", nonce=None)
    tokens = web.exchange(answer["code"]).json()
    assert "id_token" not in tokens
    assert world.verify(tokens["access_token"], "at+jwt")["aud"] == "https://notes.example/api"


@holds("authorize 4")
def test_unknown_scopes_beside_known_ones_are_left_out(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: scope values that are not understood SHOULD be ignored"""
    signed = web.sign_in(browser, scope="openid nothing:known email")
    assert sorted(signed.tokens["scope"].split()) == ["email", "openid"]


@holds("authorize 2", "wire errors")
@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "always"},
        {"prompt": "none login"},
        {"max_age": "soon"},
        {"max_age": "-1"},
        {"max_age": "1.5"},
        {"claims": "{"},
        {"claims": "[]"},
        {"claims": '{"userinfo":1}'},
        {"claims": '{"id_token":{"email":"yes"}}'},
        {"id_token_hint": "no token"},
    ],
    ids=lambda changes: "-".join(f"{name}={value}" for name, value in changes.items()),
)
def test_a_malformed_value_goes_back_as_invalid_request(
    world: World, web: Client, browser: Browser, changes: dict[str, str]
) -> None:
    """OpenID Connect Core 1.0 §3.1.2.2, §3.1.2.6"""
    request = web.request(**changes)
    returned(web.begin(browser, request), "invalid_request", request, world.issuer)


@holds("authorize 2")
@pytest.mark.parametrize("state", [None, "", "a b+c&d=e#f", "äöü €"], ids=["missing", "empty", "special", "unicode"])
def test_an_error_carries_the_state_that_was_sent_or_none(
    world: World, web: Client, browser: Browser, state: str | None
) -> None:
    """RFC 6749 §4.1.2.1: REQUIRED if state was present, with its exact value"""
    request = web.request(state=state, prompt="none")
    answer = web.begin(browser, request)
    request = {name: value for name, value in request.items() if value}
    returned(answer, "login_required", request, world.issuer)


@holds("authorize 2")
def test_an_error_keeps_the_query_of_the_redirect_uri(world: World, web: Client, browser: Browser) -> None:
    """RFC 6749 §3.1.2, §4.1.2.1"""
    request = web.request(redirect_uri=REDIRECT_WITH_QUERY, prompt="none")
    answer = returned(web.begin(browser, request), "login_required", request, world.issuer)
    assert answer["tenant"] == "7"


@holds("authorize 2", "wire errors")
def test_a_person_who_refuses_is_an_access_denied(world: World, web: Client, browser: Browser, person: str) -> None:
    """RFC 6749 §4.1.2.1"""
    request = web.request()
    page = web.begin(browser, request)
    assert isinstance(page, Page)
    page = browser.press(page, "login-submit", username=person, password=world.password)
    assert isinstance(page, Page) and page.kind == "consent"
    returned(browser.press(page, "consent-deny"), "access_denied", request, world.issuer)


@holds("authorize 4")
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_may_be_posted(world: World, web: Client, browser: Browser, site: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: MUST support GET and POST; a foreign site's form brings no Lax cookie"""
    web.authorize(browser)
    request = web.request()
    at = browser.post(world.endpoint("authorization_endpoint"), list(request.items()), site)
    assert browser.responses[-2].status_code == 303, "first a redirect to an address of its own, without cookies"
    browser.pages.clear()
    answer = web.go_on(browser, at)
    assert answer["state"] == request["state"]
    assert browser.pages == [], "the session counts after the redirect"
    assert web.exchange(answer["code"]).status_code == 200


@holds("authorize 4")
def test_a_posted_request_is_checked_as_a_got_one_is(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1"""
    endpoint = world.endpoint("authorization_endpoint")
    request = web.request(response_type="token")
    returned(browser.post(endpoint, list(request.items())), "unsupported_response_type", request, world.issuer)
    page = browser.post(endpoint, list(web.request(redirect_uri="https://evil.example/").items()))
    assert isinstance(page, Page) and page.status == 400


@holds("authorize 4")
def test_a_posted_request_is_read_from_its_body_alone(world: World, web: Client, browser: Browser) -> None:
    """RFC 6749 §3.1: what stands in the URL of a POST is not part of the request"""
    url = f"{world.endpoint('authorization_endpoint')}?{urlencode({'redirect_uri': 'https://evil.example/'})}"
    answer = web.go_on(browser, browser.post(url, list(web.request().items())))
    assert "code" in answer


@holds("authorize 4")
def test_a_post_that_is_no_form_is_refused(world: World, web: Client) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: Form Serialization"""
    response = world.wire.post(world.endpoint("authorization_endpoint"), json=web.request())
    assert response.status_code in {400, 415}
    assert "location" not in response.headers


@holds("authorize 4")
def test_what_was_asked_is_not_read_from_the_url_again(world: World, web: Client, browser: Browser) -> None:
    """RFC 9700 §4.12, §4.7: the checked request is kept; nothing added to a later address changes it"""
    page = web.begin(browser, web.request(scope="openid"))
    assert isinstance(page, Page)
    page = browser.open(f"{page.url}?{urlencode({'scope': 'openid email', 'redirect_uri': 'https://evil.example/'})}")
    answer = web.go_on(browser, page)
    assert answer.url.startswith(f"{REDIRECT}?")
    assert web.exchange(answer["code"]).json()["scope"] == "openid"


@holds("authorize 4")
def test_an_interaction_belongs_to_its_browser(world: World, web: Client, browser: Browser) -> None:
    """RFC 9700 §4.7: a sign-in that was begun elsewhere cannot be finished here"""
    page = web.begin(browser)
    assert isinstance(page, Page)
    stranger = world.browser()
    elsewhere = stranger.open(page.url)
    assert isinstance(elsewhere, Page) and elsewhere.status in {403, 404, 410} and not elsewhere.forms
    web.begin(stranger)
    response = stranger.press(page, "login-submit", username="alice", password=world.password)
    assert isinstance(response, Page) and response.status in {403, 404, 410}


@holds("authorize 4")
def test_two_tabs_sign_in_without_mixing(world: World, web: Client, other: Client, browser: Browser) -> None:
    """RFC 9700 §4.7: each request has its own state, and its answer goes to its own client"""
    one, two = web.request(), other.request(scope="openid email")
    first, second = web.begin(browser, one), other.begin(browser, two)
    answer_two, answer_one = other.go_on(browser, second), web.go_on(browser, first)
    assert (answer_one["state"], answer_two["state"]) == (one["state"], two["state"])
    assert web.exchange(answer_one["code"]).status_code == 200
    assert sorted(other.exchange(answer_two["code"]).json()["scope"].split()) == ["email", "openid"]


@holds("authorize 4")
def test_a_form_from_another_site_signs_nobody_in(world: World, web: Client, browser: Browser) -> None:
    """RFC 9700 §4.7, threat of login CSRF: the form of a page counts only from that page"""
    page = web.begin(browser)
    assert isinstance(page, Page)
    form = page.forms[0]
    fields = [(name, value) for name, value in form.fields if name not in {"username", "password"}]
    filled = [*fields, ("username", "alice"), ("password", world.password)]
    url = world.issuer + form.attributes["action"]
    response = browser.send("POST", url, site="cross-site", body=filled)
    assert response.status_code in {403, 410}
    forged = [(name, "x" if name == "form_token" else value) for name, value in filled]
    assert browser.send("POST", url, site="same-origin", body=forged).status_code == 403
    assert not any("session" in name for name in browser.jar.cookies)


@holds("authorize 11")
def test_a_nonce_is_echoed(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §2, §3.1.2.1: passed through unmodified"""
    nonce = "n-0S6_WzA2Mj +&=%#äöü€\"\\'<>"
    assert web.sign_in(browser, nonce=nonce).id_claims["nonce"] == nonce


@holds("authorize 11")
def test_without_a_nonce_none_comes_back(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: OPTIONAL in the code flow"""
    assert "nonce" not in web.sign_in(browser, nonce=None).id_claims


@holds("authorize 11")
def test_a_very_long_nonce_is_echoed(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: no length is prescribed"""
    nonce = secrets.token_urlsafe(3000)
    assert web.sign_in(browser, nonce=nonce).id_claims["nonce"] == nonce


@holds("authorize 3")
@pytest.mark.parametrize(
    "state",
    [secrets.token_urlsafe(3000), "a b+c&d=e%20#f\"'<>\\", "äöü €", "\t"],
    ids=["long", "special", "unicode", "tab"],
)
def test_a_state_comes_back_as_it_was(web: Client, browser: Browser, state: str) -> None:
    """RFC 6749 §4.1.2: the exact value received from the client"""
    assert web.authorize(browser, state=state)["state"] == state


@holds("authorize 3")
def test_without_a_state_none_comes_back(web: Client, browser: Browser) -> None:
    """RFC 6749 §4.1.2"""
    assert set(web.authorize(browser, state=None).parameters) == {"code", "iss"}


@holds("authorize 2")
def test_what_is_too_long_is_refused_in_the_protocols_own_words(world: World, web: Client, browser: Browser) -> None:
    """RFC 6749 §4.1.2.1"""
    request = web.request(nonce="n" * 20_000)
    at = browser.post(world.endpoint("authorization_endpoint"), list(request.items()))
    returned(at, "invalid_request", request, world.issuer)


@holds("authorize 9")
def test_claims_may_name_what_nobody_knows(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §5.5: claims and members that are not understood MUST be ignored"""
    claims = json.dumps({"userinfo": {"https://claims.example/x": None, "shoe_size": {"essential": True}}, "other": 1})
    assert "code" in web.authorize(browser, claims=claims)


@holds("authorize 14", "authorize 12")
def test_after_the_password_the_browser_goes_on_by_303(world: World, web: Client, browser: Browser) -> None:
    """RFC 9700 §4.12: 303, so that no browser posts the password on"""
    page = web.begin(browser)
    assert isinstance(page, Page)
    browser.responses.clear()
    web.go_on(browser, page)
    posted = [response for response in browser.responses if response.request.method == "POST"]
    assert posted and all(response.status_code in {200, 303} for response in posted)
    assert posted[0].status_code == 303


@holds("authorize 14")
def test_pages_may_post_to_themselves_and_the_redirect_alone(web: Client, browser: Browser) -> None:
    """Content Security Policy 3 §6.4.1: form-action; RFC 9700 §4.2.4: Referrer-Policy"""
    page = web.begin(browser)
    assert isinstance(page, Page)
    policy = dict(part.strip().partition(" ")[::2] for part in page.headers["content-security-policy"].split(";"))
    assert sorted(policy["form-action"].split()) == ["'self'", "https://rp.example"]
    assert policy["frame-ancestors"] == "'none'"
    assert policy.get("base-uri", "'none'") == "'none'"
    assert "'unsafe-inline'" not in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] in {"same-origin", "no-referrer"}


@holds("authorize 3")
def test_the_answer_is_not_stored(web: Client, browser: Browser) -> None:
    """RFC 9700 §4.2.4, §4.3.1: a code stays in no cache"""
    assert "no-store" in web.authorize(browser).response.headers["cache-control"]


@holds("authorize 3")
def test_the_order_of_scopes_does_not_matter(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1, RFC 6749 §3.3: their order does not matter"""
    signed = web.sign_in(browser, scope="email openid")
    assert sorted(signed.tokens["scope"].split()) == ["email", "openid"] and signed.id_claims


@holds("authorize 2", "authorize 9")
@pytest.mark.parametrize(
    "claims",
    [
        '{"userinfo":' * 500 + "null" + "}" * 500,
        "[" * 10_000,
        json.dumps({"userinfo": {f"claim{n}": None for n in range(300)}}),
        "null",
        "\u0000",
    ],
    ids=["deep", "open", "many", "null", "control"],
)
def test_hostile_claims_are_an_error_and_no_fault(world: World, web: Client, browser: Browser, claims: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.6, §5.5"""
    at = browser.post(world.endpoint("authorization_endpoint"), list(web.request(claims=claims).items()))
    if isinstance(at, Answer):
        assert at["error"] == "invalid_request"
    else:
        assert at.status == 400


@holds("authorize 4")
@pytest.mark.parametrize("query", ["%", "%zz", "state=%ff", "state=%00", "%00=x", "&".join(["a=b"] * 2000)])
def test_a_query_that_cannot_be_read_gets_a_page(world: World, web: Client, browser: Browser, query: str) -> None:
    """RFC 6749 Appendix B: UTF-8 in application/x-www-form-urlencoded"""
    page = browser.open(f"{web.url(web.request(state=None))}&{query}")
    assert isinstance(page, Page) and page.status == 400


@holds("authorize 4")
def test_a_body_that_is_too_large_is_refused(world: World, web: Client) -> None:
    """RFC 9110 §15.5.14"""
    body = urlencode(web.request(nonce="n" * 200_000))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = world.wire.post(world.endpoint("authorization_endpoint"), headers=headers, content=body)
    assert response.status_code == 413


@holds("authorize 4", "code")
def test_an_answer_is_given_once(world: World, web: Client, browser: Browser, person: str) -> None:
    """RFC 9700 §4.5: going back in the browser gives no second code"""
    page = web.begin(browser)
    assert isinstance(page, Page)
    consent = browser.press(page, "login-submit", username=person, password=world.password)
    assert isinstance(consent, Page) and consent.kind == "consent"
    assert isinstance(browser.press(consent, "consent-allow"), Answer)
    for again in (browser.open(page.url), browser.press(consent, "consent-allow")):
        assert isinstance(again, Page) and again.status == 410, again.url


@holds("authorize 12")
@pytest.mark.parametrize("username", ["alice", "nobody-at-all"])
def test_a_wrong_password_signs_nobody_in(world: World, web: Client, browser: Browser, username: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.3; the same words whether somebody is known or not"""
    page = web.begin(browser)
    assert isinstance(page, Page)
    page = browser.press(page, "login-submit", username=username, password="a wrong one")
    assert isinstance(page, Page) and page.kind == "sign-in" and page.status == 400
    assert page.value("password") == "" and "a wrong one" not in page.source
    assert not any("session" in name for name in browser.jar.cookies)
    assert "username or the password" in page.text or "password" in page.text
    assert web.go_on(browser, browser.open(page.url.removesuffix("/login")))["code"]


@holds("authorize 12", "authorize 4")
def test_somebody_else_in_the_next_tab_gets_no_consent_page_of_mine(
    world: World, web: Client, other: Client, browser: Browser, person: str
) -> None:
    """RFC 9700 §4.7: what a page showed to one person is not agreed to by another"""
    page = web.begin(browser)
    assert isinstance(page, Page)
    consent = browser.press(page, "login-submit", username=person, password=world.password)
    assert isinstance(consent, Page) and consent.kind == "consent"
    other.authorize(browser, "bob", prompt="login")
    at = browser.press(consent, "consent-allow")
    assert isinstance(at, Page) and at.status in {403, 409, 410}


@holds("authorize 13")
def test_withdrawn_consent_is_asked_for_again(world: World, web: Client, browser: Browser, person: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.4"""
    web.authorize(browser, person)
    world.doorward("user", "withdraw", person, "web")
    web.authorize(browser, person)
    assert "consent" in browser.pages
