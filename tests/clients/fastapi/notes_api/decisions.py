"""Asks Doorward's decision endpoint (OpenID AuthZEN Authorization API 1.0) whether a subject may do something."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import httpx2

from .errors import Unavailable
from .registry import Written


class Question(NamedTuple):
    action: str
    resource_type: str
    resource_id: str

    def as_json(self) -> dict[str, Any]:
        return {
            "action": {"name": self.action},
            "resource": {"type": self.resource_type, "id": self.resource_id},
        }


class Answer(NamedTuple):
    """What was decided, and what somebody who keeps it must know: see `cache.py`."""

    allowed: bool
    # Everything that was written up to here has been considered.
    revision: int
    # From then on the answer may be another one, without any write. None: only a write changes it.
    valid_until: datetime | None


def bearer_of(token: str) -> dict[str, str]:
    """Whoever bears this token: Doorward verifies it in full, so a revoked token is denied at once."""
    return {"type": "access_token", "id": token}


def user(id: str) -> dict[str, str]:
    """A person, by `sub` or username: for work that happens without their token (a job, a mail to be sent)."""
    return {"type": "user", "id": id}


class Decisions:
    def __init__(self, http: httpx2.Client, *, evaluation: str, evaluations: str, search_resource: str) -> None:
        self._http = http
        self._evaluation = evaluation
        self._evaluations = evaluations
        self._search_resource = search_resource

    def evaluate(self, subject: dict[str, str], question: Question, *, at_least: Written | None = None) -> bool:
        """One question. True only for a clear permit. The answer is no older than `at_least`."""
        return self.answer(subject, question, at_least=at_least).allowed

    def evaluate_all(
        self, subject: dict[str, str], questions: Sequence[Question], *, at_least: Written | None = None
    ) -> list[bool]:
        """Many questions about one subject in one request, for a page of a list; answered in their order."""
        return [answer.allowed for answer in self.answer_all(subject, questions, at_least=at_least)]

    def answer(self, subject: dict[str, str], question: Question, *, at_least: Written | None = None) -> Answer:
        body = {"subject": subject, **question.as_json()}
        answer, response = self._post(self._evaluation, body, at_least)
        return _answer(answer, response)

    def answer_all(
        self, subject: dict[str, str], questions: Sequence[Question], *, at_least: Written | None = None
    ) -> list[Answer]:
        # Without questions the endpoint would see a single, incomplete one (AuthZEN §7.1).
        if not questions:
            return []
        body = {
            "subject": subject,
            "evaluations": [question.as_json() for question in questions],
            "options": {"evaluations_semantic": "execute_all"},
        }
        batch, response = self._post(self._evaluations, body, at_least)
        answers = batch.get("evaluations")
        if not isinstance(answers, list) or len(answers) != len(questions):
            raise Unavailable("the decision endpoint answered fewer questions than were asked")
        # The headers hold for all answers together: the oldest revision, the earliest end.
        return [_answer(answer, response) for answer in answers]

    def search(
        self, subject: dict[str, str], action: str, resource_type: str, *, page_size: int = 100
    ) -> Iterator[list[str]]:
        """To which resources may they do this? Identifiers, page by page; the next page is asked for when it is wanted.

        What stays permitted throughout comes exactly once, whatever is written meanwhile. What is not registered with
        Doorward is not found.
        """
        page: dict[str, Any] = {"limit": page_size}
        while True:
            body = {
                "subject": subject,
                "action": {"name": action},
                "resource": {"type": resource_type},
                "page": page,
            }
            answer, _ = self._post(self._search_resource, body)
            try:
                found = [resource["id"] for resource in answer["results"]]
                next_token = answer["page"]["next_token"]
            except (LookupError, TypeError) as error:
                raise Unavailable("the search gives no usable answer") from error
            yield found
            # Only this is the end: a page may be short, or empty, and still lead on.
            if not next_token:
                return
            page = {"token": next_token}

    def _post(
        self, url: str, body: dict[str, Any], at_least: Written | None = None
    ) -> tuple[dict[str, Any], httpx2.Response]:
        try:
            response = self._http.post(url, json=body, headers=_consistency(at_least))
            # A write that Doorward does not know: it was restored from a backup since. Then all that it knows will do.
            if at_least and response.status_code == 400 and _code(response) == "unknown_consistency_token":
                response = self._http.post(url, json=body, headers={"Doorward-Consistency": "full"})
            # A denial is a 200 with `"decision": false`. Any other status means that nothing was decided.
            if response.status_code != 200:
                raise Unavailable(f"the decision endpoint answered {response.status_code}")
            answer = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise Unavailable("the decision endpoint cannot be reached") from error
        return (answer if isinstance(answer, dict) else {}), response


def _consistency(at_least: Written | None) -> dict[str, str]:
    return {"Doorward-Consistency": f"at_least={at_least.token}"} if at_least else {}


def _code(problem: httpx2.Response) -> Any:
    body = problem.json()
    return body.get("code") if isinstance(body, dict) else None


def _answer(answer: Any, response: httpx2.Response) -> Answer:
    # Exactly True: an answer that is missing, an error or another type is no permit.
    allowed = isinstance(answer, dict) and answer.get("decision") is True
    valid_until = response.headers.get("doorward-valid-until")
    return Answer(
        allowed,
        # An answer that does not say how recent it is is not kept.
        revision=int(response.headers.get("doorward-revision", -1)),
        valid_until=datetime.fromisoformat(valid_until) if valid_until else None,
    )
