"""Who is signed in. Tokens stay here, on the server; the browser holds the id.

In the memory of this process: put a table of your database in its place.
"""

import secrets
from dataclasses import dataclass
from typing import Any


@dataclass
class Session:
    token: dict[str, Any]
    person: dict[str, Any]


class Sessions:
    def __init__(self) -> None:
        self._by_id: dict[str, Session] = {}

    def begin(self, token: dict[str, Any], person: dict[str, Any]) -> str:
        id = secrets.token_urlsafe(32)
        self._by_id[id] = Session(token, person)
        return id

    def get(self, id: str | None) -> Session | None:
        return self._by_id.get(id or "")

    def end(self, id: str | None) -> None:
        self._by_id.pop(id or "", None)

    async def renewed(self, old_refresh_token: str, token: dict[str, Any]) -> None:
        # Of two requests at once the second finds the first one's work done: Doorward gave both the same successor.
        for session in self._by_id.values():
            if session.token.get("refresh_token") == old_refresh_token:
                # A renewal brings no more than it has to.
                session.token = {**session.token, **token}
