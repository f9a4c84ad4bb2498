"""Signing people in with OpenID Connect: the authorization code flow with PKCE, by Authlib.

Authlib keeps `state`, `nonce` and the PKCE verifier of what was begun in the session of the request.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from authlib.integrations.starlette_client import OAuth, OAuthError
from httpx2 import Response
from starlette.requests import Request
from starlette.responses import RedirectResponse

from notes_api.doorward import is_local

SCOPE = "openid profile email notes:read"
Token = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """`origin` is where people reach this app; `<origin>/callback` and `<origin>/signed-out` are registered."""

    issuer: str
    client_id: str
    client_secret: str
    origin: str
    #: The identifier of the notes API, and where it is.
    audience: str
    notes_url: str
    session_secret: str


class SignIn:
    def __init__(self, settings: Settings, renewed: Callable[[str, Token], Awaitable[None]]) -> None:
        """`renewed(old_refresh_token, token)` is told of every renewal: the old refresh token was good once."""
        # Over plain http anybody on the way could put in keys of their own; Authlib does not mind.
        if not settings.issuer.startswith("https://") and not is_local(settings.issuer):
            raise ValueError("the issuer must be an https URL")

        async def update_token(token: Token, refresh_token: str | None = None, access_token: str | None = None) -> None:
            await renewed(refresh_token, token)

        self._settings = settings
        self._client = OAuth().register(
            "doorward",
            client_id=settings.client_id,
            client_secret=settings.client_secret,
            server_metadata_url=f"{settings.issuer}/.well-known/openid-configuration",
            update_token=update_token,
            # The API the access token is for (RFC 8707).
            authorize_params={"resource": settings.audience},
            client_kwargs={
                "scope": SCOPE,
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "client_secret_basic",
                "timeout": 5,
            },
        )

    async def start(self, request: Request, **extra: str) -> RedirectResponse:
        """To Doorward. `extra` may hold `prompt`, `max_age`, `login_hint` and the like."""
        return await self._client.authorize_redirect(request, f"{self._settings.origin}/callback", **extra)

    async def finish(self, request: Request) -> tuple[Token, dict[str, Any]]:
        """The token and the claims of who signed in; `OAuthError`, and what joserfc raises, where it cannot be."""
        settings = self._settings
        # Authlib does not look at it: an answer of another issuer must not be taken for one of ours, nor its code be
        # shown to ours (RFC 9207; Doorward always names itself).
        if request.query_params.get("iss") != settings.issuer:
            raise OAuthError("mismatching_issuer", "the answer is not from the issuer that was asked")
        token = await self._client.authorize_access_token(
            request,
            claims_options={
                "iss": {"essential": True, "value": settings.issuer},
                # Authlib's own options leave the audience to `azp`.
                "aud": {"essential": True, "value": settings.client_id},
            },
            leeway=5,
        )
        # Authlib takes an answer without an ID token for one of plain OAuth.
        if token.get("userinfo") is None:
            raise OAuthError("missing_id_token", "the answer has no ID token")
        claims = token.pop("userinfo")
        person = await self._client.userinfo(token=token)
        # Name and address come from userinfo. It must be about the same person (OpenID Connect Core §5.3.2).
        if person.get("sub") != claims["sub"]:
            raise OAuthError("mismatching_subject", "userinfo is about somebody else")
        return dict(token), dict(person)

    async def get(self, url: str, token: Token) -> Response:
        """A request with the access token, which is renewed before if it is due."""
        return await self._client.get(url, token=token)

    async def sign_out(self, request: Request, id_token: str) -> RedirectResponse:
        """To Doorward, so that the person is signed out there too (RP-Initiated Logout)."""
        return await self._client.logout_redirect(request, f"{self._settings.origin}/signed-out", id_token)

    async def signed_out(self, request: Request) -> None:
        """Back from there; `OAuthError` where this browser was never sent."""
        await self._client.validate_logout_response(request)
