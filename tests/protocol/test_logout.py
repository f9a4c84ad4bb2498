"""OpenID Connect RP-Initiated Logout 1.0."""

from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from support.browser import Answer, Browser, Page
from support.world import SIGNED_OUT, Client, Signed, World, b64, refused, returned

holds = pytest.mark.holds
UNSIGNED = b64(b'{"alg":"none"}')


def logout(world: World, browser: Browser, **parameters: str | None) -> Page | Answer:
    named = {name: value for name, value in parameters.items() if value is not None}
    return browser.open(f"{world.endpoint('end_session_endpoint')}?{urlencode(named)}")


def is_signed_in(web: Client, browser: Browser) -> bool:
    answer = web.begin(browser, prompt="none")
    assert isinstance(answer, Answer)
    assert "code" in answer or answer["error"] == "login_required"
    return "code" in answer


def signed_out(at: Page | Answer) -> None:
    assert isinstance(at, Page) and at.status == 200 and at.kind == "other" and not at.forms
    assert "signed out" in at.text


def asked(at: Page | Answer) -> Page:
    assert isinstance(at, Page) and at.kind == "logout" and at.status == 200
    return at


@pytest.fixture
def signed(web: Client, browser: Browser) -> Signed:
    return web.sign_in(browser)


@holds("logout silent", "logout redirect", "logout end", "wire errors")
def test_1_with_hint_redirect_and_state(world: World, web: Client, browser: Browser, signed: Signed) -> None:
    """RP-Initiated Logout 1.0 §2, §3; OpenID Connect Core 1.0 §3.1.2.6: login_required afterwards"""
    state = "a b+c&d=e#f"
    hint = signed.tokens["id_token"]
    answer = logout(world, browser, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT, state=state)
    assert isinstance(answer, Answer) and answer.url.split("?")[0] == SIGNED_OUT
    assert answer.parameters == {"state": state}
    request = web.request(prompt="none")
    returned(web.begin(browser, request), "login_required", request, world.issuer)
    assert not world.is_alive(signed.access_token, web)
    refused(web.refresh(signed.refresh_token), "invalid_grant")


@holds("logout silent", "logout redirect")
def test_2_without_a_state_none_comes_back(world: World, web: Client, browser: Browser, signed: Signed) -> None:
    """RP-Initiated Logout 1.0 §3: state only if it was sent"""
    hint = signed.tokens["id_token"]
    answer = logout(world, browser, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT)
    assert isinstance(answer, Answer) and answer.url == SIGNED_OUT
    assert not is_signed_in(web, browser)


@holds("logout redirect")
def test_3_a_redirect_with_a_query_keeps_it(world: World, browser: Browser, signed: Signed) -> None:
    """RP-Initiated Logout 1.0 §2, RFC 3986 §3.4"""
    uri = f"{SIGNED_OUT}?from=doorward"
    answer = logout(world, browser, id_token_hint=signed.tokens["id_token"], post_logout_redirect_uri=uri, state="x")
    assert isinstance(answer, Answer)
    assert parse_qsl(urlsplit(answer.url).query) == [("from", "doorward"), ("state", "x")]


@holds("logout silent", "logout redirect", "logout end")
def test_4_without_a_redirect_there_is_a_page(world: World, web: Client, browser: Browser, signed: Signed) -> None:
    """RP-Initiated Logout 1.0 §2"""
    signed_out(logout(world, browser, id_token_hint=signed.tokens["id_token"], state="x"))
    assert not is_signed_in(web, browser)


@holds("logout asked", "logout end")
def test_5_without_a_hint_the_person_is_asked(world: World, web: Client, browser: Browser, signed: Signed) -> None:
    """RP-Initiated Logout 1.0 §2, §6: the provider SHOULD ask"""
    page = asked(logout(world, browser))
    assert is_signed_in(web, browser), "asking ends nothing"
    page = asked(logout(world, browser))
    kept = browser.press(page, "logout-no")
    assert isinstance(kept, Page) and kept.status == 200
    assert is_signed_in(web, browser) and world.is_alive(signed.access_token, web)
    signed_out(browser.press(asked(logout(world, browser)), "logout-yes"))
    assert not is_signed_in(web, browser) and not world.is_alive(signed.access_token, web)


