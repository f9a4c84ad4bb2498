//! What somebody holds is one value as long as it is little, and is asked for resource by resource beyond: nobody can tell.

use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::decision::WHOLE_MAX;
use doorward::domain::assignment::Effect;
use doorward::domain::id::AssignmentId;
use doorward::domain::object::ObjectRef;
use doorward::domain::time::Interval;
use serde_json::{Value, json};

use crate::support::{House, both, eventually, permission, slug};

/// Gives `update:note` on one note.
async fn give(house: &House, to: &str, note: usize, effect: Effect) -> AssignmentId {
    let new = NewAssignment {
        principal: to.parse().unwrap(),
        resource_server: slug("notes"),
        held: HeldRef::Permission(permission("update:note")),
        scope: Some(ObjectRef::parse(&format!("note:{note}")).unwrap()),
        effect,
        interval: Interval::ALWAYS,
        reason: None,
    };
    house.node().admin().add_assignment(&new).await.unwrap().0.assignment.id
}

/// Which of these notes bob may update, asked in one request.
async fn updates(house: &House, notes: &[usize]) -> Vec<usize> {
    let items: Vec<_> =
        notes.iter().map(|note| json!({ "resource": { "type": "note", "id": note.to_string() } })).collect();
    let body = json!({
        "subject": { "type": "user", "id": "bob" }, "action": { "name": "update" }, "evaluations": items,
    });
    let answer = house.json("/access/v1/evaluations", &house.notes_api(), &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answers: Vec<Value> = answer.json()["evaluations"].as_array().unwrap().clone();
    let allowed = notes.iter().zip(answers).filter(|(_, answer)| answer["decision"] == true);
    allowed.map(|(note, _)| *note).collect()
}

async fn comes_to(house: &House, notes: &[usize], expected: &[usize]) {
    let what = format!("of {notes:?} {expected:?}");
    eventually(&what, async || updates(house, notes).await == expected).await;
    for note in notes {
        let alone = house.decides("user:bob", "update", &format!("note:{note}")).await;
        assert_eq!(alone, expected.contains(note), "note {note} by itself");
    }
}

both! {
    async fn what_somebody_holds_counts_below_and_above_the_bound_of_one_value(house: House) {
        // Known as little, then written to, with each write seen.
        let first = give(&house, "user:bob", 0, Effect::Allow).await;
        comes_to(&house, &[0, 1, WHOLE_MAX], &[0]).await;
        let mut given = vec![first];
        // One less than the bound, with the role that bob has on the whole: exactly the bound.
        for note in 1..WHOLE_MAX - 1 {
            given.push(give(&house, "user:bob", note, Effect::Allow).await);
        }
        comes_to(&house, &[0, 1, WHOLE_MAX - 2, WHOLE_MAX - 1], &[0, 1, WHOLE_MAX - 2]).await;
        // Beyond it.
        for note in [WHOLE_MAX - 1, WHOLE_MAX] {
            given.push(give(&house, "user:bob", note, Effect::Allow).await);
        }
        comes_to(&house, &[0, 1, WHOLE_MAX, WHOLE_MAX + 1], &[0, 1, WHOLE_MAX]).await;
        let deny = give(&house, "user:bob", 1, Effect::Deny).await;
        comes_to(&house, &[0, 1, WHOLE_MAX], &[0, WHOLE_MAX]).await;
        assert!(house.decides("user:bob", "read", "note:77").await, "by the role on the whole");
        // And back.
        house.node().admin().remove_assignment(deny).await.unwrap();
        for id in given.iter().skip(1) {
            house.node().admin().remove_assignment(*id).await.unwrap();
        }
        comes_to(&house, &[0, 1, WHOLE_MAX], &[0]).await;
    }

    async fn a_group_that_holds_very_much_beside_a_person_who_holds_little(house: House) {
        house.command(&["group", "create", "staff"]);
        house.command(&["group", "add", "staff", "user:bob"]);
        for note in 0..=WHOLE_MAX {
            give(&house, "group:staff", note, Effect::Allow).await;
        }
        give(&house, "user:bob", 3, Effect::Deny).await;
        comes_to(&house, &[2, 3, 4, WHOLE_MAX + 1], &[2, 4]).await;
        house.command(&["group", "remove", "staff", "user:bob"]);
        comes_to(&house, &[2, 3, 4], &[]).await;
    }

    async fn the_answers_of_a_batch_about_several_people_are_those_of_each_alone(house: House) {
        let ask = |subject: &str, action: &str, note: &str| json!({
            "subject": { "type": "user", "id": subject }, "action": { "name": action },
            "resource": { "type": "note", "id": note },
        });
        let people = ["alice", "bob", "nobody", "alice", "alice", "bob"];
        let items: Vec<_> = people.iter().flat_map(|who| ["read", "delete"].map(|action| ask(who, action, "7"))).collect();
        let answer = house.json("/access/v1/evaluations", &house.notes_api(), &json!({ "evaluations": items })).await.json();
        let mut alone = Vec::new();
        for item in &items {
            alone.push(house.json("/access/v1/evaluation", &house.notes_api(), item).await.json());
        }
        assert_eq!(answer, json!({ "evaluations": alone }));
        let allowed = alone.iter().filter(|answer| answer["decision"] == true).count();
        assert!(0 < allowed && allowed < alone.len(), "{alone:?}");
    }
}
