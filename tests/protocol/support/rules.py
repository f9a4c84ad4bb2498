"""The standard this suite holds Doorward to, line by line. `python -m support.rules` writes the table in README.md."""

import ast
import re
import sys
from pathlib import Path

SECTIONS: dict[str, dict[str, str]] = {
    "Endpoints": {
        "endpoint jwks": "the key set: distinct `kid`s, nothing private, cached for less time than a new key waits",
        "endpoint methods": "each endpoint takes its methods and no other",
        "endpoint origin": "`Secure`, `__Host-` and HSTS follow the issuer; nothing is built from the Host header",
        "endpoint cors": "CORS `*` without credentials where scripts call; never on authorize or pages",
        "endpoint headers": "headers of every answer: no-store, CSP, HSTS, nosniff, frame-ancestors",
    },
    "Clients": {
        "client methods": "only the registered method of authentication is accepted; two at once are `invalid_request`",
        "client basic": "Basic credentials are form-decoded; failure is 401 `invalid_client` with its challenge",
        "client assertion": "private_key_jwt: RS256, PS256, ES256, EdDSA; audience, times, `jti` once",
        "client redirects": "redirect URIs by exact string, but for the port of a loopback IP",
        "client pkce": "PKCE: S256 alone, required unless opted out, never for public clients; no downgrade",
    },
    "Authorization endpoint": {
        "authorize 1": "unknown client or unregistered redirect URI: a page, never a redirect",
        "authorize 2": "any other error: a redirect with `error`, `error_description`, `state`, `iss` alone",
        "authorize 3": "success: `code`, `state`, `iss`; `query` and `form_post`, errors alike",
        "authorize 4": "missing, unknown, empty and repeated parameters; POST; interactions bound to their browser",
        "authorize 5": "`prompt`: none, login, consent, select_account",
        "authorize 6": "`max_age`, also as the client's default",
        "authorize 7": "`id_token_hint`, `login_hint`; `ui_locales`, `claims_locales`, `display` are no errors",
        "authorize 8": "`acr_values`, an essential `acr`, `amr`",
        "authorize 9": "the `claims` parameter",
        "authorize 10": "`request` and `request_uri` are refused by their own errors, and the metadata says so",
        "authorize 11": "`nonce`: not required, echoed as sent",
        "authorize 12": "the session cookie: flags, fixation; `sid`; another subject ends the old session",
        "authorize 13": "silent authorization only where no local app can pose as the client",
        "authorize 14": "CSP `form-action`, `Referrer-Policy`, 303 after a credential",
        "authorize 15": "`acr` values named once and advertised",
    },
    "Codes, tokens, claims": {
        "code": "single use, short-lived, bound to client, redirect URI, PKCE; a wrong attempt burns nothing",
        "code reuse": "reuse: `invalid_grant`, and everything issued from the code dies at once",
        "grant": "what dies, dies at Doorward's own endpoints at once",
        "token response": "no-store, no-cache, `expires_in`, `token_type`, `scope`",
        "access token": "RFC 9068: type, claims, audience, `invalid_target`",
        "id token": "RS256, `kid`, its claims; none of the profile in it",
        "scope claims": "each scope's claims from userinfo, with their types; what has no value is absent",
        "refresh token": "when it is issued; `offline_access` and consent; ends with the session unless offline",
        "refresh rotation": "rotated at each use; grace, then theft; never two live successors",
        "refresh narrowing": "`iss sub aud auth_time` stay, no `nonce`; `scope` and `resource` only narrow",
        "revocation": "200 for unknown tokens, only one's own, refresh tokens with their family",
        "introspection": "only for authenticated clients and their own tokens; else `active: false` alone",
        "keys": "rotation of signing keys (masters, several nodes and revocation: `cargo test`)",
    },
    "Discovery": {
        "discovery": "the metadata: required members, absolute URLs, none unknown to the registry",
        "discovery truth": "what it advertises works, and what it does not does not",
        "discovery backchannel": "`backchannel_logout_supported` and its `_session_supported`",
    },
    "Logout": {
        "logout silent": "silent only for a valid hint of this very session; `client_id` equals the hint's `aud`",
        "logout asked": "no hint, another session's or a bad one: the person is asked first",
        "logout redirect": "only to a registered address, with `state` only if sent; else a page",
        "logout end": "afterwards `prompt=none` gives `login_required`",
        "logout backchannel": "logout tokens to every client of the session; front-channel frames",
    },
    "Names of the wire": {
        "wire errors": "`error` codes of the RFC's list with the RFC's status",
        "wire bearer": "401 with a bare challenge or `invalid_token`, 403 `insufficient_scope`",
    },
}
RULES = {rule: text for section in SECTIONS.values() for rule, text in section.items()}

# Lines that this suite does not hold up, and why.
NOT_HERE = {
    "logout backchannel": "not a browser's matter: `tests/it/backchannel.rs`",
}
MARK = "<!-- the table: python -m support.rules -->"


def held(folder: Path) -> dict[str, list[str]]:
    """The tests that hold up each line."""
    found: dict[str, list[str]] = {rule: [] for rule in RULES}
    for file in sorted(folder.glob("test_*.py")):
        module = ast.parse(file.read_text())
        for node in module.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                own = [rule for mark in node.decorator_list for rule in _rules(mark)]
                for rule in own:
                    found[rule].append(f"{file.stem}::{node.name}")
    return found


def _rules(mark: ast.expr) -> list[str]:
    if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "holds":
        return [str(ast.literal_eval(argument)) for argument in mark.args]
    return []


def table(folder: Path) -> str:
    tests = held(folder)
    lines = []
    for section, rules in SECTIONS.items():
        lines += [f"### {section}", "", "| Line | Tests |", "|---|---|"]
        for rule, text in rules.items():
            number = re.search(r"\d+$", rule)
            named = f"{number[0]}. {text}" if number else text
            shown = ", ".join(f"`{test.split('::')[1].removeprefix('test_')}`" for test in tests[rule])
            lines.append(f"| {named} | {shown or NOT_HERE.get(rule, '**none**')} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def readme(folder: Path) -> str:
    """README.md as it should be."""
    before, mark, _ = (folder / "README.md").read_text().partition(MARK)
    assert mark, f"README.md has no line {MARK}"
    return f"{before}{MARK}\n\n{table(folder)}"


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    (place / "README.md").write_text(readme(place))
