import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { before, test } from 'node:test';
import { CachedDecisions } from '../src/cache.js';
import { bearerOf } from '../src/decisions.js';
import { basic } from '../src/doorward.js';
import { watch } from '../src/watch.js';
import {
  connectNotes,
  doorward,
  eventually,
  issuer,
  listen,
  secretOf,
  service,
  startNotes,
  startRelay,
} from './world.js';

// Two whom the tests beside these leave alone: files of tests run at the same time.
const EDITOR = { type: 'client', id: 'notes-bot' };
const OTHER = { type: 'client', id: 'other' };
const read = (subject, id) => ({ subject, action: 'read', resource: { type: 'note', id } });

let parts;
before(async () => {
  parts = await connectNotes();
});

/** Asks Doorward, and remembers what. */
class Counting {
  asked = [];
  // Happens after Doorward has answered, and before the answer is here.
  meanwhile = async () => {};

  async answer(question, options) {
    const answer = await parts.decisions.answer(question, options);
    this.asked.push([question.subject.id, question.resource.id]);
    await this.meanwhile();
    return answer;
  }

  answerAll(subject, questions, options) {
    this.asked.push(...questions.map(({ resource }) => [subject.id, resource.id]));
    return parts.decisions.answerAll(subject, questions, options);
  }
}

function startReading(t, listener, url, options) {
  t.mock.method(console, 'warn', () => {});
  const stop = new AbortController();
  const authorization = basic('notes-api', secretOf('notes-api'));
  const ended = watch({ url, authorization, listener, signal: stop.signal, retryMs: 100, ...options });
  t.after(async () => {
    stop.abort();
    await ended;
  });
}

async function startCache(t, { origin = issuer, silenceMaxMs, ...options } = {}) {
  const counting = new Counting();
  const cache = new CachedDecisions(counting, options);
  startReading(t, cache, `${origin}/access/v1/watch`, silenceMaxMs && { silenceMaxMs });
  await eventually('the stream is open', () => cache.told !== undefined);
  return { cache, counting };
}

/** Somebody has the role until what comes back is called (it says at which revision), or the test ends. */
function makeViewer(t, who, ...options) {
  const role = ['--resource-server', 'notes', '--role', 'viewer', ...options];
  const { id } = JSON.parse(doorward('assign', 'add', who, ...role, '--json'));
  let revision;
  const takeAway = () => {
    revision ??= JSON.parse(doorward('assign', 'remove', id, '--json')).revision;
    return revision;
  };
  t.after(takeAway);
  return takeAway;
}

test('a question asked again is answered without a request', async (t) => {
  const { cache, counting } = await startCache(t);
  for (let time = 0; time < 3; time += 1) {
    assert.equal(await cache.evaluate(read(EDITOR, '1')), true);
    assert.equal(await cache.evaluate(read(OTHER, '1')), false);
  }
  assert.equal(counting.asked.length, 2);
});

test('of a page, only what is not kept is asked, and once', async (t) => {
  const { cache, counting } = await startCache(t);
  await cache.evaluate(read(EDITOR, '2'));
  const ask = (action, id) => ({ action, resource: { type: 'note', id } });
  const questions = [ask('read', '1'), ask('read', '2'), ask('delete', '2'), ask('read', '1'), ask('read', '3')];
  for (let time = 0; time < 2; time += 1) {
    assert.deepEqual(await cache.evaluateAll(EDITOR, questions), [true, true, false, true, true]);
  }
  assert.deepEqual(
    counting.asked.map(([, id]) => id),
    ['2', '1', '2', '3'],
  );
  assert.deepEqual(await cache.evaluateAll(EDITOR, []), []);
});

test('nothing is kept while nobody watches', async () => {
  const counting = new Counting();
  const cache = new CachedDecisions(counting);
  for (let time = 0; time < 2; time += 1) assert.equal(await cache.evaluate(read(EDITOR, '1')), true);
  assert.equal(counting.asked.length, 2);
});

