"""The web app. The browser holds only a cookie: a script that gets into a page finds no token to take away."""

import logging
import re
from pathlib import Path

from authlib.integrations.starlette_client import OAuthError
from joserfc.errors import JoseError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from .sessions import Session, Sessions
from .sign_in import Settings, SignIn

log = logging.getLogger(__name__)
pages = Jinja2Templates(Path(__file__).parent / "templates")


def create_web(settings: Settings, sessions: Sessions) -> Starlette:
    sign_in = SignIn(settings, sessions.renewed)
    is_secure = settings.origin.startswith("https://")

    def current(request: Request) -> Session | None:
        return sessions.get(request.session.get("id"))

    def home(request: Request) -> Response:
        session = current(request)
        return pages.TemplateResponse(request, "home.html", {"person": session and session.person})

    async def login(request: Request) -> Response:
        request.session["return_to"] = _local_path(request.query_params.get("return_to"))
        return await sign_in.start(request)

    async def login_silent(request: Request) -> Response:
        """Signs in whoever is signed in at Doorward already, and shows no page to those who are not."""
        request.session["return_to"] = "/"
        return await sign_in.start(request, prompt="none")

    async def callback(request: Request) -> Response:
        try:
            token, person = await sign_in.finish(request)
        except OAuthError as error:
            return _refused(request, error)
        except JoseError as error:
            log.warning("the ID token was refused: %r", error)
            return _sorry(request, 400, "That did not work", "You are not signed in. Please try again.")
        return_to = request.session.get("return_to", "/")
        # A new id, so that one who planted the old one has nothing (session fixation).
        sessions.end(request.session.get("id"))
        request.session.clear()
        request.session["id"] = sessions.begin(token, person)
        return RedirectResponse(return_to, 303)

    async def notes(request: Request) -> Response:
        session = current(request)
        if session is None:
            return _to_login(request)
        try:
            answer = await sign_in.get(f"{settings.notes_url}/notes", session.token)
        except OAuthError as error:
            if error.error != "invalid_grant":
                raise
            # The session at Doorward is over (signed out, disabled, expired): sign in again.
            sessions.end(request.session.pop("id"))
            return _to_login(request)
        # Revoked before its time: the way to a new token is a new sign-in.
        if answer.status_code == 401:
            return _to_login(request)
        if answer.status_code != 200:
            raise HTTPException(503)
        return pages.TemplateResponse(request, "notes.html", {"notes": answer.json()})

    async def logout(request: Request) -> Response:
        session = current(request)
        if session is None:
            return RedirectResponse("/", 303)
        sessions.end(request.session["id"])
        request.session.clear()
        return await sign_in.sign_out(request, session.token["id_token"])

    async def signed_out(request: Request) -> Response:
        try:
            await sign_in.signed_out(request)
        except OAuthError:
            return RedirectResponse("/", 303)
        return _sorry(request, 200, "Signed out", "You are signed out here and at Doorward.")

    async def headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        # Browsers hold the redirect after a form to `form-action` too: signing out leads to the issuer.
        policy = f"default-src 'none'; form-action 'self' {settings.issuer}; frame-ancestors 'none'"
        response.headers["Content-Security-Policy"] = policy
        response.headers["Cache-Control"] = "no-store"
        # The answer from Doorward has a code in its URL.
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return Starlette(
        routes=[
            Route("/", home),
            Route("/login", login),
            Route("/login/silent", login_silent),
            Route("/callback", callback),
            Route("/notes", notes),
            Route("/logout", logout, methods=["POST"]),
            Route("/signed-out", signed_out),
        ],
        middleware=[
            Middleware(BaseHTTPMiddleware, dispatch=headers),
            Middleware(
                SessionMiddleware,
                secret_key=settings.session_secret,
                # `__Host-`: https, this very host and path `/` only. Over plain http browsers refuse it.
                session_cookie="__Host-notes" if is_secure else "notes",
                https_only=is_secure,
                # A form of another site that posts here carries no cookie, a link from there does.
                same_site="lax",
                max_age=None,
            ),
        ],
    )


def _refused(request: Request, error: OAuthError) -> Response:
    match error.error:
        case "access_denied":
            return _sorry(request, 403, "Not signed in", "You did not allow it. Nothing was shared.")
        case "login_required" | "consent_required":
            return RedirectResponse("/", 303)
        case "mismatching_state":
            # Begun in another browser, or never: taking it would sign this person in as somebody else (login CSRF).
            return _sorry(request, 400, "Please start again", "This sign-in was not begun in this browser.")
    log.warning("the sign-in was refused: %r", error)
    return _sorry(request, 400, "That did not work", "You are not signed in. Please try again.")


def _sorry(request: Request, status: int, title: str, text: str) -> Response:
    return pages.TemplateResponse(request, "sorry.html", {"title": title, "text": text}, status)


def _to_login(request: Request) -> Response:
    return RedirectResponse(f"/login?return_to={request.url.path}", 303)


def _local_path(path: str | None) -> str:
    """Only a path of this app: else our link could send people anywhere after they signed in (open redirect)."""
    return path if path and re.fullmatch(r"/(?![/\\])[\w./-]*", path, re.ASCII) else "/"
