// npm start: runs the API. Every setting comes from the environment, so that no secret is in the code.

import { createApp } from './app.js';
import { connect } from './doorward.js';

function setting(name) {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
}

const doorward = await connect({
  issuer: setting('NOTES_ISSUER'),
  audience: setting('NOTES_AUDIENCE'),
  clientId: setting('NOTES_CLIENT_ID'),
  clientSecret: setting('NOTES_CLIENT_SECRET'),
});
// For as long as this process runs.
doorward.watch(new AbortController().signal);
const port = Number(process.env.PORT ?? 8001);
createApp(doorward).listen(port, '127.0.0.1', () => console.log(`notes API on port ${port}`));