test('a role given and taken away counts as soon as it is told, and nobody else is asked about', async (t) => {
  const { cache, counting } = await startCache(t);
  await cache.evaluate(read(EDITOR, '1'));
  assert.equal(await cache.evaluate(read(OTHER, '1')), false);
  const takeAway = makeViewer(t, 'client:other');
  await eventually('it is a viewer', () => cache.evaluate(read(OTHER, '1')));
  counting.asked = [];
  assert.equal(await cache.evaluate(read(OTHER, '1')), true);
  takeAway();
  await eventually('it is no viewer any more', async () => !(await cache.evaluate(read(OTHER, '1'))));
  assert.equal(await cache.evaluate(read(EDITOR, '1')), true);
  // Asked once, when it had been told; until then, and since, what is kept has answered.
  assert.deepEqual(counting.asked, [['other', '1']]);
});

test('whoever is not named by identifier stands for all of their type', async () => {
  const counting = new Counting();
  const cache = new CachedDecisions(counting);
  const change = { revision: 1, everything: false, subjects: [], resources: [], resource_types: [] };
  cache.opened(0);
  for (const news of [
    { subjects: [{ type: 'user' }] },
    { subjects: [{ type: 'client' }] },
    { resource_types: ['note'] },
  ]) {
    await cache.evaluate(read(EDITOR, '1'));
    cache.changed({ ...change, ...news });
  }
  await cache.evaluate(read(EDITOR, '1'));
  assert.equal(counting.asked.length, 3);
});

test('a new owner is asked about the note, and about no other', async (t) => {
  const { cache, counting } = await startCache(t);
  const [mine, another] = [randomUUID(), randomUUID()];
  for (const id of [mine, another]) assert.equal(await cache.evaluate(read(OTHER, id)), false);
  counting.asked = [];
  await parts.registry.addOwner({ type: 'note', id: mine }, 'client:other');
  await eventually('it is the owner', () => cache.evaluate(read(OTHER, mine)));
  assert.equal(await cache.evaluate(read(OTHER, another)), false);
  assert.deepEqual(counting.asked, [['other', mine]]);
  await parts.registry.remove({ type: 'note', id: mine });
  await eventually('it owns nothing', async () => !(await cache.evaluate(read(OTHER, mine))));
});

