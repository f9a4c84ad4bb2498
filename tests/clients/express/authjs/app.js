// The same web app with Auth.js, which does the sign-in and keeps the session in an encrypted cookie. What it leaves to
// you (renewing tokens, signing out at the issuer) comes from `../web/signin.js`.

import { randomUUID } from 'node:crypto';
import { ExpressAuth, getSession } from '@auth/express';
import express from 'express';
import * as pages from '../web/pages.js';
import { isOver } from '../web/signin.js';

/**
 * @param {{
 *   signIn: Awaited<ReturnType<import('../web/signin.js').createSignIn>>,
 *   issuer: string, clientId: string, clientSecret: string, origin: string, resource: string, scope: string,
 *   notes: string, sessionSecret: string, held?: Map<string, object>,
 * }} settings `<origin>/auth/callback/doorward` is the redirect URI
 */
export function createAuthJsWeb(settings) {
  const { signIn, issuer, clientId, clientSecret, origin, resource, scope, notes, sessionSecret } = settings;
  // Not in the cookie: Auth.js on Express cannot write a renewed token back into it, and the next request would come
  // with a refresh token that was used. Put a table of your database in this place.
  const { held = new Map() } = settings;

  const config = {
    secret: sessionSecret,
    // Auth.js takes its own address from the `Host` header: have the proxy in front of you set it.
    trustHost: true,
    providers: [
      {
        id: 'doorward',
        name: 'Doorward',
        type: 'oidc',
        issuer,
        clientId,
        clientSecret,
        // Without this Auth.js does PKCE alone.
        checks: ['pkce', 'state', 'nonce'],
        // Name and address come from userinfo, not from the ID token.
        idToken: false,
        authorization: { params: { scope, resource } },
        profile: ({ sub, name, email }) => ({ id: sub, name, email }),
      },
    ],
    pages: { error: '/sorry' },
    callbacks: {
      // Called with `account` once, when somebody signs in.
      jwt({ token, account, profile }) {
        if (!account) return token;
        const key = randomUUID();
        const { access_token: accessToken, refresh_token: refreshToken, id_token: idToken, expires_at } = account;
        const tokens = { sub: profile.sub, accessToken, refreshToken, idToken, expiresAt: expires_at * 1000 };
        held.set(key, { tokens, person: profile });
        return { sub: profile.sub, key };
      },
      // What is returned here any script in a page can read at /auth/session: a key, and no token.
      session: ({ session, token }) => ({ expires: session.expires, user: session.user, key: token.key }),
    },
    logger: { error: (error) => console.error(error.name, error.cause?.err?.code ?? ''), warn() {}, debug() {} },
  };

  const app = express();
  app.disable('x-powered-by');
  app.use((req, res, next) => {
    // The page of Auth.js has its style in it, and wants a logo from its makers' site: browsers need not ask there.
    res.set(
      'Content-Security-Policy',
      `default-src 'none'; style-src 'unsafe-inline'; form-action 'self' ${issuer}; frame-ancestors 'none'`,
    );
    res.set('Cache-Control', 'no-store');
    res.set('Referrer-Policy', 'no-referrer');
    next();
  });
  // The sign-in page of Auth.js, a form with one button: a mere link that signs people in would be open to other sites.
  app.get('/login', (req, res) => res.redirect(303, '/auth/signin'));
  app.use('/auth', ExpressAuth(config));

  /** What is held of who is signed in, or nothing. */
  async function current(req) {
    const session = await getSession(req, config);
    return held.get(session?.key);
  }

  app.get('/', async (req, res) => res.send(pages.home((await current(req))?.person)));

  app.get('/notes', async (req, res) => {
    const session = await current(req);
    if (session === undefined) return res.redirect(303, '/login');
    if (signIn.isDue(session.tokens)) {
      try {
        session.tokens = await signIn.renew(session.tokens);
      } catch (error) {
        if (!isOver(error)) throw error;
        return res.redirect(303, '/login');
      }
    }
    const answer = await fetch(`${notes}/notes`, {
      headers: { authorization: `Bearer ${session.tokens.accessToken}` },
      redirect: 'error',
      signal: AbortSignal.timeout(5000),
    });
    if (answer.status === 401) return res.redirect(303, '/login');
    if (!answer.ok) throw new Error(`the notes API answered ${answer.status}`);
    res.send(pages.list(await answer.json()));
  });

  // Auth.js ends its own session only; the cookie is SameSite=Lax, so a form of another site ends nothing here.
  app.post('/logout', async (req, res) => {
    const session = await getSession(req, config);
    const { tokens } = held.get(session?.key) ?? {};
    held.delete(session?.key);
    const isSecure = origin.startsWith('https:');
    res.clearCookie(`${isSecure ? '__Secure-' : ''}authjs.session-token`, {
      httpOnly: true,
      sameSite: 'lax',
      secure: isSecure,
    });
    res.redirect(303, tokens ? signIn.signOutUrl(tokens, randomUUID()).href : '/');
  });

  app.get('/signed-out', async (req, res) => {
    if (await current(req)) return res.redirect(303, '/');
    res.send(pages.sorry('Signed out', 'You are signed out here and at Doorward.'));
  });

  app.get('/sorry', (req, res) => {
    res.status(403).send(pages.sorry('Not signed in', 'It was not allowed, or did not work. Please try again.'));
  });
  return app;
}
