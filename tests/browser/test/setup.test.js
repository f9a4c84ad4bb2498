// The first operator says who they are.

import assert from 'node:assert/strict';
import { inChromium } from '../support/chromium.js';
import { focused } from '../support/steps.js';
import { setupLink } from '../support/world.js';

const ADA = { username: 'ada', name: 'Ada Ames', email: 'ada@example.com' };

async function fill(page, password) {
  for (const [field, value] of Object.entries(ADA)) await page.fill(`#${field}`, value);
  await page.fill('#password', password);
  await page.click('#setup-submit');
}

async function isKept(page) {
  for (const [field, value] of Object.entries(ADA)) assert.equal(await page.inputValue(`#${field}`), value);
  assert.equal(await page.inputValue('#password'), '');
}

// One test, for the link works once.
for (const [how, settings] of Object.entries({ with: {}, without: { javaScriptEnabled: false } })) {
  const link = () => setupLink(`${how}-script`);
  const origin = new URL(link()).origin;

  inChromium(`the first operator is refused a poor password, loses nothing, and then is one, ${how} script`, { ...settings, doorwards: [origin] }, async ({ page }) => {
    await page.goto(link());
    await page.waitForSelector('#username:focus');

    await fill(page, 'too short');
    assert.equal(await page.evaluate(() => document.querySelector('#password').validity.tooShort), true, 'the browser itself says so');
    assert.equal(page.url(), link());

    await fill(page, 'passwordpassword');
    await page.waitForSelector('#password[aria-invalid=true]');
    const problem = page.locator('[role=alert]');
    assert.ok((await problem.textContent()).trim().length > 10);
    await isKept(page);
    const described = await page.getAttribute('#password', 'aria-describedby');
    assert.ok(described.split(' ').includes(await problem.getAttribute('id')));
    assert.equal((await focused(page)).id, 'password', 'what must be typed again has the focus');

    await fill(page, 'seven brass lanterns hum');
    await page.waitForSelector('#setup-submit', { state: 'detached' });
    assert.match(await page.textContent('main'), /ada/);

    assert.equal((await page.goto(link())).status(), 410, 'the link works once');
    assert.equal(await page.locator('form').count(), 0);
  });
}
