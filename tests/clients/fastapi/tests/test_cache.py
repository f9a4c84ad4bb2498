import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest
from anyio.from_thread import start_blocking_portal
from conftest import bearer, eventually, serving
from relay import Relay
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from notes_api.cache import CachedDecisions
from notes_api.decisions import Answer, Decisions, Question, user
from notes_api.doorward import discover
from notes_api.watch import Listener, watch

TLS = httpx2.create_ssl_context()

ALICE, BOB = user("alice"), user("bob")


def read(id: str) -> Question:
    return Question("read", "note", id)


class Counting:
    """Asks Doorward, and remembers what."""

    def __init__(self, decisions: Decisions) -> None:
        self._decisions = decisions
        self.asked: list[tuple[str, str]] = []
        # Happens after Doorward has answered, and before the answer is here.
        self.meanwhile: Callable[[], object] = lambda: None

    def answer(self, subject: dict[str, str], question: Question, **how: Any) -> Answer:
        answer = self._decisions.answer(subject, question, **how)
        self.asked.append((subject["id"], question.resource_id))
        self.meanwhile()
        return answer

    def answer_all(self, subject: dict[str, str], questions: Sequence[Question], **how: Any) -> list[Answer]:
        self.asked += [(subject["id"], question.resource_id) for question in questions]
        return self._decisions.answer_all(subject, questions, **how)


async def read_stream(world, url: str, listener: Listener, silence_max_s: float = 45.0) -> None:
    async with httpx2.AsyncClient(auth=("notes-api", world.secret("notes-api")), verify=TLS) as http:
        await watch(http, url, listener, silence_max_s=silence_max_s, retry_s=0.1)


@contextmanager
def watching(
    world, cache: CachedDecisions, *, issuer: str | None = None, silence_max_s: float = 45.0
) -> Iterator[None]:
    url = f"{issuer or world.issuer}/access/v1/watch"
    with start_blocking_portal() as portal:
        reading = portal.start_task_soon(lambda: read_stream(world, url, cache, silence_max_s))
        eventually("the stream is open", lambda: cache.told is not None)
        yield
        reading.cancel()
    assert cache.told is None


@pytest.fixture
def counting(doorward) -> Counting:
    return Counting(doorward.decisions)


@pytest.fixture
def cache(world, counting) -> Iterator[CachedDecisions]:
    cache = CachedDecisions(counting)
    with watching(world, cache):
        yield cache


@contextmanager
def viewer(world, who: str, *options: str) -> Iterator[Callable[[], int]]:
    """Somebody has the role until it is taken away, at the revision that comes back, or until the test ends."""
    role = ["--resource-server", "notes", "--role", "viewer", *options]
    given = json.loads(world.doorward("assign", "add", who, *role, "--json"))["id"]
    taken: list[int] = []

    def take_away() -> int:
        taken.append(json.loads(world.doorward("assign", "remove", given, "--json"))["revision"])
        return taken[0]

    try:
        yield take_away
    finally:
        if not taken:
            take_away()


def test_a_question_asked_again_is_answered_without_a_request(cache, counting):
    assert [cache.evaluate(ALICE, read("1")) for _ in range(3)] == [True] * 3
    assert [cache.evaluate(user("mallory"), read("1")) for _ in range(3)] == [False] * 3
    assert counting.asked == [("alice", "1"), ("mallory", "1")]


def test_of_a_page_only_what_is_not_kept_is_asked_and_once(cache, counting):
    cache.evaluate(ALICE, read("2"))
    delete = Question("delete", "note", "2")
    questions = [read("1"), read("2"), delete, read("1"), read("3")]
    assert cache.evaluate_all(ALICE, questions) == [True, True, False, True, True]
    assert counting.asked[1:] == [("alice", "1"), ("alice", "2"), ("alice", "3")]
    assert cache.evaluate_all(ALICE, questions) == [True, True, False, True, True]
    assert cache.evaluate_all(ALICE, []) == []
    assert len(counting.asked) == 4


def test_nothing_is_kept_while_nobody_watches(counting):
    cache = CachedDecisions(counting)
    assert [cache.evaluate(ALICE, read("1")) for _ in range(2)] == [True] * 2
    assert len(counting.asked) == 2


