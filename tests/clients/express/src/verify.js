// Offline verification of Doorward's access tokens (RFC 9068) through its published keys: no request per token.

import { createRemoteJWKSet, jwtVerify } from 'jose';
import { InvalidToken, Unavailable } from './errors.js';

// What jose says when the token is at fault. Anything else (no answer, a time-out) is not the caller's doing.
const REFUSALS = new Map([
  ['ERR_JWT_EXPIRED', 'the token has expired'],
  ['ERR_JWT_CLAIM_VALIDATION_FAILED', 'a claim of the token is missing or not acceptable here'],
  ['ERR_JWT_INVALID', 'the token is malformed'],
  ['ERR_JWS_INVALID', 'the token is malformed'],
  ['ERR_JWS_SIGNATURE_VERIFICATION_FAILED', 'the signature does not match'],
  ['ERR_JWKS_NO_MATCHING_KEY', 'the signing key is unknown'],
  ['ERR_JOSE_ALG_NOT_ALLOWED', 'the signing algorithm is not allowed'],
  ['ERR_JOSE_NOT_SUPPORTED', 'the token uses an unsupported feature'],
]);

/**
 * @param {{ issuer: string, audience: string, jwksUri: string, clock?: () => Date }} options
 * @returns {(token: string) => Promise<import('jose').JWTPayload>} the claims of a good token
 */
export function createVerifier({ issuer, audience, jwksUri, clock = () => new Date() }) {
  // Fetched at the first token and cached; a token that names an unknown key causes one new fetch (at most every
  // 30 s, so that invented key ids cannot make us hammer the issuer). A key rotation therefore needs no restart.
  const keys = createRemoteJWKSet(new URL(jwksUri));

  return async function verify(token) {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        // A token for another API of the same issuer is somebody else's: RFC 9068 §4, RFC 8707.
        audience,
        // Our list, never the token's own word: shuts out `none`, and HMAC keyed with the public key (RFC 8725 §3.1).
        algorithms: ['RS256'],
        // An ID token or a logout token of the same issuer is not an access token (RFC 9068 §4).
        typ: 'at+jwt',
        requiredClaims: ['sub', 'client_id', 'exp', 'iat', 'jti'],
        clockTolerance: 5,
        currentDate: clock(),
      });
      return payload;
    } catch (error) {
      const reason = REFUSALS.get(error.code);
      if (reason !== undefined) throw new InvalidToken(reason, { cause: error });
      throw new Unavailable('the signing keys cannot be fetched', { cause: error });
    }
  };
}
