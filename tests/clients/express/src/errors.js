/** Something that has to be asked did not answer. It ends as 503: "could not check" is never "let it pass". */
export class Unavailable extends Error {
  status = 503;
}

/** The token itself is bad: 401. */
export class InvalidToken extends Error {
  status = 401;
}
