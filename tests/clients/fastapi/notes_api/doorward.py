"""One place that knows where Doorward is: discovers its endpoints and holds what the API is protected with."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx2

from .decisions import Decisions
from .errors import Unavailable
from .verify import Verifier


@dataclass(frozen=True)
class Settings:
    """`audience` is the identifier this API is registered under; the client is the API itself."""

    issuer: str
    audience: str
    client_id: str
    client_secret: str


class Doorward:
    def __init__(self, settings: Settings) -> None:
        # Refused before the first request: over plain http anybody on the way could put in keys of their own.
        if urlsplit(settings.issuer).scheme != "https" and not is_local(settings.issuer):
            raise ValueError("the issuer must be an https URL")
        server = discover(settings.issuer)
        decision_point = _decision_point(settings.issuer)
        self._introspection: str = server["introspection_endpoint"]
        self._verifier = Verifier(issuer=settings.issuer, audience=settings.audience, jwks_uri=server["jwks_uri"])
        self.verify = self._verifier.verify
        self.decisions = Decisions(
            evaluation=decision_point["access_evaluation_endpoint"],
            evaluations=decision_point["access_evaluations_endpoint"],
            client_id=settings.client_id,
            client_secret=settings.client_secret,
        )
        credentials = (quote_plus(settings.client_id), quote_plus(settings.client_secret))
        self._http = httpx2.Client(auth=credentials, timeout=2.0)
        # `__Host-` makes the browser insist on https, this very host and path `/`; over plain http it refuses it.
        self.cookie_name = "notes_token" if is_local(settings.issuer) else "__Host-notes_token"

    def is_active(self, token: str) -> bool:
        """Introspection (RFC 7662): false also for a token that was revoked a moment ago."""
        try:
            response = self._http.post(self._introspection, data={"token": token})
            response.raise_for_status()
            return response.json()["active"] is True
        except (httpx2.HTTPError, ValueError, LookupError, TypeError) as error:
            raise Unavailable("the introspection endpoint gives no usable answer") from error

    def close(self) -> None:
        self.decisions.close()
        self._http.close()


def discover(issuer: str) -> dict[str, Any]:
    """The authorization server's metadata (RFC 8414)."""
    metadata = _get_json(f"{issuer}/.well-known/oauth-authorization-server")
    # It must speak for the very server it was asked of (RFC 8414 §3.3), or one issuer could pose as another.
    if metadata.get("issuer") != issuer:
        raise ValueError(f"not the metadata of {issuer}")
    return metadata


def _decision_point(issuer: str) -> dict[str, Any]:
    metadata = _get_json(f"{issuer}/.well-known/authzen-configuration")
    # Else it could send our questions, and the tokens in them, elsewhere (AuthZEN §9).
    if metadata.get("policy_decision_point") != issuer:
        raise ValueError(f"not the decision point of {issuer}")
    return metadata


def _get_json(url: str) -> dict[str, Any]:
    response = httpx2.get(url, timeout=5.0)
    response.raise_for_status()
    return response.json()


def is_local(issuer: str) -> bool:
    """Plain http is for a developer's own machine, and nowhere else."""
    parts = urlsplit(issuer)
    return parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}
