// Asks Doorward's decision endpoint (OpenID AuthZEN Authorization API 1.0) whether a subject may do something.

import { Unavailable } from './errors.js';

/** The subject "whoever bears this token": Doorward verifies it in full, so a revoked token is denied at once. */
export const bearerOf = (token) => ({ type: 'access_token', id: token });

/** A person, by `sub` or username: for work that happens without their token (a job, a mail to be sent). */
export const user = (id) => ({ type: 'user', id });

export class Decisions {
  #evaluation;
  #evaluations;
  #authorization;
  #timeoutMs;

  /** @param {{ evaluation: string, evaluations: string, clientId: string, clientSecret: string, timeoutMs?: number }} options */
  constructor({ evaluation, evaluations, clientId, clientSecret, timeoutMs = 2000 }) {
    this.#evaluation = evaluation;
    this.#evaluations = evaluations;
    // Both halves are form-encoded before they are joined (RFC 6749 §2.3.1): a `:` or `%` in a secret would break it.
    const credentials = `${formEncode(clientId)}:${formEncode(clientSecret)}`;
    this.#authorization = `Basic ${Buffer.from(credentials).toString('base64')}`;
    this.#timeoutMs = timeoutMs;
  }

  /** One question. `true` only for a clear permit. */
  async evaluate({ subject, action, resource, context }) {
    const answer = await this.#post(this.#evaluation, { subject, action: { name: action }, resource, context });
    return isPermit(answer);
  }

  /**
   * Many questions about one subject in one request, for a page of a list: asking row by row would cost one round
   * trip each. The answers come in the order of the questions.
   */
  async evaluateAll(subject, questions) {
    // Without questions the endpoint would see a single, incomplete one (AuthZEN §7.1).
    if (questions.length === 0) return [];
    const answer = await this.#post(this.#evaluations, {
      subject,
      evaluations: questions.map(({ action, resource }) => ({ action: { name: action }, resource })),
      options: { evaluations_semantic: 'execute_all' },
    });
    if (answer.evaluations?.length !== questions.length) {
      throw new Unavailable('the decision endpoint answered fewer questions than were asked');
    }
    return answer.evaluations.map(isPermit);
  }

  async #post(url, body) {
    let response;
    try {
      response = await fetch(url, {
        method: 'POST',
        headers: { authorization: this.#authorization, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      // A denial is a 200 with `decision: false`. Any other status means that nothing was decided.
      if (response.status === 200) return await response.json();
    } catch (cause) {
      throw new Unavailable('the decision endpoint cannot be reached', { cause });
    }
    throw new Unavailable(`the decision endpoint answered ${response.status}`);
  }
}

// Exactly `true`: an answer that is missing, an error or another type is no permit.
const isPermit = (answer) => answer?.decision === true;

const formEncode = (text) => new URLSearchParams([['', text]]).toString().slice(1);
