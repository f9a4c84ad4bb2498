// What people do, step by step.

import assert from 'node:assert/strict';
import { issuer } from './world.js';

export async function signIn(page, { username, password }) {
  await page.fill('#username', username);
  await page.fill('#password', password);
  await page.click('#login-submit');
}

export const allow = (page) => page.click('#consent-allow');

/** From the relying party through sign-in and consent and back, for the first time. */
export async function comeIn(page, party, person, parameters) {
  await page.goto(party.start(parameters));
  await signIn(page, person);
  await allow(page);
  await isBackAt(page, party, person);
}

export async function isBackAt(page, party, person) {
  await page.waitForURL(`${party.origin}/callback**`);
  assert.equal(await page.textContent('#who'), person.sub);
}

/** Whether this browser is signed in: asked silently, as a relying party would. */
export async function isSignedIn(page, party) {
  await page.goto(party.start({ prompt: 'none' }));
  const told = await page.textContent('#who, #error');
  return told !== 'login_required';
}

export const cookieNamed = async (context, part) =>
  (await context.cookies(issuer)).find((cookie) => cookie.name.includes(part));

/** What a screen reader says of the element in focus, from Chromium's own accessibility tree. */
export async function focused(page) {
  const cdp = await page.context().newCDPSession(page);
  const { result } = await cdp.send('Runtime.evaluate', { expression: 'document.activeElement' });
  const { nodes } = await cdp.send('Accessibility.getPartialAXTree', { objectId: result.objectId, fetchRelatives: false });
  const [node] = nodes;
  const property = (name) => node.properties?.find((p) => p.name === name)?.value.value;
  const id = await page.evaluate(() => document.activeElement.id);
  await cdp.detach();
  return { id, role: node.role?.value, name: node.name?.value, description: node.description?.value, invalid: property('invalid') };
}

/** Goes on by Tab until the element is in focus, and answers what was passed on the way. Each stop must be seen. */
export async function tabTo(page, id, { stopsMax = 6 } = {}) {
  const passed = [];
  for (let stop = 0; stop < stopsMax; stop += 1) {
    await page.keyboard.press('Tab');
    const here = await page.evaluate(() => {
      const element = document.activeElement;
      const style = getComputedStyle(element);
      const box = element.getBoundingClientRect();
      return {
        id: element.id,
        ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        seen: box.width > 0 && box.top >= 0 && box.bottom <= innerHeight,
      };
    });
    assert.ok(here.ring, `no focus ring on #${here.id}`);
    assert.ok(here.seen, `#${here.id} has the focus and cannot be seen`);
    passed.push(here.id);
    if (here.id === id) return passed;
  }
  throw new Error(`#${id} is not reached by ${stopsMax} × Tab: ${passed.join(', ')}`);
}
