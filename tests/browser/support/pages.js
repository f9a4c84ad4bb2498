// Every page of Doorward, and how a person comes to it. `pages.test.js` compares this table with the templates in the
// source, so that a new page cannot go unseen.

import { allow, comeIn, signIn } from './steps.js';
import { issuer } from './world.js';

const LONG = 'Verwaltungsgemeinschaftsdienstleistungsportal'.repeat(4).slice(0, 200);
const SIGN_IN = { username: 'username', password: 'current-password' };
const SET_UP = { username: 'username', name: 'name', email: 'email', password: 'new-password' };

const ADA = { username: 'ada', name: 'Ada Ames', email: 'ada@example.com' };

async function setUp(page, link, password) {
  await page.goto(link);
  for (const [field, value] of Object.entries(ADA)) await page.fill(`#${field}`, value);
  await page.fill('#password', password);
  await page.click('#setup-submit');
}

/**
 * `open({ page, party, person, link })` ends on the page and `shows` is what only this page has. `party` is a relying
 * party of the given `client`; `fields` are its fields and what each is for (HTML Standard, autofill).
 */
export const PAGES = [
  {
    name: 'sign-in',
    template: 'login.html',
    shows: '#login-submit',
    fields: SIGN_IN,
    open: ({ page, party }) => page.goto(party.start()),
  },
  {
    name: 'sign-in-after-a-wrong-password',
    template: 'login.html',
    shows: '#login-submit',
    fields: SIGN_IN,
    async open({ page, party, person }) {
      await page.goto(party.start());
      await signIn(page, { ...person, password: 'quite another one' });
      await page.waitForSelector('[role=alert]');
    },
  },
  {
    name: 'sign-in-to-a-long-name',
    template: 'login.html',
    client: { name: LONG },
    shows: '#login-submit',
    fields: SIGN_IN,
    open: ({ page, party }) => page.goto(party.start({ login_hint: LONG })),
  },
  {
    name: 'consent',
    template: 'consent.html',
    shows: '#consent-allow',
    async open({ page, party, person }) {
      await page.goto(party.start({ scope: 'openid profile email offline_access', prompt: 'consent' }));
      await signIn(page, person);
    },
  },
  {
    name: 'consent-to-a-long-name',
    template: 'consent.html',
    client: { name: LONG },
    shows: '#consent-allow',
    async open({ page, party, person }) {
      await page.goto(party.start());
      await signIn(page, person);
    },
  },
  {
    name: 'select-account',
    template: 'select_account.html',
    shows: '#account-continue',
    async open({ page, party, person }) {
      await comeIn(page, party, person);
      await page.goto(party.start({ prompt: 'select_account' }));
    },
  },
  {
    name: 'form-post',
    template: 'form_post.html',
    shows: '#form-post-submit',
    async open({ page, party, person }) {
      // Held back, or the page is gone before anybody has seen it.
      await page.route('**/assets/form_post.js', (route) =>
        route.fulfill({ body: '', contentType: 'text/javascript', headers: { 'x-content-type-options': 'nosniff' } }),
      );
      await page.goto(party.start({ response_mode: 'form_post' }));
      await signIn(page, person);
      await allow(page);
    },
  },
  {
    name: 'error-unknown-client',
    template: 'error.html',
    shows: 'h1',
    open: ({ page }) => page.goto(`${issuer}/oauth2/authorize?client_id=nobody-registered`),
  },
  {
    name: 'error-sign-in-over',
    template: 'error.html',
    shows: 'h1',
    open: ({ page }) => page.goto(`${issuer}/interaction/none`),
  },
  {
    name: 'sign-out',
    template: 'logout.html',
    shows: '#logout-yes',
    async open({ page, party, person }) {
      await comeIn(page, party, person);
      await page.goto(party.logout());
    },
  },
  {
    name: 'still-signed-in',
    template: 'stayed.html',
    shows: 'h1',
    async open({ page, party, person }) {
      await comeIn(page, party, person);
      await page.goto(party.logout());
      await page.click('#logout-no');
      await page.waitForURL(`${issuer}/logout/confirm`);
    },
  },
  {
    name: 'signed-out',
    template: 'signed_out.html',
    shows: 'h1',
    open: ({ page }) => page.goto(`${issuer}/signed-out`),
  },
  {
    name: 'set-up',
    template: 'setup.html',
    shows: '#setup-submit',
    fields: SET_UP,
    open: ({ page, link }) => page.goto(link),
  },
  {
    name: 'set-up-with-a-poor-password',
    template: 'setup.html',
    shows: '#password[aria-invalid=true]',
    fields: SET_UP,
    open: ({ page, link }) => setUp(page, link, 'passwordpassword'),
  },
  {
    name: 'set-up-done',
    template: 'setup_done.html',
    shows: 'main:not(:has(form))',
    open: ({ page, link }) => setUp(page, link, 'seven brass lanterns hum'),
  },
  {
    name: 'set-up-link-spent',
    template: 'error.html',
    shows: 'h1',
    open: ({ page, link }) => page.goto(link),
  },
];
