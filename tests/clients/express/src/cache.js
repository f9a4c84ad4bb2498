// Keeps answers of the decision endpoint for as long as they are right: a question asked again costs no request.

import { createHash } from 'node:crypto';

/**
 * An answer is kept until its `validUntil`, until the watch stream names what it is about, or for `ageMaxMs`. The
 * stream is what makes it right, so nothing is kept while that is not read (`watch.js` says when). Then, and for
 * whatever is not kept, Doorward is asked.
 */
export class CachedDecisions {
  #decisions;
  #entriesMax;
  // Would bound the harm of a stream that fell silent without an end.
  #ageMaxMs;
  // The one used last stands last.
  #kept = new Map();
  #told;
  // Revisions can be compared within one connection: after another, they may be those of a restored backup.
  #generation = 0;

  constructor(decisions, { entriesMax = 10_000, ageMaxMs = 60_000 } = {}) {
    this.#decisions = decisions;
    this.#entriesMax = entriesMax;
    this.#ageMaxMs = ageMaxMs;
  }

  /** Up to which revision the stream has told everything. Undefined, while it is not read, is worth an alarm. */
  get told() {
    return this.#told;
  }

  /** One question. `true` only for a clear permit. */
  async evaluate(question, { atLeast } = {}) {
    const key = keyOf(question);
    const kept = this.#lookUp(key, atLeast);
    if (kept) return kept.allowed;
    const asking = this.#asking();
    const answer = await this.#decisions.answer(question, { atLeast });
    this.#keep(key, question, answer, asking);
    return answer.allowed;
  }

  /** Many questions about one subject, answered in their order: what is not kept is asked in one request. */
  async evaluateAll(subject, questions, { atLeast } = {}) {
    const known = new Map();
    const missing = new Map();
    const keys = questions.map((question) => keyOf({ subject, ...question }));
    for (const [index, key] of keys.entries()) {
      const kept = this.#lookUp(key, atLeast);
      if (kept) known.set(key, kept.allowed);
      else missing.set(key, questions[index]);
    }
    const asking = this.#asking();
    const answers = await this.#decisions.answerAll(subject, [...missing.values()], { atLeast });
    for (const [index, [key, question]] of [...missing].entries()) {
      this.#keep(key, { subject, ...question }, answers[index], asking);
      known.set(key, answers[index].allowed);
    }
    return keys.map((key) => known.get(key));
  }

  // ---- what the watch stream says ----------------------------------------------------------------------------------

  /** From here on everything is told; or, where it was missed, from here on again. */
  opened(revision) {
    this.#forgetAll();
    this.#told = revision;
  }

  changed({ revision, everything, subjects, resources, resource_types: types }) {
    // Read whole before anything is dropped: what is malformed ends the connection, and with it everything kept.
    const named = new Set([...subjects, ...resources].map(({ type, id }) => JSON.stringify([type, id])));
    const isNamed = ({ subject, resource }) =>
      named.has(JSON.stringify([subject.type, subject.id])) ||
      // Without an identifier: all of its type.
      named.has(JSON.stringify([subject.type, undefined])) ||
      named.has(JSON.stringify([resource.type, resource.id])) ||
      types.includes(resource.type);
    if (everything) this.#forgetAll();
    // Every one is looked at: writes are rare, and that is simpler than an index from names to entries.
    for (const [key, kept] of this.#kept) if (isNamed(kept)) this.#kept.delete(key);
    this.#told = revision;
  }

  /** Whatever is written now is told to somebody else. */
  closed() {
    this.#forgetAll();
    this.#told = undefined;
  }

  // ---- what is kept ------------------------------------------------------------------------------------------------

  #lookUp(key, atLeast) {
    const kept = this.#kept.get(key);
    if (!kept) return undefined;
    this.#kept.delete(key);
    if (kept.until <= performance.now()) return undefined;
    this.#kept.set(key, kept);
    // What is still here has outlived all that was told, so it is as recent as that.
    return atLeast === undefined || atLeast.revision <= Math.max(kept.revision, this.#told) ? kept : undefined;
  }

  // The time of the question, not that of the answer: the answer may be long on its way.
  #asking() {
    return { generation: this.#generation, at: performance.now(), wall: Date.now() };
  }

  #keep(key, { subject, resource }, { allowed, revision, validUntil }, asking) {
    if (this.#told === undefined || this.#generation !== asking.generation) return;
    // The answer and the stream come by different ways, perhaps from different nodes. What changed since the answer was
    // made may have been told already, and is not told again. (The other way round, so that NaN is not kept.)
    if (!(revision >= this.#told)) return;
    // Needs a clock that is right, as tokens do.
    const lifetime = Math.min(this.#ageMaxMs, validUntil === undefined ? Infinity : validUntil - asking.wall);
    this.#kept.delete(key);
    // No token is kept. The stream names none, only all of them.
    const about = subject.type === 'access_token' ? { type: subject.type } : subject;
    this.#kept.set(key, { subject: about, resource, allowed, revision, until: asking.at + lifetime });
    if (this.#kept.size > this.#entriesMax) this.#kept.delete(this.#kept.keys().next().value);
  }

  #forgetAll() {
    this.#kept.clear();
    this.#generation += 1;
  }
}

// A digest, since the identifier may be a token.
function keyOf({ subject, action, resource, context }) {
  const question = [subject.type, subject.id, action, resource.type, resource.id, context];
  return createHash('sha256').update(JSON.stringify(question)).digest('base64');
}
