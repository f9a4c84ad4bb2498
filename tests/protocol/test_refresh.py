"""Refresh tokens, revocation, introspection: how long things live, and who ends them."""

import json
import threading
import time
from functools import partial

import pytest

from support.browser import Browser, Page
from support.world import BILLING, NOTES, Client, World, eventually, refused, returned

holds = pytest.mark.holds


@holds("refresh token")
def test_a_refresh_token_is_issued_without_asking_for_offline_access(web: Client, browser: Browser) -> None:
    """RFC 6749 §1.5; OpenID Connect Core 1.0 §11: refresh tokens may be issued otherwise too"""
    signed = web.sign_in(browser, scope="openid")
    assert len(signed.refresh_token) >= 43, "256 bits"
    assert signed.refresh_token.count(".") == 0, "opaque"


@holds("refresh rotation", "refresh narrowing", "token response")
def test_refreshing_gives_new_tokens_of_the_same_sign_in(world: World, web: Client, browser: Browser) -> None:
    """RFC 6749 §6, OpenID Connect Core 1.0 §12.2"""
    signed = web.sign_in(browser, scope="openid email notes:read")
    response = web.refresh(signed.refresh_token)
    assert response.status_code == 200 and "no-store" in response.headers["cache-control"]
    tokens = response.json()
    assert tokens["access_token"] != signed.access_token
    assert tokens["refresh_token"] != signed.refresh_token
    claims = world.id_token(tokens["id_token"], web, nonce=None)
    for name in ("iss", "sub", "aud", "auth_time", "sid", "acr", "amr"):
        assert claims[name] == signed.id_claims[name], name
    assert claims["iat"] >= signed.id_claims["iat"]
    assert "nonce" not in claims
    assert sorted(tokens["scope"].split()) == ["email", "notes:read", "openid"]
    assert world.claims(tokens["access_token"])["email"] == "alice@example.com"
    assert world.is_alive(signed.access_token, web), "rotation ends no access token"


@holds("refresh rotation")
def test_a_chain_of_refreshes_never_repeats_itself(web: Client, browser: Browser) -> None:
    """RFC 9700 §4.14.2: rotation"""
    token = web.sign_in(browser).refresh_token
    seen = {token}
    for _ in range(5):
        token = web.refresh(token).json()["refresh_token"]
        assert token not in seen
        seen.add(token)


@holds("refresh rotation")
def test_a_token_presented_again_at_once_gives_the_same_successor(web: Client, browser: Browser) -> None:
    """RFC 9700 §4.14.2, FAPI 2.0 Security Profile §5.3.2.1: an answer may have been lost on the way"""
    first = web.sign_in(browser).refresh_token
    one, two = web.refresh(first).json(), web.refresh(first).json()
    assert one["refresh_token"] == two["refresh_token"]
    assert one["access_token"] != two["access_token"]
    assert web.refresh(one["refresh_token"]).status_code == 200


@holds("refresh rotation", "wire errors")
def test_once_the_successor_was_used_the_old_one_is_refused_and_the_family_lives(
    world: World, web: Client, browser: Browser
) -> None:
    """RFC 9700 §4.14.2"""
    first = web.sign_in(browser).refresh_token
    second = web.refresh(first).json()["refresh_token"]
    third = web.refresh(second).json()
    refused(web.refresh(first), "invalid_grant")
    assert world.is_alive(third["access_token"], web)
    assert web.refresh(third["refresh_token"]).status_code == 200


@holds("refresh rotation", "grant", "wire errors")
def test_a_token_presented_again_after_the_grace_is_theft(impatient: World) -> None:
    """RFC 9700 §4.14.2: the family and every access token of it end"""
    web = impatient.client("web")
    browser = impatient.browser()
    stolen = web.sign_in(browser)
    kept = web.refresh(stolen.refresh_token).json()
    time.sleep(1.2)
    again = web.sign_in(browser, prompt="none")
    assert impatient.is_alive(stolen.access_token, web) and impatient.is_alive(kept["access_token"], web)
    refused(web.refresh(stolen.refresh_token), "invalid_grant")
    refused(web.refresh(kept["refresh_token"]), "invalid_grant")
    for token in (stolen.access_token, kept["access_token"]):
        assert not impatient.is_alive(token, web)
    assert web.introspect(kept["refresh_token"]) == {"active": False}
    assert impatient.is_alive(again.access_token, web), "and nothing of another grant"


