// The notes API: the product, so to speak. What protects it is one line per route.

import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import express from 'express';
import { bearerOf } from './decisions.js';
import { ownerOf } from './registry.js';

const examples = [
  { id: '1', text: 'Buy milk' },
  { id: '2', text: 'Call the plumber' },
  { id: '42', text: 'The answer' },
];

/** @param {Awaited<ReturnType<import('./doorward.js').connect>>} doorward */
export function createApp(doorward) {
  const { authenticate, requireScope, requireRole, requireActive, decisions, cached, registry } = doorward;
  // `since` is the write that made a note known to Doorward, kept beside it. Two processes of this API share the one
  // and the other.
  const notes = new Map(examples.map((note) => [note.id, { ...note }]));
  const since = (id) => notes.get(id)?.since;
  const may = (action, how) => doorward.requirePermission(action, 'note', { since, ...how });
  const shown = ({ id, text }) => ({ id, text });
  const app = express();
  app.disable('x-powered-by');

  app.get('/health', (req, res) => res.json({ ok: true }));

  // Everything below needs a caller. Put first, so that a new route is protected unless somebody moves it up.
  app.use(authenticate);
  app.use(express.json({ limit: '16kb' }));

  app.get('/me', (req, res) => {
    const { sub, client_id, scope, roles, permissions } = req.bearer.claims;
    res.json({ sub, client_id, scope, roles, permissions });
  });

  // No question about the note: it is not there yet. Whoever has the scope writes notes of their own.
  app.post('/notes', requireScope('notes:write'), async (req, res) => {
    const note = { id: randomUUID(), text: String(req.body?.text ?? '') };
    // Doorward first. If it cannot be told, there is no note that nobody owns; if we end before the next line, there is
    // an owner of nothing, which hurts nobody, since no other note will have this name.
    note.since = await registry.addOwner({ type: 'note', id: note.id }, ownerOf(req.bearer.claims));
    notes.set(note.id, note);
    res.status(201).json(shown(note));
  });

  // A list shows what the caller may see, and which buttons to draw: three questions a row, one request a page.
  app.get('/notes', requireScope('notes:read'), async (req, res) => {
    const page = [...notes.values()];
    const answers = await cached.evaluateAll(
      bearerOf(req.bearer.token),
      page.flatMap(({ id }) =>
        ['read', 'update', 'delete'].map((action) => ({ action, resource: { type: 'note', id } })),
      ),
      // Whatever is as recent as the newest of them is recent enough for all.
      { atLeast: page.map((note) => note.since).reduce(newer, undefined) },
    );
    const rows = page.map((note, row) => {
      const [mayRead, mayUpdate, mayDelete] = answers.slice(row * 3);
      return { mayRead, ...shown(note), mayUpdate, mayDelete };
    });
    res.json(rows.filter((row) => row.mayRead).map(({ mayRead, ...row }) => row));
  });

  // The other way round, where people see few of very many: Doorward says which. Each line is a note, and goes out as
  // soon as its page has come.
  app.get('/notes/readable', requireScope('notes:read'), async (req, res) => {
    const pageSize = Number(req.query.page_size ?? 100);
    if (!(Number.isInteger(pageSize) && pageSize >= 1 && pageSize <= 1000)) {
      return res.status(400).json({ error: 'bad_request', message: 'page_size is a number from 1 to 1000' });
    }
    const pages = decisions.search({ subject: bearerOf(req.bearer.token), action: 'read', type: 'note' }, { pageSize });
    // Before the status goes out, so that "could not ask" is a 503. Later it can only break the answer off.
    const first = await pages.next();
    async function* lines() {
      for (let page = first; !page.done; page = await pages.next()) {
        // Deleted here a moment ago, it may still be known there.
        for (const id of page.value) if (notes.has(id)) yield `${JSON.stringify(shown(notes.get(id)))}\n`;
      }
    }
    await pipeline(Readable.from(lines()), res.type('application/x-ndjson'));
  });

  app.get('/notes/:id', requireScope('notes:read'), may('read'), (req, res) => {
    const note = notes.get(req.params.id);
    if (note) res.json(shown(note));
    else notFound(res);
  });

  app.put('/notes/:id', requireScope('notes:write'), may('update'), (req, res) => {
    const note = notes.get(req.params.id);
    if (!note) return notFound(res);
    note.text = String(req.body?.text ?? '');
    res.json(shown(note));
  });

  // Cannot be undone, so a token that was revoked a moment ago must not do: both of the last two ask Doorward.
  app.delete(
    '/notes/:id',
    requireScope('notes:write'),
    requireActive,
    may('delete', { kept: false }),
    async (req, res) => {
      const { id } = req.params;
      // Should Doorward not answer between the two, the caller is told to try again, and may: it knows them as owner.
      notes.delete(id);
      await registry.remove({ type: 'note', id });
      res.status(204).end();
    },
  );

  // A role fits what belongs to no single resource.
  app.get('/statistics', requireRole('editor'), (req, res) => res.json({ notes: notes.size }));

  app.get('/export', requireActive, requireRole('editor'), (req, res) => res.json([...notes.values()].map(shown)));

  app.use((req, res) => notFound(res));
  app.use(failed);
  return app;
}

const newer = (one, other) => (one && !(other?.revision > one.revision) ? one : other);

const notFound = (res) => res.status(404).json({ error: 'not_found', message: 'there is no such thing' });

// Express knows an error handler by its four parameters.
function failed(error, req, res, next) {
  if (res.headersSent) return next(error);
  const status = error.status ?? 500;
  // The cause goes to the log, and only there: it may name hosts.
  if (status >= 500) console.error(error);
  const [code, message] = WIRE[status] ?? (status < 500 ? ['bad_request', 'the request is malformed'] : WIRE[500]);
  res.status(status).json({ error: code, message });
}

const WIRE = {
  500: ['internal_error', 'something went wrong here'],
  503: ['unavailable', 'try again later'],
};
