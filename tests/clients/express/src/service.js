// The other side: a service (no person involved) that calls the notes API with the client credentials grant.

import * as openid from 'openid-client';
import { discover } from './doorward.js';

const RENEW_BEFORE_MS = 30_000;

/**
 * @param {{
 *   issuer: string, clientId: string, authentication: openid.ClientAuth,
 *   resource: string, scope: string,
 * }} settings `authentication` is e.g. `ClientSecretBasic(secret)` or `PrivateKeyJwt(key)` of openid-client
 */
export async function createService({ issuer, clientId, authentication, resource, scope }) {
  const config = await discover(issuer, clientId, authentication);
  let current; // a promise, so that calls made while a token is being fetched share that one request

  async function request() {
    // `resource` names the API the token is for (RFC 8707): it becomes the audience, and no other API accepts it.
    const answer = await openid.clientCredentialsGrant(config, { resource, scope });
    return { accessToken: answer.access_token, renewAt: Date.now() + answer.expiresIn() * 1000 - RENEW_BEFORE_MS };
  }

  /** A token good for at least half a minute; fetched once, not once per call. */
  async function token() {
    const seen = current;
    const held = await seen?.catch(() => undefined);
    const isDue = held === undefined || held.renewAt <= Date.now();
    // Only the first of several waiting callers finds `current` as it was, and renews.
    if (isDue && current === seen) current = request();
    return (await current).accessToken;
  }

  return {
    token,

    /** `fetch`, with the token attached. Only for URLs of the API the token is meant for. */
    async fetch(url, options = {}) {
      const headers = new Headers(options.headers);
      headers.set('authorization', `Bearer ${await token()}`);
      return fetch(url, { ...options, headers });
    },

    /** Gives the token back when the work is done, rather than leave it lying about until it expires (RFC 7009). */
    async close() {
      const held = await current?.catch(() => undefined);
      current = undefined;
      if (held) await openid.tokenRevocation(config, held.accessToken);
    },
  };
}
