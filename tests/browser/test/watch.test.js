// The watch itself: each thing that it looks for is shown to it once, so that it cannot have gone blind.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openProfile, settled } from '../support/chromium.js';
import { axeFinds, seenByPasswordManager, sticksOut, tooSmall } from '../support/look.js';
import { html, serve } from '../support/relying_party.js';

const HEADERS = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'referrer-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
};

/** Opens a page that a server on Doorward's host name gives, and answers what the watch says. */
async function complaintsAbout(t, body, { headers = {}, look = settled } = {}) {
  const site = await serve(t, 'localhost', () => ({ headers: { ...HEADERS, ...headers }, body: html(body) }));
  const { context, complaints } = await openProfile({ doorwards: [site] });
  try {
    const page = await context.newPage();
    await page.goto(site);
    const seen = await look(page);
    return { complaints, seen };
  } finally {
    await context.close();
  }
}

test('a page that is in order gives the watch nothing to say', async (t) => {
  assert.deepEqual((await complaintsAbout(t, '<h1>In order</h1>')).complaints, []);
});

const SEEN = {
  'a request to a stranger': [{ body: '<img src="http://stranger.example/x.png">', headers: { 'content-security-policy': `${HEADERS['content-security-policy']}; img-src http:` } }, /asked for http:\/\/stranger\.example/],
  'a breach of the policy': [{ body: '<img src="/x.png">' }, /console, error:.*Content Security Policy/],
  'a form that Chromium finds poorly marked': [{ body: '<form method="post"><input type="password" name="p"><button>Go</button></form>' }, /autocomplete attributes/],
  'a password form without a username': [{ body: '<form method="post"><input type="password" name="p" autocomplete="current-password"><button>Go</button></form>' }, /username/],
  'a script that fails': [{ body: '<script>throw new Error("broken")</script>', headers: { 'content-security-policy': `${HEADERS['content-security-policy']}; script-src 'unsafe-inline'` } }, /script failed: Error: broken/],
  'a dialog': [{ body: '<script>alert("here")</script>', headers: { 'content-security-policy': `${HEADERS['content-security-policy']}; script-src 'unsafe-inline'` } }, /a dialog opened: here/],
  'a page that may be framed': [{ body: '', headers: { 'content-security-policy': "default-src 'none'; form-action 'self'; base-uri 'none'" } }, /may be framed/],
  'a page that may be kept': [{ body: '', headers: { 'cache-control': 'public' } }, /may be kept/],
};

for (const [what, [{ body, headers }, pattern]] of Object.entries(SEEN)) {
  test(`the watch sees ${what}`, async (t) => {
    const { complaints } = await complaintsAbout(t, body, { headers });
    assert.ok(complaints.some((complaint) => pattern.test(complaint)), `only: ${complaints.join('\n')}`);
  });
}

test('axe-core finds text that is too pale', async (t) => {
  const { seen } = await complaintsAbout(t, '<main><h1>Title</h1><p style="color:#bbb">pale</p></main>', {
    headers: { 'content-security-policy': `${HEADERS['content-security-policy']}; style-src 'unsafe-inline'` },
    look: axeFinds,
  });
  assert.match(seen.join(), /color-contrast/);
});

test('what sticks out and what is too small is measured', async (t) => {
  const headers = { 'content-security-policy': `${HEADERS['content-security-policy']}; style-src 'unsafe-inline'` };
  const wide = await complaintsAbout(t, '<p style="width:3000px">wide</p>', { headers, look: sticksOut });
  assert.ok(wide.seen > 1000);
  const small = await complaintsAbout(t, '<button id="tiny">x</button>', { look: tooSmall });
  assert.match(small.seen.join(), /^tiny: /);
});

test('Chromium\'s password manager tells a new password from a present one', async (t) => {
  const form = (autocomplete) =>
    `<form method="post"><input id="username" autocomplete="username"><input id="password" type="password" autocomplete="${autocomplete}"></form>`;
  const now = await complaintsAbout(t, form('current-password'), { look: seenByPasswordManager });
  assert.equal(now.seen.password, 'password_element');
  const next = await complaintsAbout(t, form('new-password'), { look: seenByPasswordManager });
  assert.equal(next.seen.password, 'new_password_element');
});
