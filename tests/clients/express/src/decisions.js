// Asks Doorward's decision endpoint (OpenID AuthZEN Authorization API 1.0) whether a subject may do something.

import { Unavailable } from './errors.js';

/** The subject "whoever bears this token": Doorward verifies it in full, so a revoked token is denied at once. */
export const bearerOf = (token) => ({ type: 'access_token', id: token });

/** A person, by `sub` or username: for work that happens without their token (a job, a mail to be sent). */
export const user = (id) => ({ type: 'user', id });

/**
 * @typedef {{ allowed: boolean, revision: number, validUntil?: number }} Answer what was decided, and what somebody who
 * keeps it must know (`cache.js`): everything written up to `revision` has been considered; from `validUntil` on, in
 * milliseconds since 1970, it may be another one without any write.
 */

export class Decisions {
  #endpoints;
  #authorization;
  #timeoutMs;

  /**
   * @param {{
   *   evaluation: string, evaluations: string, searchResource: string, authorization: string, timeoutMs?: number,
   * }} options
   */
  constructor({ evaluation, evaluations, searchResource, authorization, timeoutMs = 2000 }) {
    this.#endpoints = { evaluation, evaluations, searchResource };
    this.#authorization = authorization;
    this.#timeoutMs = timeoutMs;
  }

  /** One question. `true` only for a clear permit. The answer is no older than the write `atLeast`. */
  async evaluate(question, options) {
    return (await this.answer(question, options)).allowed;
  }

  /**
   * Many questions about one subject in one request, for a page of a list: asking row by row would cost one round
   * trip each. The answers come in the order of the questions.
   */
  async evaluateAll(subject, questions, options) {
    return (await this.answerAll(subject, questions, options)).map(({ allowed }) => allowed);
  }

  /** @returns {Promise<Answer>} */
  async answer({ subject, action, resource, context }, { atLeast } = {}) {
    const body = { subject, action: { name: action }, resource, context };
    const { answer, headers } = await this.#post(this.#endpoints.evaluation, body, atLeast);
    return toAnswer(answer, headers);
  }

  /** @returns {Promise<Answer[]>} */
  async answerAll(subject, questions, { atLeast } = {}) {
    // Without questions the endpoint would see a single, incomplete one (AuthZEN §7.1).
    if (questions.length === 0) return [];
    const body = {
      subject,
      evaluations: questions.map(({ action, resource }) => ({ action: { name: action }, resource })),
      options: { evaluations_semantic: 'execute_all' },
    };
    const { answer, headers } = await this.#post(this.#endpoints.evaluations, body, atLeast);
    if (answer.evaluations?.length !== questions.length) {
      throw new Unavailable('the decision endpoint answered fewer questions than were asked');
    }
    // The headers hold for all answers together: the oldest revision, the earliest end.
    return answer.evaluations.map((item) => toAnswer(item, headers));
  }

  /**
   * To which resources of a type may they do this? Identifiers, page by page; the next page is asked for when it is
   * wanted. What stays permitted throughout comes exactly once, whatever is written meanwhile. What is not registered
   * with Doorward is not found.
   *
   * @returns {AsyncGenerator<string[]>}
   */
  async *search({ subject, action, type }, { pageSize = 100 } = {}) {
    let page = { limit: pageSize };
    for (;;) {
      const body = { subject, action: { name: action }, resource: { type }, page };
      const { answer } = await this.#post(this.#endpoints.searchResource, body);
      const next = answer.page?.next_token;
      if (!Array.isArray(answer.results) || typeof next !== 'string') {
        throw new Unavailable('the search gives no usable answer');
      }
      yield answer.results.map(({ id }) => id);
      // Only this is the end: a page may be short, or empty, and still lead on.
      if (next === '') return;
      page = { token: next };
    }
  }

  async #post(url, body, atLeast) {
    let response;
    try {
      response = await this.#send(url, body, atLeast && `at_least=${atLeast.token}`);
      // A write that is unknown to Doorward: it was restored from a backup since. Then everything it knows will do.
      if (atLeast && response.status === 400 && (await response.json()).code === 'unknown_consistency_token') {
        response = await this.#send(url, body, 'full');
      }
      // A denial is a 200 with `decision: false`. Any other status means that nothing was decided.
      if (response.status === 200) return { answer: await response.json(), headers: response.headers };
    } catch (cause) {
      throw new Unavailable('the decision endpoint cannot be reached', { cause });
    }
    throw new Unavailable(`the decision endpoint answered ${response.status}`);
  }

  #send(url, body, consistency) {
    return fetch(url, {
      method: 'POST',
      headers: {
        authorization: this.#authorization,
        'content-type': 'application/json',
        ...(consistency && { 'doorward-consistency': consistency }),
      },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(this.#timeoutMs),
    });
  }
}

function toAnswer(answer, headers) {
  const validUntil = headers.get('doorward-valid-until');
  return {
    // Exactly `true`: an answer that is missing, an error or another type is no permit.
    allowed: answer?.decision === true,
    // An answer that does not say how recent it is is not kept.
    revision: Number(headers.get('doorward-revision') ?? -1),
    validUntil: validUntil === null ? undefined : Date.parse(validUntil),
  };
}
