// A person's browser without script: keeps cookies, follows links and redirects, fills in forms; and holds the pages to
// the rules that real browsers enforce (SameSite, form-action).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { parse } from 'node-html-parser';

const REDIRECTS_MAX = 12;

class Page {
  constructor(url, status, headers, text) {
    Object.assign(this, { url, status, headers, text, root: parse(text) });
  }

  find(id) {
    return this.root.getElementById(id);
  }

  textOf(id) {
    const element = this.find(id);
    assert.ok(element, `no #${id} on ${this.url}:\n${this.text}`);
    return element.textContent.trim();
  }

  get title() {
    return this.root.querySelector('h1')?.textContent.trim();
  }
}

export class Browser {
  // By host alone: cookies know no ports (RFC 6265 §8.5).
  #cookies = new Map();

  /** Goes to an address, as if it had been typed. Stops short of `stopAt`, and gives that URL back unvisited. */
  open(url, { stopAt } = {}) {
    return this.#go(new URL(url), { site: 'none', stopAt });
  }

  /** Follows a link of a page. */
  click(page, id, options = {}) {
    const link = page.find(id);
    assert.equal(link?.tagName, 'A', `no link #${id} on ${page.url}:\n${page.text}`);
    const url = new URL(link.getAttribute('href'), page.url);
    return this.#go(url, { site: siteOf(page.url, url), ...options });
  }

  /** Fills in the form around a button (its id, or the element) and presses it. */
  submit(page, which, fields = {}, options = {}) {
    const button = typeof which === 'string' ? page.find(which) : which;
    assert.equal(button?.tagName, 'BUTTON', `no button ${which} on ${page.url}:\n${page.text}`);
    const form = button.closest('form');
    const values = new URLSearchParams();
    for (const input of form.querySelectorAll('input')) {
      const name = input.getAttribute('name');
      values.set(name, fields[name] ?? input.getAttribute('value') ?? '');
    }
    for (const name of Object.keys(fields)) assert.ok(values.has(name), `the form has no field "${name}"`);
    if (button.getAttribute('name')) values.set(button.getAttribute('name'), button.getAttribute('value') ?? '');
    const url = new URL(form.getAttribute('action') ?? page.url, page.url);
    assert.equal(form.getAttribute('method')?.toLowerCase(), 'post');
    return this.#go(url, { site: siteOf(page.url, url), body: values, form: page, ...options });
  }

  async #go(first, { site, body, form, stopAt }) {
    let url = first;
    let from = first;
    for (let hop = 0; hop < REDIRECTS_MAX; hop++) {
      if (stopAt !== undefined && url.origin + url.pathname === stopAt) return url;
      if (form) assertFormMayLeadTo(form, url);
      // A chain that left the site once stays cross-site.
      site = strictest(site, hop === 0 ? site : siteOf(from, url));
      const headers = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate', accept: 'text/html' };
      // Every cookie here is SameSite=Lax: not sent with a form that another site posts.
      if (!(body && site === 'cross-site')) headers.cookie = this.#cookieHeader(url);
      if (body) headers.origin = form.url.origin;
      const response = await send(url, headers, body);
      this.#keepCookies(url, response);
      const { location } = response.headers;
      if (location === undefined) return new Page(url, response.status, response.headers, response.text);
      // 307 and 308 would post the form, with the password in it, once more (RFC 9700 §4.12).
      assert.ok([302, 303].includes(response.status), `${response.status} from ${url}`);
      body = undefined;
      from = url;
      url = new URL(location, url);
    }
    throw new Error(`more than ${REDIRECTS_MAX} redirects, the last to ${url}`);
  }

  cookieOf(url, name) {
    return this.#cookies.get(new URL(url).hostname)?.get(name);
  }

  #cookieHeader(url) {
    return [...(this.#cookies.get(url.hostname) ?? [])].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  #keepCookies(url, response) {
    const jar = this.#cookies.get(url.hostname) ?? new Map();
    this.#cookies.set(url.hostname, jar);
    for (const line of response.headers['set-cookie'] ?? []) {
      const [pair, ...attributes] = line.split(';').map((part) => part.trim());
      const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      const has = (pattern) => attributes.some((attribute) => pattern.test(attribute));
      if (has(/^max-age=0$/i) || has(/^expires=thu, 01 jan 1970/i)) {
        jar.delete(name);
        continue;
      }
      assert.ok(has(/^httponly$/i) && has(/^samesite=(lax|strict)$/i) && has(/^path=\/$/i), line);
      jar.set(name, value);
    }
  }
}

// Not `fetch`: that says `Sec-Fetch-Mode: cors` of itself, and servers rightly send no sign-in page to a script.
async function send(url, headers, body) {
  const sent = request(url, { method: body ? 'POST' : 'GET', headers, agent: false });
  if (body) sent.setHeader('content-type', 'application/x-www-form-urlencoded');
  sent.end(body?.toString());
  // Whatever comes after the answer is overlooked, as browsers do; an error before it is thrown by `once`.
  sent.on('error', () => {});
  const [response] = await once(sent, 'response');
  response.setEncoding('utf8');
  const text = (await response.toArray()).join('');
  return { status: response.statusCode, headers: response.headers, text };
}

function siteOf(from, to) {
  if (from.origin === to.origin) return 'same-origin';
  return from.protocol === to.protocol && from.hostname === to.hostname ? 'same-site' : 'cross-site';
}

const ORDER = ['none', 'same-origin', 'same-site', 'cross-site'];
const strictest = (one, other) => (one === 'none' ? one : ORDER[Math.max(ORDER.indexOf(one), ORDER.indexOf(other))]);

/** Chromium applies `form-action` also to every redirect after a form (Content Security Policy 3 §6.4.1). */
function assertFormMayLeadTo(form, url) {
  const policy = /form-action ([^;]*)/.exec(form.headers['content-security-policy'] ?? '')?.[1];
  if (policy === undefined) return;
  const isAllowed = policy
    .trim()
    .split(/\s+/)
    .some((source) => (source === "'self'" ? url.origin === form.url.origin : source === url.origin));
  assert.ok(isAllowed, `a browser would block the way from ${form.url} to ${url}: form-action ${policy}`);
}

/** Does what the pages of Doorward ask for, until the browser is somewhere else. */
export async function signInAt(browser, issuer, page, { username, password, consent = 'allow', stopAt }) {
  const seen = [];
  for (let step = 0; page.url?.origin === issuer && step < 4; step++) {
    if (page.find('login-submit')) {
      seen.push('sign-in');
      page = await browser.submit(page, 'login-submit', { username, password }, { stopAt });
    } else if (page.find('consent-allow')) {
      seen.push('consent');
      page = await browser.submit(page, `consent-${consent}`, {}, { stopAt });
    } else break;
  }
  return { page, seen };
}
