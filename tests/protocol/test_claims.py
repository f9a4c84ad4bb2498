"""Claims about people: by scope, by the claims parameter, from userinfo and the ID token."""

import json
from typing import Any

import pytest

from support.browser import Browser
from support.world import Client, World, returned

holds = pytest.mark.holds

ADDRESS = {
    "formatted": "Lane 1, 3000 Bern",
    "street_address": "Lane 1",
    "locality": "Bern",
    "region": "BE",
    "postal_code": "3000",
    "country": "Switzerland",
}
SCOPES: dict[str, dict[str, Any]] = {
    "profile": {
        "name": "Alice Ames",
        "family_name": "Ames",
        "given_name": "Alice",
        "middle_name": "Ada",
        "nickname": "Al",
        "preferred_username": "alice",
        "profile": "https://people.example/alice",
        "picture": "https://people.example/alice.png",
        "website": "https://alice.example/",
        "gender": "female",
        "birthdate": "1990-02-28",
        "zoneinfo": "Europe/Zurich",
        "locale": "de-CH",
        "updated_at": int,
    },
    "email": {"email": "alice@example.com", "email_verified": True},
    "address": {"address": ADDRESS},
    "phone": {"phone_number": "+41310000000", "phone_number_verified": True},
}
EVERY = {name: value for claims in SCOPES.values() for name, value in claims.items()}


def same(claims: dict[str, Any], expected: dict[str, Any]) -> None:
    assert set(claims) == set(expected)
    for name, value in expected.items():
        if isinstance(value, type):
            assert type(claims[name]) is value, name
        else:
            assert claims[name] == value and type(claims[name]) is type(value), name


@holds("scope claims", "discovery truth")
@pytest.mark.parametrize("scope", SCOPES)
def test_a_scope_brings_its_claims_and_no_others(world: World, web: Client, browser: Browser, scope: str) -> None:
    """OpenID Connect Core 1.0 §5.1, §5.4"""
    signed = web.sign_in(browser, scope=f"openid {scope}")
    same(world.claims(signed.access_token), SCOPES[scope] | {"sub": world.sub("alice")})


