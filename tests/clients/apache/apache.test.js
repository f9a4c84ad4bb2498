// Drives the site of `site.conf`, in a real Apache, through Doorward and back. The browser and the notes API are those of
// the example beside this one.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Browser, signInAt } from '../express/test/browser.js';
import { connectNotes, freePort, issuer, notes, password, secretOf, startRecordedApi } from '../express/test/world.js';

const here = import.meta.dirname ?? new URL('.', import.meta.url).pathname;
const READY_TIMEOUT_MS = 20_000;
// Apache does not serve as root; where these tests run as root it is nobody's.
const NOBODY = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};

let site;
let renewing;

before(async () => {
  site = await startApache();
  // For this one every token is due at every request.
  renewing = await startApache({ SITE_RENEW_BEFORE_S: '100000' });
});
after(() => Promise.all([site?.stop(), renewing?.stop()]));

async function startApache(settings = {}) {
  const home = mkdtempSync(join(tmpdir(), 'doorward-apache.'));
  cpSync(join(here, 'pages'), join(home, 'pages'), { recursive: true });
  cpSync(join(here, 'site.conf'), join(home, 'site.conf'));
  chmodSync(home, 0o755);
  if (NOBODY.uid) chownSync(home, NOBODY.uid, NOBODY.gid);
  const closing = [];
  const { api, tokens } = await startRecordedApi({ after: (close) => closing.push(close) });
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  // `setpriv`, so that Apache ends with these tests, even if they are killed outright.
  const command = ['--pdeathsig=TERM', 'apache2', '-f', join(home, 'site.conf'), '-DFOREGROUND'];
  const apache = spawn('setpriv', command, {
    ...NOBODY,
    stdio: 'inherit',
    env: {
      PATH: process.env.PATH,
      NO_PROXY: '*',
      NOTES_ISSUER: issuer,
      NOTES_AUDIENCE: notes,
      NOTES_URL: api,
      WEB_CLIENT_ID: 'web-apache',
      WEB_CLIENT_SECRET: secretOf('web-apache'),
      WEB_SESSION_SECRET: randomUUID(),
      WEB_ORIGIN: origin,
      SITE_LISTEN: `127.0.0.1:${port}`,
      SITE_HOME: home,
      SITE_RENEW_BEFORE_S: '30',
      ...settings,
    },
  });
  const ended = once(apache, 'exit');
  async function stop() {
    apache.kill('SIGTERM');
    await ended;
    for (const close of closing) close();
    rmSync(home, { recursive: true, force: true });
  }
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await fetch(`${origin}/signed-out.html`).catch(() => undefined))?.ok) {
    if (Date.now() > deadline || apache.exitCode !== null) {
      throw new Error(`Apache does not answer:\n${readFileSync(join(home, 'error.log'), 'utf8')}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { origin, callback: `${origin}/callback`, tokens, stop };
}

async function signedIn(username, { at = site, path = '/', browser = new Browser(), ...how } = {}) {
  const first = await browser.open(at.origin + path);
  return { browser, ...(await signInAt(browser, issuer, first, { username, password, ...how })) };
}

const changed = (answer, name, value) => {
  const url = new URL(answer);
  if (value === undefined) url.searchParams.delete(name);
  else url.searchParams.set(name, value);
  return url;
};

test('a person signs in and the page shows who they are', async () => {
  const { browser, page, seen } = await signedIn('emil');
  assert.deepEqual(seen, ['sign-in', 'consent']);
  assert.equal(page.title, 'Hello Emil Ende');
  assert.equal(page.textOf('claim-email'), 'emil@example.com');
  assert.match(page.textOf('claim-sub'), /^u/);
  assert.equal((await browser.open(site.origin)).title, 'Hello Emil Ende');
});

test('the API behind it gets the token of who is signed in', async () => {
  const { browser, page } = await signedIn('alice', { path: '/notes' });
  assert.equal(page.status, 200);
  assert.match(page.text, /Buy milk/);
  const again = await browser.open(`${site.origin}/notes/42`);
  assert.deepEqual(JSON.parse(again.text), { id: '42', text: 'The answer' });
});

test('a token that is due is renewed without a page, also for requests that come at once', async () => {
  const { browser } = await signedIn('alice', { at: renewing });
  renewing.tokens.length = 0;
  for (let round = 0; round < 3; round++) {
    const pages = await Promise.all([1, 2].map(() => browser.open(`${renewing.origin}/notes`)));
    for (const page of pages) assert.match(page.text, /Buy milk/);
  }
  assert.equal(new Set(renewing.tokens).size, 6);
});

test('who does not allow it gets a page that says so', async () => {
  const { browser, page, seen } = await signedIn('dora', { consent: 'deny' });
  assert.deepEqual(seen, ['sign-in', 'consent']);
  assert.equal(page.url.href, `${site.origin}/sorry.html`);
  assert.equal(page.title, 'Not signed in');
  assert.ok((await browser.open(site.origin)).find('consent-allow'), 'asked again');
});

test('an answer with another state or issuer, or in another browser, is refused', async () => {
  for (const [name, value] of [
    ['state', 'another'],
    ['state', undefined],
    ['iss', 'https://login.example'],
  ]) {
    const { browser, page: answer } = await signedIn('alice', { stopAt: site.callback });
    const page = await browser.open(changed(answer, name, value));
    assert.doesNotMatch(page.text, /Hello/, `${name}=${value}`);
    assert.ok(!(await isSignedIn(browser)), `${name}=${value}`);
  }
  const { page: answer } = await signedIn('alice', { stopAt: site.callback });
  const victim = new Browser();
  assert.doesNotMatch((await victim.open(answer)).text, /Hello/);
  assert.ok(!(await isSignedIn(victim)));
});

/** Here, whatever may be the case at Doorward. */
async function isSignedIn(browser) {
  const answer = await browser.open(site.origin, { stopAt: `${issuer}/oauth2/authorize` });
  return !(answer instanceof URL);
}

test('an ID token with another nonce is refused', async () => {
  const browser = new Browser();
  const request = await browser.open(site.origin, { stopAt: `${issuer}/oauth2/authorize` });
  const first = await browser.open(changed(request, 'nonce', 'another'));
  const { page } = await signInAt(browser, issuer, first, { username: 'alice', password });
  assert.doesNotMatch(page.text, /Hello/);
  assert.ok(!(await isSignedIn(browser)));
});

test('who signs out is signed out here and at Doorward', async () => {
  const { browser } = await signedIn('alice', { path: '/notes' });
  const token = site.tokens.at(-1);
  const { isActive } = await connectNotes();
  assert.equal(await isActive(token), true);
  const page = await browser.open(site.origin);
  const out = await browser.click(page, 'sign-out');
  assert.equal(out.url.href, `${site.origin}/signed-out.html`);
  assert.equal(out.title, 'Signed out');
  assert.equal(browser.cookieOf(issuer, 'doorward-session'), undefined);
  assert.equal(await isActive(token), false);
  assert.ok((await browser.open(site.origin)).find('login-submit'));
});
