import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { before, test } from 'node:test';
import { bearerOf, user } from '../src/decisions.js';
import { basic } from '../src/doorward.js';
import { ownerOf, Registry } from '../src/registry.js';
import { alice, connectNotes, issuer, secretOf, startNotes, tokenOf } from './world.js';

let parts;
let author;
let nobody;
let editor;

before(async () => {
  parts = await connectNotes();
  const both = { scope: 'notes:read notes:write' };
  // Neither holds a role.
  [author, nobody, editor] = await Promise.all(['author', 'nobody', 'notes-bot'].map((id) => tokenOf(id, both)));
});

const json = (method, body) => ({
  method,
  body: JSON.stringify(body),
  headers: { 'content-type': 'application/json' },
});

async function write(call, token) {
  const response = await call.as(token, '/notes', json('POST', { text: 'mine' }));
  assert.equal(response.status, 201);
  return (await response.json()).id;
}

test('whoever wrote a note may do everything with it, and at once', async (t) => {
  const call = await startNotes(t, parts);
  const path = `/notes/${await write(call, author)}`;
  assert.equal((await (await call.as(author, path)).json()).text, 'mine');
  assert.equal((await call.as(author, path, json('PUT', { text: 'still mine' }))).status, 200);
  assert.equal((await call.as(author, path, { method: 'DELETE' })).status, 204);
});

test('nobody else may, except by a role', async (t) => {
  const call = await startNotes(t, parts);
  const path = `/notes/${await write(call, author)}`;
  const tries = async (token) => {
    const responses = [
      await call.as(token, path),
      await call.as(token, path, json('PUT', { text: 'changed' })),
      await call.as(token, path, { method: 'DELETE' }),
    ];
    return responses.map(({ status }) => status);
  };
  assert.deepEqual(await tries(nobody), [403, 403, 403]);
  // An editor changes the notes of all, and deletes none.
  assert.deepEqual(await tries(editor), [200, 200, 403]);
  const readOnly = await tokenOf('author', { scope: 'notes:read' });
  assert.deepEqual(await tries(readOnly), [200, 403, 403]);
});

test('nothing is left of a note that was deleted', async (t) => {
  const call = await startNotes(t, parts);
  const id = await write(call, author);
  const may = () =>
    parts.decisions.evaluate({ subject: bearerOf(author), action: 'delete', resource: { type: 'note', id } });
  assert.equal(await may(), true);
  assert.equal((await call.as(author, `/notes/${id}`, { method: 'DELETE' })).status, 204);
  assert.equal(await may(), false);
  // What is not there is no error: whoever was told to try again may.
  await parts.registry.remove({ type: 'note', id });
});

test('a list shows what is ones own, and what may be done with it', async (t) => {
  const call = await startNotes(t, parts);
  const ids = [await write(call, author), await write(call, author)];
  const rows = await (await call.as(author, '/notes')).json();
  assert.deepEqual(
    rows,
    ids.map((id) => ({ id, text: 'mine', mayUpdate: true, mayDelete: true })),
  );
});

test('a search finds what may be read, whatever the size of its pages', async (t) => {
  const call = await startNotes(t, parts);
  const readable = async (token, pageSize) => {
    const response = await call.as(token, `/notes/readable?page_size=${pageSize}`);
    assert.equal(response.headers.get('content-type'), 'application/x-ndjson');
    const lines = (await response.text()).split('\n').filter((line) => line !== '');
    return lines.map((line) => JSON.parse(line).id).sort();
  };
  const ids = [];
  while (ids.length < 5) ids.push(await write(call, author));
  for (const pageSize of [1, 2, 5, 1000]) {
    assert.deepEqual(await readable(author, pageSize), ids.toSorted());
    assert.deepEqual(await readable(editor, pageSize), ['1', '2', '42', ...ids].sort());
    assert.deepEqual(await readable(nobody, pageSize), []);
  }
  assert.equal((await call.as(author, '/notes/readable?page_size=0')).status, 400);
});

test('without Doorward nothing is written, and nothing found', async (t) => {
  t.mock.method(console, 'error', () => {});
  const call = await startNotes(t, await connectNotes({ clientSecret: 'dwcs_wrong' }));
  for (const response of [
    await call.as(author, '/notes', json('POST', { text: 'mine' })),
    await call.as(author, '/notes/readable'),
  ]) {
    assert.equal(response.status, 503);
    assert.equal((await response.json()).error, 'unavailable');
  }
});

test('the API writes for its own resource server, and for no other', async () => {
  const authorization = basic('notes-api', secretOf('notes-api'));
  const registry = new Registry({ issuer, resourceServer: 'billing', authorization });
  await assert.rejects(registry.addOwner({ type: 'invoice', id: '1' }, 'client:author'), /403/);
});

test('a person owns by their sub, a service by its client_id', async () => {
  const claims = await parts.verify(author);
  assert.equal(ownerOf(claims), 'client:author');
  assert.equal(ownerOf({ ...claims, sub: alice.sub, auth_time: claims.iat }), `user:${alice.sub}`);
});

test('a write that a restored backup does not know makes no note unreachable', async () => {
  const resource = { type: 'note', id: randomUUID() };
  const written = await parts.registry.addOwner(resource, 'user:carol');
  const question = { subject: user('alice'), action: 'read', resource };
  // A token begins with the history that it is of.
  const lost = { ...written, token: (written.token[0] === 'A' ? 'B' : 'A') + written.token.slice(1) };
  assert.equal(await parts.decisions.evaluate(question, { atLeast: lost }), true);
  // What is no token at all is a mistake of ours.
  await assert.rejects(parts.decisions.evaluate(question, { atLeast: { token: 'x', revision: 1 } }), { status: 503 });
});
