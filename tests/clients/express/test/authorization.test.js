import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { bearerOf, Decisions, user } from '../src/decisions.js';
import { basic } from '../src/doorward.js';
import { alice, connectNotes, doorward, eventually, issuer, startNotes, tokenOf } from './world.js';

let parts;
let editor;
let nobody;

before(async () => {
  parts = await connectNotes();
  editor = await tokenOf('notes-bot', { scope: 'notes:read notes:write' });
  // `nobody` may have tokens for the API, but was never given a role in it.
  nobody = await tokenOf('nobody', { scope: 'notes:read notes:write' });
});

const note = (id) => ({ type: 'note', id });
const put = { method: 'PUT', body: '{"text":"changed"}', headers: { 'content-type': 'application/json' } };

async function assertForbidden(response, expected) {
  assert.equal(response.status, 403);
  const { message, ...body } = await response.json();
  assert.deepEqual(body, expected);
  assert.ok(message.length > 0);
}

test('an editor reads, changes and counts notes', async (t) => {
  const call = await startNotes(t, parts);
  assert.equal((await call.as(editor, '/notes/42')).status, 200);
  assert.deepEqual(await (await call.as(editor, '/notes/42', put)).json(), { id: '42', text: 'changed' });
  assert.equal((await call.as(editor, '/statistics')).status, 200);
});

test('who lacks the role is told which one', async (t) => {
  const call = await startNotes(t, parts);
  await assertForbidden(await call.as(nobody, '/statistics'), { error: 'missing_role', role: 'editor' });
});

test('who lacks the permission is told which one', async (t) => {
  const call = await startNotes(t, parts);
  const missing = (permission) => ({ error: 'missing_permission', permission });
  await assertForbidden(await call.as(nobody, '/notes/42', put), missing('update:note'));
  await assertForbidden(await call.as(nobody, '/notes/42'), missing('read:note'));
  await assertForbidden(await call.as(editor, '/notes/42', { method: 'DELETE' }), missing('delete:note'));
});

test('who lacks the scope is told which one, also in the challenge', async (t) => {
  const call = await startNotes(t, parts);
  const readOnly = await tokenOf('notes-bot', { scope: 'notes:read' });
  const response = await call.as(readOnly, '/notes/42', put);
  assert.equal(response.headers.get('www-authenticate'), 'Bearer error="insufficient_scope", scope="notes:write"');
  await assertForbidden(response, { error: 'insufficient_scope', scope: 'notes:write' });
});

test('a list shows what the caller may see, and what they may do with it', async (t) => {
  const call = await startNotes(t, parts);
  const rows = await (await call.as(editor, '/notes')).json();
  assert.equal(rows.length, 3);
  for (const row of rows) assert.deepEqual([row.mayUpdate, row.mayDelete], [true, false]);
  assert.deepEqual(await (await call.as(nobody, '/notes')).json(), []);
});

test('a person is decided for by username and by sub', async () => {
  const { decisions } = parts;
  for (const id of ['alice', alice.sub]) {
    assert.equal(await decisions.evaluate({ subject: user(id), action: 'read', resource: note('42') }), true);
    assert.equal(await decisions.evaluate({ subject: user(id), action: 'update', resource: note('42') }), true);
    assert.equal(await decisions.evaluate({ subject: user(id), action: 'delete', resource: note('42') }), false);
  }
  for (const id of ['bob', 'mallory']) {
    assert.equal(await decisions.evaluate({ subject: user(id), action: 'update', resource: note('42') }), false);
  }
});

test('a client is decided for by its id', async () => {
  const subject = { type: 'client', id: 'notes-bot' };
  assert.equal(await parts.decisions.evaluate({ subject, action: 'update', resource: note('42') }), true);
  const unknown = { type: 'client', id: 'nobody' };
  assert.equal(await parts.decisions.evaluate({ subject: unknown, action: 'update', resource: note('42') }), false);
});

test('whoever bears a token is decided for, and a broken token is denied', async () => {
  const { decisions } = parts;
  const ask = (token) => decisions.evaluate({ subject: bearerOf(token), action: 'update', resource: note('42') });
  assert.equal(await ask(editor), true);
  assert.equal(await ask(nobody), false);
  const [header, payload, signature] = editor.split('.');
  const flipped = Buffer.from(signature, 'base64url');
  flipped[0] ^= 1;
  assert.equal(await ask(`${header}.${payload}.${flipped.toString('base64url')}`), false);
  assert.equal(await ask('nonsense'), false);
});

test('many questions are answered in their order, in one request', async () => {
  const questions = ['read', 'delete', 'update', 'fly'].map((action) => ({ action, resource: note('1') }));
  assert.deepEqual(await parts.decisions.evaluateAll(user('alice'), questions), [true, false, true, false]);
  assert.deepEqual(await parts.decisions.evaluateAll(user('alice'), []), []);
});

test('a role given and taken away counts at the next decision', async () => {
  const may = () => parts.decisions.evaluate({ subject: user('bob'), action: 'update', resource: note('42') });
  const given = doorward('assign', 'add', 'user:bob', '--resource-server', 'notes', '--role', 'editor', '--json');
  await eventually('bob is an editor', may);
  doorward('assign', 'remove', JSON.parse(given).id);
  await eventually('bob is no editor any more', async () => !(await may()));
});

test('a disabled person may do nothing until enabled again', async () => {
  const may = () => parts.decisions.evaluate({ subject: user('carol'), action: 'update', resource: note('42') });
  assert.equal(await may(), true);
  doorward('user', 'disable', 'carol');
  await eventually('carol is denied', async () => !(await may()));
  doorward('user', 'enable', 'carol');
  await eventually('carol is back', may);
});

test('who may not ask gets no decision, and a guard without one lets nobody in', async (t) => {
  for (const base of [`${issuer}/access/v1`, 'http://127.0.0.1:1']) {
    const decisions = new Decisions({
      evaluation: `${base}/evaluation`,
      evaluations: `${base}/evaluations`,
      searchResource: `${base}/search/resource`,
      authorization: basic('notes-api', 'dwcs_wrong'),
    });
    await assert.rejects(decisions.search({ subject: user('alice'), action: 'read', type: 'note' }).next(), {
      status: 503,
    });
    await assert.rejects(decisions.evaluate({ subject: user('alice'), action: 'read', resource: note('42') }), {
      status: 503,
    });
  }

  t.mock.method(console, 'error', () => {});
  const broken = await connectNotes({ clientSecret: 'dwcs_wrong' });
  const call = await startNotes(t, broken);
  const response = await call.as(editor, '/notes/42');
  assert.equal(response.status, 503);
  assert.equal((await response.json()).error, 'unavailable');
});

test('the decision endpoint tells who is unknown (401) from who may not ask (403)', async () => {
  const ask = (authorization) =>
    fetch(`${issuer}/access/v1/evaluation`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
      body: JSON.stringify({ subject: user('alice'), action: { name: 'read' }, resource: note('42') }),
    });
  const anonymous = await ask();
  assert.equal(anonymous.status, 401);
  assert.ok(anonymous.headers.get('www-authenticate'));
  assert.equal((await ask(`Basic ${Buffer.from('notes-api:wrong').toString('base64')}`)).status, 401);
  // A token for the notes API is no token for the decision API.
  assert.equal((await ask(`Bearer ${editor}`)).status, 401);
});