@holds("logout asked")
@pytest.mark.parametrize(
    "sent", [{"state": "x"}, {"client_id": "web"}, {"logout_hint": "alice"}, {"id_token_hint": ""}]
)
def test_5_nor_does_anything_else_stand_for_the_hint(
    world: World, web: Client, browser: Browser, signed: Signed, sent: dict[str, str]
) -> None:
    """RP-Initiated Logout 1.0 §2, §6"""
    page = asked(logout(world, browser, **sent))
    assert is_signed_in(web, browser) and world.is_alive(signed.access_token, web)
    signed_out(browser.press(page, "logout-yes"))


@holds("logout asked", "logout redirect")
def test_6_without_a_hint_the_client_id_leads_back_once_the_person_agreed(
    world: World, web: Client, browser: Browser, signed: Signed
) -> None:
    """RP-Initiated Logout 1.0 §2: client_id"""
    page = asked(logout(world, browser, client_id="web", post_logout_redirect_uri=SIGNED_OUT, state="x"))
    assert is_signed_in(web, browser)
    answer = browser.press(page, "logout-yes")
    assert isinstance(answer, Answer) and answer.url == f"{SIGNED_OUT}?state=x"
    assert not is_signed_in(web, browser)


@holds("logout asked", "logout redirect")
def test_7_a_redirect_alone_is_not_followed(world: World, browser: Browser, signed: Signed) -> None:
    """RP-Initiated Logout 1.0 §3: whose it is must be known"""
    page = asked(logout(world, browser, post_logout_redirect_uri=SIGNED_OUT, state="x"))
    signed_out(browser.press(page, "logout-yes"))


@holds("logout redirect")
@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/bye",
        "https://rp.example/bye/",
        "https://rp.example/bye?x=1",
        "https://rp.example/bye#x",
        "https://RP.example/bye",
        "https://rp.example.evil.example/bye",
        "https://rp.example@evil.example/bye",
        "http://rp.example/bye",
        "//evil.example/bye",
        "javascript:alert(1)",
        "https://rp.example/cb",
    ],
)
def test_8_an_unregistered_redirect_is_never_followed(
    world: World, web: Client, browser: Browser, signed: Signed, uri: str
) -> None:
    """RP-Initiated Logout 1.0 §3: MUST have been previously registered"""
    hint = signed.tokens["id_token"]
    at = logout(world, browser, id_token_hint=hint, post_logout_redirect_uri=uri, state="x")
    assert isinstance(at, Page), f"sent to {at.url}"
    if at.kind == "logout":
        at = browser.press(at, "logout-yes")
        assert isinstance(at, Page), f"sent to {at.url}"
    assert uri not in at.source
    nobody = logout(world, world.browser(), id_token_hint=hint, post_logout_redirect_uri=uri)
    assert isinstance(nobody, Page), f"sent to {nobody.url}"


@holds("logout asked")
@pytest.mark.parametrize("whose", ["another person", "another browser", "before"])
def test_9_a_hint_of_another_session_asks(
    world: World, web: Client, browser: Browser, signed: Signed, whose: str
) -> None:
    """RP-Initiated Logout 1.0 §2: the hint must be of the current session; else it is a logout by anyone's link"""
    match whose:
        case "another person":
            hint = web.sign_in(username="bob").tokens["id_token"]
        case "another browser":
            hint = web.sign_in().tokens["id_token"]
        case _:
            logout(world, browser, id_token_hint=signed.tokens["id_token"])
            hint, signed = signed.tokens["id_token"], web.sign_in(browser)
    asked(logout(world, browser, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT))
    assert is_signed_in(web, browser) and world.is_alive(signed.access_token, web)


