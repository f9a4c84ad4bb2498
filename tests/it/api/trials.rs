//! Rules that are tried before they count, stored before they count, and read back.

use serde_json::{Value, json};

use super::support::Operator;
use crate::support::{House, both};

const NOTES: &str = "/api/v1/resource-servers/notes";
const NIGHT: &str = "@id(\"at night\") forbid(principal, action == Action::\"enter\", resource) when { context has night && context.night };";

/// Rooms; `knock` is an action of the second version alone.
fn model(second: bool) -> Value {
    let mut actions = json!({ "enter": {}, "book": {} });
    if second {
        actions["knock"] = json!({});
    }
    json!({
        "context": { "night": { "type": "boolean" } },
        "resources": { "room": {
            "actions": actions,
            "relations": {
                "owner": { "subjects": ["user"], "grants": ["*"] },
                "guest": { "subjects": ["user", "group#member"], "grants": ["enter"] },
            },
        } },
    })
}

fn case(subject: &str, action: &str, decision: bool) -> Value {
    json!({ "subject": subject, "action": action, "resource": "room:1", "decision": decision })
}

/// A house with rooms: bob is owner of room 1, carol guest as a member of staff.
async fn rooms(house: &House) -> Operator<'_> {
    let root = house.root().await;
    let put = root.put(&format!("{NOTES}/rules"), &json!({ "model": model(false) })).await;
    assert_eq!(put.status, 200, "{put:?}");
    root.made("/api/v1/groups", &json!({ "name": "staff" })).await;
    root.made("/api/v1/groups/staff/members", &json!({ "member": "user:carol" })).await;
    house.relate(&["room:1#owner@user:bob", "room:1#guest@group:staff#member"]).await;
    house.comes_out(&[("user:carol", "enter", "room:1", true), ("user:bob", "book", "room:1", true)]).await;
    root
}

/// What is stored and what counts.
async fn versions(root: &Operator<'_>) -> Value {
    root.got(&format!("{NOTES}/rules/versions")).await
}

