// Drives the Spring app through Doorward and back. The browser and the notes API are those of the example beside it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { Browser, signInAt } from '../express/test/browser.js';
import { freePort, issuer, notes, password, secretOf, startRecordedApi } from '../express/test/world.js';

const READY_TIMEOUT_MS = 60_000;

let app;
let renewing;

before(async () => {
  app = await startSpring();
  // For this one every token is due at every request.
  renewing = await startSpring({ WEB_RENEW_BEFORE: '1d' });
});
after(() => Promise.all([app?.stop(), renewing?.stop()]));

async function startSpring(settings = {}) {
  const closing = [];
  const { api, tokens } = await startRecordedApi({ after: (close) => closing.push(close) });
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const log = [];
  // `setpriv`, so that it ends with these tests, even if they are killed outright.
  const java = spawn('setpriv', ['--pdeathsig=TERM', 'java', '-jar', process.env.CLIENTS_SPRING_JAR], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      PORT: port,
      NOTES_ISSUER: issuer,
      NOTES_AUDIENCE: notes,
      NOTES_URL: api,
      WEB_CLIENT_ID: 'web-spring',
      WEB_CLIENT_SECRET: secretOf('web-spring'),
      ...settings,
    },
  });
  java.stdout.setEncoding('utf8').on('data', (text) => log.push(text));
  const ended = once(java, 'exit');
  async function stop() {
    java.kill('SIGTERM');
    await ended;
    for (const close of closing) close();
  }
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await fetch(`${origin}/signed-out`).catch(() => undefined))?.ok) {
    if (Date.now() > deadline || java.exitCode !== null) throw new Error(`the app does not answer:\n${log.join('')}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { origin, callback: `${origin}/callback`, tokens, stop };
}

async function signedIn(username, { at = app, path = '/oauth2/authorization/doorward', ...how } = {}) {
  const browser = new Browser();
  const first = await browser.open(at.origin + path);
  return { browser, ...(await signInAt(browser, issuer, first, { username, password, ...how })) };
}

test('a person signs in and the app shows who they are', async () => {
  const { page, seen } = await signedIn('emil');
  assert.deepEqual(seen, ['sign-in', 'consent']);
  assert.equal(page.title, 'Hello Emil Ende');
  assert.equal(page.textOf('claim-email'), 'emil@example.com');
  assert.equal(page.textOf('claim-preferred_username'), 'emil');
});

test('the app calls the notes API for the person', async () => {
  // Back where they wanted to go before they were signed in.
  const { page } = await signedIn('alice', { path: '/notes' });
  assert.equal(page.url.pathname, '/notes');
  assert.match(page.textOf('list'), /Buy milk/);
});

test('a token that is due is renewed without a page, also for requests that come at once', async () => {
  const { browser } = await signedIn('alice', { at: renewing });
  for (let round = 0; round < 3; round++) {
    const pages = await Promise.all([1, 2].map(() => browser.open(`${renewing.origin}/notes`)));
    for (const page of pages) assert.match(page.textOf('list'), /Buy milk/);
  }
  assert.equal(new Set(renewing.tokens).size, 6);
});

test('who does not allow it gets a page that says so', async () => {
  const { browser, page, seen } = await signedIn('dora', { consent: 'deny' });
  assert.deepEqual(seen, ['sign-in', 'consent']);
  assert.equal(page.status, 403);
  assert.equal(page.textOf('sorry'), 'You did not allow it. Nothing was shared.');
  assert.equal((await browser.open(app.origin)).title, 'Notes');
});

test('an answer with another state or issuer, or in another browser, is refused', async () => {
  for (const [name, value] of [
    ['state', 'another'],
    ['iss', 'https://login.example'],
    ['iss', ''],
  ]) {
    const { browser, page: answer } = await signedIn('alice', { stopAt: app.callback });
    answer.searchParams.set(name, value);
    assert.equal((await browser.open(answer)).title, 'That did not work', `${name}=${value}`);
    assert.equal((await browser.open(app.origin)).title, 'Notes');
  }
  const { page: answer } = await signedIn('alice', { stopAt: app.callback });
  assert.equal((await new Browser().open(answer)).title, 'That did not work');
});

test('an ID token with another nonce is refused', async () => {
  const browser = new Browser();
  const stopAt = `${issuer}/oauth2/authorize`;
  const request = await browser.open(`${app.origin}/oauth2/authorization/doorward`, { stopAt });
  assert.equal(request.searchParams.get('code_challenge_method'), 'S256');
  request.searchParams.set('nonce', 'another');
  const { page } = await signInAt(browser, issuer, await browser.open(request), { username: 'alice', password });
  assert.equal(page.title, 'That did not work');
});

test('who signs out is signed out here and at Doorward', async () => {
  const { browser, page } = await signedIn('alice');
  const out = await browser.submit(page, 'sign-out');
  assert.equal(out.url.href, `${app.origin}/signed-out`);
  assert.equal(out.title, 'Signed out');
  assert.equal(browser.cookieOf(issuer, 'doorward-session'), undefined);
  assert.equal((await browser.open(app.origin)).title, 'Notes');
  assert.ok((await browser.open(`${app.origin}/oauth2/authorization/doorward`)).find('login-submit'));
});
