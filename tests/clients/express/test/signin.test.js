import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import * as openid from 'openid-client';
import { discover } from '../src/doorward.js';
import { isOver, refusalOf } from '../web/signin.js';
import { Browser, signInAt } from './browser.js';
import { alice, basic, createWebSignIn, issuer, notes, password, signedIn, startWeb } from './world.js';

const APP = 'http://127.0.0.1:49152';
const callback = `${APP}/callback`;

/** The answer of Doorward to one attempt, not yet shown to the library. */
async function answered(signIn, { browser = new Browser(), extra, username = 'alice', ...how } = {}) {
  const { url, attempt } = await signIn.start(extra);
  const first = await browser.open(url, { stopAt: callback });
  const { page, seen } = await signInAt(browser, issuer, first, { username, password, stopAt: callback, ...how });
  return { answer: page, attempt, seen, browser };
}

const code = (expected) => (error) => {
  assert.equal(error.code, expected, String(error));
  return true;
};
const invalidGrant = (error) => {
  assert.equal(error.error, 'invalid_grant');
  assert.equal(error.status, 400);
  return true;
};

test('a person signs in, is asked for consent once, and the app shows who they are', async (t) => {
  const web = await startWeb(t);
  const { browser, page, seen } = await signedIn(web, 'emil');
  assert.deepEqual(seen, ['sign-in', 'consent']);
  assert.equal(page.url.href, `${web.origin}/`);
  assert.equal(page.title, 'Hello Emil Ende');
  assert.equal(page.textOf('claim-preferred_username'), 'emil');
  assert.equal(page.textOf('claim-email'), 'emil@example.com');
  assert.equal(page.textOf('claim-email_verified'), 'false');

  // Signed out of the app alone, and in again: Doorward knows both who this is and what they allowed.
  const other = await startWeb(t);
  assert.equal((await browser.open(`${other.origin}/login`)).title, 'Hello Emil Ende');
});

test('the consent page says who asks and what for', async () => {
  const browser = new Browser();
  const { url } = await (await createWebSignIn(APP)).start({ prompt: 'consent' });
  const page = await browser.open(url);
  assert.match(page.text, /Notes on Express/);
  const consent = await browser.submit(page, 'login-submit', { username: 'alice', password });
  assert.match(consent.title, /Notes on Express/);
  for (const words of [/alice/, /your name/, /e-mail/, /notes:read/]) assert.match(consent.text, words);
});

test('the ID token is about the person, for this client, and holds no more than that', async () => {
  const signIn = await createWebSignIn(APP);
  const { answer, attempt } = await answered(signIn);
  const { tokens, person, idTokenClaims } = await signIn.finish(answer, attempt);
  const { alg, kid } = decodeProtectedHeader(tokens.idToken);
  assert.equal(alg, 'RS256');
  assert.ok(kid);
  assert.equal(idTokenClaims.iss, issuer);
  assert.equal(idTokenClaims.aud, 'web-express');
  assert.equal(idTokenClaims.sub, alice.sub);
  assert.equal(idTokenClaims.nonce, attempt.nonce);
  assert.deepEqual(idTokenClaims.amr, ['pwd']);
  for (const name of ['auth_time', 'acr', 'at_hash', 'sid']) assert.ok(idTokenClaims[name], name);
  for (const name of ['name', 'email', 'preferred_username']) assert.ok(!(name in idTokenClaims), name);
  const { updated_at: updatedAt = 0, ...others } = person;
  assert.equal(typeof updatedAt, 'number');
  assert.deepEqual(others, {
    sub: alice.sub,
    name: 'Alice Ames',
    preferred_username: 'alice',
    email: 'alice@example.com',
    email_verified: false,
  });
  const access = decodeJwt(tokens.accessToken);
  assert.deepEqual(new Set(access.aud), new Set([notes, issuer]));
  assert.equal(access.client_id, 'web-express');
  assert.deepEqual(access.roles, ['editor', 'viewer']);
});

test('claims asked for by name come in the ID token', async () => {
  const signIn = await createWebSignIn(APP);
  const claims = JSON.stringify({ id_token: { name: null } });
  const { answer, attempt } = await answered(signIn, { extra: { claims } });
  const { idTokenClaims } = await signIn.finish(answer, attempt);
  assert.equal(idTokenClaims.name, 'Alice Ames');
  assert.ok(!('email' in idTokenClaims));
});

test('the app calls the notes API for the person', async (t) => {
  const web = await startWeb(t);
  const { browser, page } = await signedIn(web, 'alice', { path: '/notes' });
  // Back where they wanted to go before they were signed in.
  assert.equal(page.url.href, `${web.origin}/notes`);
  assert.match(page.textOf('list'), /Buy milk.*yours to change/s);
  assert.equal((await browser.open(`${web.origin}/notes`)).status, 200);
});

