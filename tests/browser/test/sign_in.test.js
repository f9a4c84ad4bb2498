// From a relying party through sign-in and consent and back.

import assert from 'node:assert/strict';
import { inChromium, openProfile, settled, withAndWithoutScript } from '../support/chromium.js';
import { html, openRelyingParty, serve } from '../support/relying_party.js';
import { allow, comeIn, cookieNamed, focused, isBackAt, isSignedIn, signIn, tabTo } from '../support/steps.js';
import { createPerson, issuer } from '../support/world.js';

withAndWithoutScript('a person signs in, agrees, and is known at the relying party', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.start());
  assert.match(await page.textContent('main'), /Notes/);
  await signIn(page, person);
  await page.waitForSelector('#consent-allow');
  assert.match(await page.textContent('main'), new RegExp(person.username));
  await allow(page);
  await isBackAt(page, party, person);
  assert.equal(party.answers.length, 1);
  assert.equal((await party.userinfo()).name, 'Alice Ames');
});

inChromium('an answer by form post is sent by the script alone', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await comeIn(page, party, person, { response_mode: 'form_post' });
  assert.deepEqual(party.answers.map((answer) => answer.method), ['POST']);
});

inChromium('without script, a button sends an answer by form post', { javaScriptEnabled: false }, async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.start({ response_mode: 'form_post' }));
  await signIn(page, person);
  await allow(page);
  await page.waitForSelector('#form-post-submit');
  assert.equal(party.answers.length, 0);
  await page.click('#form-post-submit');
  await isBackAt(page, party, person);
  assert.deepEqual(party.answers.map((answer) => answer.method), ['POST']);
});

withAndWithoutScript('a refusal is told to the relying party, also by form post', async ({ t, page, meets, script }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.start());
  await signIn(page, person);
  await page.click('#consent-deny');
  await page.waitForURL(`${party.origin}/callback**`);
  assert.equal(await page.textContent('#error'), 'access_denied');

  await page.goto(party.start({ response_mode: 'form_post' }));
  await page.click('#consent-deny');
  if (!script) await page.click('#form-post-submit');
  await page.waitForURL(`${party.origin}/callback`);
  assert.deepEqual(party.answers.map(({ method, error }) => [method, error]), [['GET', 'access_denied'], ['POST', 'access_denied']]);
});

withAndWithoutScript('a wrong password is said aloud and costs nothing that was typed but the password', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.start());
  await signIn(page, { ...person, password: 'quite another one' });
  const problem = page.locator('[role=alert]');
  assert.ok((await problem.textContent()).trim().length > 10);
  assert.equal(await page.inputValue('#username'), person.username);
  assert.equal(await page.inputValue('#password'), '');
  await page.waitForSelector('#password:focus');
  const said = await focused(page);
  assert.equal(said.invalid, 'true');
  assert.equal(said.description, (await problem.textContent()).trim(), 'the field is described by the problem');

  await page.keyboard.type(person.password);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#consent-allow');
});

inChromium('a person nobody knows reads the same as for a wrong password', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  const told = [];
  for (const username of [person.username, 'nobody-of-this-name']) {
    await page.goto(party.start());
    await signIn(page, { username, password: 'quite another one' });
    told.push(await page.textContent('[role=alert]'));
  }
  assert.equal(told[0], told[1]);
});

inChromium('who tries too often is told to wait, and keeps the username', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.start());
  let status;
  for (let attempt = 0; attempt < 12 && status !== 429; attempt += 1) {
    const answered = page.waitForResponse((response) => response.request().method() === 'POST');
    await signIn(page, { ...person, password: 'quite another one' });
    status = (await answered).status();
    await page.waitForSelector('[role=alert]');
  }
  assert.equal(status, 429);
  assert.equal(await page.inputValue('#username'), person.username);
});

withAndWithoutScript('Tab, Enter and letters are enough', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.start());
  await page.waitForSelector('#username:focus');
  const first = await focused(page);
  assert.ok(first.name, 'the field has a name to be read out');
  await page.keyboard.type(person.username);
  assert.deepEqual(await tabTo(page, 'password'), ['password'], 'nothing stands between the two fields');
  await page.keyboard.type(person.password);
  await tabTo(page, 'login-submit');
  await page.keyboard.press('Enter');

  await page.waitForSelector('#consent-allow');
  const order = await tabTo(page, 'consent-deny');
  assert.ok(order.includes('consent-allow'), `the button that goes on comes first: ${order}`);
  await page.keyboard.press('Shift+Tab');
  assert.equal((await focused(page)).id, 'consent-allow');
  await page.keyboard.press('Enter');
  await isBackAt(page, party, person);
});

