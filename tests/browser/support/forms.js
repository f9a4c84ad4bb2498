// Every form that a page of Doorward has, and what an attacker would post to it. `pages.test.js` compares this with what
// the pages show, so that a new form cannot go unattacked.

import assert from 'node:assert/strict';
import { comeIn, isBackAt, isSignedIn, signIn } from './steps.js';
import { issuer } from './world.js';

/** `/interaction/0192…/login` is a form of `/interaction/…/login`. */
export const formOf = (path) => path.replace(/^\/(interaction|setup)\/[^/]+/, '/$1/…');

/**
 * `lure` brings the victim's browser to where the form could do harm and answers what the attacker posts; `unharmed` shows
 * that it did nothing, and that the victim can still go on.
 */
export const FORMS = {
  '/interaction/…/login': {
    async lure({ page, party, attacker }) {
      await page.goto(party.start());
      return { action: `${page.url()}/login`, fields: { username: attacker.username, password: attacker.password } };
    },
    async unharmed({ page, context, party, person }) {
      const cookies = await context.cookies(issuer);
      assert.ok(!cookies.some((cookie) => cookie.name.includes('session')), 'nobody was signed in');
      await signIn(page, person);
      await page.click('#consent-allow');
      await isBackAt(page, party, person);
    },
  },
  '/interaction/…/consent': {
    async lure({ page, party, person }) {
      await page.goto(party.start());
      await signIn(page, person);
      await page.waitForSelector('#consent-allow');
      return { action: `${page.url()}/consent`, fields: { session: await page.inputValue('[name=session] >> nth=0'), decision: 'allow' } };
    },
    async unharmed({ page, party, person }) {
      assert.equal(party.answers.length, 0, 'nothing was agreed to');
      await page.click('#consent-allow');
      await isBackAt(page, party, person);
    },
  },
  '/interaction/…/account': {
    async lure({ page, party, person }) {
      await page.goto(party.start());
      await signIn(page, person);
      await page.waitForSelector('#consent-allow');
      return { action: `${page.url()}/account`, fields: { session: await page.inputValue('[name=session] >> nth=0'), choice: 'switch' } };
    },
    async unharmed({ page, party, person }) {
      await page.click('#consent-allow');
      await isBackAt(page, party, person);
      assert.ok(await isSignedIn(page, party), 'nobody was signed out');
    },
  },
  '/logout/confirm': {
    async lure({ page, party, person }) {
      await comeIn(page, party, person);
      await page.goto(party.logout());
      return { action: `${issuer}/logout/confirm`, fields: { decision: 'yes' } };
    },
    async unharmed({ page, party }) {
      assert.ok(await isSignedIn(page, party), 'nobody was signed out');
    },
  },
};

// Whoever knows the one-time link has no need of a victim: it lets in anybody, and only the first.
export const NOBODY_TO_HARM = ['/setup/…'];

/** The token of another browser's form: what an attacker can obtain of one. */
export const tokenOf = (page) => page.inputValue('[name=form_token] >> nth=0');