test('an answer is kept until it ends by itself', async (t) => {
  const { cache, counting } = await startCache(t);
  const end = Math.floor(Date.now() / 1000 + 3) * 1000;
  makeViewer(t, 'client:other', '--expires-at', new Date(end).toISOString());
  await eventually('it is a viewer', () => cache.evaluate(read(OTHER, '1')));
  counting.asked = [];
  while (await cache.evaluate(read(OTHER, '1'))) {
    assert.ok(Date.now() < end + 1000, 'it is a viewer no longer');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  // No write has told us; the answer itself had said until when it holds.
  assert.ok(Date.now() >= end);
  assert.deepEqual(counting.asked, [['other', '1']]);
});

test('what is kept longest is asked again sometime, and what was not used for longest makes room', async (t) => {
  const short = await startCache(t, { ageMaxMs: 200 });
  await eventually('it is asked again', async () => {
    await short.cache.evaluate(read(EDITOR, '1'));
    return short.counting.asked.length === 2;
  });
  const small = await startCache(t, { entriesMax: 2 });
  for (const id of ['1', '2', '1', '42', '1', '2']) await small.cache.evaluate(read(EDITOR, id));
  assert.deepEqual(
    small.counting.asked.map(([, id]) => id),
    ['1', '2', '42', '2'],
  );
});

test('an answer that was overtaken by a change is not kept', async (t) => {
  const { cache, counting } = await startCache(t);
  const takeAway = makeViewer(t, 'client:other');
  await eventually('it is a viewer', () => cache.evaluate(read(OTHER, '1')));
  counting.meanwhile = async () => {
    counting.meanwhile = async () => {};
    const revision = takeAway();
    await eventually('the change is told', () => cache.told >= revision);
  };
  // Right when it was asked, and wrong by now.
  assert.equal(await cache.evaluate(read(OTHER, '2')), true);
  assert.equal(await cache.evaluate(read(OTHER, '2')), false);
});

test('what somebody wrote is seen before it is told', async () => {
  const counting = new Counting();
  const cache = new CachedDecisions(counting);
  const question = read(OTHER, randomUUID());
  // Nothing is told after this: as if the stream were slow.
  cache.opened(0);
  assert.equal(await cache.evaluate(question), false);
  const atLeast = await parts.registry.addOwner(question.resource, 'client:other');
  assert.equal(await cache.evaluate(question), false);
  assert.equal(await cache.evaluate(question, { atLeast }), true);
  assert.deepEqual(await cache.evaluateAll(OTHER, [question], { atLeast }), [true]);
  assert.equal(counting.asked.length, 2);
});

test('nothing is kept until a broken stream is open again', async (t) => {
  const relay = await startRelay(t);
  const { cache, counting } = await startCache(t, { origin: relay.origin });
  const takeAway = makeViewer(t, 'client:other');
  await eventually('it is a viewer', () => cache.evaluate(read(OTHER, '1')));
  relay.cut();
  await eventually('it is noticed', () => cache.told === undefined);
  takeAway();
  await eventually('it is no viewer any more', async () => !(await cache.evaluate(read(OTHER, '1'))));
  counting.asked = [];
  for (let time = 0; time < 2; time += 1) assert.equal(await cache.evaluate(read(OTHER, '1')), false);
  assert.equal(counting.asked.length, 2);

  relay.mend();
  await eventually('the stream is open again', () => cache.told !== undefined);
  assert.ok(!relay.heads[0].includes('last-event-id'));
  assert.ok(relay.heads.at(-1).includes('last-event-id: '));
  makeViewer(t, 'client:other');
  await eventually('it is a viewer again', () => cache.evaluate(read(OTHER, '1')));
  counting.asked = [];
  assert.equal(await cache.evaluate(read(OTHER, '1')), true);
  assert.deepEqual(counting.asked, []);
});

test('whoever hears nothing for too long keeps nothing', async (t) => {
  const { cache, counting } = await startCache(t, { silenceMaxMs: 300 });
  await eventually('silence is noticed', async () => {
    await cache.evaluate(read(EDITOR, '1'));
    return counting.asked.length > 1;
  });
  await eventually('the stream is open again', () => cache.told !== undefined);
});

test('a stream is read as the standard says, and what makes no sense ends it', async (t) => {
  const [asked, told] = [[], []];
  const server = createServer((req, res) => {
    asked.push(req.headers['last-event-id']);
    if (asked.length > 1) return res.writeHead(asked.length === 2 ? 400 : 200).end();
    res.write(': hello\nretry: 1\n\nevent:open\nid: a\ndata: {\ndata: "revision": 7}\r\n\r\n');
    res.write('event: later\ndata: unknown to us\n\nevent: cha');
    const rest = [
      'nge\nid: b\ndata: {"revision":8,"subjects":["\u2028"]}\n\nevent: reset\ndata: {"revision":9}\n\n',
      'id: c\n: still there\n\nevent: change\nid: d\ndata: x\n\nevent: open\nid: e\ndata: {"revision":10}\n\n',
    ];
    setTimeout(() => res.end(rest.join('')), 50);
  });
  const listener = {
    opened: (revision) => told.push(revision),
    changed: ({ subjects }) => told.push(subjects),
    closed: () => told.push('closed'),
  };
  startReading(t, listener, await listen(t, server));
  await eventually('it came back', () => asked.length > 2);
  assert.deepEqual(told.slice(0, 5), [7, ['\u2028'], 9, 'closed', 'closed']);
  // It goes on after the last that made sense; unless it is told that this is none.
  assert.deepEqual(asked.slice(0, 3), [undefined, 'c', undefined]);
});

test('a revoked token opens nothing, though its answers were kept', async (t) => {
  const connected = await connectNotes();
  const stop = new AbortController();
  const ended = connected.watch(stop.signal);
  t.after(async () => {
    stop.abort();
    await ended;
  });
  await eventually('the API watches', () => connected.cached.told !== undefined);
  const call = await startNotes(t, connected);
  const bot = await service('notes-bot');
  const token = await bot.token();
  assert.equal((await call.as(token, '/notes/42')).status, 200);
  await bot.close();
  await eventually('it is refused', async () => (await call.as(token, '/notes/42')).status === 403);
  assert.equal(await connected.cached.evaluate(read(bearerOf(token), '42')), false);
});