inChromium('Enter in the password field signs in', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.start());
  await page.waitForSelector('#username:focus');
  await page.keyboard.type(person.username);
  await page.keyboard.press('Tab');
  await page.keyboard.type(person.password);
  await page.keyboard.press('Enter');
  await page.waitForSelector('#consent-allow');
});

inChromium('a hint of the relying party is in the field, and the password has the focus', async ({ t, page, meets }) => {
  const party = await openRelyingParty(t);
  meets(party.origin);
  await page.goto(party.start({ login_hint: 'alice"><b id="injected">' }));
  assert.equal(await page.inputValue('#username'), 'alice"><b id="injected">');
  assert.equal(await page.locator('#injected').count(), 0);
  await page.waitForSelector('#password:focus');
});

inChromium('who is signed in is not asked for the password again', async ({ t, page, meets }) => {
  const [person, party, other] = await Promise.all([createPerson(), openRelyingParty(t), openRelyingParty(t, { name: 'Billing' })]);
  meets(party.origin);
  meets(other.origin);
  await comeIn(page, party, person);
  await page.goto(other.start());
  assert.match(await page.textContent('main'), /Billing/);
  await allow(page);
  await isBackAt(page, other, person);
});

inChromium('who is asked which account goes on with the one that is there', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await comeIn(page, party, person);
  await page.goto(party.start({ prompt: 'select_account' }));
  assert.match(await page.textContent('#account-continue'), new RegExp(person.username));
  await page.click('#account-continue');
  await isBackAt(page, party, person);
  assert.equal(party.answers.length, 2);
});

withAndWithoutScript('who is asked which account can take another one', async ({ t, page, meets }) => {
  const [person, other, party] = await Promise.all([createPerson(), createPerson({ name: 'Bob Bell' }), openRelyingParty(t)]);
  meets(party.origin);
  await comeIn(page, party, person);
  await page.goto(party.start({ prompt: 'select_account' }));
  await page.click('#account-switch');
  await signIn(page, other);
  await allow(page);
  await isBackAt(page, party, other);
});

inChromium('a password can be shown, and is not shown to the browser when it is sent', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.start());
  const type = () => page.getAttribute('#password', 'type');
  await page.fill('#username', person.username);
  await page.fill('#password', person.password);
  await page.click('.reveal');
  assert.equal(await type(), 'text');
  assert.equal(await page.inputValue('#password'), person.password);
  await page.click('.reveal');
  assert.equal(await type(), 'password');
  await page.click('.reveal');
  await page.evaluate(() => document.querySelector('#password').form.addEventListener('submit', (event) => event.preventDefault()));
  await page.click('#login-submit');
  assert.equal(await type(), 'password');
});

inChromium('without script there is no button that does nothing', { javaScriptEnabled: false }, async ({ t, page, meets }) => {
  const party = await openRelyingParty(t);
  meets(party.origin);
  await page.goto(party.start());
  assert.deepEqual(await page.locator('button').evaluateAll((buttons) => buttons.map(({ id }) => id)), ['login-submit']);
});

inChromium('two tabs sign in side by side', async ({ t, page, context, meets }) => {
  const [person, party, other] = await Promise.all([createPerson(), openRelyingParty(t), openRelyingParty(t, { name: 'Billing' })]);
  meets(party.origin);
  meets(other.origin);
  const second = await context.newPage();
  await page.goto(party.start());
  await second.goto(other.start());
  await signIn(second, person);
  await signIn(page, person);
  await allow(second);
  await allow(page);
  await isBackAt(page, party, person);
  await isBackAt(second, other, person);
});

inChromium('a tab that waited at the sign-in sees on reload that the other tab has done it', async ({ t, page, context, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  const second = await context.newPage();
  await page.goto(party.start());
  await comeIn(second, party, person);
  await page.reload();
  await isBackAt(page, party, person);
});

inChromium('nobody agrees for somebody else who has signed in meanwhile', async ({ t, page, context, meets }) => {
  const [person, other, party] = await Promise.all([createPerson(), createPerson({ name: 'Bob Bell' }), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.start());
  await signIn(page, person);
  await page.waitForSelector('#consent-allow');
  const second = await context.newPage();
  await second.goto(party.start({ prompt: 'login' }));
  await signIn(second, other);
  await second.waitForSelector('#consent-allow');
  await allow(page);
  await page.waitForLoadState();
  assert.ok(page.url().startsWith(issuer), page.url());
  assert.equal(party.answers.length, 0);
});

inChromium('back after the sign-in neither breaks nor repeats anything', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.home);
  await comeIn(page, party, person);
  for (let steps = 0; steps < 4 && page.url() !== party.home; steps += 1) {
    await page.goBack();
    assert.equal(await page.locator('h1').count(), 1, `a page that says where one is, at ${page.url()}`);
    assert.equal(await page.locator('#password').count(), 0, 'and asks for no password again');
  }
  assert.equal(page.url(), party.home);
  assert.equal(party.answers.length, 1);
  assert.ok(await isSignedIn(page, party));
});