@holds("logout asked")
@pytest.mark.parametrize("how", ["tampered", "alg none", "unsigned", "access token", "another house", "nonsense"])
def test_10_a_bad_hint_is_never_silent(
    world: World, impatient: World, web: Client, browser: Browser, signed: Signed, how: str
) -> None:
    """RP-Initiated Logout 1.0 §2, RFC 8725 §3.1"""
    head, claims, signature = signed.tokens["id_token"].split(".")
    match how:
        case "tampered":
            hint = f"{head}.{claims}.{signature[:-8]}{'A' * 8}"
        case "alg none":
            hint = f"{UNSIGNED}.{claims}."
        case "unsigned":
            hint = f"{head}.{claims}."
        case "access token":
            hint = signed.access_token
        case "another house":
            hint = impatient.client("web").sign_in().tokens["id_token"]
        case _:
            hint = "nonsense"
    at = logout(world, browser, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT, state="x")
    assert isinstance(at, Page) and (at.kind == "logout" or at.status == 400)
    assert is_signed_in(web, browser) and world.is_alive(signed.access_token, web)


@holds("logout silent")
def test_11_a_client_id_that_is_the_hints_is_silent(
    world: World, web: Client, browser: Browser, signed: Signed
) -> None:
    """RP-Initiated Logout 1.0 §2: client_id"""
    hint = signed.tokens["id_token"]
    answer = logout(world, browser, id_token_hint=hint, client_id="web", post_logout_redirect_uri=SIGNED_OUT)
    assert isinstance(answer, Answer) and answer.url == SIGNED_OUT
    assert not is_signed_in(web, browser)


@holds("logout silent")
def test_12_a_client_id_that_is_not_the_hints_is_refused(
    world: World, web: Client, browser: Browser, signed: Signed
) -> None:
    """RP-Initiated Logout 1.0 §2: MUST verify that the client_id matches"""
    hint = signed.tokens["id_token"]
    for client_id in ("other", "nobody"):
        at = logout(world, browser, id_token_hint=hint, client_id=client_id, post_logout_redirect_uri=SIGNED_OUT)
        assert isinstance(at, Page) and at.status == 400
    assert is_signed_in(web, browser) and world.is_alive(signed.access_token, web)


@holds("logout silent", "logout end")
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_13_logout_may_be_posted(world: World, web: Client, browser: Browser, signed: Signed, site: str) -> None:
    """RP-Initiated Logout 1.0 §2: MUST support GET and POST; a foreign site's form brings no Lax cookie"""
    fields = {
        "id_token_hint": signed.tokens["id_token"],
        "post_logout_redirect_uri": SIGNED_OUT,
        "state": "x",
        "client_id": "web",
    }
    answer = browser.post(world.endpoint("end_session_endpoint"), list(fields.items()), site)
    assert isinstance(answer, Answer) and answer.url == f"{SIGNED_OUT}?state=x"
    assert not is_signed_in(web, browser)


@holds("logout asked")
def test_14_a_posted_logout_without_a_hint_asks(world: World, web: Client, browser: Browser, signed: Signed) -> None:
    """RP-Initiated Logout 1.0 §6"""
    page = asked(browser.post(world.endpoint("end_session_endpoint"), []))
    assert is_signed_in(web, browser) and world.is_alive(signed.access_token, web)
    signed_out(browser.press(page, "logout-yes"))


@holds("logout asked")
def test_a_forged_confirmation_ends_nothing(world: World, web: Client, browser: Browser, signed: Signed) -> None:
    """RP-Initiated Logout 1.0 §6: denial of service by forged logouts"""
    page = asked(logout(world, browser))
    form = page.forms[0]
    url = world.issuer + form.attributes["action"]
    fields = [*form.fields, ("decision", "yes")]
    forged = [(name, "x" if name == "form_token" else value) for name, value in fields]
    assert browser.send("POST", url, site="same-origin", body=forged).status_code == 403
    # A foreign site's form brings no session, so there is nothing to end.
    browser.send("POST", url, site="cross-site", body=fields)
    assert browser.jar.cookies and is_signed_in(web, browser)
    assert world.is_alive(signed.access_token, web)