@holds("scope claims")
def test_all_scopes_bring_all_claims(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §5.4: scopes combine"""
    signed = web.sign_in(browser, scope="openid profile email address phone")
    same(world.claims(signed.access_token), EVERY | {"sub": world.sub("alice")})


@holds("scope claims")
def test_openid_alone_brings_the_subject_alone(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §5.3.2, §5.4"""
    assert world.claims(web.sign_in(browser).access_token) == {"sub": world.sub("alice")}


@holds("scope claims")
def test_what_has_no_value_is_absent(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §5.3.2: neither null nor empty"""
    signed = web.sign_in(browser, "nina", scope="openid profile email address phone")
    claims = world.claims(signed.access_token)
    same(claims, {"sub": world.sub("nina"), "preferred_username": "nina", "updated_at": int})


@holds("id token", "scope claims")
def test_the_id_token_holds_no_profile(web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §5.4: returned from userinfo when an access token is issued"""
    signed = web.sign_in(browser, scope="openid profile email address phone")
    assert not set(signed.id_claims) & set(EVERY)


@holds("authorize 9", "discovery truth")
def test_a_claim_asked_for_in_userinfo_goes_there_alone(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §5.5"""
    claims = json.dumps({"userinfo": {"name": {"essential": True}, "email": None}})
    signed = web.sign_in(browser, claims=claims)
    same(world.claims(signed.access_token), {"sub": str, "name": "Alice Ames", "email": "alice@example.com"})
    assert not {"name", "email"} & set(signed.id_claims)


@holds("authorize 9", "discovery truth")
def test_a_claim_asked_for_in_the_id_token_goes_there_alone(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §5.5"""
    claims = json.dumps({"id_token": {"email": {"essential": True}, "phone_number": None, "auth_time": None}})
    signed = web.sign_in(browser, claims=claims)
    assert signed.id_claims["email"] == "alice@example.com"
    assert signed.id_claims["phone_number"] == "+41310000000"
    assert set(world.claims(signed.access_token)) == {"sub"}


@holds("authorize 9", "discovery truth")
def test_every_advertised_claim_can_be_had(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Discovery 1.0 §3: claims_supported"""
    supported = set(world.metadata["claims_supported"])
    asked = json.dumps({"id_token": dict.fromkeys(supported), "userinfo": dict.fromkeys(supported)})
    signed = web.sign_in(browser, claims=asked)
    assert supported <= set(signed.id_claims), supported - set(signed.id_claims)
    same(world.claims(signed.access_token), EVERY | {"sub": str})
    assert set(EVERY) <= supported, "and none is kept quiet about"


@holds("authorize 9")
def test_an_essential_claim_without_a_value_is_no_error(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §5.5.1: MUST NOT generate an error when claims are not returned"""
    claims = json.dumps({"userinfo": {"email": {"essential": True}}, "id_token": {"email": {"essential": True}}})
    signed = web.sign_in(browser, "nina", claims=claims)
    assert "email" not in signed.id_claims
    assert set(world.claims(signed.access_token)) == {"sub"}


@holds("authorize 9")
@pytest.mark.parametrize("member", ["id_token", "userinfo"])
def test_a_subject_that_is_asked_for_must_sign_in(world: World, web: Client, browser: Browser, member: str) -> None:
    """OpenID Connect Core 1.0 §5.5.1, §3.1.2.2: sub with a value"""
    mine = json.dumps({member: {"sub": {"value": world.sub("alice")}}})
    theirs = json.dumps({member: {"sub": {"value": world.sub("bob")}}})
    web.authorize(browser)
    assert "code" in web.authorize(browser, claims=mine, prompt="none")
    request = web.request(claims=theirs, prompt="none")
    returned(web.begin(browser, request), "login_required", request, world.issuer)
    request = web.request(claims=theirs)
    returned(web.go_on(browser, web.begin(browser, request), "alice"), "login_required", request, world.issuer)


@holds("authorize 9")
def test_claims_cannot_replace_what_the_token_stands_on(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §2, §5.5: iss, aud, exp and their like are the provider's own"""
    names = ["iss", "aud", "exp", "iat", "nonce", "at_hash", "sid", "acr"]
    claims = json.dumps({"id_token": {name: {"value": "x"} for name in names if name != "acr"}})
    signed = web.sign_in(browser, claims=claims)
    assert signed.id_claims["iss"] == world.issuer and signed.id_claims["aud"] == "web"


@holds("scope claims")
def test_a_change_of_a_person_shows_at_once(world: World, web: Client, browser: Browser, person: str) -> None:
    """OpenID Connect Core 1.0 §5.3.2, §5.1: userinfo tells what is so now; a new number is not verified"""
    token = web.sign_in(browser, person, scope="openid profile phone").access_token
    before = world.claims(token)
    assert "given_name" not in before
    world.doorward("user", "update", person, "--claim", "given_name=Pat", "--claim", "phone_number=+41310000009")
    after = world.claims(token)
    assert after["given_name"] == "Pat"
    assert after["phone_number_verified"] is False
    assert after["updated_at"] >= before["updated_at"]


@holds("scope claims", "access token")
def test_a_subject_is_short_stable_and_the_same_for_all(world: World, web: Client, other: Client) -> None:
    """OpenID Connect Core 1.0 §2, §8: at most 255 ASCII characters; public subjects are the same for every client"""
    assert "public" in world.metadata["subject_types_supported"]
    one, two = web.sign_in(), other.sign_in()
    subject = one.id_claims["sub"]
    assert subject == two.id_claims["sub"] and subject.isascii() and 0 < len(subject) <= 255


@holds("discovery truth", "scope claims", "introspection")
def test_each_advertised_type_of_subject_is_given(world: World, web: Client, browser: Browser) -> None:
    """OpenID Connect Core 1.0 §8, §8.1; Discovery 1.0 §3: subject_types_supported"""
    supported = world.metadata["subject_types_supported"]
    assert set(supported) <= {"public", "pairwise"}
    for kind in supported:
        client = world.create_client(*(["--pairwise"] if kind == "pairwise" else []))
        signed = client.sign_in(browser)
        subject = signed.id_claims["sub"]
        assert (subject == world.sub("alice")) == (kind == "public")
        assert world.claims(signed.access_token)["sub"] == subject, "§5.3.2: the same in both"
        again = client.sign_in(browser, prompt="none", id_token_hint=signed.tokens["id_token"])
        assert again.id_claims["sub"] == subject
        refreshed = client.refresh(signed.refresh_token).json()
        assert world.id_token(refreshed["id_token"], client)["sub"] == subject, "§12.2"
        mine = json.dumps({"id_token": {"sub": {"value": subject}}})
        assert "code" in client.authorize(browser, prompt="none", claims=mine)
