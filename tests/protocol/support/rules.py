"""The standard Doorward is held to, line by line, and by which tests: those of this suite, which name their lines, and those
in Rust, which are named here. `python -m support.rules` writes the table in README.md, which is a page of the handbook."""

import ast
import re
import sys
from pathlib import Path

SECTIONS: dict[str, dict[str, str]] = {
    "Endpoints": {
        "endpoint jwks": "the key set: distinct `kid`s, nothing private, cached for less time than a new key waits",
        "endpoint methods": "each endpoint takes its methods and no other",
        "endpoint issuer": "the issuer is one `https` origin; plain `http` on this machine alone",
        "endpoint origin": "`Secure`, `__Host-` and HSTS follow the issuer; nothing is built from the Host header",
        "endpoint cors": "CORS `*` without credentials where scripts call; never on authorize or pages",
        "endpoint headers": "headers of every answer: no-store, CSP, HSTS, nosniff, frame-ancestors",
    },
    "Clients": {
        "client methods": "only the registered method of authentication is accepted; two at once are `invalid_request`",
        "client basic": "Basic credentials are form-decoded; failure is 401 `invalid_client` with its challenge",
        "client assertion": "private_key_jwt: RS256, PS256, ES256, EdDSA; audience, times, `jti` once",
        "client secrets": "secrets are made here, 256 bits, shown once and kept as digests",
        "client keys": "only public keys for signatures are registered, and they are the only ones looked at",
        "client addresses": "only `https`, loopback-IP `http` and reverse-domain schemes are registered; no fragment",
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
        "end": "whatever ends a grant or a session beats every use of it at the same moment",
        "grant": "what dies, dies at Doorward's own endpoints at once",
        "token response": "no-store, no-cache, `expires_in`, `token_type`, `scope`",
        "access token": "RFC 9068: type, claims, audience, `invalid_target`",
        "roles": "`roles` and `permissions` where the resource server asks for them, bounded in size",
        "offline": "any verifier accepts a token through the key set; it learns of an end when the token expires",
        "client credentials": "the client is its grant: nothing is kept but a fact",
        "id token": "RS256, `kid`, its claims; none of the profile in it",
        "scope claims": "each scope's claims from userinfo, with their types; what has no value is absent",
        "refresh token": "when it is issued; `offline_access` and consent; ends with the session unless offline",
        "refresh rotation": "rotated at each use; grace, then theft; never two live successors",
        "password change": "an operator's change ends everything, offline access included; a wrong password nothing",
        "refresh narrowing": "`iss sub aud auth_time` stay, no `nonce`; `scope` and `resource` only narrow",
        "revocation": "200 for unknown tokens, only one's own, refresh tokens with their family",
        "introspection": "only for authenticated clients and their own tokens; else `active: false` alone",
        "keys": "rotation of signing keys: published before they sign, after that for as long as they are needed",
        "keys sealed": "signing keys are sealed in the database; a node without the master key does not start",
        "keys shared": "of many nodes one makes the first key, all share it, and all follow a revocation at once",
        "keys chosen": "the key is chosen by `kid` and `alg` from a list, never by the token's own word",
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
        "logout backchannel": "logout tokens to every client of the session, until they have heard",
        "logout fetch": "what goes out reaches public addresses alone, and is waited for no longer than it is worth",
        "logout frontchannel": "front-channel frames",
    },
    "Names of the wire": {
        "wire errors": "`error` codes of the RFC's list with the RFC's status",
        "wire bearer": "401 with a bare challenge or `invalid_token`, 403 `insufficient_scope`",
    },
    "Interaction pages and automation": {
        "pages": "plain forms that work without script, with stable ids that an automated browser can press",
    },
    "Later": {
        "later requests": "pushed requests (`/oauth2/par`) and request objects",
        "later registration": "dynamic registration (`/oauth2/register`)",
        "later grants": "the device grant and token exchange",
        "later binding": "DPoP and mTLS",
        "later algorithms": "userinfo as a JWT, and other algorithms than RS256 for tokens, where a client registers them",
    },
}
RULES = {rule: text for section in SECTIONS.values() for rule, text in section.items()}

