// `doorward demo` as a person meets it: the sample application, built on the `openidconnect` crate, and the pages behind it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inChromium } from '../support/chromium.js';

const READY_MS_MAX = 60_000;

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

/** Starts a demo; gives the application's origin and what was printed once it is ready. */
async function startDemo(t) {
  const [port, appPort, folder] = [await freePort(), await freePort(), await mkdtemp(join(tmpdir(), 'doorward-demo-'))];
  const settings = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('DOORWARD_')));
  const demo = spawn(process.env.BROWSER_DOORWARD, ['demo', '--port', port, '--app-port', appPort, '--folder', folder], {
    env: settings,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => demo.once('exit', resolve));
  t.after(async () => {
    demo.kill();
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  let printed = '';
  await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the demo was not ready: ${printed}`)), READY_MS_MAX);
    demo.stdout.on('data', (chunk) => {
      printed += chunk;
      if (printed.includes('Stop with Ctrl-C')) {
        clearTimeout(late);
        resolve();
      }
    });
  });
  return { printed, app: `http://127.0.0.1:${appPort}`, issuer: `http://localhost:${port}` };
}

for (const [how, settings] of [['with script', {}], ['without script', { javaScriptEnabled: false }]]) {
  inChromium(`the demo's application: in, claims, refresh, notes by decision, out, ${how}`, settings, async ({ t, page, meets }) => {
    const { printed, app, issuer } = await startDemo(t);
    meets(app);
    meets(issuer);
    assert.ok(printed.includes(app), 'it says where to go');
    const said = () => page.textContent('#said');
    const claims = () => page.textContent('#claims');

    for (const { name, decision } of [
      { name: 'carol', decision: /403/ },
      { name: 'alice', decision: /200: note 41 is gone/ },
    ]) {
      const password = printed.match(new RegExp(`^ +${name} +(\\S.*\\S) {2,}`, 'm'))[1];
      await page.goto(app);
      await page.click('#login');
      await page.fill('#username', name);
      await page.fill('#password', password);
      await page.click('#login-submit');
      await page.waitForSelector('#consent-allow');
      assert.match(await page.textContent('main'), /Notes/);
      await page.click('#consent-allow');
      await page.waitForURL(`${app}/`);
      assert.match(await page.textContent('#userinfo'), new RegExp(`${name}@notes.example`));
      assert.match(await claims(), /auth_time/);

      const before = await claims();
      await page.click('#refresh');
      assert.match(await said(), /new tokens/);
      assert.notEqual(await claims(), before, 'another ID token');

      await page.click('#read-41');
      assert.match(await said(), /200: note 41 says/);
      await page.click('#delete-41');
      assert.match(await said(), decision);

      await page.click('#logout');
      await page.waitForURL(`${app}/signed-out**`);
      assert.match(await said(), /signed out/);
      await page.click('#login');
      await page.waitForSelector('#login-submit');
    }
  });
}