test('a token that has grown old is renewed on the way, also for requests that come at once', async (t) => {
  let now = Date.now();
  const web = await startWeb(t, { clock: () => now });
  const { browser } = await signedIn(web, 'alice');
  const before = await web.tokens();
  now += 15 * 60_000;
  const pages = await Promise.all([1, 2, 3].map(() => browser.open(`${web.origin}/notes`)));
  for (const page of pages) assert.match(page.textOf('list'), /Buy milk/);
  const after = await web.tokens();
  assert.equal(after.sub, before.sub);
  for (const name of ['accessToken', 'refreshToken', 'idToken']) assert.notEqual(after[name], before[name], name);
  // The renewed ones renew again.
  now += 15 * 60_000;
  assert.equal((await browser.open(`${web.origin}/notes`)).status, 200);
});

test('a refreshed ID token is about the same sign-in', async () => {
  const signIn = await createWebSignIn(APP);
  const { answer, attempt } = await answered(signIn);
  const { tokens, idTokenClaims: first } = await signIn.finish(answer, attempt);
  const second = decodeJwt((await signIn.renew(tokens)).idToken);
  for (const name of ['iss', 'sub', 'aud', 'auth_time', 'sid']) assert.deepEqual(second[name], first[name], name);
  assert.ok(second.iat >= first.iat);
  assert.ok(!('nonce' in second));
});

test('refreshes that race get one and the same successor', async () => {
  const { config, tokens } = await granted();
  const refresh = () => openid.refreshTokenGrant(config, tokens.refreshToken);
  const answers = await Promise.all([1, 2, 3, 4].map(refresh));
  const successors = new Set(answers.map((answer) => answer.refresh_token));
  assert.equal(successors.size, 1);
  assert.ok(!successors.has(tokens.refreshToken));

  // Once the successor is in use, its predecessor is good for nothing; and who tries it so soon ends nothing.
  const [successor] = successors;
  const next = await openid.refreshTokenGrant(config, successor);
  await assert.rejects(refresh(), invalidGrant);
  await openid.refreshTokenGrant(config, next.refresh_token);
});

async function granted() {
  const signIn = await createWebSignIn(APP);
  const { answer, attempt, browser } = await answered(signIn);
  const config = await discover(issuer, 'web-express', basic('web-express'), 'oidc');
  return { signIn, answer, attempt, browser, config, ...(await signIn.finish(answer, attempt)) };
}

test('a refresh narrows one token, and never widens it', async () => {
  const { config, tokens } = await granted();
  const narrow = await openid.refreshTokenGrant(config, tokens.refreshToken, { scope: 'openid' });
  assert.equal(decodeJwt(narrow.access_token).scope, 'openid');
  const whole = await openid.refreshTokenGrant(config, narrow.refresh_token);
  assert.deepEqual(new Set(decodeJwt(whole.access_token).scope.split(' ')), new Set(SCOPES));
  await assert.rejects(openid.refreshTokenGrant(config, whole.refresh_token, { scope: 'notes:write' }), {
    error: 'invalid_scope',
  });
});

const SCOPES = ['openid', 'profile', 'email', 'notes:read'];

test('a refresh token is of use only to the client it was given to', async () => {
  const { config, tokens } = await granted();
  const stranger = await discover(issuer, 'web-fastapi', basic('web-fastapi'), 'oidc');
  await assert.rejects(openid.refreshTokenGrant(stranger, tokens.refreshToken), invalidGrant);
  await openid.refreshTokenGrant(config, tokens.refreshToken);
});

test('a refresh token given back ends the access tokens too', async () => {
  const { config, tokens } = await granted();
  await openid.tokenRevocation(config, tokens.refreshToken);
  await assert.rejects(openid.refreshTokenGrant(config, tokens.refreshToken), invalidGrant);
  await assert.rejects(openid.fetchUserInfo(config, tokens.accessToken, tokens.sub), { status: 401 });
});

test('a code is good once, and using it twice ends what came of it', async () => {
  const { signIn, answer, attempt, config, tokens } = await granted();
  await assert.rejects(signIn.finish(answer, attempt), invalidGrant);
  await assert.rejects(openid.refreshTokenGrant(config, tokens.refreshToken), invalidGrant);
});

test('a code is worth nothing without the verifier of the app that asked', async () => {
  const signIn = await createWebSignIn(APP);
  const { answer, attempt } = await answered(signIn);
  const { verifier } = (await signIn.start()).attempt;
  await assert.rejects(signIn.finish(answer, { ...attempt, verifier }), invalidGrant);
  // That was no reason to spend it.
  await signIn.finish(answer, attempt);
});

