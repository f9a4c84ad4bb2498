import json

import httpx2
import pytest
from conftest import NOTES, bearer, eventually
from fastapi.testclient import TestClient

from notes_api.app import create_app
from notes_api.decisions import Decisions, Question, bearer_of, user
from notes_api.errors import Unavailable


def ask(doorward, subject, action: str) -> bool:
    return doorward.decisions.evaluate(subject, Question(action, "note", "42"))


def assert_forbidden(response, **expected: str) -> None:
    assert response.status_code == 403
    detail = response.json()["detail"]
    assert detail.pop("message")
    assert detail == expected


def test_an_editor_reads_changes_and_counts_notes(api, editor):
    assert api.get("/notes/42", headers=bearer(editor)).status_code == 200
    changed = api.put("/notes/42", headers=bearer(editor), json={"text": "changed"})
    assert changed.json() == {"id": "42", "text": "changed"}
    assert api.get("/statistics", headers=bearer(editor)).status_code == 200


def test_who_lacks_the_role_is_told_which_one(api, nobody):
    assert_forbidden(api.get("/statistics", headers=bearer(nobody)), error="missing_role", role="editor")


def test_who_lacks_the_permission_is_told_which_one(api, nobody, editor):
    def missing(permission: str) -> dict[str, str]:
        return {"error": "missing_permission", "permission": permission}

    change = {"text": "changed"}
    assert_forbidden(api.put("/notes/42", headers=bearer(nobody), json=change), **missing("update:note"))
    assert_forbidden(api.get("/notes/42", headers=bearer(nobody)), **missing("read:note"))
    assert_forbidden(api.delete("/notes/42", headers=bearer(editor)), **missing("delete:note"))


def test_who_lacks_the_scope_is_told_which_one_also_in_the_challenge(world, api):
    read_only = world.token("notes-bot", scope="notes:read")
    response = api.put("/notes/42", headers=bearer(read_only), json={"text": "changed"})
    assert response.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="notes:write"'
    assert_forbidden(response, error="insufficient_scope", scope="notes:write")


def test_a_list_shows_what_the_caller_may_see_and_do(api, editor, nobody):
    rows = api.get("/notes", headers=bearer(editor)).json()
    assert [row["id"] for row in rows] == ["1", "2", "42"]
    assert all((row["may_update"], row["may_delete"]) == (True, False) for row in rows)
    assert api.get("/notes", headers=bearer(nobody)).json() == []


def test_a_person_is_decided_for_by_username_and_by_sub(world, doorward):
    for id in ("alice", world.read("users/alice.json")["sub"]):
        assert [ask(doorward, user(id), action) for action in ("read", "update", "delete")] == [True, True, False]
    for id in ("bob", "mallory"):
        assert not ask(doorward, user(id), "update")


def test_whoever_bears_a_token_is_decided_for(doorward, editor, nobody):
    assert ask(doorward, bearer_of(editor), "update")
    assert not ask(doorward, bearer_of(nobody), "update")
    assert not ask(doorward, bearer_of(editor[:-8] + "AAAAAAAA"), "update")
    assert not ask(doorward, bearer_of("nonsense"), "update")


def test_many_questions_are_answered_in_their_order(doorward):
    questions = [Question(action, "note", "1") for action in ("read", "delete", "update", "fly")]
    assert doorward.decisions.evaluate_all(user("alice"), questions) == [True, False, True, False]
    assert doorward.decisions.evaluate_all(user("alice"), []) == []


def test_a_role_given_and_taken_away_counts_at_the_next_decision(world, doorward):
    role = ["user:bob", "--resource-server", "notes", "--role", "viewer"]
    given = json.loads(world.doorward("assign", "add", *role, "--json"))
    eventually("bob is a viewer", lambda: ask(doorward, user("bob"), "read"))
    assert not ask(doorward, user("bob"), "update")
    world.doorward("assign", "remove", given["id"])
    eventually("bob is no viewer any more", lambda: not ask(doorward, user("bob"), "read"))


def test_who_may_not_ask_gets_no_decision(world):
    with httpx2.Client(auth=("notes-api", "dwcs_wrong")) as http:
        for base in (f"{world.issuer}/access/v1", "http://127.0.0.1:1"):
            decisions = Decisions(
                http,
                evaluation=f"{base}/evaluation",
                evaluations=f"{base}/evaluations",
                search_resource=f"{base}/search/resource",
            )
            with pytest.raises(Unavailable):
                decisions.evaluate(user("alice"), Question("read", "note", "42"))
            with pytest.raises(Unavailable):
                next(decisions.search(user("alice"), "read", "note"))


def test_a_guard_without_a_decision_lets_nobody_in(world, editor):
    with TestClient(create_app(world.settings(client_secret="dwcs_wrong"))) as api:
        response = api.get("/notes/42", headers=bearer(editor))
    assert response.status_code == 503
    assert response.json()["detail"]["error"] == "unavailable"


def test_the_api_may_also_ask_with_a_token_for_the_decision_api(world):
    question = {"subject": user("alice"), **Question("update", "note", "42").as_json()}

    def decide(token: str) -> httpx2.Response:
        return httpx2.post(f"{world.issuer}/access/v1/evaluation", json=question, headers=bearer(token))

    answer = decide(world.token("notes-api", resource=f"{world.issuer}/access/v1", scope=""))
    assert (answer.status_code, answer.json()) == (200, {"decision": True})
    # A token for the notes API is no token for the decision API.
    refused = decide(world.token("notes-bot", resource=NOTES))
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"]
