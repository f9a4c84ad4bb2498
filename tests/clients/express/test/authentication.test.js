import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { before, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader, exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT } from 'jose';
import * as oauth from 'oauth4webapi';
import { createVerifier } from '../src/verify.js';
import { billing, connectNotes, issuer, notes, startNotes, tokenOf } from './world.js';

let parts;
let jwksUri;
let token;

before(async () => {
  parts = await connectNotes();
  jwksUri = (await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()).jwks_uri;
  token = await tokenOf('notes-bot', { scope: 'notes:read notes:write' });
});

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function assertRefused(response, error) {
  assert.equal(response.status, 401);
  assert.match(response.headers.get('www-authenticate'), new RegExp(`^Bearer error="${error}"`));
  const body = await response.json();
  assert.equal(body.error, error);
  assert.ok(body.message.length > 0);
}

test('a token from the client credentials grant opens the API', async (t) => {
  const call = await startNotes(t, parts);
  const response = await call.as(token, '/me');
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), {
    sub: 'notes-bot',
    client_id: 'notes-bot',
    scope: 'notes:read notes:write',
    // The role it was given, and the one it includes.
    roles: ['editor', 'viewer'],
    permissions: ['read:note', 'update:note'],
  });
});

test('an access token is what RFC 9068 says', async () => {
  const { alg, typ, kid } = decodeProtectedHeader(token);
  assert.equal(alg, 'RS256');
  assert.equal(typ, 'at+jwt');
  assert.ok(kid);
  const claims = decodeJwt(token);
  assert.equal(claims.iss, issuer);
  assert.equal(claims.aud, notes, 'one audience is a string');
  assert.ok(claims.nbf <= claims.iat, 'a verifier without tolerance must not refuse a fresh token');
  assert.ok(claims.exp > claims.iat);
  assert.ok(claims.jti);

  // oauth4webapi's own check of RFC 9068 §4, which shares nothing with ours.
  const server = new URL(issuer);
  const insecure = { [oauth.allowInsecureRequests]: true };
  const discovered = await oauth.discoveryRequest(server, { ...insecure, algorithm: 'oauth2' });
  const metadata = await oauth.processDiscoveryResponse(server, discovered);
  const request = new Request(`${notes}/notes`, { headers: { authorization: `Bearer ${token}` } });
  const checked = await oauth.validateJwtAccessToken(metadata, request, notes, insecure);
  assert.equal(checked.sub, 'notes-bot');
});

test('without a token the challenge names no error', async (t) => {
  const call = await startNotes(t, parts);
  const response = await call('/notes');
  assert.equal(response.status, 401);
  assert.equal(response.headers.get('www-authenticate'), 'Bearer');
  assert.equal((await response.json()).error, 'missing_token');
});

test('a token in the query string is not looked at', async (t) => {
  const call = await startNotes(t, parts);
  const response = await call(`/notes?access_token=${token}&token=${token}`);
  assert.equal(response.status, 401);
  assert.equal(response.headers.get('www-authenticate'), 'Bearer');
});

test('another scheme than Bearer is no token', async (t) => {
  const call = await startNotes(t, parts);
  const response = await call('/notes', { headers: { authorization: `Basic ${token}` } });
  assert.equal(response.status, 401);
});

test('a token in the cookie is accepted', async (t) => {
  const call = await startNotes(t, parts);
  const response = await call('/notes/42', { headers: { cookie: `theme=dark; notes_token=${token}` } });
  assert.equal(response.status, 200);
});

test('a cookie changes nothing when another site sends it along', async (t) => {
  const call = await startNotes(t, parts);
  const change = (headers) =>
    call('/notes/42', {
      method: 'PUT',
      body: JSON.stringify({ text: 'changed' }),
      headers: { cookie: `notes_token=${token}`, 'content-type': 'application/json', ...headers },
    });
  for (const site of ['cross-site', 'same-site', 'none']) {
    const refused = await change({ 'sec-fetch-site': site });
    assert.equal(refused.status, 403);
    assert.equal((await refused.json()).error, 'cross_site_request');
  }
  assert.equal((await change({})).status, 403);
  assert.equal((await change({ 'sec-fetch-site': 'same-origin' })).status, 200);
});

