"""Who is asked what: prompt, max_age, hints, acr."""

import json
import time

import pytest

from support.browser import Answer, Browser, Page
from support.world import Client, Pkce, World, parts, returned

holds = pytest.mark.holds
ONE_FACTOR = "urn:doorward:acr:1fa"


# ---- prompt=none ---------------------------------------------------------------------------------------------------


@holds("authorize 5", "wire errors")
def test_none_without_a_session_is_login_required(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1, §3.1.2.6"""
    request = web.request(prompt="none")
    returned(web.begin(browser, request), "login_required", request, world.issuer)
    assert browser.pages == []


@holds("authorize 5", "authorize 12")
def test_none_with_a_session_is_silent_and_the_same(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: same sub and auth_time"""
    first = web.sign_in(browser)
    time.sleep(1.1)
    second = web.sign_in(browser, prompt="none")
    assert browser.pages == []
    for claim in ("sub", "auth_time", "sid", "acr", "amr"):
        assert first.id_claims[claim] == second.id_claims[claim], claim
    assert second.id_claims["iat"] > first.id_claims["iat"]


@holds("authorize 5", "wire errors")
def test_none_where_consent_is_missing_is_consent_required(
    world: World, web: Client, other: Client, browser: Browser, person: str
) -> None:
    """OpenID Connect Core 1.0 §3.1.2.6"""
    web.authorize(browser, person)
    request = other.request(prompt="none")
    returned(other.begin(browser, request), "consent_required", request, world.issuer)
    more = web.request(prompt="none", scope="openid email")
    returned(web.begin(browser, more), "consent_required", more, world.issuer)


@holds("authorize 5", "authorize 6")
def test_none_past_max_age_is_login_required(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1, §3.1.2.6"""
    web.authorize(browser)
    time.sleep(2.1)
    request = web.request(prompt="none", max_age="1")
    returned(web.begin(browser, request), "login_required", request, world.issuer)


@holds("authorize 5", "wire errors")
@pytest.mark.parametrize("prompt", ["none login", "none consent", "none select_account", "login none"])
def test_none_stands_alone(world: World, web: Client, browser: Browser, prompt: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: with any other value an error is returned"""
    web.authorize(browser)
    request = web.request(prompt=prompt)
    returned(web.begin(browser, request), "invalid_request", request, world.issuer)


# ---- prompt=login, consent, select_account -------------------------------------------------------------------------


@holds("authorize 5")
def test_login_asks_for_the_password_again(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: SHOULD prompt for reauthentication; §2: auth_time is then later"""
    first = web.sign_in(browser)
    time.sleep(1.1)
    second = web.sign_in(browser, prompt="login")
    assert browser.pages == ["sign-in"], "once, and not in a loop"
    assert second.id_claims["sub"] == first.id_claims["sub"]
    assert second.id_claims["auth_time"] > first.id_claims["auth_time"]


@holds("authorize 5", "authorize 12")
def test_login_cannot_be_met_by_signing_in_elsewhere(web: Client, other: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: only an authentication within this request answers it"""
    web.authorize(browser)
    page = web.begin(browser, prompt="login")
    assert isinstance(page, Page) and page.kind == "sign-in"
    other.authorize(browser, prompt="login")
    again = browser.open(page.url)
    assert isinstance(again, Page) and again.kind == "sign-in"


@holds("authorize 5")
def test_login_cannot_be_stripped_from_the_page_address(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §15.5.2: the parameter is kept, wherever the browser goes meanwhile"""
    web.authorize(browser)
    page = web.begin(browser, prompt="login")
    assert isinstance(page, Page)
    for url in (page.url, f"{page.url}?prompt=none"):
        again = browser.open(url)
        assert isinstance(again, Page) and again.kind == "sign-in"


@holds("authorize 5")
def test_consent_asks_although_it_was_given(web: Client, browser: Browser, person: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1"""
    web.authorize(browser, person)
    assert browser.pages == ["sign-in", "consent"]
    web.authorize(browser, person)
    assert browser.pages == [], "remembered"
    answer = web.authorize(browser, person, prompt="consent")
    assert browser.pages == ["consent"]
    assert "code" in answer


@holds("authorize 5")
def test_login_and_consent_are_both_asked_for(web: Client, browser: Browser, person: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: a space-delimited list"""
    web.authorize(browser, person)
    web.authorize(browser, person, prompt="login consent")
    assert browser.pages == ["sign-in", "consent"]


@holds("authorize 5")
def test_the_first_consent_names_what_is_asked_for(world: World, web: Client, browser: Browser, person: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.4: what is consented to is made clear"""
    page = web.begin(browser, scope="openid email notes:read")
    assert isinstance(page, Page)
    page = browser.press(page, "login-submit", username=person, password=world.password)
    assert isinstance(page, Page) and page.kind == "consent"
    assert "notes:read" in page.text and "mail" in page.text and person in page.text
    assert "notes:write" not in page.text


@holds("authorize 5", "authorize 12")
def test_select_account_offers_to_continue(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: SHOULD prompt to select a user account"""
    first = web.sign_in(browser)
    second = web.sign_in(browser, prompt="select_account")
    assert browser.pages == ["select-account"]
    assert second.id_claims["sid"] == first.id_claims["sid"]


@holds("authorize 5", "authorize 12", "grant")
def test_select_account_offers_to_switch(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1; one account per browser session: the other one's ends"""
    first = web.sign_in(browser)
    page = web.begin(browser, prompt="select_account")
    assert isinstance(page, Page) and page.kind == "select-account"
    page = browser.press(page, "account-switch")
    assert isinstance(page, Page) and page.kind == "sign-in"
    answer = web.go_on(browser, page, "bob")
    claims = parts(web.exchange(answer["code"]).json()["id_token"])[1]
    assert claims["sub"] == world.sub("bob") != first.id_claims["sub"]
    assert claims["sid"] != first.id_claims["sid"]
    assert web.refresh(first.refresh_token).status_code == 400
    assert not world.is_alive(first.access_token, web)


@holds("authorize 5")
def test_select_account_without_a_session_asks_to_sign_in(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1"""
    assert "code" in web.authorize(browser, prompt="select_account")
    assert browser.pages[0] == "sign-in" and "select-account" not in browser.pages


# ---- max_age -------------------------------------------------------------------------------------------------------


@holds("authorize 6")
def test_max_age_1_asks_again_after_two_seconds(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1, §2: auth_time is REQUIRED then"""
    first = web.sign_in(browser)
    time.sleep(2.1)
    second = web.sign_in(browser, max_age="1")
    assert browser.pages == ["sign-in"]
    assert second.id_claims["auth_time"] > first.id_claims["auth_time"]


@holds("authorize 6")
def test_max_age_10000_does_not_ask_again(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1"""
    first = web.sign_in(browser)
    second = web.sign_in(browser, max_age="10000")
    assert browser.pages == []
    assert second.id_claims["auth_time"] == first.id_claims["auth_time"]
    assert isinstance(second.id_claims["auth_time"], int)


@holds("authorize 6")
def test_max_age_0_asks_always(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: max_age=0 is as prompt=login"""
    web.authorize(browser)
    time.sleep(1.1)
    web.authorize(browser, max_age="0")
    assert browser.pages == ["sign-in"]


@holds("authorize 6")
def test_a_client_has_a_default_max_age(world: World, browser: Browser) -> None:
    """OpenID Connect Dynamic Client Registration 1.0 §2: default_max_age, which the request overrides"""
    aged = world.client("aged")
    first = aged.sign_in(browser)
    time.sleep(2.1)
    aged.sign_in(browser, max_age="10000")
    assert browser.pages == []
    third = aged.sign_in(browser)
    assert browser.pages == ["sign-in"]
    assert third.id_claims["auth_time"] > first.id_claims["auth_time"]


@holds("authorize 6")
@pytest.mark.parametrize("max_age", [str(2**31), str(2**63), str(2**64 - 1)])
def test_a_very_large_max_age_is_no_fault(web: Client, browser: Browser, max_age: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1"""
    web.authorize(browser)
    assert "code" in web.authorize(browser, max_age=max_age)
    assert browser.pages == []


# ---- hints ---------------------------------------------------------------------------------------------------------


@holds("authorize 7")
def test_a_hint_of_the_person_who_is_signed_in_is_silent(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: id_token_hint"""
    signed = web.sign_in(browser)
    again = web.sign_in(browser, prompt="none", id_token_hint=signed.tokens["id_token"])
    assert again.id_claims["sub"] == signed.id_claims["sub"]


@holds("authorize 7", "wire errors")
def test_a_hint_of_somebody_else_is_login_required_under_none(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1, §3.1.2.6"""
    bob = web.sign_in(username="bob")
    web.authorize(browser)
    request = web.request(prompt="none", id_token_hint=bob.tokens["id_token"])
    returned(web.begin(browser, request), "login_required", request, world.issuer)


@holds("authorize 7")
def test_a_hint_of_somebody_else_asks_to_sign_in(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1"""
    bob = web.sign_in(username="bob")
    web.authorize(browser)
    signed = web.sign_in(browser, "bob", id_token_hint=bob.tokens["id_token"])
    assert browser.pages[0] == "sign-in"
    assert signed.id_claims["sub"] == world.sub("bob")


@holds("authorize 7")
def test_whoever_is_not_the_one_of_the_hint_is_not_let_through(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: MUST NOT reply with a token of another user"""
    bob = web.sign_in(username="bob")
    request = web.request(id_token_hint=bob.tokens["id_token"])
    answer = web.go_on(browser, web.begin(browser, request), "alice")
    returned(answer, "login_required", request, world.issuer)


@holds("authorize 7")
@pytest.mark.parametrize("how", ["tampered", "alg none", "access token", "other client"])
def test_a_hint_that_is_none_is_refused(world: World, web: Client, other: Client, browser: Browser, how: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1, RFC 8725 §3.1: the signature is checked"""
    signed = web.sign_in(browser)
    token = signed.tokens["id_token"]
    head, claims, signature = token.split(".")
    hint = {
        "tampered": f"{head}.{claims}.{signature[:-8]}{'A' * 8}",
        "alg none": f"eyJhbGciOiJub25lIn0.{claims}.",
        "access token": signed.access_token,
        "other client": other.sign_in(browser).tokens["id_token"],
    }[how]
    request = web.request(id_token_hint=hint)
    returned(web.begin(browser, request), "invalid_request", request, world.issuer)


@holds("authorize 7")
def test_a_login_hint_fills_in_the_name(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: login_hint"""
    page = web.begin(browser, login_hint="alice@example.com")
    assert isinstance(page, Page)
    assert page.value("username") == "alice@example.com"
    assert page.value("password") == ""


@holds("authorize 7")
def test_a_login_hint_is_no_markup(web: Client, browser: Browser) -> None:
    """RFC 9700 §4.11"""
    page = web.begin(browser, login_hint='"><script>alert(1)</script>')
    assert isinstance(page, Page)
    assert page.value("username") == '"><script>alert(1)</script>'
    assert "<script>alert" not in page.source


@holds("authorize 7")
def test_a_login_hint_says_not_whether_somebody_is_known(web: Client, browser: Browser) -> None:
    """RFC 9700 §4.11, OWASP: no enumeration of accounts"""

    def shape(hint: str) -> str:
        page = web.begin(browser, login_hint=hint)
        assert isinstance(page, Page)
        return page.text.replace(hint, "")

    assert shape("alice") == shape("nobody-at-all")


@holds("authorize 7")
@pytest.mark.parametrize("display", ["page", "popup", "touch", "wap", "hologram"])
def test_display_is_no_error(web: Client, browser: Browser, display: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: display"""
    page = web.begin(browser, display=display)
    assert isinstance(page, Page) and page.kind == "sign-in" and page.status == 200


@holds("authorize 7")
@pytest.mark.parametrize("locales", ["se", "x-klingon", "de-CH fr en", "*", "!!", "de " * 500])
def test_locales_are_no_error(web: Client, browser: Browser, locales: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: an error SHOULD NOT result where locales are not supported"""
    page = web.begin(browser, ui_locales=locales, claims_locales=locales)
    assert isinstance(page, Page) and page.kind == "sign-in" and page.status == 200


@holds("authorize 7", "discovery truth")
def test_each_advertised_locale_is_spoken(world: World, web: Client) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: ui_locales; Discovery 1.0 §3: ui_locales_supported"""
    supported = world.metadata["ui_locales_supported"]
    assert len(set(supported)) == len(supported) >= 2
    titles = set()
    for locale in supported:
        page = web.begin(world.browser(language="fr"), ui_locales=f"fr-CA {locale}")
        assert isinstance(page, Page) and page.lang.split("-")[0] == locale.split("-")[0]
        titles.add(page.text)
    assert len(titles) == len(supported), "they differ in more than the attribute"


# ---- acr -----------------------------------------------------------------------------------------------------------


@holds("authorize 8", "authorize 15", "discovery truth")
def test_each_advertised_acr_can_be_had(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: acr_values; §2: acr, amr"""
    supported = world.metadata["acr_values_supported"]
    assert supported
    for acr in supported:
        claims = web.sign_in(browser, acr_values=acr).id_claims
        assert claims["acr"] == acr
        assert isinstance(claims["amr"], list) and all(isinstance(method, str) for method in claims["amr"])


@holds("authorize 8", "authorize 15")
def test_a_password_is_one_factor(web: Client, browser: Browser) -> None:
    """RFC 8176 §2: pwd"""
    claims = web.sign_in(browser).id_claims
    assert (claims["acr"], claims["amr"]) == (ONE_FACTOR, ["pwd"])


@holds("authorize 8")
def test_an_acr_that_nobody_meets_is_no_error_when_it_is_voluntary(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: acr_values is a voluntary claim; §5.5.1.1"""
    signed = web.sign_in(browser, acr_values="urn:example:acr:5 " + ONE_FACTOR)
    assert signed.id_claims["acr"] in world.metadata["acr_values_supported"]
    claims = json.dumps({"id_token": {"acr": {"values": ["urn:example:acr:5"]}}})
    assert "code" in web.authorize(browser, claims=claims)


@holds("authorize 8", "authorize 9")
@pytest.mark.parametrize("prompt", [None, "none"])
def test_an_essential_acr_that_nobody_meets_is_refused(
    world: World, web: Client, browser: Browser, prompt: str | None
) -> None:
    """OpenID Connect Core 1.0 §5.5.1.1: treated as a failed authentication attempt"""
    web.authorize(browser)
    claims = json.dumps({"id_token": {"acr": {"essential": True, "values": ["urn:example:acr:5"]}}})
    request = web.request(claims=claims, prompt=prompt)
    answer = web.go_on(browser, web.begin(browser, request))
    assert answer["error"] in {"access_denied", "unmet_authentication_requirements"}
    returned(answer, answer["error"], request, world.issuer)


@holds("authorize 8", "authorize 9")
@pytest.mark.parametrize("request_of", [{"value": ONE_FACTOR}, {"values": ["urn:example:acr:5", ONE_FACTOR]}])
def test_an_essential_acr_that_is_met_is_returned(web: Client, browser: Browser, request_of: dict[str, object]) -> None:
    """OpenID Connect Core 1.0 §5.5.1.1"""
    claims = json.dumps({"id_token": {"acr": {"essential": True} | request_of}})
    assert web.sign_in(browser, claims=claims).id_claims["acr"] == ONE_FACTOR


# ---- sessions and their cookie -------------------------------------------------------------------------------------


@holds("authorize 12", "endpoint origin")
def test_cookies_are_hardened_and_no_browser_refuses_them(web: Client, browser: Browser) -> None:
    """RFC 6265bis §4.1.3.2, §5.6; RFC 9700 §4.7"""
    web.authorize(browser)
    assert not browser.jar.refused
    assert len(browser.jar.cookies) == 2
    for cookie in browser.jar.cookies.values():
        assert cookie.name.startswith("__Host-")
        assert {"secure", "httponly"} <= set(cookie.attributes)
        assert cookie.attributes["samesite"] == "Lax" and cookie.attributes["path"] == "/"
        assert "domain" not in cookie.attributes
        assert len(cookie.value) >= 43, "256 bits"


@holds("authorize 12")
def test_every_sign_in_renews_the_cookie(web: Client, browser: Browser) -> None:
    """RFC 9700 §4.7, session fixation: what was planted before is worth nothing afterwards"""

    def cookie() -> str:
        return next(c.value for name, c in browser.jar.cookies.items() if "session" in name)

    web.authorize(browser)
    old = cookie()
    first = web.sign_in(browser)
    second = web.sign_in(browser, prompt="login")
    assert cookie() != old
    assert second.id_claims["sid"] == first.id_claims["sid"], "the session itself goes on"
    assert cookie() not in second.tokens["id_token"] and second.id_claims["sid"] not in cookie()
    name = next(name for name in browser.jar.cookies if "session" in name)
    browser.jar.cookies[name].value = old
    answer = web.begin(browser, prompt="none")
    assert isinstance(answer, Answer) and answer["error"] == "login_required"


@holds("authorize 12")
def test_a_planted_cookie_does_not_become_a_session(world: World, web: Client, browser: Browser) -> None:
    """RFC 9700 §4.7, session fixation"""
    victim, attacker = browser, world.browser()
    planted = "A" * 43
    victim.jar.take(world.issuer, f"__Host-doorward-session={planted}; Path=/; Secure; HttpOnly; SameSite=Lax")
    attacker.jar.take(world.issuer, f"__Host-doorward-session={planted}; Path=/; Secure; HttpOnly; SameSite=Lax")
    web.authorize(victim)
    assert victim.jar.cookies["__Host-doorward-session"].value != planted
    answer = web.begin(attacker, prompt="none")
    assert isinstance(answer, Answer) and answer["error"] == "login_required"


@holds("authorize 12")
def test_a_truncated_or_altered_cookie_is_no_session(world: World, web: Client, browser: Browser) -> None:
    """RFC 9700 §4.7"""
    web.authorize(browser)
    cookie = browser.jar.cookies["__Host-doorward-session"]
    good = cookie.value
    for bad in (good[:-1], good + "A", good.swapcase(), good.replace("_", "-").rstrip("=") + "=", ""):
        cookie.value = bad
        answer = web.begin(browser, prompt="none")
        assert isinstance(answer, Answer) and answer["error"] == "login_required", bad
    cookie.value = good
    assert "code" in web.authorize(browser, prompt="none")


# ---- silent authorization ------------------------------------------------------------------------------------------


@holds("authorize 13")
@pytest.mark.parametrize("redirect_uri", ["http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", "com.example.app:/cb"])
def test_an_app_on_the_device_always_asks(world: World, browser: Browser, redirect_uri: str) -> None:
    """RFC 8252 §8.6: any local app can pose as the client"""
    app, pkce = world.client("app"), Pkce.fresh()
    proof = {"code_challenge": pkce.challenge, "code_challenge_method": "S256"}
    app.sign_in(browser, pkce=pkce, redirect_uri=redirect_uri)
    app.sign_in(browser, pkce=pkce, redirect_uri=redirect_uri)
    assert browser.pages == ["consent"], "although it is remembered"
    request = app.request(prompt="none", redirect_uri=redirect_uri, **proof)
    returned(app.begin(browser, request), "consent_required", request, world.issuer)


@holds("authorize 13")
def test_a_page_on_https_may_be_silent(world: World, browser: Browser) -> None:
    """RFC 8252 §8.6, RFC 9700 §4.14: an https redirect proves where the answer goes"""
    page, pkce = world.client("page"), Pkce.fresh()
    page.sign_in(browser, pkce=pkce)
    assert page.sign_in(browser, pkce=pkce, prompt="none").tokens["access_token"]


@holds("authorize 13")
def test_people_are_not_asked_for_ones_own_applications(world: World, browser: Browser, person: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.4: consent by an agreement outside; §11: never for offline_access"""
    first = world.client("first")
    first.authorize(browser, person, scope="openid email notes:write")
    assert browser.pages == ["sign-in"]
    first.authorize(browser, person, scope="openid offline_access")
    assert browser.pages == ["consent"]
