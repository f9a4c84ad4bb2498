import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from browser import Browser, Page
from conftest import NOTES, bearer

from notes_api.doorward import discover

GRANTED = {"openid", "profile", "email", "notes:read"}


def payload(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def changed(url: str, **parameters: str | None) -> str:
    """The URL with other parameters; `None` takes one out."""
    query = {**dict(parse_qsl(urlsplit(url).query)), **parameters}
    return f"{url.split('?')[0]}?{urlencode({name: value for name, value in query.items() if value is not None})}"


def parameter(url: str, name: str) -> str | None:
    return dict(parse_qsl(urlsplit(url).query)).get(name)


def authorization_url(browser: Browser, web) -> str:
    """Where the app sends the browser, not yet visited."""
    url = browser.open(f"{web.origin}/login", stop_at=discover(web.world.issuer)["authorization_endpoint"])
    assert isinstance(url, str)
    return url


@pytest.fixture
def session(world):
    """Authlib alone, with the credentials of the web app."""
    with OAuth2Session(
        "web-fastapi", world.secret("web-fastapi"), token_endpoint=discover(world.issuer)["token_endpoint"]
    ) as opened:
        yield opened


def refresh(session: OAuth2Session, token: str, **extra: str) -> dict[str, Any]:
    return session.refresh_token(session.metadata["token_endpoint"], refresh_token=token, **extra)


def userinfo(browser: Browser, web, access_token: str):
    return browser.http.get(f"{web.world.issuer}/oauth2/userinfo", headers=bearer(access_token))


def test_a_person_signs_in_is_asked_once_and_the_app_shows_who_they_are(web, browser):
    page, seen = web.go_on(browser, browser.open(f"{web.origin}/login"), "emil")
    assert seen == ["sign-in", "consent"]
    assert (page.url, page.title) == (f"{web.origin}/", "Hello Emil Ende")
    assert page.text_of("claim-sub") == web.world.read("users/emil.json")["sub"]
    assert page.text_of("claim-preferred_username") == "emil"
    assert page.text_of("claim-email") == "emil@example.com"
    # Doorward knows by now who this is and what they allowed.
    assert browser.open(f"{web.origin}/login").title == "Hello Emil Ende"


def test_the_id_token_is_about_the_person_for_this_client_and_holds_no_more_than_that(web, browser):
    web.sign_in(browser)
    token = web.only_session.token
    claims = payload(token["id_token"])
    assert (claims["iss"], claims["aud"]) == (web.world.issuer, "web-fastapi")
    assert claims["sub"] == web.world.read("users/alice.json")["sub"]
    assert claims["amr"] == ["pwd"]
    assert {"auth_time", "acr", "at_hash", "sid", "nonce", "iat", "exp"} <= set(claims)
    assert not {"name", "email", "preferred_username"} & set(claims)
    access = payload(token["access_token"])
    assert set(access["aud"]) == {NOTES, web.world.issuer}
    assert access["roles"] == ["editor", "viewer"]
    assert token["token_type"] == "Bearer"


def test_the_app_calls_the_notes_api_for_the_person(web, browser):
    # Back where they wanted to go before they were signed in.
    page = web.sign_in(browser, path="/notes")
    assert page.url == f"{web.origin}/notes"
    assert "Buy milk (yours to change)" in page.text_of("list")


def test_a_link_does_not_send_people_elsewhere_after_they_signed_in(web, browser):
    page = web.sign_in(browser, path="/login?return_to=//elsewhere.example/")
    assert page.url == f"{web.origin}/"


def test_a_token_that_has_grown_old_is_renewed_on_the_way(web, browser):
    web.sign_in(browser)
    before = dict(web.only_session.token)
    for _ in range(2):
        web.only_session.token["expires_at"] = 1
        assert "Buy milk" in browser.open(f"{web.origin}/notes").text_of("list")
    after = web.only_session.token
    for name in ("access_token", "refresh_token", "id_token"):
        assert after[name] != before[name]
    assert after["expires_at"] > time.time()
    old, new = payload(before["id_token"]), payload(after["id_token"])
    for name in ("iss", "sub", "aud", "auth_time", "sid"):
        assert new[name] == old[name]
    assert "nonce" not in new


def test_requests_that_renew_at_once_all_succeed(web, browser):
    web.sign_in(browser)
    web.only_session.token["expires_at"] = 1
    cookie = {"Cookie": f"notes={browser.cookie('notes')}"}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: browser.http.get(f"{web.origin}/notes", headers=cookie), range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    web.only_session.token["expires_at"] = 1
    assert "Buy milk" in browser.open(f"{web.origin}/notes").text_of("list")


def test_refreshes_that_race_get_one_and_the_same_successor(web, browser, session):
    web.sign_in(browser)
    first = web.only_session.token["refresh_token"]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: refresh(session, first), range(4)))
    (successor,) = {answer["refresh_token"] for answer in answers}
    assert successor != first
    # Once the successor is in use, its predecessor is good for nothing; and who tries it so soon ends nothing.
    following = refresh(session, successor)["refresh_token"]
    with pytest.raises(OAuthError, match="invalid_grant"):
        refresh(session, first)
    refresh(session, following)


