// What other sites, and hostile names, cannot do (class 17 of the threats: scripting, framing, forged forms).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inChromium, openProfile, withAndWithoutScript } from '../support/chromium.js';
import { FORMS, tokenOf } from '../support/forms.js';
import { html, openRelyingParty, serve } from '../support/relying_party.js';
import { allow, isBackAt, signIn } from '../support/steps.js';
import { createClient, createPerson, issuer } from '../support/world.js';

const quoted = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** A page that posts a form when its button is pressed, as one with a script would by itself. */
const forged = ({ action, fields }) =>
  html(
    `<form method="post" action="${quoted(action)}">${Object.entries(fields)
      .map(([name, value]) => `<input type="hidden" name="${quoted(name)}" value="${quoted(value)}">`)
      .join('')}<button id="attack">You have won</button></form>`,
  );

const ATTACKERS = {
  'another site': { host: '127.0.0.1' },
  // Lax cookies go along: ports are no part of a site.
  'another port of the same host': { host: 'localhost' },
};

/** A token that is good in the attacker's own browser. */
async function stolenToken(party, person, form) {
  const { context } = await openProfile();
  try {
    const page = await context.newPage();
    await FORMS[form].lure({ page, party, person, attacker: person });
    return await tokenOf(page);
  } finally {
    await context.close();
  }
}

for (const [form, { lure, unharmed }] of Object.entries(FORMS)) {
  for (const [who, { host }] of Object.entries(ATTACKERS)) {
    inChromium(`a form that ${who} posts to ${form} does nothing`, async ({ t, page, context, meets }) => {
      const [person, attacker, party, hostile] = await Promise.all([
        createPerson(),
        createPerson({ name: 'Mallory' }),
        openRelyingParty(t),
        openRelyingParty(t, { name: 'Free Games' }),
      ]);
      meets(party.origin);
      const bait = { body: '' };
      const site = await serve(t, host, () => bait);
      meets(site);
      const { action, fields } = await lure({ page, party, person, attacker });
      const token = await stolenToken(hostile, attacker, form);
      for (const form_token of [undefined, '', token]) {
        bait.body = forged({ action, fields: form_token === undefined ? fields : { ...fields, form_token } });
        const tab = await context.newPage();
        await tab.goto(site);
        const answered = tab.waitForResponse((response) => response.url() === action);
        await tab.click('#attack');
        const answer = await answered;
        // Without a session there is nothing to end: that form is answered by "signed out", and ends nothing.
        const isRefused = [403, 410].includes(answer.status()) || (form === '/logout/confirm' && answer.status() === 303);
        assert.ok(isRefused, `${answer.status()}`);
        // A tab that is closed on its way to a page can hang.
        await tab.waitForURL((url) => url.origin !== site);
        await tab.close();
      }
      await unharmed({ page, context, party, person });
    });
  }
}

