"""Keeps answers of the decision endpoint for as long as they are right: a question asked again costs no request."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

from .decisions import Answer, Decisions, Question
from .registry import Written


class Key(NamedTuple):
    subject_type: str
    subject_id: str
    question: Question


class Kept(NamedTuple):
    allowed: bool
    revision: int
    # Of the monotonic clock.
    until: float


class Asking(NamedTuple):
    """When a question was asked, for whoever keeps its answer."""

    generation: int
    at: float
    wall: datetime


class CachedDecisions:
    """An answer is kept until its `valid_until`, until the watch stream names what it is about, or for `age_max_s`.

    The stream is what makes it right, so nothing is kept while that is not read (`watch.py` says when). Then, and for
    whatever is not kept, Doorward is asked.
    """

    def __init__(self, decisions: Decisions, *, entries_max: int = 10_000, age_max_s: float = 60.0) -> None:
        self._decisions = decisions
        self._entries_max = entries_max
        # Would bound the harm of a stream that fell silent without an end.
        self._age_max_s = age_max_s
        # Requests are served by many threads, and the stream is read by the event loop.
        self._lock = Lock()
        # The one used last stands last.
        self._kept: OrderedDict[Key, Kept] = OrderedDict()
        self._told: int | None = None
        # Revisions can be compared within one connection: after another, they may be those of a restored backup.
        self._generation = 0

    @property
    def told(self) -> int | None:
        """Up to which revision the stream has told everything. None, while it is not read, is worth an alarm."""
        return self._told

    def evaluate(self, subject: dict[str, str], question: Question, *, at_least: Written | None = None) -> bool:
        """One question. True only for a clear permit."""
        key = _key(subject, question)
        known, asking = self._look_up([key], at_least)
        if key in known:
            return known[key]
        answer = self._decisions.answer(subject, question, at_least=at_least)
        self._keep([(key, answer)], asking)
        return answer.allowed

    def evaluate_all(
        self, subject: dict[str, str], questions: Sequence[Question], *, at_least: Written | None = None
    ) -> list[bool]:
        """Many questions about one subject, answered in their order: what is not kept is asked in one request."""
        keys = [_key(subject, question) for question in questions]
        known, asking = self._look_up(keys, at_least)
        missing = list(dict.fromkeys(key for key in keys if key not in known))
        answers = self._decisions.answer_all(subject, [key.question for key in missing], at_least=at_least)
        new = list(zip(missing, answers, strict=True))
        self._keep(new, asking)
        known |= {key: answer.allowed for key, answer in new}
        return [known[key] for key in keys]

    # ---- what the watch stream says --------------------------------------------------------------------------------

    def opened(self, revision: int) -> None:
        """From here on everything is told; or, where it was missed, from here on again."""
        with self._lock:
            self._forget_all()
            self._told = revision

    def changed(self, change: dict[str, Any]) -> None:
        # Read whole before anything is dropped: what is malformed ends the connection, and with it everything kept.
        revision, everything = int(change["revision"]), change["everything"]
        subjects = {(subject["type"], subject.get("id")) for subject in change["subjects"]}
        resources = {(resource["type"], resource["id"]) for resource in change["resources"]}
        types = set(change["resource_types"])

        def is_named(key: Key) -> bool:
            _, resource_type, resource_id = key.question
            return (
                (key.subject_type, key.subject_id) in subjects
                # Without an identifier: all of its type.
                or (key.subject_type, None) in subjects
                or (resource_type, resource_id) in resources
                or resource_type in types
            )

        with self._lock:
            if everything:
                self._forget_all()
            # Every one is looked at: writes are rare, and that is simpler than an index from names to entries.
            for key in [key for key in self._kept if is_named(key)]:
                del self._kept[key]
            self._told = revision

    def closed(self) -> None:
        """Whatever is written now is told to somebody else."""
        with self._lock:
            self._forget_all()
            self._told = None

    # ---- what is kept ----------------------------------------------------------------------------------------------

    def _look_up(self, keys: Iterable[Key], at_least: Written | None) -> tuple[dict[Key, bool], Asking]:
        # The time of the question, not that of the answer: the answer may have been long on its way.
        asking_at, wall = monotonic(), datetime.now(UTC)
        known = {}
        with self._lock:
            for key in keys:
                kept = self._kept.get(key)
                if kept is None:
                    continue
                if kept.until <= asking_at:
                    del self._kept[key]
                elif self._is_recent(kept, at_least):
                    self._kept.move_to_end(key)
                    known[key] = kept.allowed
            return known, Asking(self._generation, asking_at, wall)

    def _is_recent(self, kept: Kept, at_least: Written | None) -> bool:
        # What is still here has outlived all that was told, so it is as recent as that.
        return at_least is None or at_least.revision <= max(kept.revision, self._told or 0)

    def _keep(self, answers: Iterable[tuple[Key, Answer]], asking: Asking) -> None:
        with self._lock:
            if self._told is None or self._generation != asking.generation:
                return
            for key, answer in answers:
                # The answer and the stream come by different ways, perhaps from different nodes. What changed since the
                # answer was made may have been told already, and is not told again.
                if answer.revision < self._told:
                    continue
                lifetime = self._age_max_s
                if answer.valid_until:
                    # Needs a clock that is right, as tokens do.
                    lifetime = min(lifetime, (answer.valid_until - asking.wall).total_seconds())
                self._kept[key] = Kept(answer.allowed, answer.revision, asking.at + lifetime)
                self._kept.move_to_end(key)
            while len(self._kept) > self._entries_max:
                self._kept.popitem(last=False)

    def _forget_all(self) -> None:
        self._kept.clear()
        self._generation += 1


def _key(subject: dict[str, str], question: Question) -> Key:
    of, id = subject["type"], subject["id"]
    # No token lies about for a minute. The stream names none, only all of them.
    return Key(of, sha256(id.encode()).hexdigest() if of == "access_token" else id, question)