test('an answer with another state, another issuer or none is refused before the code is shown to anyone', async () => {
  const signIn = await createWebSignIn(APP);
  const { answer, attempt } = await answered(signIn);
  assert.equal(answer.searchParams.get('iss'), issuer);
  const changed = (name, value) => {
    const url = new URL(answer);
    if (value === undefined) url.searchParams.delete(name);
    else url.searchParams.set(name, value);
    return url;
  };
  for (const url of [
    changed('state', 'another'),
    changed('state'),
    changed('iss', 'https://login.example'),
    // Doorward says in its metadata that it always names itself: silence is somebody else's (RFC 9207 §2.4).
    changed('iss'),
  ]) {
    await assert.rejects(signIn.finish(url, attempt), code('OAUTH_INVALID_RESPONSE'));
  }
  // The code was not touched by any of that.
  await signIn.finish(answer, attempt);
});

test('an ID token with another nonce is refused', async () => {
  const signIn = await createWebSignIn(APP);
  const { answer, attempt } = await answered(signIn);
  const { nonce } = (await signIn.start()).attempt;
  await assert.rejects(signIn.finish(answer, { ...attempt, nonce }), code('OAUTH_JWT_CLAIM_COMPARISON_FAILED'));
});

test('the answer to one browser does nothing in another', async (t) => {
  const web = await startWeb(t);
  const attacker = new Browser();
  const stopAt = `${web.origin}/callback`;
  const first = await attacker.open(`${web.origin}/login`);
  const { page: answer } = await signInAt(attacker, issuer, first, { username: 'alice', password, stopAt });
  const victim = new Browser();
  const page = await victim.open(answer);
  assert.equal(page.status, 400);
  assert.equal(page.title, 'Please start again');
  assert.equal((await victim.open(web.origin)).title, 'Notes');
});

test('who does not allow it is told that nothing was shared, and is asked again next time', async (t) => {
  const web = await startWeb(t);
  const browser = new Browser();
  const how = { username: 'dora', password, consent: 'deny' };
  const { page, seen } = await signInAt(browser, issuer, await browser.open(`${web.origin}/login`), how);
  assert.deepEqual(seen, ['sign-in', 'consent']);
  assert.equal(page.status, 403);
  assert.equal(page.textOf('sorry'), 'You did not allow it. Nothing was shared.');
  assert.equal(await web.tokens(), undefined);
  const again = await browser.click(page, 'sign-in');
  assert.ok(again.find('consent-allow'), 'signed in at Doorward, and asked again');
});

test('a wrong password keeps the person on the page, with the name they typed', async (t) => {
  const web = await startWeb(t);
  const browser = new Browser();
  const first = await browser.open(`${web.origin}/login`);
  const again = await browser.submit(first, 'login-submit', { username: 'alice', password: 'not the password' });
  assert.equal(again.status, 400);
  assert.ok(again.textOf('login-problem'));
  assert.equal(again.find('username').getAttribute('value'), 'alice');
  const { page } = await signInAt(browser, issuer, again, { username: 'alice', password });
  assert.equal(page.title, 'Hello Alice Ames');
});

test('a new session id comes with the sign-in, here and at Doorward', async (t) => {
  const web = await startWeb(t);
  const browser = new Browser();
  const first = await browser.open(`${web.origin}/login`);
  const before = browser.cookieOf(web.origin, 'notes');
  await signInAt(browser, issuer, first, { username: 'alice', password });
  const atDoorward = browser.cookieOf(issuer, 'doorward-session');
  assert.notEqual(browser.cookieOf(web.origin, 'notes'), before);
  const { url } = await web.signIn.start({ prompt: 'login' });
  await signInAt(browser, issuer, await browser.open(url), { username: 'alice', password });
  assert.notEqual(browser.cookieOf(issuer, 'doorward-session'), atDoorward);
});

test('prompt=none shows no page: a code for who is signed in, login_required for who is not', async () => {
  const signIn = await createWebSignIn(APP);
  const silent = { prompt: 'none' };
  const nobody = await answered(signIn, { extra: silent });
  assert.deepEqual(nobody.seen, []);
  await assert.rejects(signIn.finish(nobody.answer, nobody.attempt), (e) => refusalOf(e) === 'login_required');

  const { browser, idTokenClaims: first } = await granted();
  const again = await answered(signIn, { browser, extra: silent });
  assert.deepEqual(again.seen, []);
  const { idTokenClaims: second } = await signIn.finish(again.answer, again.attempt);
  assert.equal(second.sub, first.sub);
  assert.equal(second.auth_time, first.auth_time);
  assert.equal(second.sid, first.sid);
});