both! {
    async fn rules_whose_tests_fail_are_not_written(house: House) {
        let root = rooms(&house).await;
        let (before, revision) = (versions(&root).await, house.mark(&root).await);
        let mut by_night = case("user:carol", "enter", true);
        by_night["context"] = json!({ "night": true });
        let passes = [case("user:bob", "book", true), case("user:carol", "book", false), case("user:nobody", "book", false)];
        let with = |failing: Value| {
            let tests: Vec<_> = passes.iter().cloned().chain([failing]).collect();
            json!({ "policies": NIGHT, "tests": tests })
        };
        let mut later = case("user:carol", "enter", false);
        later["now"] = json!("2200-01-01T00:00:00Z");
        let mut mistyped = case("user:carol", "enter", true);
        mistyped["context"] = json!({ "night": "yes" });
        for (failing, said) in [
            (by_night.clone(), "user:carol enter room:1 should be true, and is false"),
            (case("user:bob", "book", false), "user:bob book room:1 should be false, and is true"),
            (case("martian:1", "enter", true), "should be true, and is false"),
            (case("user:carol", "sing", true), "should be true, and is false"),
            (later, "should be false, and is true"),
            (mistyped, "an error: context.night"),
            (case("carol", "enter", true), "an error: subject: \"carol\" is not type:id"),
        ] {
            let refused = root.put(&format!("{NOTES}/rules"), &with(failing.clone())).await;
            assert_eq!(refused.refusal(), (422, "tests_failed".into()), "{failing}: {refused:?}");
            let problem = refused.json();
            assert_eq!(problem["member"], "tests[3]", "{problem}");
            assert!(problem["detail"].as_str().unwrap().contains(said), "{failing}: {problem}");
            assert!(!problem.to_string().contains("at night"), "why is for those who may ask it: {problem}");
        }
        assert_eq!(versions(&root).await, before);
        // Not even a revision: what was tried is undone with it.
        assert_eq!(house.mark(&root).await, revision + 1);
        house.comes_out(&[("user:carol", "enter", "room:1", true)]).await;

        // What failed under one version of a number does not come back under another that has this number.
        by_night["decision"] = json!(false);
        let put = root.put(&format!("{NOTES}/rules"), &with(by_night.clone())).await;
        assert_eq!((put.status, put.json()), (200, json!({ "model": 1, "policies": 1 })), "{put:?}");
        let stored = root.got(&format!("{NOTES}/rules/policies/1")).await;
        assert_eq!(stored["text"], NIGHT);
        let back = json!({ "model": 1, "policies": 0, "tests": [by_night] });
        let refused = root.post(&format!("{NOTES}/rules/activate"), &back).await;
        assert_eq!(refused.refusal(), (422, "tests_failed".into()), "{refused:?}");
        assert_eq!(refused.json()["member"], "tests[0]");
        assert_eq!(versions(&root).await["policies"][0]["active"], true);
        let back = json!({ "model": 1, "policies": 0, "tests": [case("user:carol", "enter", true)] });
        assert_eq!(root.post(&format!("{NOTES}/rules/activate"), &back).await.status, 200);
    }

    async fn a_text_that_was_only_tried_leaves_nothing_behind(house: House) {
        let root = rooms(&house).await;
        let all = |effect: &str| format!("{effect}(principal, action == Action::\"enter\", resource);");
        let tests = json!([case("user:alice", "enter", false)]);
        let tried = root.put(&format!("{NOTES}/rules"), &json!({ "policies": all("permit"), "tests": tests })).await;
        assert_eq!(tried.refusal(), (422, "tests_failed".into()), "{tried:?}");
        // The same number, another text: nobody decides by what was tried.
        let put = root.put(&format!("{NOTES}/rules"), &json!({ "policies": all("forbid"), "tests": tests })).await;
        assert_eq!((put.status, put.json()["policies"].clone()), (200, json!(1)), "{put:?}");
        house.comes_out(&[("user:alice", "enter", "room:1", false), ("user:carol", "enter", "room:1", false)]).await;
    }

    async fn what_is_stored_counts_once_it_is_activated(house: House) {
        let root = rooms(&house).await;
        let stored = json!({ "model": model(true), "policies": NIGHT, "activate": false, "tests": [case("user:bob", "knock", true)] });
        let put = root.put(&format!("{NOTES}/rules"), &stored).await;
        assert_eq!((put.status, put.json()), (200, json!({ "model": 2, "policies": 1 })), "{put:?}");
        let again = root.put(&format!("{NOTES}/rules"), &stored).await;
        assert_eq!(again.json(), put.json(), "whoever asks again makes no second version");
        let counts = root.got(&format!("{NOTES}/rules")).await;
        assert_eq!((&counts["model"]["version"], &counts["policies"]), (&json!(1), &Value::Null));
        house.comes_out(&[("user:bob", "knock", "room:1", false)]).await;
        let knocker = json!({ "name": "knocker", "permissions": ["knock:room"] });
        let too_early = root.post(&format!("{NOTES}/roles"), &knocker).await;
        assert_eq!(too_early.status, 400, "no role names an action of a model that does not count: {too_early:?}");
        let fact = &root.got("/api/v1/audit?kind=rules.stored").await["items"][0];
        assert_eq!(fact["detail"]["stored"], json!({ "model": 2, "policies": 1 }));

        let activated = root.post(&format!("{NOTES}/rules/activate"), &put.json()).await;
        assert_eq!(activated.status, 200, "{activated:?}");
        house.comes_out(&[("user:bob", "knock", "room:1", true)]).await;
        assert_eq!(root.post(&format!("{NOTES}/roles"), &knocker).await.status, 201);
        // And back, and forth once more: what is declared already is no error.
        for (model, knocks) in [(1, false), (2, true)] {
            let there = root.post(&format!("{NOTES}/rules/activate"), &json!({ "model": model, "policies": 0 })).await;
            assert_eq!(there.status, 200, "{there:?}");
            house.comes_out(&[("user:bob", "knock", "room:1", knocks)]).await;
        }
    }

    async fn every_version_and_the_schema_can_be_read(house: House) {
        let root = rooms(&house).await;
        root.put(&format!("{NOTES}/rules"), &json!({ "model": model(true), "policies": NIGHT })).await;
        root.put(&format!("{NOTES}/rules"), &json!({ "policies": "" })).await;
        assert_eq!(root.got(&format!("{NOTES}/rules/models/1")).await, json!({ "version": 1, "document": model(false) }));
        assert_eq!(root.got(&format!("{NOTES}/rules/models/2")).await["document"], model(true));
        assert_eq!(root.got(&format!("{NOTES}/rules/policies/1")).await, json!({ "version": 1, "text": NIGHT }));
        let schema = root.got(&format!("{NOTES}/rules/schema")).await;
        let text = schema["text"].as_str().unwrap();
        assert!(schema["version"] == 2 && text.contains("namespace Resource") && text.contains("\"knock\""), "{text}");
        let earlier = house.command(&["authz", "schema", "--resource-server", "notes", "--model", "1"]);
        assert!(!earlier["text"].as_str().unwrap().contains("knock"), "{earlier}");
        assert_eq!(house.command(&["authz", "show", "--resource-server", "notes", "--policies", "1"])["text"], NIGHT);
        for nowhere in ["models/0", "models/3", "models/x", "policies/2", "policies/-1"] {
            let answer = root.get(&format!("{NOTES}/rules/{nowhere}")).await;
            assert_eq!(answer.refusal(), (404, "not_found".into()), "{nowhere}: {answer:?}");
        }
        let without = root.get("/api/v1/resource-servers/files/rules/schema").await;
        assert_eq!(without.refusal(), (404, "not_found".into()), "{without:?}");

        let one = house.operator("reader", &[]).await;
        root.made("/api/v1/assignments", &json!({
            "principal": "client:reader", "resource_server": "doorward", "permission": "read:rules", "on": "rules:notes",
        })).await;
        crate::support::eventually("the right to read", async || one.get(&format!("{NOTES}/rules/models/1")).await.status == 200).await;
        for what in ["models/1", "policies/1", "schema"] {
            assert_eq!(one.get(&format!("{NOTES}/rules/{what}")).await.status, 200, "{what}");
            let other = one.get(&format!("/api/v1/resource-servers/files/rules/{what}")).await;
            assert_eq!(other.refusal(), (403, "not_permitted".into()), "{what}: {other:?}");
        }
        let refused = one.put(&format!("{NOTES}/rules"), &json!({ "tests": [case("user:bob", "book", false)] })).await;
        assert_eq!(refused.refusal(), (403, "not_permitted".into()), "who may only read learns nothing by tests: {refused:?}");
    }

    async fn tests_are_read_strictly_and_bounded(house: House) {
        let root = rooms(&house).await;
        let mut unknown = case("user:bob", "book", true);
        unknown["contxt"] = json!({});
        for (tests, member) in [
            (json!([case("user:bob", "book", true), { "subject": "user:bob" }]), "tests[1].action"),
            (json!([unknown]), "tests[0].contxt"),
            (json!([{ "subject": "user:bob", "action": "book", "resource": "room:1", "decision": "yes" }]), "tests[0].decision"),
            (json!({}), "tests"),
            (json!(vec![case("user:bob", "book", true); 1_001]), "tests"),
        ] {
            let refused = root.put(&format!("{NOTES}/rules"), &json!({ "policies": NIGHT, "tests": tests })).await;
            assert_eq!((refused.status, refused.json()["member"].clone()), (400, json!(member)), "{refused:?}");
        }
        let mut many = vec![case("user:bob", "book", true); 999];
        many.push(case("user:carol", "book", true));
        let refused = root.put(&format!("{NOTES}/rules"), &json!({ "policies": NIGHT, "tests": many })).await;
        assert_eq!((refused.refusal(), refused.json()["member"].clone()), ((422, "tests_failed".into()), json!("tests[999]")), "{refused:?}");
    }
}
