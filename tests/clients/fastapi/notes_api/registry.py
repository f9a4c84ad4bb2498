"""Tells Doorward what belongs to whom, through its administration API: decisions and searches know it from then on.

The API's own client may do this for its own resource server and for nothing else: see `tests/clients/README.md`.
"""

from typing import Any, NamedTuple
from urllib.parse import quote

import httpx2

from .errors import Unavailable


class Written(NamedTuple):
    """A write to Doorward. Asked `at_least` it, no node answers from before."""

    token: str
    revision: int


class Registry:
    def __init__(self, http: httpx2.Client, *, issuer: str, resource_server: str) -> None:
        self._http = http
        self._base = f"{issuer}/api/v1/resource-servers/{quote(resource_server, safe='')}"

    def add_owner(self, resource_type: str, resource_id: str, owner: str) -> Written:
        """Registers the resource with it. Written twice, it is there once."""
        edge = {"object": f"{resource_type}:{resource_id}", "relation": "owner", "subject": owner}
        return self._write("relations", {"write": [edge]})

    def remove(self, resource_type: str, resource_id: str) -> Written:
        """With all that it was to anybody. What is not there is no error."""
        return self._write("resources", {"delete": [f"{resource_type}:{resource_id}"]})

    def _write(self, what: str, body: dict[str, Any]) -> Written:
        try:
            response = self._http.post(f"{self._base}/{what}", json=body)
            if response.status_code != 200:
                raise Unavailable(f"the registry answered {response.status_code}")
            return Written(response.headers["doorward-consistency-token"], response.json()["revision"])
        except (httpx2.HTTPError, ValueError, LookupError, TypeError) as error:
            raise Unavailable(f"the {what} could not be written") from error


def owner_of(claims: dict[str, Any]) -> str:
    """Whoever bears the token, as an owner."""
    # Only a person has signed in at some time. `sub` alone does not tell: that of a service is its client_id, and
    # somebody may be called like a client (RFC 9068 §5).
    kind = "user" if "auth_time" in claims else "client"
    return f"{kind}:{claims['sub']}"
