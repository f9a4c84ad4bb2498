import json
from uuid import uuid4

import httpx2
import jwt
import pytest
from conftest import bearer
from fastapi.testclient import TestClient

from notes_api.app import create_app
from notes_api.decisions import Question, bearer_of, user
from notes_api.errors import Unavailable
from notes_api.registry import Registry, Written, owner_of

BOTH = "notes:read notes:write"


@pytest.fixture(scope="module")
def author(world) -> str:
    """Holds no role, as `nobody`, but writes notes."""
    return world.token("author", scope=BOTH)


def write(api, token: str, text: str = "mine") -> str:
    response = api.post("/notes", headers=bearer(token), json={"text": text})
    assert response.status_code == 201
    return response.json()["id"]


def test_whoever_wrote_a_note_may_do_everything_with_it_and_at_once(api, author):
    path = f"/notes/{write(api, author)}"
    assert api.get(path, headers=bearer(author)).json()["text"] == "mine"
    assert api.put(path, headers=bearer(author), json={"text": "still mine"}).status_code == 200
    assert api.delete(path, headers=bearer(author)).status_code == 204


def test_nobody_else_may_except_by_a_role(api, author, nobody, editor):
    path, change = f"/notes/{write(api, author)}", {"text": "changed"}
    assert api.get(path, headers=bearer(nobody)).status_code == 403
    assert api.put(path, headers=bearer(nobody), json=change).status_code == 403
    assert api.delete(path, headers=bearer(nobody)).status_code == 403
    # An editor changes the notes of all, and deletes none.
    assert api.put(path, headers=bearer(editor), json=change).status_code == 200
    assert api.delete(path, headers=bearer(editor)).status_code == 403


def test_a_scope_is_needed_to_write_and_an_owner_needs_it_too(world, api, author):
    read_only = world.token("author", scope="notes:read")
    assert api.post("/notes", headers=bearer(read_only), json={"text": "mine"}).status_code == 403
    assert api.delete(f"/notes/{write(api, author)}", headers=bearer(read_only)).status_code == 403


def test_nothing_is_left_of_a_note_that_was_deleted(api, doorward, author):
    id = write(api, author)
    assert doorward.decisions.evaluate(bearer_of(author), Question("delete", "note", id))
    assert api.delete(f"/notes/{id}", headers=bearer(author)).status_code == 204
    assert not doorward.decisions.evaluate(bearer_of(author), Question("delete", "note", id))
    # What is not there is no error: whoever was told to try again may.
    assert doorward.registry.remove("note", id)


def test_a_list_shows_ones_own_and_what_may_be_done_with_them(api, author):
    ids = [write(api, author) for _ in range(2)]
    rows = api.get("/notes", headers=bearer(author)).json()
    assert [(row["id"], row["may_update"], row["may_delete"]) for row in rows] == [(id, True, True) for id in ids]


def test_a_search_finds_what_may_be_read_whatever_the_size_of_its_pages(api, author, nobody, editor):
    def readable(token: str, page_size: int) -> list[str]:
        response = api.get("/notes/readable", headers=bearer(token), params={"page_size": page_size})
        assert response.status_code == 200
        return [json.loads(line)["id"] for line in response.text.splitlines()]

    ids = sorted(write(api, author) for _ in range(5))
    for page_size in (1, 2, 5, 1000):
        assert sorted(readable(author, page_size)) == ids
        assert sorted(readable(editor, page_size)) == sorted(["1", "2", "42", *ids])
        assert readable(nobody, page_size) == []
    api.delete(f"/notes/{ids[0]}", headers=bearer(author))
    assert sorted(readable(author, 2)) == ids[1:]


def test_the_next_page_is_asked_for_when_it_is_wanted(doorward):
    pages = doorward.decisions.search(user("alice"), "read", "note", page_size=1)
    assert len(next(pages)) == 1
    assert list(doorward.decisions.search(user("mallory"), "read", "note")) == [[]]
    assert list(doorward.decisions.search(user("alice"), "read", "tune")) == [[]]


def test_without_doorward_nothing_is_written_and_nothing_found(world, author):
    with TestClient(create_app(world.settings(client_secret="dwcs_wrong"))) as api:
        for response in (
            api.post("/notes", headers=bearer(author), json={"text": "mine"}),
            api.get("/notes/readable", headers=bearer(author)),
        ):
            assert response.status_code == 503
            assert response.json()["detail"]["error"] == "unavailable"


def test_the_api_writes_for_its_own_resource_server_and_for_no_other(world):
    with httpx2.Client(auth=("notes-api", world.secret("notes-api"))) as http:
        registry = Registry(http, issuer=world.issuer, resource_server="billing")
        with pytest.raises(Unavailable, match="403"):
            registry.add_owner("invoice", "1", "client:author")


def test_a_person_who_signed_in_owns_by_their_sub_and_a_service_by_its_client_id(world, doorward, web, browser, author):
    web.sign_in(browser)
    token = web.only_session.token["access_token"]
    owner = owner_of(doorward.verify(token))
    assert owner == f"user:{world.read('users/alice.json')['sub']}"
    assert owner_of(jwt.decode(author, options={"verify_signature": False})) == "client:author"
    id = str(uuid4())
    written = doorward.registry.add_owner("note", id, owner)
    delete = Question("delete", "note", id)
    assert doorward.decisions.evaluate(bearer_of(token), delete, at_least=written)
    assert doorward.decisions.evaluate(user("alice"), delete, at_least=written)
    assert not doorward.decisions.evaluate(user("carol"), delete, at_least=written)


def test_a_write_that_a_restored_backup_does_not_know_makes_no_note_unreachable(doorward):
    id = str(uuid4())
    written = doorward.registry.add_owner("note", id, "user:carol")
    # A token begins with the history that it is of.
    lost = written._replace(token=("B" if written.token[0] == "A" else "A") + written.token[1:])
    assert doorward.decisions.evaluate(user("alice"), Question("read", "note", id), at_least=lost)
    # What is no token at all is a mistake of ours.
    with pytest.raises(Unavailable):
        doorward.decisions.evaluate(user("alice"), Question("read", "note", id), at_least=Written("x", 1))