test('prompt=none does not share what was never allowed', async () => {
  const browser = new Browser();
  const signIn = await createWebSignIn(APP);
  await answered(signIn, { browser, username: 'dora', consent: 'deny' });
  const { answer, attempt } = await answered(signIn, { browser, extra: { prompt: 'none' } });
  await assert.rejects(signIn.finish(answer, attempt), (e) => refusalOf(e) === 'consent_required');
});

test('prompt=login asks for the password again, and the new sign-in is later', async () => {
  const { browser, signIn, idTokenClaims: first } = await granted();
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const { answer, attempt, seen } = await answered(signIn, { browser, extra: { prompt: 'login', login_hint: 'alice' } });
  assert.deepEqual(seen, ['sign-in']);
  const { idTokenClaims: second } = await signIn.finish(answer, attempt);
  assert.ok(second.auth_time > first.auth_time);
});

test('who signs out is signed out here, at Doorward, and of everything that came of the sign-in', async (t) => {
  const web = await startWeb(t);
  const { browser, page } = await signedIn(web, 'alice');
  const tokens = await web.tokens();
  const config = await discover(issuer, 'web-express', basic('web-express'), 'oidc');
  assert.equal((await openid.fetchUserInfo(config, tokens.accessToken, tokens.sub)).name, 'Alice Ames');

  const out = await browser.submit(page, 'sign-out');
  assert.equal(out.title, 'Signed out');
  assert.equal(out.url.origin + out.url.pathname, `${web.origin}/signed-out`);
  assert.equal(browser.cookieOf(issuer, 'doorward-session'), undefined);
  assert.equal((await browser.open(web.origin)).title, 'Notes');
  assert.equal(await web.tokens(), undefined);

  await assert.rejects(openid.refreshTokenGrant(config, tokens.refreshToken), invalidGrant);
  await assert.rejects(openid.fetchUserInfo(config, tokens.accessToken, tokens.sub), { status: 401 });
  const { url, attempt } = await web.signIn.start({ prompt: 'none' });
  const answer = await browser.open(url, { stopAt: `${web.origin}/callback` });
  await assert.rejects(web.signIn.finish(answer, attempt), (e) => refusalOf(e) === 'login_required');
  // The app makes nothing of it; with a page, the password is asked for.
  assert.equal((await browser.open(`${web.origin}/login/silent`)).title, 'Notes');
  assert.ok((await browser.open(`${web.origin}/login`)).find('login-submit'));
});

test('who was signed out elsewhere is sent to sign in when the token is due', async (t) => {
  let now = Date.now();
  const web = await startWeb(t, { clock: () => now });
  const { browser } = await signedIn(web, 'alice');
  const tokens = await web.tokens();
  const config = await discover(issuer, 'web-express', basic('web-express'), 'oidc');
  await openid.tokenRevocation(config, tokens.refreshToken);
  await assert.rejects(web.signIn.renew(tokens), isOver);
  now += 15 * 60_000;
  // Still signed in at Doorward: so it is a round trip without a page.
  const page = await browser.open(`${web.origin}/notes`);
  assert.match(page.textOf('list'), /Buy milk/);
  assert.notEqual((await web.tokens()).refreshToken, tokens.refreshToken);
});

test("nobody is signed out by anyone's link", async (t) => {
  const web = await startWeb(t);
  const { browser } = await signedIn(web, 'alice');
  const { end_session_endpoint: endpoint } = (
    await discover(issuer, 'web-express', basic('web-express'), 'oidc')
  ).serverMetadata();
  const there = new URLSearchParams({ post_logout_redirect_uri: `${web.origin}/signed-out`, client_id: 'web-express' });
  const asked = await browser.open(`${endpoint}?${there}`);
  assert.ok(asked.find('logout-yes'));
  assert.ok(browser.cookieOf(issuer, 'doorward-session'));

  there.set('post_logout_redirect_uri', 'https://elsewhere.example/');
  const gone = await browser.open(`${endpoint}?${there}`);
  const out = await browser.submit(gone, 'logout-yes');
  assert.equal(out.url.origin, issuer, 'an address that is not registered is never followed');
  assert.equal(browser.cookieOf(issuer, 'doorward-session'), undefined);
});

test('an answer by form post takes its way through a page of Doorward', async () => {
  const signIn = await createWebSignIn(APP);
  const browser = new Browser();
  const { answer: page, attempt } = await answered(signIn, { browser, extra: { response_mode: 'form_post' } });
  assert.ok(page.find('form-post-submit'));
  const form = page.find('form-post');
  assert.equal(form.getAttribute('action'), callback);
  const url = new URL(callback);
  for (const input of form.querySelectorAll('input')) {
    url.searchParams.set(input.getAttribute('name'), input.getAttribute('value'));
  }
  const { person } = await signIn.finish(url, attempt);
  assert.equal(person.name, 'Alice Ames');
});