@holds("refresh rotation")
def test_of_many_refreshes_at_once_all_get_the_one_successor(web: Client, browser: Browser) -> None:
    """RFC 9700 §4.14.2: there are never two live successors"""
    token = web.sign_in(browser).refresh_token
    responses = []
    threads = [threading.Thread(target=lambda: responses.append(web.refresh(token))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [response.status_code for response in responses] == [200] * 6
    assert len({response.json()["refresh_token"] for response in responses}) == 1


@holds("refresh token", "wire errors")
def test_a_refresh_token_belongs_to_its_client(world: World, web: Client, other: Client, browser: Browser) -> None:
    """RFC 6749 §6, §10.4: bound to the client; another one burns nothing"""
    token = web.sign_in(browser).refresh_token
    refused(other.refresh(token), "invalid_grant")
    refused(world.client("page").refresh(token), "invalid_grant")
    assert web.refresh(token).status_code == 200


@holds("refresh token", "wire errors")
@pytest.mark.parametrize("how", ["shortened", "lengthened", "flipped", "upper", "unknown", "access token"])
def test_a_refresh_token_that_is_not_exactly_one_is_refused(web: Client, browser: Browser, how: str) -> None:
    """RFC 6749 §5.2"""
    signed = web.sign_in(browser)
    token = signed.refresh_token
    bad = {
        "shortened": token[:-1],
        "lengthened": token + "A",
        "flipped": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "upper": token.upper(),
        "unknown": "x" * len(token),
        "access token": signed.access_token,
    }[how]
    refused(web.refresh(bad), "invalid_grant")
    assert web.refresh(token).status_code == 200


@holds("refresh narrowing")
def test_scope_narrows_one_access_token(world: World, web: Client, browser: Browser) -> None:
    """RFC 6749 §6: the successor keeps the scope of the grant"""
    signed = web.sign_in(browser, scope="openid email notes:read notes:write")
    narrowed = web.refresh(signed.refresh_token, scope="openid notes:read").json()
    assert sorted(narrowed["scope"].split()) == ["notes:read", "openid"]
    assert sorted(world.verify(narrowed["access_token"])["scope"].split()) == ["notes:read", "openid"]
    assert "email" not in world.claims(narrowed["access_token"])
    whole = web.refresh(narrowed["refresh_token"]).json()
    assert sorted(whole["scope"].split()) == ["email", "notes:read", "notes:write", "openid"]


@holds("refresh narrowing", "wire errors")
@pytest.mark.parametrize("scope", ["openid email", "openid notes:write", "openid billing:read", "admin"])
def test_scope_never_grows(web: Client, browser: Browser, scope: str) -> None:
    """RFC 6749 §6: MUST NOT include any scope not originally granted"""
    signed = web.sign_in(browser, scope="openid notes:read")
    refused(web.refresh(signed.refresh_token, scope=scope), "invalid_scope")
    assert web.refresh(signed.refresh_token).status_code == 200, "and nothing is burnt"


@holds("refresh narrowing", "wire errors")
def test_resource_narrows_and_never_grows(world: World, web: Client, browser: Browser) -> None:
    """RFC 8707 §2.2"""
    both = world.client("both")
    request = both.request(scope="openid notes:read billing:read")
    answer = both.go_on(browser, both.begin(browser, [*request.items(), ("resource", NOTES), ("resource", BILLING)]))
    tokens = both.exchange(answer["code"]).json()
    narrowed = both.refresh(tokens["refresh_token"], resource=BILLING).json()
    assert sorted(world.verify(narrowed["access_token"])["aud"]) == sorted([BILLING, world.issuer])
    whole = both.refresh(narrowed["refresh_token"]).json()
    assert sorted(world.verify(whole["access_token"])["aud"]) == sorted([BILLING, NOTES, world.issuer])
    only_notes = both.sign_in(browser, scope="openid notes:read", resource=NOTES)
    refused(both.refresh(only_notes.refresh_token, resource=BILLING), "invalid_target")


# ---- offline access ------------------------------------------------------------------------------------------------


@holds("refresh token", "authorize 5", "wire errors")
def test_offline_access_is_the_persons_to_give(world: World, web: Client, browser: Browser, person: str) -> None:
    """OpenID Connect Core 1.0 §11: prompt=consent, or other consent in place"""
    web.authorize(browser, person)
    request = web.request(scope="openid offline_access", prompt="none")
    returned(web.begin(browser, request), "consent_required", request, world.issuer)
    signed = web.sign_in(browser, person, scope="openid offline_access", prompt="consent")
    assert browser.pages == ["consent"]
    assert "offline_access" in signed.tokens["scope"].split()
    again = web.sign_in(browser, person, scope="openid offline_access", prompt="none")
    assert again.refresh_token


@holds("refresh token", "grant", "logout end")
def test_what_is_offline_outlives_the_session_and_what_is_not_does_not(
    world: World, web: Client, browser: Browser
) -> None:
    """OpenID Connect Core 1.0 §11: even when the end-user is not present"""
    bound = web.sign_in(browser, scope="openid")
    offline = web.sign_in(browser, scope="openid offline_access", prompt="consent")
    logout = browser.open(f"{world.endpoint('end_session_endpoint')}?id_token_hint={bound.tokens['id_token']}")
    assert isinstance(logout, Page) and logout.status == 200
    refused(web.refresh(bound.refresh_token), "invalid_grant")
    assert not world.is_alive(bound.access_token, web)
    response = web.refresh(offline.refresh_token)
    assert response.status_code == 200
    assert world.is_alive(response.json()["access_token"], web)


@holds("grant")
def test_a_person_who_is_disabled_has_nothing_left(world: World, web: Client, browser: Browser, person: str) -> None:
    """RFC 9700 §4.14, RFC 7009 §3: what ends, ends at once"""
    signed = web.sign_in(browser, person, scope="openid offline_access", prompt="consent")
    code = web.authorize(browser, person, prompt="none")["code"]
    world.doorward("user", "disable", person)
    eventually("its token is dead", lambda: not world.is_alive(signed.access_token, web))
    refused(web.refresh(signed.refresh_token), "invalid_grant")
    refused(web.exchange(code), "invalid_grant")
    request = web.request(prompt="none")
    returned(web.begin(browser, request), "login_required", request, world.issuer)


@holds("grant")
def test_consent_that_is_withdrawn_ends_what_was_granted(
    world: World, web: Client, browser: Browser, person: str
) -> None:
    """RFC 6749 §10.4, RFC 7009 §1"""
    signed = web.sign_in(browser, person)
    world.doorward("user", "withdraw", person, "web")
    eventually("its token is dead", lambda: not world.is_alive(signed.access_token, web))
    refused(web.refresh(signed.refresh_token), "invalid_grant")
    request = web.request(prompt="none")
    returned(web.begin(browser, request), "consent_required", request, world.issuer)


@holds("grant", "authorize 12", "wire errors")
def test_a_password_that_an_operator_sets_ends_everything(
    world: World, web: Client, browser: Browser, person: str
) -> None:
    """RFC 9700 §4.14, RFC 7009 §3: offline access included"""
    signed = web.sign_in(browser, person, scope="openid offline_access", prompt="consent")
    world.doorward("user", "set-password", person, stdin=world.password)
    eventually("its token is dead", lambda: not world.is_alive(signed.access_token, web))
    refused(web.refresh(signed.refresh_token), "invalid_grant")
    request = web.request(prompt="none")
    returned(web.begin(browser, request), "login_required", request, world.issuer)


@holds("grant", "refresh token", "wire errors")
def test_a_lock_holds_everything_back_and_no_longer(world: World, web: Client, browser: Browser, person: str) -> None:
    """RFC 6749 §5.2: refused while it lasts; nothing is burnt by trying"""
    signed = web.sign_in(browser, person)
    world.doorward("user", "lock", person)
    eventually("its token is refused", lambda: not world.is_alive(signed.access_token, web))
    refused(web.refresh(signed.refresh_token), "invalid_grant")
    world.doorward("user", "unlock", person)
    eventually("its token counts again", lambda: world.is_alive(signed.access_token, web))
    assert web.refresh(signed.refresh_token).status_code == 200


@holds("grant", "logout end", "wire errors")
def test_who_is_signed_out_everywhere_is_signed_out(world: World, web: Client, browser: Browser, person: str) -> None:
    """OpenID Connect Core 1.0 §3.1.2.6, RFC 7009 §3"""
    elsewhere = world.browser()
    here, there = web.sign_in(browser, person), web.sign_in(elsewhere, person)
    world.doorward("user", "sign-out", person)
    for signed in (here, there):
        eventually("its token is dead", partial(lambda token: not world.is_alive(token, web), signed.access_token))
        refused(web.refresh(signed.refresh_token), "invalid_grant")
    for each in (browser, elsewhere):
        request = web.request(prompt="none")
        returned(web.begin(each, request), "login_required", request, world.issuer)


@holds("grant", "client basic", "authorize 1", "wire errors")
def test_a_client_that_is_disabled_has_nothing_left(world: World, browser: Browser) -> None:
    """RFC 6749 §5.2, §10.4; RFC 7009 §3"""
    client, api = world.create_client(), world.client("notes-api")
    signed = client.sign_in(browser)
    assert api.introspect(signed.access_token)["active"] is True
    world.doorward("client", "disable", client.client_id)
    eventually("its token is dead", lambda: world.userinfo(signed.access_token).status_code == 401)
    assert api.introspect(signed.access_token) == {"active": False}
    refused(client.refresh(signed.refresh_token), "invalid_client", 401)
    page = client.begin(browser)
    assert isinstance(page, Page) and page.status == 400


@holds("client basic", "wire errors")
def test_a_secret_that_was_replaced_is_worth_nothing(world: World, browser: Browser) -> None:
    """RFC 6749 §2.3.1, RFC 9700 §4.14"""
    client = world.create_client()
    signed = client.sign_in(browser)
    fresh = json.loads(world.doorward("client", "rotate-secret", client.client_id, "--json"))["client_secret"]
    eventually("the old one is refused", lambda: client.revoke("x").status_code == 401)
    refused(client.refresh(signed.refresh_token), "invalid_client", 401)
    client.secret = fresh
    assert client.refresh(signed.refresh_token).status_code == 200, "what was granted goes on"


# ---- revocation ----------------------------------------------------------------------------------------------------


@holds("revocation", "grant")
def test_an_access_token_can_be_revoked(world: World, web: Client, browser: Browser) -> None:
    """RFC 7009 §2"""
    signed = web.sign_in(browser)
    response = web.revoke(signed.access_token)
    assert response.status_code == 200 and "no-store" in response.headers["cache-control"]
    assert not world.is_alive(signed.access_token, web)
    assert web.refresh(signed.refresh_token).status_code == 200, "that one token alone"
    assert web.revoke(signed.access_token).status_code == 200, "again is no error"


@holds("revocation", "grant", "wire errors")
def test_revoking_a_refresh_token_ends_its_family(world: World, web: Client, browser: Browser) -> None:
    """RFC 7009 §2.1: and the access tokens of the same grant"""
    signed = web.sign_in(browser)
    successor = web.refresh(signed.refresh_token).json()
    assert web.revoke(successor["refresh_token"]).status_code == 200
    refused(web.refresh(successor["refresh_token"]), "invalid_grant")
    refused(web.refresh(signed.refresh_token), "invalid_grant")
    for token in (signed.access_token, successor["access_token"]):
        assert not world.is_alive(token, web)


@holds("revocation")
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "unknown", None])
def test_a_hint_of_the_type_is_only_a_hint(world: World, web: Client, browser: Browser, hint: str | None) -> None:
    """RFC 7009 §2.1: MUST extend the search; §2.2.1"""
    signed = web.sign_in(browser)
    for token in (signed.access_token, signed.refresh_token):
        fields = {"token": token} | ({"token_type_hint": hint} if hint else {})
        assert web.call("revocation_endpoint", fields).status_code == 200
    refused(web.refresh(signed.refresh_token), "invalid_grant")
    assert not world.is_alive(signed.access_token, web)


