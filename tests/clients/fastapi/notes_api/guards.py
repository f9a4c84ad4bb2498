"""The dependencies a route is protected with: who is calling, and may they do this?

They are plain `def`: FastAPI runs them in its thread pool, so that a fetch of keys or a decision never blocks the event
loop.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request

from .decisions import Question, bearer_of
from .doorward import Doorward
from .errors import InvalidToken
from .registry import Written

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
BEARER = re.compile(r"Bearer +([\w.~+/-]+=*)", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Bearer:
    token: str
    claims: dict[str, Any]


def doorward_of(request: Request) -> Doorward:
    return request.app.state.doorward


Connected = Annotated[Doorward, Depends(doorward_of)]


def authenticate(request: Request, doorward: Connected) -> Bearer:
    """Who bears the token; 401 where there is none, or a bad one."""
    token, from_cookie = _find_token(request, doorward.cookie_name)
    # Nothing was sent, so nothing was wrong with it: the challenge carries no error code (RFC 6750 §3.1).
    if token is None:
        raise _challenge("missing_token", "send an access token as `Authorization: Bearer …`")
    if from_cookie and not _may_use_cookie(request):
        raise _forbidden("cross_site_request", "a cookie is not accepted for a change that another site caused")
    try:
        return Bearer(token, doorward.verify(token))
    except InvalidToken as error:
        raise _challenge("invalid_token", str(error)) from error


Caller = Annotated[Bearer, Depends(authenticate)]


def require_scope(scope: str) -> Callable[..., None]:
    """The client was granted this scope. Says nothing about what the person behind it may do."""

    def check(caller: Caller) -> None:
        if scope not in str(caller.claims.get("scope", "")).split(" "):
            refusal = _forbidden("insufficient_scope", f'this needs the scope "{scope}"', scope=scope)
            refusal.headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
            raise refusal

    return check


def require_role(role: str) -> Callable[..., None]:
    """The bearer held this role when the token was issued.

    Costs nothing, but is as old as the token: where a role that was taken away must count at once, use
    `require_permission`.
    """

    def check(caller: Caller) -> None:
        roles = caller.claims.get("roles")
        # Only a list: `in` on a string would find "editor" in "subeditor".
        if not (isinstance(roles, list) and role in roles):
            raise _forbidden("missing_role", f'this needs the role "{role}"', role=role)

    return check


def require_permission(
    action: str,
    resource_type: str,
    id_parameter: str = "id",
    *,
    since: Callable[[str], Written | None] = lambda id: None,
    kept: bool = True,
) -> Callable[..., None]:
    """Doorward decides about this one resource: roles, relations, denies and policies all count.

    The answer is no older than the write that `since` gives for it: whoever made a thing may use it at once, whichever
    node is asked. It may be a kept one, which a write elsewhere makes wrong for as long as the news travels
    (milliseconds); `kept=False` asks, whatever is kept.
    """

    def check(request: Request, caller: Caller, doorward: Connected) -> None:
        id = request.path_params[id_parameter]
        decisions = doorward.cached if kept else doorward.decisions
        if not decisions.evaluate(bearer_of(caller.token), Question(action, resource_type, id), at_least=since(id)):
            permission = f"{action}:{resource_type}"
            raise _forbidden("missing_permission", f'this needs the permission "{permission}"', permission=permission)

    return check


def require_active(caller: Caller, doorward: Connected) -> None:
    """Asks whether the token was revoked meanwhile (RFC 7662). For what cannot be undone."""
    if not doorward.is_active(caller.token):
        raise _challenge("invalid_token", "the token is no longer active")


def _find_token(request: Request, cookie_name: str) -> tuple[str | None, bool]:
    """From the header, else from the cookie; the second value says that it was the cookie.

    Never from the query string: URLs end up in logs, histories and `Referer` headers (RFC 9700 §4.3.2).
    """
    header = request.headers.get("authorization")
    if header is not None:
        match = BEARER.fullmatch(header)
        return (match[1] if match else None), False
    return request.cookies.get(cookie_name), True


def _may_use_cookie(request: Request) -> bool:
    # The browser attaches a cookie also to requests that other sites cause; it says so in `Sec-Fetch-Site`. Who sends
    # no such header is not a browser in use today, and has `Authorization` to send its token in.
    return request.method in SAFE_METHODS or request.headers.get("sec-fetch-site") == "same-origin"


def _challenge(error: str, message: str) -> HTTPException:
    challenge = "Bearer" if error == "missing_token" else f'Bearer error="{error}", error_description="{message}"'
    return HTTPException(401, {"error": error, "message": message}, {"WWW-Authenticate": challenge})


def _forbidden(error: str, message: str, **details: str) -> HTTPException:
    return HTTPException(403, {"error": error, "message": message, **details})