def test_a_refresh_narrows_one_token_and_never_widens_it(web, browser, session):
    web.sign_in(browser)
    narrow = dict(refresh(session, web.only_session.token["refresh_token"], scope="openid"))
    assert payload(narrow["access_token"])["scope"] == "openid"
    whole = dict(refresh(session, narrow["refresh_token"]))
    assert set(payload(whole["access_token"])["scope"].split()) == GRANTED
    with pytest.raises(OAuthError, match="invalid_scope"):
        refresh(session, whole["refresh_token"], scope="notes:write")


def test_a_refresh_token_given_back_ends_everything_of_the_sign_in(web, browser, session):
    web.sign_in(browser)
    token = web.only_session.token
    assert userinfo(browser, web, token["access_token"]).status_code == 200
    revoked = session.revoke_token(discover(web.world.issuer)["revocation_endpoint"], token=token["refresh_token"])
    assert revoked.status_code == 200
    with pytest.raises(OAuthError, match="invalid_grant"):
        refresh(session, token["refresh_token"])
    refused = userinfo(browser, web, token["access_token"])
    assert refused.status_code == 401
    assert 'error="invalid_token"' in refused.headers["www-authenticate"]
    # Still signed in at Doorward: the app gets new tokens by a round trip without a page.
    token["expires_at"] = 1
    assert "Buy milk" in browser.open(f"{web.origin}/notes").text_of("list")
    assert web.only_session.token["refresh_token"] != token["refresh_token"]


def test_an_answer_with_another_state_or_of_another_issuer_is_refused_and_its_code_not_spent(web, browser):
    answer = web.sign_in(browser, stop_at=web.callback)
    assert parameter(answer, "iss") == web.world.issuer
    for bad in (
        changed(answer, iss="https://login.example"),
        # Doorward says in its metadata that it always names itself: silence is somebody else's (RFC 9207 §2.4).
        changed(answer, iss=None),
        changed(answer, state="another"),
        changed(answer, state=None),
    ):
        assert browser.open(bad).status == 400
        assert web.only_session is None
    assert browser.open(answer).title == "Hello Alice Ames"


def test_an_answer_is_good_once(web, browser, session):
    answer = web.sign_in(browser, stop_at=web.callback)
    assert browser.open(answer).title == "Hello Alice Ames"
    # The app has forgotten what it had begun.
    assert browser.open(answer).title == "Please start again"
    # Who found it in a log cannot exchange it, and by trying ends nothing.
    token = web.only_session.token["refresh_token"]
    with pytest.raises(OAuthError, match="invalid_grant"):
        session.fetch_token(code=parameter(answer, "code"), redirect_uri=web.callback, code_verifier="v" * 43)
    refresh(session, token)


def test_an_id_token_with_another_nonce_is_refused(web, browser):
    url = changed(authorization_url(browser, web), nonce="another")
    page, _ = web.go_on(browser, browser.open(url))
    assert (page.status, page.title) == (400, "That did not work")
    assert web.only_session is None


