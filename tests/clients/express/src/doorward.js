// One place that knows where Doorward is: discovers its endpoints and hands out what the API is protected with.

import * as openid from 'openid-client';
import { CachedDecisions } from './cache.js';
import { Decisions } from './decisions.js';
import { Unavailable } from './errors.js';
import { createGuards } from './guards.js';
import { Registry } from './registry.js';
import { createVerifier } from './verify.js';
import { watch } from './watch.js';

/**
 * @param {{
 *   issuer: string, audience: string, clientId: string, clientSecret: string,
 *   resourceServer?: string, cookieName?: string, clock?: () => Date,
 * }} settings `audience` is the identifier this API is registered under, `resourceServer` what Doorward calls it; the
 * client is the API itself.
 */
export async function connect(settings) {
  const { issuer, audience, clientId, clientSecret, resourceServer = 'notes', cookieName, clock } = settings;
  const config = await discover(issuer, clientId, openid.ClientSecretBasic(clientSecret));
  const { jwks_uri: jwksUri } = config.serverMetadata();
  const endpoints = await decisionEndpoints(issuer);
  const authorization = basic(clientId, clientSecret);

  const verify = createVerifier({ issuer, audience, jwksUri, clock });
  const decisions = new Decisions({
    evaluation: endpoints.access_evaluation_endpoint,
    evaluations: endpoints.access_evaluations_endpoint,
    searchResource: endpoints.search_resource_endpoint,
    authorization,
  });
  const cached = new CachedDecisions(decisions);
  const registry = new Registry({ issuer, resourceServer, authorization });
  const isActive = (token) => introspect(config, token);
  const guards = createGuards({ verify, decisions, cached, isActive, cookieName: cookieName ?? cookieFor(issuer) });
  return {
    verify,
    decisions,
    cached,
    registry,
    isActive,
    ...guards,
    /** Until `signal` aborts. `cached` keeps answers only while this runs. AuthZEN has no name for the address. */
    watch: (signal) => watch({ url: `${issuer}/access/v1/watch`, authorization, listener: cached, signal }),
  };
}

/** Both halves are form-encoded before they are joined (RFC 6749 §2.3.1): a `:` or `%` in a secret would break it. */
export function basic(clientId, clientSecret) {
  return `Basic ${Buffer.from(`${formEncode(clientId)}:${formEncode(clientSecret)}`).toString('base64')}`;
}

const formEncode = (text) => new URLSearchParams([['', text]]).toString().slice(1);

/** @returns {Promise<openid.Configuration>} what openid-client needs for every request to this issuer */
export function discover(issuer, clientId, clientAuthentication, algorithm = 'oauth2') {
  return openid.discovery(new URL(issuer), clientId, undefined, clientAuthentication, {
    algorithm,
    timeout: 5,
    // openid-client refuses plain http, and rightly so. A developer's own machine is the one exception.
    execute: isLocal(issuer) ? [openid.allowInsecureRequests] : [],
  });
}

async function introspect(config, token) {
  try {
    return (await openid.tokenIntrospection(config, token)).active;
  } catch (cause) {
    throw new Unavailable('the introspection endpoint gives no usable answer', { cause });
  }
}

async function decisionEndpoints(issuer) {
  const response = await fetch(new URL('/.well-known/authzen-configuration', issuer), {
    redirect: 'error',
    signal: AbortSignal.timeout(5000),
  });
  const metadata = await response.json();
  // The document must speak for the very server it was asked of (AuthZEN §9), else it could send our questions,
  // and the tokens in them, elsewhere.
  if (metadata.policy_decision_point !== issuer) throw new Error(`not the decision point of ${issuer}`);
  return metadata;
}

// `__Host-` makes the browser insist on https, this very host and path `/`; over plain http it refuses such a cookie.
const cookieFor = (issuer) => (isLocal(issuer) ? 'notes_token' : '__Host-notes_token');

function isLocal(issuer) {
  const { protocol, hostname } = new URL(issuer);
  return protocol === 'http:' && ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
}
