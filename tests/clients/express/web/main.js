// npm run web: runs the web app. Every setting comes from the environment, so that no secret is in the code.

import { createWeb } from './app.js';
import { createSignIn } from './signin.js';

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
}

const port = Number(process.env.PORT ?? 8002);
const issuer = setting('NOTES_ISSUER');
// Not `localhost` where the issuer is `localhost`: cookies know no ports, and one would overwrite those of the other.
const origin = process.env.WEB_ORIGIN ?? `http://127.0.0.1:${port}`;
const signIn = await createSignIn({
  issuer,
  clientId: setting('WEB_CLIENT_ID'),
  clientSecret: setting('WEB_CLIENT_SECRET'),
  origin,
  resource: setting('NOTES_AUDIENCE'),
  scope: 'openid profile email notes:read',
});
const app = createWeb({
  signIn,
  issuer,
  origin,
  notes: setting('NOTES_URL'),
  sessionSecret: setting('WEB_SESSION_SECRET'),
});
app.listen(port, '127.0.0.1', () => console.log(`the web app is at ${origin}`));