@holds("revocation", "wire errors")
def test_unknown_tokens_need_no_revoking(web: Client) -> None:
    """RFC 7009 §2.2: invalid tokens do not cause an error response"""
    for token in ("unknown", "dwrt_unknown", "a.b.c"):
        assert web.revoke(token).status_code == 200
    refused(web.call("revocation_endpoint", {}), "invalid_request")


@holds("revocation")
def test_a_client_revokes_only_its_own(world: World, web: Client, other: Client, browser: Browser) -> None:
    """RFC 7009 §2.1: the request is refused"""
    signed = web.sign_in(browser)
    for token in (signed.access_token, signed.refresh_token):
        response = other.revoke(token)
        assert response.status_code == 400
    assert world.is_alive(signed.access_token, web)
    assert web.refresh(signed.refresh_token).status_code == 200


# ---- introspection -------------------------------------------------------------------------------------------------


@holds("introspection")
def test_a_resource_server_sees_tokens_meant_for_it(world: World, web: Client, browser: Browser) -> None:
    """RFC 7662 §2.2"""
    signed = web.sign_in(browser, scope="openid notes:read")
    seen = world.client("notes-api").introspect(signed.access_token)
    assert seen["active"] is True and seen["token_type"] == "Bearer"
    claims = world.verify(signed.access_token)
    for name in ("iss", "sub", "aud", "client_id", "scope", "exp", "iat", "jti"):
        assert seen[name] == claims[name], name
    assert type(seen["exp"]) is int


