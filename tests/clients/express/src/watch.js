// Reads Doorward's watch stream: server-sent events that name the answers which a write can have changed.

import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Until `signal` aborts. A stream that ends or breaks is opened again. Doorward says every 15 seconds that it is there:
 * whoever hears nothing for much longer may be at the end of a broken line.
 *
 * @param {{
 *   url: string, authorization: string, signal: AbortSignal, silenceMaxMs?: number, retryMs?: number,
 *   listener: { opened(revision: number): void, changed(change: object): void, closed(): void },
 * }} options
 */
export async function watch({ url, authorization, listener, signal, silenceMaxMs = 45_000, retryMs = 1000 }) {
  // Where to go on: for a listener that outlives the connection, such as a cache of several processes in Redis.
  let lastId = '';
  while (!signal.aborted) {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(new Error('silence')), silenceMaxMs);
    try {
      const response = await fetch(url, {
        headers: { authorization, ...(lastId && { 'last-event-id': lastId }) },
        redirect: 'error',
        signal: AbortSignal.any([signal, silence.signal]),
      });
      // Should it be the id that is refused, begin anew.
      if (response.status === 400) lastId = '';
      if (response.status !== 200) throw new Error(`the watch stream answered ${response.status}`);
      for await (const event of events(response.body, () => timer.refresh())) {
        tell(listener, event);
        lastId = event.id;
      }
    } catch (error) {
      if (!signal.aborted) console.warn('the watch stream broke: %s', error.message);
    } finally {
      clearTimeout(timer);
      listener.closed();
    }
    // All that watched a node come back at once when it stops; not in the same moment.
    await sleep((0.5 + Math.random()) * retryMs, undefined, { signal }).catch(() => {});
  }
}

function tell(listener, { name, data }) {
  // `reset`: too much was missed, or the history is another one.
  if (name === 'open' || name === 'reset') listener.opened(JSON.parse(data).revision);
  if (name === 'change') listener.changed(JSON.parse(data));
}

/** As the HTML standard says, §9.2.6. A sign of life has an id, and neither name nor data. */
async function* events(body, heard) {
  let [name, data, id, rest] = ['', [], '', ''];
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    heard();
    const lines = (rest + chunk).split(/\r?\n/);
    rest = lines.pop();
    for (const line of lines) {
      const [, field, value] = /^([^:]*):? ?(.*)$/s.exec(line);
      if (field === 'event') name = value;
      if (field === 'data') data.push(value);
      if (field === 'id') id = value;
      if (line === '') {
        yield { name, data: data.join('\n'), id };
        [name, data] = ['', []];
      }
    }
  }
}
