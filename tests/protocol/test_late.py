"""What happens later. Everything here is made before the first test and looked at after the last one, so that nobody
waits for it.
"""

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass

import httpx
import pytest

from support.browser import Answer, Browser, Page
from support.world import SIGNED_OUT, Client, Signed, World, refused

pytestmark = pytest.mark.late
holds = pytest.mark.holds


@dataclass
class Old:
    """What was made at the start, and when."""

    made_at: float
    # Its code was exchanged once.
    exchanged: Signed
    # Its refresh token was used once, with what came of it; and is replayed after 31 seconds, whatever runs then.
    successor: str
    replay: Future[httpx.Response]
    # In the house where things grow old at once.
    code: str
    quick: Signed
    quick_browser: Browser
    stolen: Signed
    stolen_access: str
    stolen_refresh: str

    def wait(self, seconds: float) -> None:
        time.sleep(max(0.0, self.made_at + seconds - time.monotonic()))


@pytest.fixture(scope="session", autouse=True)
def old(world: World, impatient: World) -> Old:
    web, quick = world.client("web"), impatient.client("web")
    exchanged, refreshed = web.sign_in(), web.sign_in()
    successor = web.refresh(refreshed.refresh_token).json()["refresh_token"]
    quick_browser = impatient.browser()
    signed = quick.sign_in(quick_browser)
    stolen = quick.sign_in()
    kept = quick.refresh(stolen.refresh_token).json()
    code = quick.authorize(impatient.browser())["code"]
    made_at = time.monotonic()
    replay: Future[httpx.Response] = Future()

    def later() -> None:
        time.sleep(max(0.0, made_at + 31 - time.monotonic()))
        try:
            replay.set_result(web.refresh(refreshed.refresh_token))
        except Exception as error:
            replay.set_exception(error)

    threading.Thread(target=later, daemon=True).start()
    return Old(
        made_at=made_at,
        exchanged=exchanged,
        successor=successor,
        replay=replay,
        code=code,
        quick=signed,
        quick_browser=quick_browser,
        stolen=stolen,
        stolen_access=kept["access_token"],
        stolen_refresh=kept["refresh_token"],
    )


@pytest.fixture
def quick(impatient: World) -> Client:
    return impatient.client("web")


@holds("refresh rotation", "grant", "wire errors")
def test_a_refresh_token_after_the_grace_is_theft(impatient: World, quick: Client, old: Old) -> None:
    """RFC 9700 §4.14.2: the family and every access token of it end"""
    old.wait(2)
    refused(quick.refresh(old.stolen.refresh_token), "invalid_grant")
    refused(quick.refresh(old.stolen_refresh), "invalid_grant")
    for token in (old.stolen.access_token, old.stolen_access):
        assert not impatient.is_alive(token, quick)
    assert quick.introspect(old.stolen_refresh) == {"active": False}


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
    answer = quick.begin(old.quick_browser, prompt="none", id_token_hint=hint)
    assert isinstance(answer, Answer) and "code" in answer
    answer = quick.begin(impatient.browser(), prompt="none", id_token_hint=hint)
    assert isinstance(answer, Answer) and answer["error"] == "login_required"


@holds("refresh rotation")
def test_a_refresh_token_replayed_after_31_seconds_gives_the_same_successor(web: Client, old: Old) -> None:
    """FAPI 2.0 Security Profile §5.3.2.1, RFC 9700 §4.14.2: within the grace, which is 60 seconds unless set otherwise"""
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
    url = f"{impatient.endpoint('end_session_endpoint')}?id_token_hint={hint}&post_logout_redirect_uri={SIGNED_OUT}"
    answer = old.quick_browser.open(url)
    assert isinstance(answer, Answer) and answer.url == SIGNED_OUT
    after = quick.begin(old.quick_browser)
    assert isinstance(after, Page) and after.kind == "sign-in"
