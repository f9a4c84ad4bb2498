import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt } from 'jose';
import * as openid from 'openid-client';
import { discover } from '../src/doorward.js';
import { Browser, signInAt } from './browser.js';
import { basic, issuer, password, startAuthJsWeb } from './world.js';

/** From the app's own page to Doorward's, by Auth.js's button. */
async function begin(web, browser, options) {
  const page = await browser.open(`${web.origin}/login`);
  return browser.submit(page, page.root.querySelector('form[action$="/auth/signin/doorward"] button'), {}, options);
}

async function signedIn(web, username, browser = new Browser(), how = {}) {
  const { page, seen } = await signInAt(browser, issuer, await begin(web, browser), { username, password, ...how });
  return { browser, page, seen };
}

const config = () => discover(issuer, 'web-authjs', basic('web-authjs'), 'oidc');

test('Auth.js: a person signs in and the app shows what userinfo says', async (t) => {
  const web = await startAuthJsWeb(t);
  const { browser, seen } = await signedIn(web, 'emil');
  assert.deepEqual(seen, ['sign-in', 'consent']);
  const page = await browser.open(web.origin);
  assert.equal(page.title, 'Hello Emil Ende');
  assert.equal(page.textOf('claim-email'), 'emil@example.com');
  // Any script can read this: so there is no token in it.
  const { text } = await browser.open(`${web.origin}/auth/session`);
  assert.deepEqual(Object.keys(JSON.parse(text)).sort(), ['expires', 'key', 'user']);
});

test('Auth.js: the app calls the notes API for the person, with tokens that are renewed', async (t) => {
  let now = Date.now();
  const web = await startAuthJsWeb(t, { clock: () => now });
  const { browser } = await signedIn(web, 'alice');
  for (let round = 0; round < 3; round++) {
    const pages = await Promise.all([1, 2].map(() => browser.open(`${web.origin}/notes`)));
    for (const page of pages) assert.match(page.textOf('list'), /Buy milk/);
    now += 15 * 60_000;
  }
});

test('Auth.js: who does not allow it is back at the sign-in page, which says so, and is not signed in', async (t) => {
  t.mock.method(console, 'error', () => {});
  const web = await startAuthJsWeb(t);
  const { browser, page, seen } = await signedIn(web, 'dora', undefined, { consent: 'deny' });
  assert.deepEqual(seen, ['sign-in', 'consent']);
  assert.equal(page.url.origin + page.url.pathname, `${web.origin}/auth/signin`);
  assert.match(page.text, /Try signing in with a different account/);
  assert.equal((await browser.open(web.origin)).title, 'Notes');
});

test('Auth.js: another state, another issuer, another nonce and another browser are refused', async (t) => {
  t.mock.method(console, 'error', () => {});
  const web = await startAuthJsWeb(t);
  const stopAt = `${web.origin}/auth/callback/doorward`;
  const changes = {
    state: (url) => url.searchParams.set('state', 'another'),
    iss: (url) => url.searchParams.set('iss', 'https://login.example'),
    'no iss': (url) => url.searchParams.delete('iss'),
  };
  for (const [name, change] of Object.entries(changes)) {
    const browser = new Browser();
    const { page: answer } = await signedIn(web, 'alice', browser, { stopAt });
    change(answer);
    assert.equal((await browser.open(answer)).title, 'Not signed in', name);
    assert.equal((await browser.open(web.origin)).title, 'Notes', name);
  }

  const browser = new Browser();
  const { authorization_endpoint: endpoint } = (await config()).serverMetadata();
  const request = await begin(web, browser, { stopAt: endpoint });
  request.searchParams.set('nonce', 'another');
  const { page } = await signInAt(browser, issuer, await browser.open(request), { username: 'alice', password });
  assert.equal(page.title, 'Not signed in');

  const { page: answer } = await signedIn(web, 'alice', new Browser(), { stopAt });
  const victim = new Browser();
  assert.equal((await victim.open(answer)).title, 'Not signed in');
  assert.equal((await victim.open(web.origin)).title, 'Notes');
});

test('Auth.js: who signs out is signed out here, at Doorward, and of the refresh token', async (t) => {
  const web = await startAuthJsWeb(t);
  const { browser } = await signedIn(web, 'alice');
  const [{ tokens }] = web.held.values();
  assert.equal(decodeJwt(tokens.idToken).aud, 'web-authjs');
  const page = await browser.open(web.origin);
  const out = await browser.submit(page, 'sign-out');
  assert.equal(out.title, 'Signed out');
  assert.equal((await browser.open(web.origin)).title, 'Notes');
  await assert.rejects(openid.refreshTokenGrant(await config(), tokens.refreshToken), { error: 'invalid_grant' });
  assert.ok((await begin(web, browser)).find('login-submit'));
});
