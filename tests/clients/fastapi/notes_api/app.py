"""The notes API: the product, so to speak. What protects it is one line per route."""

from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
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

EXAMPLES = {"1": "Buy milk", "2": "Call the plumber", "42": "The answer"}


class Text(BaseModel):
    text: str


def create_app(settings: Settings) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI):
        app.state.doorward = Doorward(settings)
        yield
        app.state.doorward.close()

    # For the whole app, so that a new route is protected unless somebody says otherwise.
    app = FastAPI(title="Notes", lifespan=lifespan, dependencies=[Depends(authenticate)])
    notes = dict(EXAMPLES)

    @app.get("/me")
    def me(caller: Caller) -> dict[str, Any]:
        shown = ("sub", "client_id", "scope", "roles", "permissions")
        return {name: caller.claims[name] for name in shown if name in caller.claims}

    # A list shows what the caller may see, and which buttons to draw: three questions a row, one request a page.
    @app.get("/notes", dependencies=[Depends(require_scope("notes:read"))])
    def list_notes(caller: Caller, doorward: Connected) -> list[dict[str, Any]]:
        page = list(notes.items())
        questions = [Question(action, "note", id) for id, _ in page for action in ("read", "update", "delete")]
        answers = iter(doorward.decisions.evaluate_all(bearer_of(caller.token), questions))
        rows = [(id, text, next(answers), next(answers), next(answers)) for id, text in page]
        return [
            {"id": id, "text": text, "may_update": may_update, "may_delete": may_delete}
            for id, text, may_read, may_update, may_delete in rows
            if may_read
        ]

    @app.get(
        "/notes/{id}",
        dependencies=[Depends(require_scope("notes:read")), Depends(require_permission("read", "note"))],
    )
    def read_note(id: str) -> dict[str, str]:
        if id not in notes:
            raise _not_found()
        return {"id": id, "text": notes[id]}

    @app.put(
        "/notes/{id}",
        dependencies=[Depends(require_scope("notes:write")), Depends(require_permission("update", "note"))],
    )
    def update_note(id: str, body: Text) -> dict[str, str]:
        if id not in notes:
            raise _not_found()
        notes[id] = body.text
        return {"id": id, "text": body.text}

    # Cannot be undone, so a token that was revoked a second ago must not do: `require_active` asks Doorward.
    @app.delete(
        "/notes/{id}",
        status_code=204,
        dependencies=[
            Depends(require_scope("notes:write")),
            Depends(require_active),
            Depends(require_permission("delete", "note")),
        ],
    )
    def delete_note(id: str) -> None:
        notes.pop(id, None)

    # A role fits what belongs to no single resource.
    @app.get("/statistics", dependencies=[Depends(require_role("editor"))])
    def statistics() -> dict[str, int]:
        return {"notes": len(notes)}

    @app.get("/export", dependencies=[Depends(require_active), Depends(require_role("editor"))])
    def export() -> dict[str, str]:
        return notes

    @app.exception_handler(Unavailable)
    def unavailable(request: Request, error: Unavailable) -> JSONResponse:
        return JSONResponse({"detail": {"error": "unavailable", "message": "try again later"}}, 503)

    return app


def _not_found() -> HTTPException:
    return HTTPException(404, {"error": "not_found", "message": "there is no such note"})
