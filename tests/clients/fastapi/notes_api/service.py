"""The other side: services (no person involved) that call the notes API with the client credentials grant."""

import time
from asyncio import to_thread
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from joserfc.jwk import RSAKey

from .doorward import discover


def with_secret(
    issuer: str, client_id: str, client_secret: str, *, resource: str, scope: str, method: str = "client_secret_basic"
) -> OAuth2Session:
    """A `requests` session that carries a token. `resource` names the API it is for (RFC 8707)."""
    server = discover(issuer)
    session = OAuth2Session(
        client_id,
        client_secret,
        scope=scope,
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        token_endpoint=server["token_endpoint"],
        grant_type="client_credentials",
        default_timeout=5,
    )
    session.fetch_token(resource=resource)
    return session


@asynccontextmanager
async def with_key(
    issuer: str, client_id: str, key: dict[str, Any], *, resource: str, scope: str
) -> AsyncIterator[AsyncOAuth2Client]:
    """An asynchronous client that proves itself with a private key (a JWK): Doorward holds only the public one."""
    server = await to_thread(discover, issuer)
    async with AsyncOAuth2Client(
        client_id,
        RSAKey.import_key(key),
        scope=scope,
        token_endpoint_auth_method="private_key_jwt",
        token_endpoint=server["token_endpoint"],
        grant_type="client_credentials",
        timeout=5,
    ) as client:
        client.register_client_auth_method(ShortLivedKeyJWT(server["token_endpoint"], kid=key["kid"]))
        await client.fetch_token(resource=resource)
        yield client


class ShortLivedKeyJWT(PrivateKeyJWT):
    """Authlib's assertion lives for an hour; Doorward takes none that is good for more than five minutes.

    An assertion is used once, at once: a minute is plenty, and all that a thief of one would have. Do not reach for
    Authlib's `claims=` instead: that one dictionary, `exp` and `jti` in it, is sent again with the next request.
    """

    LIFETIME_S = 60

    def __init__(self, token_endpoint: str, kid: str) -> None:
        super().__init__(token_endpoint)
        self._kid = kid

    def sign(self, auth: Any, token_endpoint: str) -> str:
        return private_key_jwt_sign(
            auth.client_secret,
            client_id=auth.client_id,
            token_endpoint=token_endpoint,
            alg=self.alg,
            header={"kid": self._kid},
            expires_at=int(time.time()) + self.LIFETIME_S,
        )
