"""One place that knows where Doorward is: discovers its endpoints and holds what the API is protected with."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx2

from .cache import CachedDecisions
from .decisions import Decisions
from .errors import Unavailable
from .registry import Registry
from .verify import Verifier
from .watch import watch


@dataclass(frozen=True)
class Settings:
    """`audience` is the identifier this API is registered under; the client is the API itself."""

    issuer: str
    audience: str
    client_id: str
    client_secret: str
    # What Doorward calls this API.
    resource_server: str = "notes"


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
        # To load the certificates takes longer than a request: once is enough.
        self._tls = httpx2.create_ssl_context()
        # Both halves are form-encoded before they are joined (RFC 6749 §2.3.1).
        self._credentials = (quote_plus(settings.client_id), quote_plus(settings.client_secret))
        # One client for the process: it keeps connections open and is safe to share between threads.
        self._http = httpx2.Client(auth=self._credentials, verify=self._tls, timeout=2.0)
        self.decisions = Decisions(
            self._http,
            evaluation=decision_point["access_evaluation_endpoint"],
            evaluations=decision_point["access_evaluations_endpoint"],
            search_resource=decision_point["search_resource_endpoint"],
        )
        self.cached = CachedDecisions(self.decisions)
        # AuthZEN has no name for it.
        self._watch = f"{settings.issuer}/access/v1/watch"
        self.registry = Registry(self._http, issuer=settings.issuer, resource_server=settings.resource_server)
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

    async def watch(self) -> None:
        """Until it is cancelled. `cached` keeps answers only while this runs."""
        async with httpx2.AsyncClient(auth=self._credentials, verify=self._tls) as http:
            await watch(http, self._watch, self.cached)

    def close(self) -> None:
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
