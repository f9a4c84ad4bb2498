// A small relying party on openid-client. It lives on 127.0.0.1, and Doorward on localhost: two sites, as in life.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import * as openid from 'openid-client';
import { createClient, issuer } from './world.js';

const escape = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** A page of a server of ours that is no Doorward. */
export function html(body) {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not Doorward</title></head><body>${body}</body></html>`;
}

const ADDRESS_OF = { localhost: '127.0.0.1', '127.0.0.1': '127.0.0.1', '[::1]': '::1' };

/** Serves on a free port until the test `t` ends. `answer(request, url)` gives `{ status, headers, body }`. */
export async function serve(t, host, answer) {
  const server = createServer(async (request, response) => {
    try {
      const { status = 200, headers = {}, body = '' } = await answer(request, new URL(request.url, origin));
      response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', ...headers }).end(body);
    } catch (error) {
      response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error));
    }
  }).listen(0, ADDRESS_OF[host]);
  await once(server, 'listening');
  const origin = `http://${host}:${server.address().port}`;
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return origin;
}

/**
 * A relying party until the test ends. Its pages: `start(parameters)` sends a person to Doorward, `logout(…)` away from it.
 * What came back is in `answers`, newest last: `{ method, error }` or `{ method, sub, tokens }`.
 */
export async function openRelyingParty(t, { name = 'Notes', scopes = ['openid', 'profile', 'email', 'offline_access'], redirectUris = [] } = {}) {
  const begun = new Map();
  const answers = [];
  let config;

  async function start(url) {
    const verifier = openid.randomPKCECodeVerifier();
    const check = { pkceCodeVerifier: verifier, expectedState: openid.randomState(), expectedNonce: openid.randomNonce() };
    begun.set(check.expectedState, check);
    const location = openid.buildAuthorizationUrl(config, {
      redirect_uri: `${origin}/callback`,
      scope: 'openid profile',
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state: check.expectedState,
      nonce: check.expectedNonce,
      ...Object.fromEntries(url.searchParams),
    });
    return { status: 302, headers: { location: location.href } };
  }

  async function callback(request, url) {
    const method = request.method;
    const fetched =
      method === 'POST' ? new Request(url, { method, headers: request.headers, body: Readable.toWeb(request), duplex: 'half' }) : url;
    const sent = method === 'POST' ? new URLSearchParams(await fetched.clone().text()) : url.searchParams;
    const check = begun.get(sent.get('state'));
    begun.delete(sent.get('state'));
    if (!check) throw new Error('an answer nobody here asked for');
    try {
      const tokens = await openid.authorizationCodeGrant(config, fetched, check);
      answers.push({ method, sub: tokens.claims().sub, tokens });
      return { body: html(`<h1>Welcome to the relying party</h1><p id="who">${escape(tokens.claims().sub)}</p>`) };
    } catch (error) {
      answers.push({ method, error: error.error ?? String(error) });
      return { body: html(`<h1>Back at the relying party</h1><p id="error">${escape(error.error ?? String(error))}</p>`) };
    }
  }

  const origin = await serve(t, '127.0.0.1', async (request, url) => {
    if (url.pathname === '/start') return start(url);
    if (url.pathname === '/callback') return callback(request, url);
    if (url.pathname === '/bye') return { body: html(`<h1>Goodbye</h1><p id="state">${escape(url.searchParams.get('state') ?? '')}</p>`) };
    if (url.pathname === '/') return { body: html('<h1>The relying party</h1>') };
    return { status: 404 };
  });

  const registered = await createClient({
    name,
    redirectUris: [`${origin}/callback`, ...redirectUris],
    postLogoutRedirectUris: [`${origin}/bye`],
    scopes,
  });
  config = await openid.discovery(new URL(issuer), registered.id, undefined, openid.ClientSecretBasic(registered.secret), {
    execute: [openid.allowInsecureRequests],
  });

  const query = (parameters) => new URLSearchParams(parameters).toString();
  return {
    name,
    origin,
    answers,
    clientId: registered.id,
    home: `${origin}/`,
    bye: `${origin}/bye`,
    start: (parameters = {}) => `${origin}/start?${query(parameters)}`,
    logout: (parameters = {}) => `${issuer}/oauth2/logout?${query(parameters)}`,
    /** What userinfo says of whoever came back last. */
    userinfo: () => openid.fetchUserInfo(config, answers.at(-1).tokens.access_token, answers.at(-1).sub),
  };
}
