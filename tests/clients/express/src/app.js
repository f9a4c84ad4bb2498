// The notes API: the product, so to speak. What protects it is one line per route.

import express from 'express';
import { bearerOf } from './decisions.js';

const examples = [
  { id: '1', text: 'Buy milk' },
  { id: '2', text: 'Call the plumber' },
  { id: '42', text: 'The answer' },
];

/** @param {Awaited<ReturnType<import('./doorward.js').connect>>} doorward */
export function createApp(doorward) {
  const { authenticate, requireScope, requireRole, requirePermission, requireActive, decisions } = doorward;
  const notes = new Map(examples.map((note) => [note.id, { ...note }]));
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

  // A list shows what the caller may see, and which buttons to draw: three questions a row, one request a page.
  app.get('/notes', requireScope('notes:read'), async (req, res) => {
    const page = [...notes.values()];
    const answers = await decisions.evaluateAll(
      bearerOf(req.bearer.token),
      page.flatMap(({ id }) =>
        ['read', 'update', 'delete'].map((action) => ({ action, resource: { type: 'note', id } })),
      ),
    );
    const rows = page.map((note, row) => {
      const [mayRead, mayUpdate, mayDelete] = answers.slice(row * 3);
      return { mayRead, ...note, mayUpdate, mayDelete };
    });
    res.json(rows.filter((row) => row.mayRead).map(({ mayRead, ...row }) => row));
  });

  app.get('/notes/:id', requireScope('notes:read'), requirePermission('read', 'note'), (req, res) => {
    const note = notes.get(req.params.id);
    if (note) res.json(note);
    else notFound(res);
  });

  app.put('/notes/:id', requireScope('notes:write'), requirePermission('update', 'note'), (req, res) => {
    const note = notes.get(req.params.id);
    if (!note) return notFound(res);
    note.text = String(req.body?.text ?? '');
    res.json(note);
  });

  // Cannot be undone, so a token that was revoked a second ago must not do: `requireActive` asks Doorward.
  app.delete(
    '/notes/:id',
    requireScope('notes:write'),
    requireActive,
    requirePermission('delete', 'note'),
    (req, res) => {
      notes.delete(req.params.id);
      res.status(204).end();
    },
  );

  // A role fits what belongs to no single resource.
  app.get('/statistics', requireRole('editor'), (req, res) => res.json({ notes: notes.size }));

  app.get('/export', requireActive, requireRole('editor'), (req, res) => res.json([...notes.values()]));

  app.use((req, res) => notFound(res));
  app.use(failed);
  return app;
}

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
