// The middleware a route is protected with: who is calling, and may they do this?

import { parseCookie } from 'cookie';
import { bearerOf } from './decisions.js';
import { InvalidToken } from './errors.js';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * @param {{
 *   verify: (token: string) => Promise<import('jose').JWTPayload>,
 *   decisions: import('./decisions.js').Decisions,
 *   cached: import('./cache.js').CachedDecisions,
 *   isActive: (token: string) => Promise<boolean>,
 *   cookieName: string,
 * }} parts
 */
export function createGuards({ verify, decisions, cached, isActive, cookieName }) {
  /** Establishes `req.bearer = { token, claims }`, or ends the request with 401. */
  async function authenticate(req, res, next) {
    const { token, fromCookie } = findToken(req, cookieName);
    // Nothing was sent, so nothing was wrong with it: the challenge carries no error code (RFC 6750 §3.1).
    if (token === undefined)
      return challenge(res, 'missing_token', 'send an access token as `Authorization: Bearer …`');
    if (fromCookie && !mayUseCookie(req)) {
      return forbid(res, 'cross_site_request', 'a cookie is not accepted for a change that another site caused');
    }
    try {
      req.bearer = { token, claims: await verify(token) };
    } catch (error) {
      if (error instanceof InvalidToken) return challenge(res, 'invalid_token', error.message);
      throw error;
    }
    next();
  }

  /** The client was granted this scope. Says nothing about what the person behind it may do. */
  const requireScope = (scope) => (req, res, next) => {
    const granted = typeof req.bearer.claims.scope === 'string' ? req.bearer.claims.scope.split(' ') : [];
    if (granted.includes(scope)) return next();
    res.set('WWW-Authenticate', `Bearer error="insufficient_scope", scope="${scope}"`);
    forbid(res, 'insufficient_scope', `this needs the scope "${scope}"`, { scope });
  };

  /**
   * The bearer held this role when the token was issued. Costs nothing, but is as old as the token: where a role that
   * was taken away must count at once, use `requirePermission`.
   */
  const requireRole = (role) => (req, res, next) => {
    const { roles } = req.bearer.claims;
    // Only an array: `includes` on a string would find "editor" in "subeditor".
    if (Array.isArray(roles) && roles.includes(role)) return next();
    forbid(res, 'missing_role', `this needs the role "${role}"`, { role });
  };

  /**
   * Doorward decides about this one resource: roles, relations, denies and policies all count.
   *
   * The answer is no older than the write that `since` gives for it: whoever made a thing may use it at once, whichever
   * node is asked. It may be a kept one, which a write elsewhere makes wrong for as long as the news travels
   * (milliseconds); `kept: false` asks, whatever is kept.
   */
  const requirePermission =
    (action, type, { idOf = (req) => req.params.id, since = () => undefined, kept = true } = {}) =>
    async (req, res, next) => {
      const question = { subject: bearerOf(req.bearer.token), action, resource: { type, id: idOf(req) } };
      const atLeast = since(question.resource.id);
      if (await (kept ? cached : decisions).evaluate(question, { atLeast })) return next();
      forbid(res, 'missing_permission', `this needs the permission "${action}:${type}"`, {
        permission: `${action}:${type}`,
      });
    };

  /** Asks whether the token was revoked meanwhile (RFC 7662). For what cannot be undone. */
  async function requireActive(req, res, next) {
    if (await isActive(req.bearer.token)) return next();
    challenge(res, 'invalid_token', 'the token is no longer active');
  }

  return { authenticate, requireScope, requireRole, requirePermission, requireActive };
}

/**
 * From the header, else from the cookie. Never from the query string: URLs end up in logs, histories and `Referer`
 * headers (RFC 9700 §4.3.2).
 */
function findToken(req, cookieName) {
  const header = req.get('authorization');
  if (header !== undefined) return { token: /^Bearer +([\w.~+/-]+=*)$/i.exec(header)?.[1], fromCookie: false };
  return { token: parseCookie(req.get('cookie') ?? '')[cookieName], fromCookie: true };
}

// The browser attaches a cookie also to requests that other sites cause; it says so in `Sec-Fetch-Site`. Who sends no
// such header is not a browser in use today, and has `Authorization` to send its token in.
const mayUseCookie = (req) => SAFE_METHODS.has(req.method) || req.get('sec-fetch-site') === 'same-origin';

function challenge(res, error, message) {
  const parameters = error === 'missing_token' ? '' : ` error="${error}", error_description="${message}"`;
  res.status(401).set('WWW-Authenticate', `Bearer${parameters}`).json({ error, message });
}

function forbid(res, error, message, details = {}) {
  res.status(403).json({ error, message, ...details });
}
