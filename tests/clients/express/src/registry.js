// Tells Doorward what belongs to whom, through its administration API: decisions and searches know it from then on. The
// API's own client may do this for its own resource server and for nothing else: see `tests/clients/README.md`.

import { Unavailable } from './errors.js';

/**
 * @typedef {{ token: string, revision: number }} Written a write to Doorward. Asked `atLeast` it, no node answers from
 * before.
 */

export class Registry {
  #base;
  #authorization;
  #timeoutMs;

  constructor({ issuer, resourceServer, authorization, timeoutMs = 5000 }) {
    this.#base = `${issuer}/api/v1/resource-servers/${encodeURIComponent(resourceServer)}`;
    this.#authorization = authorization;
    this.#timeoutMs = timeoutMs;
  }

  /** Registers the resource with it. Written twice, it is there once. @returns {Promise<Written>} */
  addOwner({ type, id }, owner) {
    return this.#write('relations', { write: [{ object: `${type}:${id}`, relation: 'owner', subject: owner }] });
  }

  /** With all that it was to anybody. What is not there is no error. @returns {Promise<Written>} */
  remove({ type, id }) {
    return this.#write('resources', { delete: [`${type}:${id}`] });
  }

  async #write(what, body) {
    let response;
    try {
      response = await fetch(`${this.#base}/${what}`, {
        method: 'POST',
        headers: { authorization: this.#authorization, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      if (response.status === 200) {
        const { revision } = await response.json();
        return { token: response.headers.get('doorward-consistency-token'), revision };
      }
    } catch (cause) {
      throw new Unavailable(`the ${what} could not be written`, { cause });
    }
    throw new Unavailable(`the registry answered ${response.status}`);
  }
}

/**
 * Whoever bears the token, as an owner. Only a person has signed in at some time. `sub` alone does not tell: that of a
 * service is its client_id, and somebody may be called like a client (RFC 9068 §5).
 */
export const ownerOf = (claims) => `${claims.auth_time === undefined ? 'client' : 'user'}:${claims.sub}`;