inChromium('a form of our own page that is posted by another site as it was is refused', async ({ t, page, context, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  const bait = { body: '' };
  const site = await serve(t, 'localhost', () => bait);
  meets(site);
  await page.goto(party.start());
  // Even the right token does not help who posts from elsewhere: the browser says where a form comes from.
  bait.body = forged({
    action: `${page.url()}/login`,
    fields: { form_token: await tokenOf(page), username: person.username, password: person.password },
  });
  const tab = await context.newPage();
  await tab.goto(site);
  const answered = tab.waitForResponse((response) => response.request().method() === 'POST');
  await tab.click('#attack');
  assert.equal((await answered).status(), 403);
});

inChromium('nobody is signed out by anyone\'s link', async ({ t, page, context, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  const bait = { body: '' };
  const site = await serve(t, '127.0.0.1', () => bait);
  meets(site);
  await page.goto(party.start());
  await signIn(page, person);
  await page.waitForSelector('#consent-allow');
  bait.body = forged({ action: `${issuer}/oauth2/logout`, fields: { client_id: party.clientId, post_logout_redirect_uri: party.bye } });
  const tab = await context.newPage();
  await tab.goto(site);
  await tab.click('#attack');
  await tab.waitForSelector('#logout-yes');
  await allow(page);
  await isBackAt(page, party, person);
});

inChromium('no page lets itself be framed', { expected: [/frame-ancestors 'none'/] }, async ({ t, page, context, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  const framed = { address: '' };
  // Same site: the cookies go along, so that each page would be the real one.
  const site = await serve(t, 'localhost', () => ({ body: html(`<iframe src="${quoted(framed.address)}"></iframe>`) }));
  meets(site);
  await page.goto(party.start());
  const interaction = page.url();
  const tab = await context.newPage();
  const shown = async (address) => {
    framed.address = address;
    await tab.goto(site);
    return tab.frames()[1].url();
  };
  assert.equal(await shown(party.home), party.home, 'a page that does not mind is framed');
  assert.match(await shown(interaction), /^chrome-error:/, 'sign-in');
  await signIn(page, person);
  await page.waitForSelector('#consent-allow');
  assert.match(await shown(interaction), /^chrome-error:/, 'consent');
  assert.match(await shown(`${issuer}/oauth2/logout`), /^chrome-error:/, 'sign-out');
  assert.match(await shown(`${issuer}/signed-out`), /^chrome-error:/, 'signed out');
  assert.match(await shown(`${issuer}/oauth2/authorize`), /^chrome-error:/, 'error');
  assert.match(await shown(party.start({ response_mode: 'form_post', prompt: 'none' })), /^chrome-error:/, 'form post');
});

inChromium('pages give away no camera, no microphone and no place', async ({ page }) => {
  const policy = (await page.goto(`${issuer}/signed-out`)).headers()['permissions-policy'] ?? 'none was sent';
  for (const power of ['camera', 'microphone', 'geolocation']) assert.match(policy, new RegExp(`\\b${power}=\\(\\)`));
});

const HOSTILE_NAMES = {
  'a script': '<script>alert(1)</script>',
  'a picture that fails': '"><img src=x onerror=alert(1)>',
  'an entity and a quote': `&lt;b&gt; ' onmouseover='alert(1)`,
  'braces of templates': '{{ 7 * 7 }}{% include "base.html" %}',
  'the end of the title': '</title></h1><meta http-equiv="refresh" content="0;url=//example.com">',
};

for (const [what, name] of Object.entries(HOSTILE_NAMES)) {
  withAndWithoutScript(`a client that is called ${what} is shown by that name, and nothing of it runs`, async ({ t, page, meets }) => {
    const [person, party] = await Promise.all([createPerson({ name }), openRelyingParty(t, { name })]);
    meets(party.origin);
    const isShown = async (where) => {
      const text = await page.textContent('main');
      assert.ok(text.includes(name), `${where}: ${text}`);
      const foreign = await page.locator('body script:not([src]), img, meta[http-equiv], main b').count();
      assert.equal(foreign, 0, where);
    };
    await page.goto(party.start());
    await isShown('sign-in');
    await signIn(page, person);
    await page.waitForSelector('#consent-allow');
    await isShown('consent');
    assert.ok((await page.title()).includes(name));
    await page.hover('h1');
    await allow(page);
    await isBackAt(page, party, person);
  });
}

inChromium('a state of the relying party is only carried through a form post', async ({ t, page, meets }) => {
  const party = await openRelyingParty(t);
  meets(party.origin);
  const held = new Promise((resolve) => {
    page.route('**/assets/form_post.js', (route) => {
      resolve();
      return route.fulfill({ body: '', contentType: 'text/javascript', headers: { 'x-content-type-options': 'nosniff' } });
    });
  });
  const state = '"><script>alert(1)</script>\'&lt;';
  await page.goto(party.start({ response_mode: 'form_post', prompt: 'none', state }));
  await held;
  assert.equal(await page.inputValue('[name=state]'), state);
  assert.equal(await page.locator('script:not([src])').count(), 0);
});

/** The left edges of the letters of `text` inside `selector`, in the order in which they are read. */
const edges = (page, selector, text) =>
  page.evaluate(
    ([selector, text]) => {
      const letters = [];
      for (const root of document.querySelectorAll(selector)) {
        const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
        for (let node = walker.nextNode(); node; node = walker.nextNode())
          for (let index = 0; index < node.data.length; index += 1) letters.push([node, index]);
      }
      const whole = letters.map(([node, index]) => node.data[index]).join('');
      const from = whole.indexOf(text);
      if (from < 0) throw new Error(`"${text}" is not in ${selector}: ${whole}`);
      return letters.slice(from, from + text.length).map(([node, index]) => {
        const range = document.createRange();
        range.setStart(node, index);
        range.setEnd(node, index + 1);
        return range.getBoundingClientRect().left;
      });
    },
    [selector, text],
  );

const TURNERS = ['\u202E', '\u202D', '\u202B', '\u2067', '\u2066'];

test('no client and no person is called by characters that turn the direction of writing', async () => {
  for (const turner of TURNERS) {
    const name = `Shop ${turner}evil`;
    await assert.rejects(createClient({ name, redirectUris: ['https://shop.example/callback'] }), /display name/, escape(name));
    await assert.rejects(createPerson({ name }), /display name/, escape(name));
  }
});

inChromium('a name that is written from right to left leaves the sentence around it as it is', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t, { name: 'חנות הספרים' })]);
  meets(party.origin);
  await page.goto(party.start());
  await signIn(page, person);
  await page.waitForSelector('#consent-allow');
  const ahead = await edges(page, 'main p', 'would like to');
  assert.deepEqual(ahead, [...ahead].sort((a, b) => a - b), 'the words after the name are written backwards');
  const name = await edges(page, 'h1', 'חנות');
  assert.deepEqual(name, [...name].sort((a, b) => b - a), 'the name is not written from right to left');
  const [question] = await edges(page, 'h1', '?');
  assert.ok(question > Math.max(...name), 'the question mark of the heading is not at its end');
});
