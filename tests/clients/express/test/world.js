// What `tests/clients/run` prepared: a real Doorward, its command line, and the clients that were created in it.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect as connectNet, createServer as createNetServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import session from 'express-session';
import { importJWK } from 'jose';
import * as openid from 'openid-client';
import { createAuthJsWeb } from '../authjs/app.js';
import { createApp } from '../src/app.js';
import { connect } from '../src/doorward.js';
import { createService } from '../src/service.js';
import { createWeb } from '../web/app.js';
import { createSignIn } from '../web/signin.js';
import { Browser, signInAt } from './browser.js';

const { MemoryStore } = session;

const world = process.env.CLIENTS_WORLD;
if (!world) throw new Error('CLIENTS_WORLD is not set: start these tests with tests/clients/run');

export const issuer = process.env.CLIENTS_ISSUER;
export const notes = 'https://notes.example/api';
export const billing = 'https://billing.example/api';

const readJson = (...path) => JSON.parse(readFileSync(join(world, ...path), 'utf8'));
export const secretOf = (clientId) => readJson('clients', `${clientId}.json`).client_secret;

export const password = readFileSync(join(world, 'password'), 'utf8');
export const alice = readJson('users', 'alice.json');
export const basic = (clientId) => openid.ClientSecretBasic(secretOf(clientId));
export const post = (clientId) => openid.ClientSecretPost(secretOf(clientId));

export async function batchKey() {
  const jwk = readJson('batch.private.jwk.json');
  return openid.PrivateKeyJwt({ key: await importJWK(jwk, 'RS256'), kid: jwk.kid });
}

/** The command line beside the running server. */
export function doorward(...args) {
  return execFileSync(process.env.CLIENTS_DOORWARD, args, { encoding: 'utf8' });
}

/** The API's own view of Doorward; `changes` replaces settings. */
export function connectNotes(changes = {}) {
  return connect({ issuer, audience: notes, clientId: 'notes-api', clientSecret: secretOf('notes-api'), ...changes });
}

/** A service client of the notes API. */
export function service(clientId, { authentication = basic(clientId), resource = notes, scope = 'notes:read' } = {}) {
  return createService({ issuer, clientId, authentication, resource, scope });
}

export async function tokenOf(clientId, options) {
  return (await service(clientId, options)).token();
}

/** Starts the notes API on a free port and answers a `fetch` that takes paths. Closed when the tests end. */
export async function startNotes(t, parts) {
  const server = createApp(parts).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const call = (path, options = {}) => fetch(`http://127.0.0.1:${server.address().port}${path}`, options);
  call.as = (token, path, options = {}) =>
    call(path, { ...options, headers: { ...options.headers, authorization: `Bearer ${token}` } });
  return call;
}

/** A line to Doorward that can be cut. `heads` are the first bytes of each connection. */
export async function startRelay(t) {
  const { hostname, port } = new URL(issuer);
  const ends = new Set();
  const heads = [];
  let isUp = true;
  const end = () => {
    for (const one of ends) one.destroy();
    ends.clear();
  };
  const server = createNetServer((near) => {
    near.on('error', () => {});
    if (!isUp) return near.destroy();
    const far = connectNet(port, hostname).on('error', () => {});
    for (const one of [near, far]) ends.add(one.on('close', end));
    near.once('data', (head) => heads.push(head.toString().toLowerCase()));
    near.pipe(far).pipe(near);
  });
  const origin = await listen(t, server);
  t.after(end);
  return {
    origin,
    heads,
    cut() {
      isUp = false;
      end();
    },
    mend() {
      isUp = true;
    },
  };
}

const webSettings = (clientId) => ({
  issuer,
  clientId,
  clientSecret: secretOf(clientId),
  resource: notes,
  scope: 'openid profile email notes:read',
});

/** Signs people in as the web app does, on no server: for what is asked of the library alone. */
export function createWebSignIn(origin, changes = {}) {
  return createSignIn({ ...webSettings('web-express'), origin, ...changes });
}

/** Starts a server on a free port, and says where it is. Closed when the tests end. */
export async function listen(t, server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/** Starts the notes API, for apps that call it. */
export async function startApi(t) {
  return listen(t, createServer(createApp(await connectNotes())));
}

/** The notes API, behind something that notes down the tokens that came. */
export async function startRecordedApi(t) {
  const target = await startApi(t);
  const tokens = [];
  const recorder = createServer(async (req, res) => {
    const { authorization, cookie } = req.headers;
    assert.equal(cookie, undefined, 'cookies are none of its business');
    tokens.push(authorization.replace(/^Bearer /, ''));
    const answer = await fetch(target + req.url, { headers: { authorization } });
    res.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
  });
  return { api: await listen(t, recorder), tokens };
}

/** For programs that must be told. */
export async function freePort() {
  const server = createNetServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

/** Starts the web app, with the notes API behind it. */
export async function startWeb(t, { clock } = {}) {
  const server = createServer();
  const [origin, api] = await Promise.all([listen(t, server), startApi(t)]);
  const store = new MemoryStore();
  const signIn = await createWebSignIn(origin, { clock });
  const app = createWeb({
    signIn,
    issuer,
    origin,
    notes: api,
    sessionSecret: 'only for these tests',
    store,
  });
  server.on('request', app);
  return { origin, signIn, tokens: () => signedInTokens(store) };
}

/** Starts the web app by Auth.js, with the notes API behind it. */
export async function startAuthJsWeb(t, { clock } = {}) {
  const server = createServer();
  const [origin, api] = await Promise.all([listen(t, server), startApi(t)]);
  const settings = { ...webSettings('web-authjs'), origin };
  const signIn = await createSignIn({ ...settings, clock });
  const held = new Map();
  const sessionSecret = 'only for these tests';
  server.on('request', createAuthJsWeb({ ...settings, signIn, notes: api, sessionSecret, held }));
  return { origin, held };
}

/** What the app keeps and no browser sees: the tokens of the one who is signed in, or nothing. */
async function signedInTokens(store) {
  const sessions = await promisify(store.all.bind(store))();
  return Object.values(sessions).find((session) => session.tokens)?.tokens;
}

/** A browser in which somebody has signed in to the web app. */
export async function signedIn(web, username, { path = '/login' } = {}) {
  const browser = new Browser();
  const first = await browser.open(`${web.origin}${path}`);
  const { page, seen } = await signInAt(browser, issuer, first, { username, password });
  return { browser, page, seen };
}

/** A change made by the command line is in force within a second; two are allowed, for a machine under load. */
export async function eventually(what, holds) {
  const deadline = Date.now() + 2000;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`not so after two seconds: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
