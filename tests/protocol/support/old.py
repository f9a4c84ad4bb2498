"""What tests of later moments look at: made before the first test, so that nobody waits for it to grow old."""

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass

import httpx

from .browser import Browser
from .world import Signed, World


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

    def wait(self, seconds: float) -> None:
        time.sleep(max(0.0, self.made_at + seconds - time.monotonic()))


def make_old(world: World, impatient: World) -> Old:
    web, quick = world.client("web"), impatient.client("web")
    exchanged, refreshed = web.sign_in(), web.sign_in()
    successor = web.refresh(refreshed.refresh_token).json()["refresh_token"]
    quick_browser = impatient.browser()
    signed = quick.sign_in(quick_browser)
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
    )
