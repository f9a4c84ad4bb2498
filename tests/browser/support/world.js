// What `tests/browser/run` prepared: real Doorwards, and the command line of one of them.

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

function prepared(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: start these tests with tests/browser/run`);
  return value;
}

const program = prepared('BROWSER_DOORWARD');
const world = prepared('BROWSER_WORLD');
export const issuer = prepared('BROWSER_ISSUER');

const COMMAND_MS_MAX = 20_000;

/** The one-time link of a Doorward that nobody has set up yet; each name has a Doorward of its own. */
export const setupLink = (name) => readFileSync(join(world, 'setup', name), 'utf8').trim();

/** The command line beside the running server. Not synchronous: the relying party of the same process must answer meanwhile. */
export async function doorward(args, { input } = {}) {
  const child = spawn(program, [...args, '--json'], { timeout: COMMAND_MS_MAX, stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
  const out = [];
  const err = [];
  child.stdout.on('data', (chunk) => out.push(chunk));
  child.stderr.on('data', (chunk) => err.push(chunk));
  child.stdin?.end(input);
  const status = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (status !== 0) throw new Error(`doorward ${args.join(' ')}: ${Buffer.concat(err)}`);
  return JSON.parse(Buffer.concat(out).toString());
}

/** A name nobody else here has: the files run side by side against one Doorward. */
export const fresh = (stem) => `${stem}-${randomBytes(4).toString('hex')}`;

/** A person who can sign in. */
export async function createPerson({ username = fresh('alice'), name = 'Alice Ames', password = 'four quiet herons wait' } = {}) {
  const created = await doorward(['user', 'create', username, '--name', name]);
  await doorward(['user', 'set-password', username], { input: password });
  return { username, password, sub: created.sub };
}

const flags = (name, values) => values.flatMap((value) => [`--${name}`, value]);

/** A client of the code flow. */
export async function createClient({ name, redirectUris, postLogoutRedirectUris = [], scopes = [] }) {
  const id = fresh('client');
  const created = await doorward([
    ...['client', 'create', id, `--name=${name}`],
    ...flags('redirect-uri', redirectUris),
    ...flags('post-logout-redirect-uri', postLogoutRedirectUris),
    ...flags('scope', scopes),
  ]);
  return { id, secret: created.client_secret };
}
