// What is looked at on each page: by axe-core, and by rules of our own.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe-core finds, and what it could not tell of contrast: a maybe is not a yes. */
export async function axeFinds(page) {
  await page.evaluate(`${axe}; undefined`);
  const { violations, incomplete } = await page.evaluate(() =>
    globalThis.axe.run(document, { rules: { 'target-size': { enabled: true } }, resultTypes: ['violations', 'incomplete'] }),
  );
  const doubts = incomplete.filter(({ id }) => id === 'color-contrast');
  return [...violations, ...doubts].flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}: ${node.failureSummary}`));
}

/** By how many pixels the page is wider than the window, or a piece of it sticks out of it. */
export const sticksOut = (page) =>
  page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const pieces = [...document.body.querySelectorAll('*')].map((element) => element.getBoundingClientRect().right - width);
    return Math.max(0, document.documentElement.scrollWidth - width, Math.ceil(Math.max(0, ...pieces)));
  });

const TOUCH_PX_MIN = 44;

/** Controls that a finger would miss (WCAG 2.2, 2.5.5). */
export const tooSmall = (page) =>
  page.evaluate((min) => {
    const controls = [...document.querySelectorAll('button, input:not([type=hidden]), select, textarea')];
    const boxes = controls.map((control) => [control.id || control.outerHTML, control.getBoundingClientRect()]);
    return boxes.filter(([, box]) => box.height < min || box.width < min).map(([id, box]) => `${id}: ${box.width} × ${box.height}`);
  }, TOUCH_PX_MIN);

/** What every document must have, and what the policy would not let work. */
export const faultsOfDocument = (page) =>
  page.evaluate(() => {
    const faults = [];
    const count = (selector, wanted) => {
      const found = document.querySelectorAll(selector).length;
      if (found !== wanted) faults.push(`${found} × ${selector}, not ${wanted}`);
    };
    count('h1', 1);
    count('main', 1);
    count('html[lang]', 1);
    count('style, [style]', 0);
    count('script:not([src])', 0);
    count('link[rel=stylesheet]', 1);
    if (!/\S.* · Doorward$/.test(document.title)) faults.push(`the title is "${document.title}"`);
    if (!getComputedStyle(document.body).fontFamily.includes('system-ui')) faults.push('the stylesheet is not in force');
    for (const element of document.querySelectorAll('*'))
      for (const { name } of element.attributes) if (name.startsWith('on')) faults.push(`${name} on ${element.localName}`);
    for (const field of document.querySelectorAll('input:not([type=hidden])'))
      if (!field.labels.length) faults.push(`no label for ${field.id}`);
    for (const form of document.forms)
      if (form.method !== 'post' && form.querySelector('[type=password]')) faults.push('a password would stand in the address');
    const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
    for (const id of new Set(ids)) if (ids.filter((other) => other === id).length > 1) faults.push(`twice: #${id}`);
    for (const element of document.querySelectorAll('[aria-describedby]'))
      for (const id of element.getAttribute('aria-describedby').split(' '))
        if (!document.getElementById(id)) faults.push(`#${element.id} is described by a missing #${id}`);
    return faults;
  });

/** The visible fields, and what each says it is for. */
export const fields = (page) =>
  page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll('input:not([type=hidden]), select, textarea')].map((field) => [field.id, field.getAttribute('autocomplete')]),
    ),
  );

const PARSED_MS_MAX = 5000;

/** What Chromium's own password manager takes the fields for. */
export async function seenByPasswordManager(page) {
  // It annotates the fields in its own time.
  await page.waitForSelector('[type=password][pm_parser_annotation]', { timeout: PARSED_MS_MAX });
  return page.evaluate(() =>
    Object.fromEntries([...document.querySelectorAll('[pm_parser_annotation]')].map((field) => [field.id, field.getAttribute('pm_parser_annotation')])),
  );
}

/** The addresses that the page's forms post to. */
export const formActions = (page) =>
  page.evaluate(() => [...document.forms].filter((form) => form.method === 'post').map((form) => form.action));
