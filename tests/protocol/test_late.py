"""What happens later: looked at after all other tests (support/old.py)."""

import time
from functools import partial

import pytest

from support.browser import Answer, Browser, Page
from support.old import Old
from support.world import SIGNED_OUT, Client, World, eventually, parts, refused

pytestmark = pytest.mark.late
holds = pytest.mark.holds


@pytest.fixture
def quick(impatient: World) -> Client:
    return impatient.client("web")


@holds("code", "wire errors")
def test_a_code_that_is_too_old_is_refused(quick: Client, old: Old) -> None:
    """RFC 6749 §4.1.2: it MUST expire shortly after it is issued"""
    old.wait(6)
    refused(quick.exchange(old.code), "invalid_grant")


@holds("wire bearer", "access token", "introspection")
def test_an_access_token_that_is_too_old_is_refused(impatient: World, quick: Client, old: Old) -> None:
    """RFC 6750 §3.1, RFC 9068 §4: invalid_token"""
    old.wait(11)
    response = impatient.userinfo(old.quick.access_token)
    assert response.status_code == 401 and 'error="invalid_token"' in response.headers["www-authenticate"]
    assert quick.introspect(old.quick.access_token) == {"active": False}
    assert quick.revoke(old.quick.access_token).status_code == 200


@holds("authorize 7")
def test_an_expired_hint_still_names_the_person(impatient: World, quick: Client, old: Old) -> None:
    """OpenID Connect Core 1.0 §3.1.2.1: id_token_hint"""
    old.wait(11)
    hint = old.quick.tokens["id_token"]
    assert parts(hint)[1]["exp"] < time.time()
    answer = quick.begin(old.quick_browser, prompt="none", id_token_hint=hint)
    assert isinstance(answer, Answer) and "code" in answer
    answer = quick.begin(impatient.browser(), prompt="none", id_token_hint=hint)
    assert isinstance(answer, Answer) and answer["error"] == "login_required"


@holds("refresh rotation")
def test_a_refresh_token_replayed_after_31_seconds_gives_the_same_successor(web: Client, old: Old) -> None:
    """FAPI 2.0 Security Profile §5.3.2.1, RFC 9700 §4.14.2: within the grace of 60 seconds"""
    response = old.replay.result(timeout=60)
    assert response.status_code == 200
    assert response.json()["refresh_token"] == old.successor
    assert web.refresh(old.successor).status_code == 200


@holds("code reuse", "grant", "wire errors")
def test_a_code_used_again_after_30_seconds_ends_everything(world: World, web: Client, old: Old) -> None:
    """RFC 6749 §4.1.2, RFC 9700 §4.5: spent codes are remembered"""
    old.wait(31)
    assert world.is_alive(old.exchanged.access_token, web)
    refused(web.exchange(old.exchanged.answer["code"]), "invalid_grant")
    assert not world.is_alive(old.exchanged.access_token, web)
    refused(web.refresh(old.exchanged.refresh_token), "invalid_grant")


@holds("logout silent", "logout redirect")
def test_an_expired_hint_still_signs_out(impatient: World, quick: Client, old: Old) -> None:
    """RP-Initiated Logout 1.0 §2, §4: the provider SHOULD accept ID tokens that have expired"""
    old.wait(11)
    hint = old.quick.tokens["id_token"]
    assert parts(hint)[1]["exp"] < time.time()
    url = f"{impatient.endpoint('end_session_endpoint')}?id_token_hint={hint}&post_logout_redirect_uri={SIGNED_OUT}"
    answer = old.quick_browser.open(url)
    assert isinstance(answer, Answer) and answer.url == SIGNED_OUT
    after = quick.begin(old.quick_browser)
    assert isinstance(after, Page) and after.kind == "sign-in"


@holds("keys", "endpoint jwks", "id token")
def test_a_new_key_is_published_before_it_signs_and_the_old_one_stays(impatient: World) -> None:
    """OpenID Connect Core 1.0 §10.1.1: rotation of signing keys"""
    # Last of all: what the others hold was signed by the first key.
    web, browser = impatient.client("web"), impatient.browser()
    before = {key["kid"] for key in impatient.jwks()["keys"]}
    impatient.doorward("keys", "rotate")
    eventually("it is published", lambda: len(impatient.jwks()["keys"]) > len(before))
    new = {key["kid"] for key in impatient.jwks()["keys"]} - before
    old = web.sign_in(browser)
    assert parts(old.tokens["id_token"])[0]["kid"] in before, "published, and not signing yet"
    kid = partial(signing_key, web, browser)
    eventually("it signs", lambda: kid() in new, within=20)
    signed = web.sign_in(browser, id_token_hint=old.tokens["id_token"])
    assert {parts(signed.access_token)[0]["kid"]} == new
    assert impatient.verify(old.tokens["id_token"])["sub"] == impatient.sub("alice"), "the old one is still published"
    assert web.refresh(old.refresh_token).status_code == 200


def signing_key(web: Client, browser: Browser) -> str:
    return str(parts(web.sign_in(browser).tokens["id_token"])[0]["kid"])