@holds("logout redirect")
def test_nobody_signed_in_is_not_an_error(world: World, web: Client, browser: Browser, signed: Signed) -> None:
    """RP-Initiated Logout 1.0 §2"""
    hint = signed.tokens["id_token"]
    stranger = world.browser()
    answer = logout(world, stranger, id_token_hint=hint, post_logout_redirect_uri=SIGNED_OUT, state="x")
    assert isinstance(answer, Answer) and answer.url == f"{SIGNED_OUT}?state=x"
    signed_out(logout(world, stranger))
    assert is_signed_in(web, browser), "and nobody else is signed out by it"


@holds("logout silent", "logout end", "grant")
def test_logging_out_ends_the_session_at_every_client(
    world: World, web: Client, other: Client, browser: Browser, signed: Signed
) -> None:
    """RP-Initiated Logout 1.0 §2: the session at the provider ends; codes of it too"""
    elsewhere = other.sign_in(browser, prompt="none")
    code = web.authorize(browser, prompt="none")["code"]
    logout(world, browser, id_token_hint=elsewhere.tokens["id_token"])
    assert not world.is_alive(signed.access_token, web)
    assert not world.is_alive(elsewhere.access_token, other)
    refused(web.refresh(signed.refresh_token), "invalid_grant")
    refused(web.exchange(code), "invalid_grant")


@holds("logout silent")
def test_other_browsers_stay_signed_in(world: World, web: Client, browser: Browser, signed: Signed) -> None:
    """RP-Initiated Logout 1.0 §2: this session, and no other of the same person"""
    second = world.browser()
    elsewhere = web.sign_in(second)
    logout(world, browser, id_token_hint=signed.tokens["id_token"])
    assert is_signed_in(web, second) and world.is_alive(elsewhere.access_token, web)


@holds("logout silent")
def test_logging_out_takes_the_cookie_away(world: World, browser: Browser, signed: Signed) -> None:
    """RFC 6265bis §5.6; the cookie of a session that ended is worth nothing either way"""
    assert any("session" in name for name in browser.jar.cookies)
    logout(world, browser, id_token_hint=signed.tokens["id_token"])
    assert not any("session" in name for name in browser.jar.cookies)


@holds("logout redirect")
def test_unknown_parameters_and_locales_are_no_error(world: World, browser: Browser, signed: Signed) -> None:
    """RP-Initiated Logout 1.0 §2: ui_locales; unrecognized parameters MUST be ignored"""
    hint = signed.tokens["id_token"]
    page = logout(world, browser, id_token_hint=hint, ui_locales="se x-y", logout_hint="alice", extra="x", state="")
    signed_out(page)


@holds("logout redirect", "authorize 4")
@pytest.mark.parametrize("name", ["id_token_hint", "post_logout_redirect_uri", "client_id", "state"])
def test_a_repeated_parameter_ends_nothing(
    world: World, web: Client, browser: Browser, signed: Signed, name: str
) -> None:
    """RP-Initiated Logout 1.0 §2, RFC 6749 §3.1"""
    fields = {"id_token_hint": signed.tokens["id_token"], "post_logout_redirect_uri": SIGNED_OUT, "client_id": "web"}
    pairs = [*fields.items(), ("state", "x"), (name, "https://evil.example/")]
    endpoint = world.endpoint("end_session_endpoint")
    for at in (browser.open(f"{endpoint}?{urlencode(pairs)}"), browser.post(endpoint, pairs)):
        assert isinstance(at, Page) and at.status == 400 and at.kind == "other"
    assert is_signed_in(web, browser)


@holds("logout asked", "authorize 12")
def test_a_confirmation_counts_for_its_own_session_alone(
    world: World, web: Client, browser: Browser, signed: Signed
) -> None:
    """RP-Initiated Logout 1.0 §6: a page that was shown before somebody else signed in"""
    page = asked(logout(world, browser))
    web.sign_in(browser, "bob", prompt="login")
    at = browser.press(page, "logout-yes")
    assert isinstance(at, Page) and at.status == 403
    assert is_signed_in(web, browser)
