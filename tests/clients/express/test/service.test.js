import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { decodeJwt } from 'jose';
import * as openid from 'openid-client';
import { bearerOf } from '../src/decisions.js';
import { discover } from '../src/doorward.js';
import {
  basic,
  batchKey,
  billing,
  connectNotes,
  doorward,
  eventually,
  issuer,
  notes,
  post,
  service,
  startNotes,
  tokenOf,
} from './world.js';

let parts;

before(async () => {
  parts = await connectNotes();
});

const mayUpdate = (token) =>
  parts.decisions.evaluate({ subject: bearerOf(token), action: 'update', resource: { type: 'note', id: '42' } });

const refusedWith = (error) => (thrown) => {
  assert.equal(thrown.status, 400);
  assert.equal(thrown.error, error);
  return true;
};

// Who tried Basic in vain is challenged to it (RFC 6749 §5.2), and openid-client reports the challenge.
const challenged = (thrown) => {
  assert.ok(thrown instanceof openid.WWWAuthenticateChallengeError);
  assert.equal(thrown.status, 401);
  assert.equal(thrown.cause[0].scheme, 'basic');
  return true;
};

test('both discovery documents name the same endpoints', async () => {
  const read = async (name) => (await fetch(`${issuer}/.well-known/${name}`)).json();
  const [oidc, oauth2] = await Promise.all([read('openid-configuration'), read('oauth-authorization-server')]);
  for (const name of ['issuer', 'jwks_uri', 'token_endpoint', 'introspection_endpoint', 'revocation_endpoint']) {
    assert.ok(oidc[name]?.startsWith(issuer), name);
    assert.equal(oidc[name], oauth2[name]);
  }
  const insecure = { execute: [openid.allowInsecureRequests] };
  const config = await openid.discovery(new URL(issuer), 'notes-bot', undefined, basic('notes-bot'), insecure);
  assert.equal(config.serverMetadata().issuer, issuer);
});

test('a service fetches one token for many calls', async (t) => {
  const call = await startNotes(t, parts);
  const bot = await service('notes-bot');
  const tokens = await Promise.all([bot.token(), bot.token(), bot.token()]);
  assert.equal(new Set(tokens).size, 1);
  assert.equal(await bot.token(), tokens[0]);
  assert.equal((await call.as(await bot.token(), '/notes')).status, 200);
});

test('a client proves itself with a key, without a shared secret', async () => {
  const batch = await service('batch', { authentication: await batchKey() });
  // Twice, because each request needs an assertion of its own: its `jti` is good only once.
  for (const token of [await batch.token(), await tokenOf('batch', { authentication: await batchKey() })]) {
    assert.equal((await parts.verify(token)).client_id, 'batch');
  }
});

test('a client proves itself with its secret in the body, if that is how it is registered', async () => {
  const token = await tokenOf('other', { authentication: post('other') });
  assert.equal(decodeJwt(token).sub, 'other');
  // Only the registered method is accepted: a secret that leaked from one place must not fit another door.
  await assert.rejects(tokenOf('other', { authentication: basic('other') }), challenged);
  await assert.rejects(tokenOf('notes-bot', { authentication: post('notes-bot') }), { status: 401 });
});

test('a wrong secret is refused with a challenge', async () => {
  const wrong = openid.ClientSecretBasic('dwcs_wrong');
  await assert.rejects(tokenOf('notes-bot', { authentication: wrong }), challenged);
});

test('a client gets no token for an API or a scope it was not given', async () => {
  await assert.rejects(
    tokenOf('notes-bot', { resource: billing, scope: 'billing:read' }),
    refusedWith('invalid_target'),
  );
  await assert.rejects(
    tokenOf('notes-bot', { resource: 'https://nowhere.example', scope: '' }),
    refusedWith('invalid_target'),
  );
  await assert.rejects(
    tokenOf('other', { authentication: post('other'), scope: 'notes:write' }),
    refusedWith('invalid_scope'),
  );
});

test('the API sees the particulars of a token by introspection', async () => {
  const token = await tokenOf('notes-bot');
  const config = await discover(issuer, 'notes-api', basic('notes-api'));
  const answer = await openid.tokenIntrospection(config, token);
  const claims = decodeJwt(token);
  assert.equal(answer.active, true);
  for (const name of ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'scope']) {
    assert.deepEqual(answer[name], claims[name], name);
  }
});

test('introspection says nothing about the tokens of others', async () => {
  const foreign = await tokenOf('billing-bot', { resource: billing, scope: 'billing:read' });
  const ours = await tokenOf('notes-bot');
  const ask = async (clientId, token) =>
    openid.tokenIntrospection(await discover(issuer, clientId, basic(clientId)), token);
  assert.deepEqual(await ask('notes-api', foreign), { active: false });
  assert.deepEqual(await ask('billing-bot', ours), { active: false });
  assert.deepEqual(await ask('notes-api', 'nonsense'), { active: false });
});

test('a token given back is dead wherever Doorward is asked, at once', async (t) => {
  const call = await startNotes(t, parts);
  const bot = await service('notes-bot');
  const token = await bot.token();
  assert.equal(await parts.isActive(token), true);
  assert.equal(await mayUpdate(token), true);

  await bot.close();
  assert.equal(await parts.isActive(token), false);
  assert.equal(await mayUpdate(token), false);
  // What only looks at the signature cannot know before the token expires; that is the bargain of offline checks.
  assert.equal((await call.as(token, '/statistics')).status, 200);
  assert.equal((await call.as(token, '/export')).status, 401);
  assert.equal((await call.as(token, '/notes/42')).status, 403);
});

test('nobody gives back the token of another', async () => {
  const token = await tokenOf('notes-bot');
  const stranger = await discover(issuer, 'billing-bot', basic('billing-bot'));
  // RFC 7009 leaves open whether the stranger is told; what counts is that the token lives.
  await openid.tokenRevocation(stranger, token).catch(() => {});
  assert.equal(await parts.isActive(token), true);
});

test('giving back a token that was never issued is no error', async () => {
  const config = await discover(issuer, 'notes-bot', basic('notes-bot'));
  await openid.tokenRevocation(config, 'nonsense');
});

test('a disabled client is out at once, and back when it is enabled', async () => {
  const leaver = await service('leaver');
  const token = await leaver.token();
  assert.equal(await parts.isActive(token), true);

  doorward('client', 'disable', 'leaver');
  await eventually('its tokens are dead', async () => !(await parts.isActive(token)));
  assert.equal(await mayUpdate(token), false);
  await assert.rejects(tokenOf('leaver'), challenged);

  doorward('client', 'enable', 'leaver');
  await eventually('it gets tokens again', () =>
    tokenOf('leaver').then(
      () => true,
      () => false,
    ),
  );
});

test('the audience of a service token is the API it was asked for', async () => {
  assert.equal(decodeJwt(await tokenOf('notes-bot')).aud, notes);
});
