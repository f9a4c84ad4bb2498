// Every page, in both languages, in both schemes, at three widths and with large text.

import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { inChromium } from '../support/chromium.js';
import { FORMS, NOBODY_TO_HARM, formOf } from '../support/forms.js';
import { axeFinds, faultsOfDocument, fields, formActions, seenByPasswordManager, sticksOut, tooSmall } from '../support/look.js';
import { PAGES } from '../support/pages.js';
import { openRelyingParty } from '../support/relying_party.js';
import { createPerson, issuer, setupLink } from '../support/world.js';

const LOCALES = ['en', 'de'];
const SCHEMES = ['light', 'dark'];
const WIDTHS = [320, 768, 1280];
const HEIGHT = 800;

const pictures = process.env.BROWSER_SCREENSHOTS;
if (pictures) mkdirSync(pictures, { recursive: true });

/** Each look of the page in turn; without reloading, for some pages are shown once. */
async function* looks(page) {
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme });
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: HEIGHT });
      yield `${colorScheme}-${width}`;
    }
  }
}

async function withTextTwiceAsLarge(page, look) {
  await page.evaluate(() => (document.documentElement.style.fontSize = '200%'));
  await look();
  await page.evaluate(() => document.documentElement.removeAttribute('style'));
}

const seenForms = new Set();

for (const locale of LOCALES) {
  const link = setupLink(locale);

  for (const { name, client, shows, fields: expected = {}, open } of PAGES) {
    const settings = { locale, doorwards: [new URL(link).origin] };
    inChromium(`${name} is well made, accessible and fits, in ${locale}`, settings, async ({ t, page, meets }) => {
      const [person, party] = await Promise.all([createPerson(), openRelyingParty(t, client)]);
      meets(party.origin);
      await open({ page, party, person, link });
      await page.waitForSelector(shows);
      assert.ok([issuer, new URL(link).origin].includes(new URL(page.url()).origin), page.url());

      assert.deepEqual(await faultsOfDocument(page), []);
      assert.deepEqual(await fields(page), expected, 'the fields, and what each is for');
      if ('password' in expected) {
        const password = expected.password === 'new-password' ? 'new_password_element' : 'password_element';
        assert.deepEqual(await seenByPasswordManager(page), { username: 'username_element', password });
      }
      for (const action of await formActions(page))
        if (new URL(action).origin !== party.origin) seenForms.add(formOf(new URL(action).pathname));

      for await (const look of looks(page)) {
        if (pictures) await page.screenshot({ path: join(pictures, `${name}-${locale}-${look}.png`), fullPage: true });
        assert.deepEqual(await axeFinds(page), [], look);
        assert.equal(await sticksOut(page), 0, `${look}: sticks out`);
        assert.deepEqual(await tooSmall(page), [], `${look}: too small to touch`);
        await withTextTwiceAsLarge(page, async () => assert.equal(await sticksOut(page), 0, `${look}, text at 200 %: sticks out`));
      }
    });
  }
}

// The frame of all pages, and the reference of the API, in English alone and for those who write programs: tests/it looks
// at that one.
const NOT_FOR_EVERYBODY = ['base.html', 'docs.html'];

test('every template is a page that was looked at', () => {
  const templates = readdirSync(process.env.BROWSER_TEMPLATES).filter((file) => !NOT_FOR_EVERYBODY.includes(file));
  assert.deepEqual([...new Set(PAGES.map(({ template }) => template))].sort(), templates.sort());
});

test('every form that a page shows is one that an attacker is tried on', () => {
  assert.deepEqual([...seenForms].sort(), [...Object.keys(FORMS), ...NOBODY_TO_HARM].sort());
});