# Lines that are also, or only, held by tests in Rust.
IN_RUST: dict[str, list[str]] = {
    "endpoint cors": ["scripts_of_any_origin_may_read_what_they_need_and_no_more"],
    "endpoint issuer": ["an_issuer_is_one_https_origin_or_on_this_machine"],
    "endpoint origin": ["metadata_is_never_built_from_the_host_header", "a_neighbouring_host_sets_no_cookie_of_ours_on_sqlite"],
    "client secrets": ["secrets_are_shown_once_and_never_again", "a_new_secret_ends_the_old_one_at_once"],
    "client keys": [
        "only_public_keys_strong_enough_to_check_signatures_are_registered",
        "nothing_that_a_caller_sends_makes_doorward_fetch_it",
    ],
    "client assertion": [
        "assertions_that_prove_nothing_are_refused",
        "an_assertion_works_once_even_for_two_at_the_same_instant",
        "an_assertion_is_spent_at_every_endpoint_on_every_node_and_for_as_long_as_it_is_good",
    ],
    "client addresses": ["redirects_that_could_lead_anywhere_are_not_registered"],
    "authorize 9": [
        "line_09_the_claims_parameter_is_obeyed",
        "line_09_claims_asked_for_in_the_id_token_alone_stand_there_alone",
    ],
    "authorize 10": ["nothing_that_a_caller_sends_makes_doorward_fetch_it"],
    "code": ["a_secret_has_one_spelling"],
    "code reuse": ["of_many_exchanges_at_most_one_wins_and_once_a_loser_has_committed_nothing_lives"],
    "end": [
        "whatever_ends_a_grant_beats_every_refresh",
        "whatever_ends_a_session_beats_every_code",
        "a_disable_beside_the_first_sign_in_to_a_sector_reaches_the_new_name",
    ],
    "grant": [
        "an_access_token_is_accepted_only_while_its_grant_session_and_person_live",
        "what_is_withdrawn_on_one_node_is_refused_on_the_other_within_a_second",
        "a_revocation_survives_a_restart",
    ],
    "access token": [
        "a_token_for_doorwards_own_api_is_for_nothing_else",
        "each_kind_of_token_is_good_for_its_own_use_alone",
    ],
    "roles": [
        "roles_and_permissions_stand_in_the_token_where_the_resource_server_asks_for_them",
        "roles_and_permissions_past_their_bound_are_left_out_whole_on_sqlite",
        "role_claims_do_not_outlive_the_assignment_they_tell_of",
    ],
    "offline": ["a_client_gets_a_token_that_any_verifier_accepts_through_the_jwks"],
    "client credentials": [
        "an_issued_token_is_in_the_audit_trail_without_itself",
        "the_tokens_of_a_disabled_client_are_inactive_and_come_back_with_it",
        "a_machine_gets_nothing_that_is_a_persons",
    ],
    "refresh token": ["a_refresh_token_is_issued_rotated_and_bound_and_offline_ones_outlive_the_session"],
    "refresh rotation": [
        "of_many_refreshes_with_one_token_there_is_one_live_successor",
        "replays_beside_the_next_use_never_give_a_second_successor",
        "a_replay_after_the_grace_ends_the_family_and_its_access_tokens_everywhere",
        "a_sealed_successor_is_wiped_when_its_grace_is_over",
    ],
    "refresh narrowing": ["nobody_gets_more_at_the_exchange_or_later_than_was_agreed_to"],
    "password change": [
        "ending_a_person_a_password_or_a_grant_ends_every_token_at_once",
        "throttled_sign_ins_stop_neither_sessions_nor_refreshes_nor_decisions",
    ],
    "keys": [
        "a_verifier_that_honours_the_cache_time_never_fails_on_sqlite",
        "a_key_leaves_the_key_set_after_its_last_token_and_what_it_signed_stays_a_hint",
    ],
    "keys sealed": [
        "a_server_without_the_right_master_key_refuses_to_start_and_says_why",
        "what_was_sealed_opens_only_unchanged_with_the_same_key_and_for_the_same_context",
    ],
    "keys shared": [
        "nodes_that_start_at_once_agree_on_one_first_key",
        "nodes_share_signing_keys_and_follow_their_revocation",
        "a_revoked_key_is_out_at_once_on_sqlite",
        "tokens_of_a_retired_key_verify_until_they_expire_and_those_of_a_revoked_one_do_not",
    ],
    "keys chosen": [
        "a_token_that_names_our_key_must_be_signed_with_it",
        "a_token_that_was_changed_cut_or_made_elsewhere_is_inactive",
        "a_token_of_another_issuer_is_nothing_here_not_even_under_our_own_key",
    ],
    "discovery truth": [
        "clients_of_different_hosts_know_a_person_by_different_names_that_all_mean_them",
    ],
    "logout backchannel": [
        "a_client_is_told_of_the_end_of_a_session_until_it_has_heard",
        "an_operator_who_signs_somebody_out_has_the_clients_told",
    ],
    "logout fetch": [
        "no_spelling_of_an_address_that_is_not_public_is_reached",
        "redirects_are_not_followed_and_answers_have_a_size_and_a_time",
        "a_name_that_means_something_else_a_moment_later_gains_nothing",
    ],
    "pages": ["a_person_signs_in_agrees_and_the_client_gets_tokens", "a_form_needs_its_page"],
}

# Lines that are not there yet: what nobody promises nobody tests. The metadata does not advertise them, which is tested.
NOT_YET = {"logout frontchannel", *SECTIONS["Later"]}
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


def problems(folder: Path) -> list[str]:
    """Lines without a test, or with one before their time. That the tests in Rust are there, `tests/house` says."""
    tests = held(folder)
    bare = [rule for rule in RULES if not tests[rule] and rule not in IN_RUST and rule not in NOT_YET]
    early = [rule for rule in NOT_YET if tests[rule] or rule in IN_RUST]
    return [
        *(f"{rule}: no test" for rule in bare),
        *(f"{rule}: is said not to be there yet" for rule in early),
        *(f"{rule}: no such line" for rule in {*IN_RUST, *NOT_YET} - set(RULES)),
    ]


def table(folder: Path) -> str:
    tests = held(folder)
    lines = []
    for section, rules in SECTIONS.items():
        lines += [f"### {section}", "", "| Line | Tests |", "|---|---|"]
        for rule, text in rules.items():
            number = re.search(r"\d+$", rule)
            named = f"{number[0]}. {text}" if number else text
            here = ", ".join(f"`{test.split('::')[1].removeprefix('test_')}`" for test in tests[rule])
            rust = ", ".join(f"`{test}`" for test in IN_RUST.get(rule, []))
            shown = "; ".join(part for part in (here, f"by `cargo test`: {rust}" if rust else "") if part)
            lines.append(f"| {named} | {shown or 'not there yet'} |")
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