def test_a_code_is_worth_nothing_without_the_verifier_of_who_asked(web, browser):
    # The challenge of somebody else in the same place: the verifier that the app sends does not fit it.
    url = changed(authorization_url(browser, web), code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    page, _ = web.go_on(browser, browser.open(url))
    assert (page.status, web.only_session) == (400, None)


def test_without_pkce_or_with_its_plain_method_nobody_is_even_asked(web, browser):
    url = authorization_url(browser, web)
    for bad in (
        changed(url, code_challenge=None, code_challenge_method=None),
        changed(url, code_challenge_method="plain"),
        changed(url, code_challenge_method=None),
    ):
        answer = browser.open(bad, stop_at=web.callback)
        assert isinstance(answer, str) and parameter(answer, "error") == "invalid_request"


def test_the_answer_to_one_browser_does_nothing_in_another(web, browser):
    answer = web.sign_in(browser, stop_at=web.callback)
    victim = Browser()
    try:
        assert victim.open(answer).title == "Please start again"
        assert victim.open(web.origin).title == "Notes"
    finally:
        victim.http.close()


def test_who_does_not_allow_it_is_told_that_nothing_was_shared_and_is_asked_again(web, browser):
    page, seen = web.go_on(browser, browser.open(f"{web.origin}/login"), "dora", consent="deny")
    assert seen == ["sign-in", "consent"]
    assert (page.status, page.text_of("sorry")) == (403, "You did not allow it. Nothing was shared.")
    assert web.only_session is None
    assert browser.open(f"{web.origin}/login/silent").title == "Notes"
    assert browser.click(page, "sign-in").has("consent-allow")


def test_a_wrong_password_keeps_the_person_on_the_page(web, browser):
    first = browser.open(f"{web.origin}/login")
    again = browser.submit(first, "login-submit", {"username": "alice", "password": "not the password"})
    assert (again.status, again.has("login-problem")) == (400, True)
    assert again.find("username").attributes["value"] == "alice"
    assert web.go_on(browser, again)[0].title == "Hello Alice Ames"


def test_another_person_in_the_same_browser_ends_the_session_of_the_first(web, browser, session):
    web.sign_in(browser)
    first = web.only_session.token["refresh_token"]
    url = changed(authorization_url(browser, web), prompt="login")
    page, _ = web.go_on(browser, browser.open(url), "emil")
    assert page.title == "Hello Emil Ende"
    with pytest.raises(OAuthError, match="invalid_grant"):
        refresh(session, first)


def test_silent_sign_in_shows_no_page(web, browser):
    assert browser.open(f"{web.origin}/login/silent").title == "Notes"
    web.sign_in(browser)
    first = payload(web.only_session.token["id_token"])
    assert browser.open(f"{web.origin}/login/silent").title == "Hello Alice Ames"
    second = payload(web.only_session.token["id_token"])
    for name in ("sub", "auth_time", "sid"):
        assert second[name] == first[name]
    assert second["nonce"] != first["nonce"]


def test_who_signs_out_is_signed_out_here_at_doorward_and_of_everything_that_came_of_it(web, browser, session):
    page = web.sign_in(browser)
    token = dict(web.only_session.token)
    out = browser.submit(page, "sign-out")
    assert (out.url.split("?")[0], out.title) == (f"{web.origin}/signed-out", "Signed out")
    assert web.only_session is None
    assert not browser.cookie("doorward-session")
    assert browser.open(web.origin).title == "Notes"

    with pytest.raises(OAuthError, match="invalid_grant"):
        refresh(session, token["refresh_token"])
    assert userinfo(browser, web, token["access_token"]).status_code == 401
    answer = browser.open(f"{web.origin}/login/silent", stop_at=web.callback)
    assert isinstance(answer, str) and parameter(answer, "error") == "login_required"
    assert browser.open(f"{web.origin}/login").has("login-submit")


def test_nobody_is_signed_out_by_anyones_link(web, browser):
    web.sign_in(browser)
    endpoint = discover(web.world.issuer)["end_session_endpoint"]
    there = urlencode({"client_id": "web-fastapi", "post_logout_redirect_uri": f"{web.origin}/signed-out"})
    asked = browser.open(f"{endpoint}?{there}")
    assert asked.has("logout-yes") and browser.cookie("doorward-session")
    stayed = browser.submit(asked, "logout-no")
    assert isinstance(stayed, Page) and browser.cookie("doorward-session")
    assert browser.open(f"{web.origin}/login/silent").title == "Hello Alice Ames"


def test_a_person_who_is_disabled_is_out_at_once(web, browser, session, world):
    world.doorward("user", "enable", "frieda")
    web.sign_in(browser, "frieda")
    token = dict(web.only_session.token)
    world.doorward("user", "disable", "frieda")
    try:
        with pytest.raises(OAuthError, match="invalid_grant"):
            refresh(session, token["refresh_token"])
        again = browser.open(f"{web.origin}/login")
        assert again.has("login-submit")
        refused = browser.submit(again, "login-submit", {"username": "frieda", "password": world.password})
        assert (refused.status, refused.has("login-problem")) == (400, True)
    finally:
        world.doorward("user", "enable", "frieda")
