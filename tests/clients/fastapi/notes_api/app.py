"""The notes API: the product, so to speak. What protects it is one line per route."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from .decisions import Question, bearer_of
from .doorward import Doorward, Settings
from .errors import Unavailable
from .guards import (
    Caller,
    Connected,
    authenticate,
    require_active,
    require_permission,
    require_role,
    require_scope,
)
from .registry import Written, owner_of

EXAMPLES = {"1": "Buy milk", "2": "Call the plumber", "42": "The answer"}


class Text(BaseModel):
    text: str


@dataclass
class Note:
    text: str
    # The write that made it known to Doorward, kept beside it. Two processes of this API share the one and the other.
    since: Written | None = None


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI):
        app.state.doorward = Doorward(settings)
        watching = asyncio.create_task(app.state.doorward.watch())
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        app.state.doorward.close()

    # For the whole app, so that a new route is protected unless somebody says otherwise.
    app = FastAPI(title="Notes", lifespan=lifespan, dependencies=[Depends(authenticate)])
    notes = {id: Note(text) for id, text in EXAMPLES.items()}

    def since(id: str) -> Written | None:
        note = notes.get(id)
        return note and note.since

    def may(action: str, **how: Any) -> Any:
        return Depends(require_permission(action, "note", since=since, **how))

    @app.get("/me")
    def me(caller: Caller) -> dict[str, Any]:
        shown = ("sub", "client_id", "scope", "roles", "permissions")
        return {name: caller.claims[name] for name in shown if name in caller.claims}

    # No question about the note: it is not there yet. Whoever has the scope writes notes of their own.
    @app.post("/notes", status_code=201, dependencies=[Depends(require_scope("notes:write"))])
    def create_note(body: Text, caller: Caller, doorward: Connected) -> dict[str, str]:
        # Doorward first. If it cannot be told, there is no note that nobody owns; if we end before the next line, there
        # is an owner of nothing, which hurts nobody, since no other note will have this name.
        id = str(uuid4())
        notes[id] = Note(body.text, doorward.registry.add_owner("note", id, owner_of(caller.claims)))
        return {"id": id, "text": body.text}

    # A list shows what the caller may see, and which buttons to draw: three questions a row, one request a page.
    @app.get("/notes", dependencies=[Depends(require_scope("notes:read"))])
    def list_notes(caller: Caller, doorward: Connected) -> list[dict[str, Any]]:
        page = list(notes.items())
        questions = [Question(action, "note", id) for id, _ in page for action in ("read", "update", "delete")]
        # Whatever is as recent as the newest of them is recent enough for all.
        newest = max((note.since for _, note in page if note.since), key=lambda written: written.revision, default=None)
        answers = iter(doorward.cached.evaluate_all(bearer_of(caller.token), questions, at_least=newest))
        rows = [(id, note.text, next(answers), next(answers), next(answers)) for id, note in page]
        return [
            {"id": id, "text": text, "may_update": may_update, "may_delete": may_delete}
            for id, text, may_read, may_update, may_delete in rows
            if may_read
        ]

    # The other way round, where people see few of very many: Doorward says which. Each line is a note, and goes out as
    # soon as its page has come.
    @app.get("/notes/readable", dependencies=[Depends(require_scope("notes:read"))])
    def readable_notes(
        caller: Caller, doorward: Connected, page_size: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> StreamingResponse:
        pages = doorward.decisions.search(bearer_of(caller.token), "read", "note", page_size=page_size)
        # Before the status goes out, so that "could not ask" is a 503. Later it can only break the answer off.
        first = next(pages)

        def lines() -> Iterator[str]:
            for id in chain(first, chain.from_iterable(pages)):
                # Deleted here a moment ago, it may still be known there.
                if note := notes.get(id):
                    yield json.dumps({"id": id, "text": note.text}) + "\n"

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    @app.get("/notes/{id}", dependencies=[Depends(require_scope("notes:read")), may("read")])
    def read_note(id: str) -> dict[str, str]:
        if id not in notes:
            raise _not_found()
        return {"id": id, "text": notes[id].text}

    @app.put("/notes/{id}", dependencies=[Depends(require_scope("notes:write")), may("update")])
    def update_note(id: str, body: Text) -> dict[str, str]:
        if id not in notes:
            raise _not_found()
        notes[id].text = body.text
        return {"id": id, "text": body.text}

    # Cannot be undone, so a token that was revoked a moment ago must not do: both of the last two ask Doorward.
    @app.delete(
        "/notes/{id}",
        status_code=204,
        dependencies=[Depends(require_scope("notes:write")), Depends(require_active), may("delete", kept=False)],
    )
    def delete_note(id: str, doorward: Connected) -> None:
        # Should Doorward not answer between the two, the caller is told to try again, and may: it knows them as owner.
        notes.pop(id, None)
        doorward.registry.remove("note", id)

    # A role fits what belongs to no single resource.
    @app.get("/statistics", dependencies=[Depends(require_role("editor"))])
    def statistics() -> dict[str, int]:
        return {"notes": len(notes)}

    @app.get("/export", dependencies=[Depends(require_active), Depends(require_role("editor"))])
    def export() -> dict[str, str]:
        return {id: note.text for id, note in notes.items()}

    @app.exception_handler(Unavailable)
    def unavailable(request: Request, error: Unavailable) -> JSONResponse:
        return JSONResponse({"detail": {"error": "unavailable", "message": "try again later"}}, 503)

    return app


def _not_found() -> HTTPException:
    return HTTPException(404, {"error": "not_found", "message": "there is no such note"})
