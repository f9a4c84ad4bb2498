"""Asks Doorward's decision endpoint (OpenID AuthZEN Authorization API 1.0) whether a subject may do something."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import quote_plus

import httpx2

from .errors import Unavailable


class Question(NamedTuple):
    action: str
    resource_type: str
    resource_id: str

    def as_json(self) -> dict[str, Any]:
        return {
            "action": {"name": self.action},
            "resource": {"type": self.resource_type, "id": self.resource_id},
        }


def bearer_of(token: str) -> dict[str, str]:
    """Whoever bears this token: Doorward verifies it in full, so a revoked token is denied at once."""
    return {"type": "access_token", "id": token}


def user(id: str) -> dict[str, str]:
    """A person, by `sub` or username: for work that happens without their token (a job, a mail to be sent)."""
    return {"type": "user", "id": id}


class Decisions:
    def __init__(self, *, evaluation: str, evaluations: str, client_id: str, client_secret: str) -> None:
        self._evaluation = evaluation
        self._evaluations = evaluations
        # One client for the process: it keeps connections open and is safe to share between threads. Both halves of
        # the credentials are form-encoded before they are joined (RFC 6749 §2.3.1).
        self._http = httpx2.Client(auth=(quote_plus(client_id), quote_plus(client_secret)), timeout=2.0)

    def evaluate(self, subject: dict[str, str], question: Question) -> bool:
        """One question. True only for a clear permit."""
        return _is_permit(self._post(self._evaluation, {"subject": subject, **question.as_json()}))

    def evaluate_all(self, subject: dict[str, str], questions: Sequence[Question]) -> list[bool]:
        """Many questions about one subject in one request, for a page of a list; answered in their order."""
        # Without questions the endpoint would see a single, incomplete one (AuthZEN §7.1).
        if not questions:
            return []
        body = {
            "subject": subject,
            "evaluations": [question.as_json() for question in questions],
            "options": {"evaluations_semantic": "execute_all"},
        }
        answers = self._post(self._evaluations, body).get("evaluations")
        if not isinstance(answers, list) or len(answers) != len(questions):
            raise Unavailable("the decision endpoint answered fewer questions than were asked")
        return [_is_permit(answer) for answer in answers]

    def close(self) -> None:
        self._http.close()

    def _post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            response = self._http.post(url, json=body)
            # A denial is a 200 with `"decision": false`. Any other status means that nothing was decided.
            if response.status_code != 200:
                raise Unavailable(f"the decision endpoint answered {response.status_code}")
            answer = response.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise Unavailable("the decision endpoint cannot be reached") from error
        return answer if isinstance(answer, dict) else {}


def _is_permit(answer: Any) -> bool:
    # Exactly True: an answer that is missing, an error or another type is no permit.
    return isinstance(answer, dict) and answer.get("decision") is True