test('a tampered token is refused', async (t) => {
  const call = await startNotes(t, parts);
  const [header, payload, signature] = token.split('.');
  const grown = encode({ ...decodeJwt(token), roles: ['admin'] });
  await assertRefused(await call.as(`${header}.${grown}.${signature}`, '/me'), 'invalid_token');

  const flipped = Buffer.from(signature, 'base64url');
  flipped[0] ^= 1;
  await assertRefused(await call.as(`${header}.${payload}.${flipped.toString('base64url')}`, '/me'), 'invalid_token');
  await assertRefused(await call.as(`${header}.${payload}.`, '/me'), 'invalid_token');
  await assertRefused(await call.as('nonsense', '/me'), 'invalid_token');
});

test('a token that says "alg": "none" is refused', async (t) => {
  const call = await startNotes(t, parts);
  const unsigned = `${encode({ ...decodeProtectedHeader(token), alg: 'none' })}.${token.split('.')[1]}.`;
  await assertRefused(await call.as(unsigned, '/me'), 'invalid_token');
});

test('a token signed with the public key as a shared secret is refused', async (t) => {
  const call = await startNotes(t, parts);
  const { kid } = decodeProtectedHeader(token);
  const { keys } = await (await fetch(jwksUri)).json();
  const published = keys.find((key) => key.kid === kid);
  const pem = await exportSPKI(await importJWK(published, 'RS256', { extractable: true }));
  const signed = `${encode({ alg: 'HS256', typ: 'at+jwt', kid })}.${token.split('.')[1]}`;
  const forged = `${signed}.${createHmac('sha256', pem).update(signed).digest('base64url')}`;
  await assertRefused(await call.as(forged, '/me'), 'invalid_token');
});

test("a stranger's signature under Doorward's key id is refused", async (t) => {
  const call = await startNotes(t, parts);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  for (const kid of [decodeProtectedHeader(token).kid, randomUUID()]) {
    const forged = await new SignJWT(decodeJwt(token))
      .setProtectedHeader({ alg: 'RS256', typ: 'at+jwt', kid })
      .sign(privateKey);
    await assertRefused(await call.as(forged, '/me'), 'invalid_token');
  }
});

test('another kind of token, or an incomplete one, is refused under a good signature', async (t) => {
  // Doorward signs its ID tokens with the same keys. Here we play the issuer, to have such tokens at hand.
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const published = { ...(await exportJWK(publicKey)), kid: 'ours', alg: 'RS256', use: 'sig' };
  const server = createServer((req, res) => res.end(JSON.stringify({ keys: [published] }))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const verify = createVerifier({ issuer, audience: notes, jwksUri: `http://127.0.0.1:${server.address().port}/` });
  const sign = (typ, claims) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'ours', typ }).sign(privateKey);

  const claims = decodeJwt(token);
  assert.equal((await verify(await sign('at+jwt', claims))).sub, 'notes-bot');
  for (const typ of ['JWT', 'logout+jwt', undefined]) {
    await assert.rejects(verify(await sign(typ, claims)), { status: 401 });
  }
  for (const name of ['iss', 'sub', 'aud', 'client_id', 'exp', 'iat', 'jti']) {
    await assert.rejects(verify(await sign('at+jwt', { ...claims, [name]: undefined })), { status: 401 }, name);
  }
});

test('a token for another API is refused', async (t) => {
  const call = await startNotes(t, parts);
  const foreign = await tokenOf('billing-bot', { resource: billing, scope: 'billing:read' });
  assert.equal(decodeJwt(foreign).aud, billing);
  await assertRefused(await call.as(foreign, '/me'), 'invalid_token');
});

test('a token of another issuer is refused', async () => {
  const verify = createVerifier({ issuer: 'https://login.example', audience: notes, jwksUri });
  await assert.rejects(verify(token), { status: 401 });
});

test('a token is refused once it has expired, and before its time', async (t) => {
  const hours = (count) => () => new Date(Date.now() + count * 3_600_000);
  for (const clock of [hours(1), hours(-1)]) {
    const call = await startNotes(t, await connectNotes({ clock }));
    await assertRefused(await call.as(token, '/me'), 'invalid_token');
  }
});

test('without the signing keys nobody gets in, and nobody is told that the token is bad', async () => {
  const verify = createVerifier({ issuer, audience: notes, jwksUri: 'http://127.0.0.1:1/jwks' });
  await assert.rejects(verify(token), { status: 503 });
});
