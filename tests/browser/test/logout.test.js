// Signing out.

import assert from 'node:assert/strict';
import { inChromium, withAndWithoutScript } from '../support/chromium.js';
import { openRelyingParty } from '../support/relying_party.js';
import { comeIn, isSignedIn } from '../support/steps.js';
import { createPerson, issuer } from '../support/world.js';

withAndWithoutScript('the relying party of the session signs a person out at once', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await comeIn(page, party, person);
  const hint = party.answers[0].tokens.id_token;
  await page.goto(party.logout({ id_token_hint: hint, post_logout_redirect_uri: party.bye, state: 'a state' }));
  assert.ok(page.url().startsWith(party.bye), page.url());
  assert.equal(await page.textContent('#state'), 'a state');
  assert.ok(!(await isSignedIn(page, party)));
});

withAndWithoutScript('without a hint a person is asked, and yes signs out', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await comeIn(page, party, person);
  await page.goto(party.logout());
  await page.click('#logout-yes');
  await page.waitForURL(`${issuer}/signed-out`);
  assert.ok(!(await isSignedIn(page, party)));
});

withAndWithoutScript('without a hint a person is asked, and no keeps them signed in', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await comeIn(page, party, person);
  await page.goto(party.logout());
  await page.click('#logout-no');
  await page.waitForSelector('#logout-no', { state: 'detached' });
  assert.ok(page.url().startsWith(issuer));
  assert.ok(await isSignedIn(page, party));
});

inChromium('who was asked and said yes is sent back where the client is registered', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await comeIn(page, party, person);
  await page.goto(party.logout({ client_id: party.clientId, post_logout_redirect_uri: party.bye, state: 's' }));
  await page.click('#logout-yes');
  await page.waitForURL(`${party.bye}**`);
  assert.equal(await page.textContent('#state'), 's');
});

inChromium('nobody is sent to an address that is not registered', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await comeIn(page, party, person);
  await page.goto(party.logout({ client_id: party.clientId, post_logout_redirect_uri: `${party.origin}/elsewhere` }));
  await page.click('#logout-yes');
  await page.waitForLoadState();
  assert.ok(page.url().startsWith(issuer), page.url());
});

inChromium('another person\'s hint asks first', async ({ t, page, context, meets }) => {
  const [person, other, party] = await Promise.all([createPerson(), createPerson({ name: 'Bob Bell' }), openRelyingParty(t)]);
  meets(party.origin);
  await comeIn(page, party, other);
  const hint = party.answers[0].tokens.id_token;
  await context.clearCookies();
  await comeIn(page, party, person);
  await page.goto(party.logout({ id_token_hint: hint }));
  await page.waitForSelector('#logout-yes');
  assert.ok(await isSignedIn(page, party));
});

inChromium('who is not signed in is told so and asked nothing', async ({ page }) => {
  await page.goto(`${issuer}/oauth2/logout`);
  assert.equal(page.url(), `${issuer}/signed-out`);
  assert.equal(await page.locator('form').count(), 0);
});

inChromium('back after the sign-out signs nobody in', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await comeIn(page, party, person);
  await page.goto(party.logout());
  await page.click('#logout-yes');
  await page.waitForURL(`${issuer}/signed-out`);
  await page.goBack();
  assert.equal(await page.locator('#logout-yes').count(), 0);
  assert.ok(!(await isSignedIn(page, party)));
});
