// A real Chromium, and what must hold on every page of Doorward that any test sees.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { chromium } from 'playwright-core';
import { issuer } from './world.js';

// Chromium annotates each field with what its own password manager takes it for.
const SHOW_WHAT_AUTOFILL_SEES = '--show-autofill-signatures';

const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Whatever asks for another host finds none, and the watch below has seen it ask.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE ::1',
  SHOW_WHAT_AUTOFILL_SEES,
];

const LAUNCH_MS_MAX = 30_000;
const ACTION_MS_MAX = 10_000;
const TEST_MS_MAX = 90_000;

let launched;
after(async () => (await launched)?.close());

async function browser() {
  launched ??= chromium.launch({
    executablePath: process.env.BROWSER_CHROMIUM,
    args: ARGUMENTS,
    timeout: LAUNCH_MS_MAX,
  });
  return launched;
}

// A refusal is a page with a status, and Chromium notes each such status in its console.
const STATUS_NOTED = /^Failed to load resource: the server responded with a status of [45]\d\d/;

// A test on a busy machine may fill in a field before Chromium has put the focus where the page asks for it; Chromium
// then leaves the focus where the visitor has it, which is right, and says so.
const VISITOR_WAS_FIRST = 'Autofocus processing was blocked because a document already has a focused element.';

/** Collects what no page of ours may do. `doorwards`: origins of further ones; `expected`: patterns of complaints that the test is about. */
function watch(context, { doorwards, expected }) {
  const complaints = [];
  const complain = (text) => expected.some((pattern) => pattern.test(text)) || complaints.push(text);
  const ours = new Set([new URL(issuer).origin, ...doorwards]);
  const met = new Set(ours);

  context.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== 'data:' && protocol !== 'about:' && !met.has(origin)) complain(`asked for ${request.url()}`);
  });
  context.on('console', (message) => {
    const text = message.text();
    if (!STATUS_NOTED.test(text) && text !== VISITOR_WAS_FIRST) complain(`console, ${message.type()}: ${text}`);
  });
  context.on('weberror', (error) => complain(`script failed: ${error.error()}`));
  context.on('dialog', async (dialog) => {
    complain(`a dialog opened: ${dialog.message()}`);
    await dialog.dismiss();
  });
  context.on('response', (response) => {
    const { origin, pathname } = new URL(response.url());
    if (ours.has(origin)) for (const fault of faultsOfHeaders(response)) complain(`${pathname}: ${fault}`);
  });
  return { complaints, meets: (origin) => met.add(origin) };
}

function* faultsOfHeaders(response) {
  const headers = response.headers();
  if (headers['x-content-type-options'] !== 'nosniff') yield 'may be sniffed';
  if (!headers['content-type']?.startsWith('text/html')) return;
  const policy = headers['content-security-policy'] ?? '';
  if (!policy.includes("default-src 'none'")) yield `policy allows by default: ${policy}`;
  if (!policy.includes("frame-ancestors 'none'")) yield `may be framed: ${policy}`;
  if (!policy.includes("base-uri 'none'")) yield `policy allows a base: ${policy}`;
  if (!policy.includes('form-action ')) yield `policy allows forms to anywhere: ${policy}`;
  if (/unsafe|\*|data:|https?:(?!\/\/)/.test(policy.replace(/form-action[^;]*/, ''))) yield `policy is loose: ${policy}`;
  if (headers['cache-control'] !== 'no-store') yield `may be kept: ${headers['cache-control']}`;
  if (!['same-origin', 'no-referrer'].includes(headers['referrer-policy'])) yield `tells where one comes from: ${headers['referrer-policy']}`;
  if ('access-control-allow-origin' in headers) yield 'may be read by other origins';
}

// To look at a stylesheet before it is compiled in.
async function replaceStylesheet(context) {
  const file = process.env.BROWSER_STYLESHEET;
  if (file) {
    const body = readFileSync(file, 'utf8');
    await context.route('**/assets/doorward.css', (route) =>
      route.fulfill({ body, contentType: 'text/css; charset=utf-8', headers: { 'x-content-type-options': 'nosniff' } }),
    );
  }
}

/** A browser profile of its own, watched. `settings` are those of Playwright's contexts. */
export async function openProfile({ doorwards = [], expected = [], ...settings } = {}) {
  const context = await (await browser()).newContext({ locale: 'en-GB', viewport: { width: 1280, height: 800 }, ...settings });
  context.setDefaultTimeout(ACTION_MS_MAX);
  await replaceStylesheet(context);
  return { context, ...watch(context, { doorwards, expected }) };
}

/**
 * A test in a browser profile of its own: `body({ t, page, context, meets })`, where `meets` takes the origin of somebody
 * else who takes part. It fails also when, on any page, something
 * was asked of a stranger, a script failed, a dialog opened, a header was missing, or Chromium had anything to complain of.
 */
export function inChromium(sentence, ...rest) {
  const body = rest.pop();
  const settings = rest.pop() ?? {};
  test(sentence, { timeout: TEST_MS_MAX }, async (t) => {
    const profile = await openProfile(settings);
    try {
      const page = await profile.context.newPage();
      await body({ t, page, context: profile.context, meets: profile.meets });
      await settled(page);
    } catch (error) {
      if (!profile.complaints.length) throw error;
      throw new Error(`${error.message}\n\nand the watch saw:\n${profile.complaints.join('\n')}`, { cause: error });
    } finally {
      await profile.context.close();
    }
    assert.deepEqual(profile.complaints, []);
  });
}

/** The same test with and without script. */
export function withAndWithoutScript(sentence, body) {
  inChromium(`${sentence}, with script`, {}, (visit) => body({ ...visit, script: true }));
  inChromium(`${sentence}, without script`, { javaScriptEnabled: false }, (visit) => body({ ...visit, script: false }));
}

// Chromium looks at the forms of a page a moment after it has loaded.
const AUTOFILL_LOOKS_AFTER_MS = 300;

export const settled = (page) => page.waitForTimeout(AUTOFILL_LOOKS_AFTER_MS);