inChromium('back from the consent does not lose the way', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.start());
  await signIn(page, person);
  await page.waitForSelector('#consent-allow');
  await page.goBack();
  await page.goForward();
  await allow(page);
  await isBackAt(page, party, person);
});

inChromium('two clicks on the button are one sign-in', async ({ t, page, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.start());
  await page.fill('#username', person.username);
  await page.fill('#password', person.password);
  await page.dblclick('#login-submit');
  await page.waitForSelector('#consent-allow');
  await page.dblclick('#consent-allow');
  await isBackAt(page, party, person);
  assert.equal(party.answers.length, 1);
});

inChromium('cookies are out of reach of scripts and of other sites', async ({ t, page, context, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await page.goto(party.start());
  assert.equal(await page.evaluate(() => document.cookie), '');
  await signIn(page, person);
  await page.waitForSelector('#consent-allow');
  assert.equal(await page.evaluate(() => document.cookie), '');
  const cookies = await context.cookies(issuer);
  assert.deepEqual(
    cookies.map(({ name, httpOnly, sameSite, path, expires }) => ({ name, httpOnly, sameSite, path, expires })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    ['doorward-browser', 'doorward-session'].map((name) => ({ name, httpOnly: true, sameSite: 'Lax', path: '/', expires: -1 })),
  );
});

inChromium('each sign-in has a session cookie of its own', async ({ t, page, context, meets }) => {
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t)]);
  meets(party.origin);
  await comeIn(page, party, person);
  const before = await cookieNamed(context, 'session');
  await page.goto(party.start({ prompt: 'login' }));
  await signIn(page, person);
  await isBackAt(page, party, person);
  const afterwards = await cookieNamed(context, 'session');
  assert.notEqual(afterwards.value, before.value);
});

inChromium('an address taken from another browser is over there', async ({ t, page, meets }) => {
  const party = await openRelyingParty(t);
  meets(party.origin);
  await page.goto(party.start());
  const stranger = await openProfile();
  try {
    const elsewhere = await stranger.context.newPage();
    assert.equal((await elsewhere.goto(page.url())).status(), 410);
    assert.equal(await elsewhere.locator('form').count(), 0);
    await settled(elsewhere);
  } finally {
    await stranger.context.close();
  }
  assert.deepEqual(stranger.complaints, []);
});

inChromium('an app that waits on the IPv6 loopback gets its answer', async ({ t, page, meets }) => {
  const app = await serve(t, '[::1]', (_, url) => ({ body: html(`<p id="code">${url.searchParams.has('code')}</p>`) }));
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t, { redirectUris: [`${app}/callback`] })]);
  meets(party.origin);
  meets(app);
  await page.goto(party.start({ redirect_uri: `${app}/callback` }));
  await signIn(page, person);
  await allow(page);
  assert.equal(await page.textContent('#code'), 'true');
});

inChromium('an app with a scheme of its own is called, and the page has nothing against it', async ({ t, page, meets }) => {
  const redirectUri = 'com.example.notes:/callback';
  const [person, party] = await Promise.all([createPerson(), openRelyingParty(t, { redirectUris: [redirectUri] })]);
  meets(party.origin);
  meets('null');
  await page.goto(party.start({ redirect_uri: redirectUri }));
  await signIn(page, person);
  await page.waitForSelector('#consent-allow');
  // Chromium hands the address on and stays on the page: whether it was let out shows in the network alone.
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Network.enable');
  const location = new Promise((resolve) => {
    cdp.on('Network.responseReceivedExtraInfo', ({ headers }) => resolve(headers.location ?? headers.Location));
  });
  await page.click('#consent-allow', { noWaitAfter: true });
  const address = new URL(await location);
  assert.ok(address.href.startsWith(redirectUri), address.href);
  assert.ok(address.searchParams.has('code'));
});
