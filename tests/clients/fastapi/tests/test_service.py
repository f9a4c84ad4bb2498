import asyncio
import time

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from conftest import BILLING, NOTES, bearer, eventually, serving
from joserfc.jwk import RSAKey

from notes_api.app import create_app
from notes_api.decisions import Question, bearer_of
from notes_api.doorward import discover
from notes_api.service import with_key

UPDATE = Question("update", "note", "42")


def test_a_session_with_a_secret_calls_the_api(world):
    with serving(create_app(world.settings())) as api, world.session("notes-bot") as session:
        response = session.get(f"{api}/notes/42")
        assert (response.status_code, response.json()["id"]) == (200, "42")


def test_a_client_with_a_key_calls_the_api(world):
    async def call(api: str) -> int:
        key = world.read("batch.private.jwk.json")
        async with with_key(world.issuer, "batch", key, resource=NOTES, scope="notes:read") as client:
            return (await client.get(f"{api}/me")).json()["client_id"]

    with serving(create_app(world.settings())) as api:
        assert asyncio.run(call(api)) == "batch"


def test_a_session_renews_its_token_by_itself(world, doorward):
    with serving(create_app(world.settings())) as api, world.session("notes-bot") as session:
        first = session.token["access_token"]
        # Authlib believes its token to be old. Its renewal forgets `resource`: the client's only API is the default.
        session.token["expires_at"] = 1
        assert session.get(f"{api}/me").status_code == 200
        assert session.token["access_token"] != first
        assert doorward.verify(session.token["access_token"])["aud"] == NOTES


def assertion_refused(world, method: PrivateKeyJWT, attempts: int = 1) -> str:
    key = world.read("batch.private.jwk.json")

    async def attempt() -> None:
        endpoint = discover(world.issuer)["token_endpoint"]
        settings = {"token_endpoint_auth_method": "private_key_jwt", "token_endpoint": endpoint, "scope": "notes:read"}
        async with AsyncOAuth2Client("batch", RSAKey.import_key(key), **settings) as client:
            client.register_client_auth_method(method)
            for _ in range(attempts):
                await client.fetch_token(endpoint, grant_type="client_credentials", resource=NOTES)

    with pytest.raises(OAuthError) as refused:
        asyncio.run(attempt())
    return refused.value.error


def test_an_assertion_good_for_an_hour_is_refused(world):
    assert assertion_refused(world, PrivateKeyJWT(discover(world.issuer)["token_endpoint"])) == "invalid_client"


def test_an_assertion_for_another_server_is_refused(world):
    class Elsewhere(PrivateKeyJWT):
        def sign(self, auth, token_endpoint):
            self.claims = {"exp": _in_a_minute()}
            return super().sign(auth, "https://login.example/oauth2/token")

    assert assertion_refused(world, Elsewhere()) == "invalid_client"


def test_an_assertion_is_good_only_once(world):
    # One dictionary for all requests: Authlib puts the first `jti` into it, and sends it again.
    method = PrivateKeyJWT(discover(world.issuer)["token_endpoint"], claims={"exp": _in_a_minute()})
    assert assertion_refused(world, method, attempts=2) == "invalid_client"
    # The first of them was good: only its second use was refused.
    assert "jti" in method.claims


def _in_a_minute() -> int:
    return int(time.time()) + 60


def test_a_secret_in_the_body_fits_only_who_is_registered_so(world):
    assert world.token("other", method="client_secret_post")
    with pytest.raises(OAuthError, match="invalid_client"):
        world.token("other", method="client_secret_basic")
    with pytest.raises(OAuthError, match="invalid_client"):
        world.token("notes-bot", method="client_secret_post")


def test_a_client_gets_no_token_for_an_api_or_a_scope_it_was_not_given(world):
    with pytest.raises(OAuthError, match="invalid_target"):
        world.token("notes-bot", resource=BILLING, scope="billing:read")
    with pytest.raises(OAuthError, match="invalid_scope"):
        world.token("notes-bot", scope="notes:burn")


def test_a_revoked_token_is_dead_wherever_doorward_is_asked(world, doorward, api):
    with world.session("notes-bot") as session:
        token = session.token["access_token"]
        assert doorward.is_active(token)
        assert doorward.decisions.evaluate(bearer_of(token), UPDATE)
        revoked = session.revoke_token(discover(world.issuer)["revocation_endpoint"], token=token)
        assert revoked.status_code == 200

    assert not doorward.is_active(token)
    assert not doorward.decisions.evaluate(bearer_of(token), UPDATE)
    # What only looks at the signature cannot know before the token expires; that is the bargain of offline checks.
    assert api.get("/statistics", headers=bearer(token)).status_code == 200
    assert api.get("/export", headers=bearer(token)).status_code == 401
    assert api.get("/notes/42", headers=bearer(token)).status_code == 403


def test_introspection_says_nothing_about_the_tokens_of_others(world):
    endpoint = discover(world.issuer)["introspection_endpoint"]
    foreign = world.token("billing-bot", resource=BILLING, scope="billing:read")
    with world.session("notes-bot") as owner:
        token = owner.token["access_token"]
        own = owner.introspect_token(endpoint, token=token).json()
        assert (own["active"], own["client_id"], own["token_type"]) == (True, "notes-bot", "Bearer")
        assert owner.introspect_token(endpoint, token=foreign).json() == {"active": False}


def test_a_disabled_client_is_out_at_once_and_back_when_it_is_enabled(world, doorward):
    token = world.token("leaver")
    assert doorward.is_active(token)
    world.doorward("client", "disable", "leaver")
    eventually("its tokens are dead", lambda: not doorward.is_active(token))
    assert not doorward.decisions.evaluate(bearer_of(token), UPDATE)
    with pytest.raises(OAuthError, match="invalid_client"):
        world.token("leaver")
    world.doorward("client", "enable", "leaver")
    eventually("it gets tokens again", lambda: gets_token(world, "leaver"))


def gets_token(world, client_id: str) -> bool:
    try:
        return bool(world.token(client_id))
    except OAuthError:
        return False