@holds("introspection")
def test_everybody_else_sees_nothing(world: World, web: Client, other: Client, browser: Browser) -> None:
    """RFC 7662 §2.2, §4: active alone"""
    signed = web.sign_in(browser)
    for client in (other, world.client("billing-api"), world.client("bot")):
        for token in (signed.access_token, signed.refresh_token, signed.tokens["id_token"], "unknown"):
            assert client.introspect(token) == {"active": False}
    assert world.client("notes-api").introspect(signed.refresh_token) == {"active": False}
    assert web.introspect(signed.tokens["id_token"]) == {"active": False}


@holds("introspection")
def test_a_client_sees_its_own_tokens(world: World, web: Client, browser: Browser) -> None:
    """RFC 7662 §2.2"""
    signed = web.sign_in(browser)
    assert web.introspect(signed.access_token)["active"] is True
    refresh = web.introspect(signed.refresh_token)
    assert refresh["active"] is True and refresh["client_id"] == "web" and refresh["sub"] == world.sub("alice")
    web.refresh(signed.refresh_token)
    assert web.introspect(signed.refresh_token) == {"active": False}, "spent"


@holds("introspection", "wire errors")
def test_introspection_wants_its_token_in_the_body(world: World, web: Client) -> None:
    """RFC 7662 §2.1"""
    refused(web.call("introspection_endpoint", {}), "invalid_request")
    headers, _ = web.credentials()
    url = f"{world.endpoint('introspection_endpoint')}?token=x"
    assert world.wire.get(url, headers=headers).status_code == 405
    headers |= {"Content-Type": "application/x-www-form-urlencoded"}
    refused(world.wire.post(url, headers=headers), "invalid_request")


@holds("introspection")
def test_what_introspection_says_is_not_stored(web: Client, browser: Browser) -> None:
    """RFC 7662 §2.2, §4"""
    response = web.call("introspection_endpoint", {"token": web.sign_in(browser).access_token})
    assert "no-store" in response.headers["cache-control"]
    assert response.headers["content-type"].split(";")[0] == "application/json"
    assert json.loads(response.text)["active"] is True
