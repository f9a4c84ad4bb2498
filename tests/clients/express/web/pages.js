// Pages without script. `html` escapes every value that is put in.

const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

class Html {
  constructor(text) {
    this.text = text;
  }
}

const escaped = (value) => {
  if (Array.isArray(value)) return value.map(escaped).join('');
  return value instanceof Html ? value.text : String(value ?? '').replace(/[&<>"']/g, (c) => ENTITIES[c]);
};

export const html = (parts, ...values) => new Html(String.raw({ raw: parts }, ...values.map(escaped)));

export const page = (title, main) =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>${title} · Notes</title>
      </head>
      <body>
        <main>
          <h1>${title}</h1>
          ${main}
        </main>
      </body>
    </html>`.text;

export const home = (person) =>
  person === undefined
    ? page('Notes', html`<p><a id="sign-in" href="/login">Sign in</a></p>`)
    : page(
        `Hello ${person.name ?? person.preferred_username ?? person.sub}`,
        html`<dl id="claims">
            ${Object.entries(person).map(([name, value]) => html`<dt>${name}</dt>
            <dd id="claim-${name}">${value}</dd>`)}
          </dl>
          <p><a id="notes" href="/notes">Your notes</a></p>
          <form method="post" action="/logout"><button id="sign-out">Sign out</button></form>`,
      );

export const list = (notes) =>
  page(
    'Your notes',
    html`<ul id="list">
      ${notes.map((note) => html`<li>${note.text}${note.mayUpdate ? html` <em>(yours to change)</em>` : ''}</li>`)}
    </ul>`,
  );

export const sorry = (title, text) =>
  page(
    title,
    html`<p id="sorry">${text}</p>
      <p><a id="sign-in" href="/login">Sign in</a></p>`,
  );
