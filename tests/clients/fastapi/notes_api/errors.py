"""What can go wrong between the API and Doorward."""


class Unavailable(Exception):
    """Something that has to be asked did not answer: 503. "Could not check" is never "let it pass"."""


class InvalidToken(Exception):
    """The token itself is bad: 401. The text is fixed and fit to be shown."""
