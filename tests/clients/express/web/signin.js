// Signing people in with OpenID Connect: the authorization code flow with PKCE, by openid-client. It knows nothing of
// Express and of sessions; `app.js` keeps what is returned here.

import * as openid from 'openid-client';
import { discover } from '../src/doorward.js';

/**
 * @typedef {{ state: string, nonce: string, verifier: string }} Attempt kept with the browser's session until the answer
 * @typedef {{
 *   sub: string, accessToken: string, refreshToken: string, idToken: string, expiresAt: number,
 * }} Tokens
 *
 * @param {{
 *   issuer: string, clientId: string, clientSecret: string, origin: string,
 *   resource: string, scope: string, clock?: () => number,
 * }} settings `origin` is where people reach this app; `<origin>/callback` and `<origin>/signed-out` are registered
 */
export async function createSignIn({ issuer, clientId, clientSecret, origin, resource, scope, clock = Date.now }) {
  const config = await discover(issuer, clientId, openid.ClientSecretBasic(clientSecret), 'oidc');
  const renewals = new Map();

  /** @returns {Tokens} */
  const keep = (answer, previous) => {
    // A refreshed ID token, where one comes, must speak of the same person (OpenID Connect Core §12.2).
    const sub = answer.claims()?.sub ?? previous.sub;
    if (previous && previous.sub !== sub) throw new Error('the refreshed ID token is about somebody else');
    return {
      sub,
      accessToken: answer.access_token,
      refreshToken: answer.refresh_token ?? previous?.refreshToken,
      idToken: answer.id_token ?? previous?.idToken,
      expiresAt: clock() + answer.expiresIn() * 1000,
    };
  };

  async function refresh(tokens) {
    return keep(await openid.refreshTokenGrant(config, tokens.refreshToken), tokens);
  }

  return {
    /** Where to send the browser, and what to remember of it. `extra` may hold `prompt`, `max_age`, `login_hint`, … */
    async start(extra = {}) {
      const attempt = {
        state: openid.randomState(),
        nonce: openid.randomNonce(),
        verifier: openid.randomPKCECodeVerifier(),
      };
      const url = openid.buildAuthorizationUrl(config, {
        redirect_uri: `${origin}/callback`,
        scope,
        // The API the access token is for (RFC 8707).
        resource,
        state: attempt.state,
        nonce: attempt.nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(attempt.verifier),
        code_challenge_method: 'S256',
        ...extra,
      });
      return { url, attempt };
    },

    /**
     * The answer, as a URL of this app. openid-client checks `state` and `iss` (RFC 9207) before it shows the code to
     * anyone, and then the ID token: signature, `iss`, `aud`, `exp`, `nonce`.
     *
     * @param {URL} url
     * @param {Attempt} attempt
     */
    async finish(url, attempt) {
      const answer = await openid.authorizationCodeGrant(config, url, {
        expectedState: attempt.state,
        expectedNonce: attempt.nonce,
        pkceCodeVerifier: attempt.verifier,
        idTokenExpected: true,
      });
      const tokens = keep(answer);
      // Name and address come from userinfo. It must be about the same person as the ID token (Core §5.3.2).
      const person = await openid.fetchUserInfo(config, tokens.accessToken, tokens.sub);
      return { tokens, person, idTokenClaims: answer.claims() };
    },

    isDue: (tokens) => tokens.expiresAt - 30_000 <= clock(),

    /**
     * New tokens for old: the refresh token is good once, so what comes back must be kept. Requests of one browser that
     * come at the same time share one renewal. (Two nodes of this app would not; then Doorward gives both the same
     * successor, for a minute.)
     */
    renew(tokens) {
      const { refreshToken } = tokens;
      if (!renewals.has(refreshToken)) {
        const renewal = refresh(tokens).finally(() => renewals.delete(refreshToken));
        renewals.set(refreshToken, renewal);
      }
      return renewals.get(refreshToken);
    },

    /** Where to send the browser so that the person is signed out at Doorward too (RP-Initiated Logout). */
    signOutUrl({ idToken }, state) {
      return openid.buildEndSessionUrl(config, {
        id_token_hint: idToken,
        post_logout_redirect_uri: `${origin}/signed-out`,
        state,
      });
    },
  };
}

/** The person, or Doorward, said no: nothing is broken, and a page says so. Also for `prompt: 'none'`. */
export const refusalOf = (error) => (error instanceof openid.AuthorizationResponseError ? error.error : undefined);

/** The session at Doorward is over (signed out, disabled, expired): sign in again. */
export const isOver = (error) => error instanceof openid.ResponseBodyError && error.error === 'invalid_grant';