def test_a_role_given_and_taken_away_counts_as_soon_as_it_is_told_and_nobody_else_is_asked_about(
    world, cache, counting
):
    assert cache.evaluate(ALICE, read("1"))
    assert not cache.evaluate(BOB, read("1"))
    with viewer(world, "user:bob") as take_away:
        eventually("bob is a viewer", lambda: cache.evaluate(BOB, read("1")))
        counting.asked.clear()
        assert cache.evaluate(BOB, read("1"))
        assert counting.asked == []
        take_away()
        eventually("bob is no viewer any more", lambda: not cache.evaluate(BOB, read("1")))
        # Asked once, when it had been told; until then, and since, what is kept has answered.
        assert counting.asked == [("bob", "1")]
    assert cache.evaluate(ALICE, read("1"))
    assert counting.asked == [("bob", "1")]


def test_whoever_is_not_named_by_identifier_stands_for_all_of_their_type(counting):
    cache = CachedDecisions(counting)
    change = {"revision": 1, "everything": False, "subjects": [], "resources": [], "resource_types": []}
    cache.opened(0)
    for news in (
        {"subjects": [{"type": "client"}]},
        {"subjects": [{"type": "user"}]},
        {"resource_types": ["note"]},
    ):
        cache.evaluate(ALICE, read("1"))
        cache.changed(change | news)
    cache.evaluate(ALICE, read("1"))
    assert len(counting.asked) == 3


def test_a_new_owner_is_asked_about_the_note_and_about_no_other(doorward, cache, counting):
    mine, other = str(uuid4()), str(uuid4())
    assert not cache.evaluate(BOB, read(mine))
    assert not cache.evaluate(BOB, read(other))
    counting.asked.clear()
    doorward.registry.add_owner("note", mine, "user:bob")
    eventually("bob owns it", lambda: cache.evaluate(BOB, read(mine)))
    assert not cache.evaluate(BOB, read(other))
    assert counting.asked == [("bob", mine)]
    doorward.registry.remove("note", mine)
    eventually("bob owns nothing", lambda: not cache.evaluate(BOB, read(mine)))


def test_a_change_of_roles_is_about_everything(world, cache, counting):
    cache.evaluate(ALICE, read("1"))
    counting.asked.clear()
    world.doorward("role", "create", "notes", f"reader-{uuid4()}", "--permission", "read:note")
    eventually("alice is asked about again", lambda: cache.evaluate(ALICE, read("1")) and counting.asked)


def test_an_answer_is_kept_until_it_ends_by_itself(world, cache, counting):
    end = datetime.now(UTC) + timedelta(seconds=3)
    with viewer(world, "user:bob", "--expires-at", end.strftime("%Y-%m-%dT%H:%M:%SZ")):
        eventually("bob is a viewer", lambda: cache.evaluate(BOB, read("1")))
        counting.asked.clear()
        while cache.evaluate(BOB, read("1")):
            assert datetime.now(UTC) < end + timedelta(seconds=1)
            sleep(0.01)
        # No write has told us; the answer itself had said until when it holds.
        assert datetime.now(UTC) >= end.replace(microsecond=0)
        assert counting.asked == [("bob", "1")]


def test_what_is_kept_longest_is_asked_again_sometime(world, counting):
    cache = CachedDecisions(counting, age_max_s=0.2)
    with watching(world, cache):
        cache.evaluate(ALICE, read("1"))
        eventually("it is asked again", lambda: cache.evaluate(ALICE, read("1")) and len(counting.asked) == 2)


def test_what_was_not_used_for_longest_makes_room(world, counting):
    cache = CachedDecisions(counting, entries_max=2)
    with watching(world, cache):
        for id in ("1", "2", "1", "42", "1", "2"):
            cache.evaluate(ALICE, read(id))
    assert [id for _, id in counting.asked] == ["1", "2", "42", "2"]


def test_an_answer_that_was_overtaken_by_a_change_is_not_kept(world, cache, counting):
    with viewer(world, "user:bob") as take_away:
        eventually("bob is a viewer", lambda: cache.evaluate(BOB, read("1")))

        def overtake() -> None:
            counting.meanwhile = lambda: None
            revision = take_away()
            eventually("the change is told", lambda: cache.told >= revision)

        counting.meanwhile = overtake
        # Right when it was asked, and wrong by now.
        assert cache.evaluate(BOB, read("2"))
        assert not cache.evaluate(BOB, read("2"))


