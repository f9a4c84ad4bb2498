// A small web app whose people sign in with Doorward. Tokens stay on the server: the browser holds only the cookie of a
// session, so a script that gets into a page finds no token to take away.

import { randomUUID } from 'node:crypto';
import { promisify } from 'node:util';
import express from 'express';
import session from 'express-session';
import * as pages from './pages.js';
import { isOver, refusalOf } from './signin.js';

/** What is begun and not finished, in so many tabs at most. */
const ATTEMPTS_MAX = 5;

/**
 * @param {{
 *   signIn: Awaited<ReturnType<import('./signin.js').createSignIn>>,
 *   issuer: string, origin: string, notes: string, sessionSecret: string, store?: session.Store,
 * }} settings `notes` is the URL of the notes API
 */
export function createWeb({ signIn, issuer, origin, notes, sessionSecret, store }) {
  const isSecure = origin.startsWith('https:');
  const app = express();
  app.disable('x-powered-by');

  app.use((req, res, next) => {
    // Browsers hold the redirect after a form to `form-action` too: signing out leads to the issuer.
    res.set('Content-Security-Policy', `default-src 'none'; form-action 'self' ${issuer}; frame-ancestors 'none'`);
    res.set('Cache-Control', 'no-store');
    // The answer from Doorward has a code in its URL.
    res.set('Referrer-Policy', 'no-referrer');
    next();
  });

  app.use(
    session({
      // `__Host-`: https, this very host and path `/` only. Over plain http browsers refuse such a cookie.
      name: isSecure ? '__Host-notes' : 'notes',
      secret: sessionSecret,
      // Left out, sessions are kept in the memory of this process: for development only.
      store,
      resave: false,
      saveUninitialized: false,
      // Lax: a form of another site that posts here carries no cookie, a link from there does.
      cookie: { httpOnly: true, sameSite: 'lax', secure: isSecure },
    }),
  );

  app.get('/', (req, res) => res.send(pages.home(req.session.person)));

  app.get('/login', (req, res) => leave(req, res));

  // Signs in whoever is signed in at Doorward already, and shows no page to those who are not.
  app.get('/login/silent', (req, res) => leave(req, res, { prompt: 'none' }));

  async function leave(req, res, extra) {
    const { url, attempt } = await signIn.start(extra);
    const begun = { ...attempt, returnTo: localPath(req.query.return_to) };
    req.session.attempts = [begun, ...(req.session.attempts ?? [])].slice(0, ATTEMPTS_MAX);
    res.redirect(303, url.href);
  }

  app.get('/callback', async (req, res) => {
    const attempts = req.session.attempts ?? [];
    const attempt = attempts.find(({ state }) => state === req.query.state);
    // Begun in another browser, or never: taking it would sign this person in as somebody else (login CSRF).
    if (attempt === undefined) {
      return res.status(400).send(pages.sorry('Please start again', 'This sign-in was not begun in this browser.'));
    }
    req.session.attempts = attempts.filter((other) => other !== attempt);
    let result;
    try {
      result = await signIn.finish(new URL(req.originalUrl, origin), attempt);
    } catch (error) {
      return refused(res, error);
    }
    // A new session id, so that one who planted the old one has nothing (session fixation).
    await promisify(req.session.regenerate.bind(req.session))();
    req.session.tokens = result.tokens;
    req.session.person = result.person;
    res.redirect(303, attempt.returnTo);
  });

  function refused(res, error) {
    switch (refusalOf(error)) {
      case 'access_denied':
        return res.status(403).send(pages.sorry('Not signed in', 'You did not allow it. Nothing was shared.'));
      case 'login_required':
      case 'consent_required':
        return res.redirect(303, '/');
    }
    // The cause goes to the log, and only there.
    console.error(error);
    res.status(400).send(pages.sorry('That did not work', 'You are not signed in. Please try again.'));
  }

  /** Tokens that are good for a while, or nobody is signed in. */
  async function signedIn(req, res, next) {
    const { tokens } = req.session;
    if (tokens === undefined) return toLogin(req, res);
    if (signIn.isDue(tokens)) {
      try {
        req.session.tokens = await signIn.renew(tokens);
      } catch (error) {
        if (!isOver(error)) throw error;
        delete req.session.tokens;
        delete req.session.person;
        return toLogin(req, res);
      }
    }
    next();
  }

  app.get('/notes', signedIn, async (req, res) => {
    const answer = await fetch(`${notes}/notes`, {
      headers: { authorization: `Bearer ${req.session.tokens.accessToken}` },
      redirect: 'error',
      signal: AbortSignal.timeout(5000),
    });
    // Revoked before its time: the way to a new token is a new sign-in.
    if (answer.status === 401) return toLogin(req, res);
    if (!answer.ok) throw new Error(`the notes API answered ${answer.status}`);
    res.send(pages.list(await answer.json()));
  });

  app.post('/logout', async (req, res) => {
    const { tokens } = req.session;
    if (tokens === undefined) return res.redirect(303, '/');
    const state = randomUUID();
    await promisify(req.session.regenerate.bind(req.session))();
    req.session.signedOut = state;
    res.redirect(303, signIn.signOutUrl(tokens, state).href);
  });

  app.get('/signed-out', (req, res) => {
    const isOurs = req.session.signedOut !== undefined && req.session.signedOut === req.query.state;
    delete req.session.signedOut;
    if (!isOurs) return res.redirect(303, '/');
    res.send(pages.sorry('Signed out', 'You are signed out here and at Doorward.'));
  });

  // Express knows an error handler by its four parameters.
  app.use((error, req, res, next) => {
    if (res.headersSent) return next(error);
    console.error(error);
    res.status(503).send(pages.sorry('Out of order', 'Something does not answer. Please try again later.'));
  });
  return app;
}

const toLogin = (req, res) => res.redirect(303, `/login?return_to=${encodeURIComponent(req.path)}`);

/** Only a path of this app: else our link could send people anywhere after they signed in (open redirect). */
const localPath = (path) => (/^\/(?![/\\])[\w\-./]*$/.test(String(path)) ? path : '/');
