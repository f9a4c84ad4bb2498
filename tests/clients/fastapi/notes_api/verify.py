"""Offline verification of Doorward's access tokens (RFC 9068) through its published keys: no request per token."""

from typing import Any

import jwt

from .errors import InvalidToken, Unavailable

# Our list, never the token's own word: shuts out `none`, and HMAC keyed with the public key (RFC 8725 §3.1).
ALGORITHMS = ["RS256"]


class Verifier:
    def __init__(self, *, issuer: str, audience: str, jwks_uri: str) -> None:
        self._issuer = issuer
        self._audience = audience
        # Cached for `lifespan` seconds. A token that names an unknown key causes one new fetch (at most every 30 s, so
        # that invented key ids cannot make us hammer the issuer): a key rotation needs no restart.
        self._keys = jwt.PyJWKClient(jwks_uri, lifespan=300, timeout=5)

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a good token. May fetch keys, hence blocks: not for the event loop."""
        try:
            key = self._keys.get_signing_key_from_jwt(token)
            verified = jwt.decode_complete(
                token,
                key,
                algorithms=ALGORITHMS,
                issuer=self._issuer,
                # A token for another API of the same issuer is somebody else's: RFC 9068 §4, RFC 8707.
                audience=self._audience,
                leeway=5,
                options={"require": ["iss", "sub", "aud", "client_id", "exp", "iat", "jti"]},
            )
        except jwt.PyJWKClientConnectionError as error:
            raise Unavailable("the signing keys cannot be fetched") from error
        except jwt.PyJWKClientError as error:
            raise InvalidToken("the signing key is unknown") from error
        except jwt.ExpiredSignatureError as error:
            raise InvalidToken("the token has expired") from error
        except jwt.PyJWTError as error:
            raise InvalidToken("the token is malformed, or not acceptable here") from error

        # PyJWT leaves the type to us: an ID token of the same issuer is not an access token (RFC 9068 §4).
        if str(verified["header"].get("typ", "")).lower() not in {"at+jwt", "application/at+jwt"}:
            raise InvalidToken("this is not an access token")
        return verified["payload"]