def test_what_somebody_wrote_is_seen_before_it_is_told(doorward, counting):
    cache, id = CachedDecisions(counting), str(uuid4())
    # Nothing is told after this: as if the stream were slow.
    cache.opened(0)
    assert not cache.evaluate(BOB, read(id))
    written = doorward.registry.add_owner("note", id, "user:bob")
    assert not cache.evaluate(BOB, read(id))
    assert cache.evaluate(BOB, read(id), at_least=written)
    assert cache.evaluate_all(BOB, [read(id)], at_least=written) == [True]
    assert counting.asked == [("bob", id)] * 2


@pytest.fixture
def relay(world) -> Iterator[Relay]:
    parts = urlsplit(world.issuer)
    relay = Relay("127.0.0.1", parts.port)
    yield relay
    relay.close()


def test_nothing_is_kept_until_a_broken_stream_is_open_again(world, relay, counting):
    cache = CachedDecisions(counting)
    with (
        viewer(world, "user:bob") as take_away,
        watching(world, cache, issuer=f"http://127.0.0.1:{relay.port}"),
    ):
        eventually("bob is a viewer", lambda: cache.evaluate(BOB, read("1")))
        relay.cut()
        eventually("it is noticed", lambda: cache.told is None)
        take_away()
        eventually("bob is no viewer any more", lambda: not cache.evaluate(BOB, read("1")))
        counting.asked.clear()
        assert [cache.evaluate(BOB, read("1")) for _ in range(2)] == [False] * 2
        assert len(counting.asked) == 2

        relay.mend()
        eventually("the stream is open again", lambda: cache.told is not None)
        assert "last-event-id" not in relay.heads[0]
        assert "last-event-id: " in relay.heads[-1]
        with viewer(world, "user:bob"):
            eventually("bob is a viewer again", lambda: cache.evaluate(BOB, read("1")))
            counting.asked.clear()
            assert cache.evaluate(BOB, read("1"))
            assert counting.asked == []


def test_whoever_hears_nothing_for_too_long_keeps_nothing(world, counting):
    cache = CachedDecisions(counting)
    with watching(world, cache, silence_max_s=0.3):
        assert cache.evaluate(ALICE, read("1"))
        eventually("silence is noticed", lambda: cache.evaluate(ALICE, read("1")) and len(counting.asked) > 1)
        eventually("the stream is open again", lambda: cache.told is not None)


class Noted:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def opened(self, revision: int) -> None:
        self.told.append(revision)

    def changed(self, change: dict[str, Any]) -> None:
        self.told.append(change["subjects"])

    def closed(self) -> None:
        self.told.append("closed")


def test_a_stream_is_read_as_the_standard_says_and_what_makes_no_sense_ends_it(world):
    asked = []

    def stream(request: Request) -> StreamingResponse:
        asked.append(request.headers.get("last-event-id"))
        if len(asked) > 1:
            return StreamingResponse([], 400 if len(asked) == 2 else 200)
        events = [
            ": hello\nretry: 1\n\nevent:open\nid: a\ndata: {\ndata: \"revision\": 7}\n\n",
            "event: later\ndata: unknown to us\n\nevent: cha",
            'nge\nid: b\ndata: {"subjects":[]}\n\nevent: reset\ndata: {"revision":9}\n\nid: c\n: still there\n\n',
            'event: change\nid: d\ndata: {}\n\nevent: open\nid: e\ndata: {"revision":10}\n\n',
        ]
        return StreamingResponse(events, media_type="text/event-stream")

    noted = Noted()
    with serving(Starlette(routes=[Route("/", stream)])) as origin, start_blocking_portal() as portal:
        reading = portal.start_task_soon(lambda: read_stream(world, origin, noted))
        eventually("it came back", lambda: len(asked) > 2)
        reading.cancel()
    assert noted.told[:6] == [7, [], 9, "closed", "closed", "closed"]
    # It goes on after the last that made sense; unless it is told that this is none.
    assert asked[:3] == [None, "c", None]


def test_a_revoked_token_opens_nothing_though_its_answers_were_kept(world, api):
    eventually("the API watches", lambda: api.app.state.doorward.cached.told is not None)
    with world.session("notes-bot") as session:
        token = session.token["access_token"]
        assert api.get("/notes/42", headers=bearer(token)).status_code == 200
        kept = api.app.state.doorward.cached._kept
        assert len(kept) == 1
        # Nobody who reads our memory finds a token in it.
        assert token not in str(kept)
        session.revoke_token(discover(world.issuer)["revocation_endpoint"], token=token)
        eventually("it is refused", lambda: api.get("/notes/42", headers=bearer(token)).status_code == 403)
