//! Roles of an application are made of what is held there.

use std::time::Duration;

use doorward::domain::assignment::Effect;
use doorward::domain::time::{Clock as _, Interval};
use serde_json::json;

use super::{is_beyond, is_done};
use crate::support::{House, both, permission, slug};

const ROLES: &str = "/api/v1/resource-servers/notes/roles";

both! {
    async fn nobody_makes_changes_or_deletes_a_role_of_more_than_they_hold(house: House) {
        let maker = house.operator("maker", &["*:role"]).await;
        for body in [
            json!({ "name": "big", "permissions": ["read:note"] }),
            json!({ "name": "big", "permissions": ["*:*"] }),
            json!({ "name": "big", "includes": ["viewer"] }),
        ] {
            is_beyond(&body.to_string(), &maker.post(ROLES, &body).await, &["at notes"]);
        }
        maker.made(ROLES, &json!({ "name": "nothing" })).await;
        house.gives("client:maker", "editor", None, Effect::Allow).await;
        maker.made(ROLES, &json!({ "name": "mine", "permissions": ["read:note"], "includes": ["viewer"] })).await;
        for body in [json!({ "name": "big", "permissions": ["delete:note"] }), json!({ "name": "big", "includes": ["owner"] })] {
            is_beyond(&body.to_string(), &maker.post(ROLES, &body).await, &["delete:note at notes"]);
        }
        let at = |role: &str| format!("{ROLES}/{role}");
        for (role, change) in [
            ("mine", json!({ "add_permissions": ["delete:note"] })),
            ("mine", json!({ "add_includes": ["owner"], "remove_permissions": ["read:note"] })),
            ("owner", json!({ "remove_permissions": ["delete:note"] })),
            ("owner", json!({ "add_permissions": ["read:note"] })),
        ] {
            is_beyond(&change.to_string(), &maker.patch(&at(role), &change).await, &["delete:note at notes"]);
        }
        let admin = house.node().admin();
        admin.create_role(&slug("notes"), slug("eraser"), vec![permission("delete:note")], &[]).await.unwrap();
        is_beyond("deleting", &maker.delete(&at("eraser")).await, &["delete:note at notes"]);
        is_done("less", &maker.patch(&at("mine"), &json!({ "add_permissions": ["update:note"], "remove_includes": ["viewer"] })).await);
        for role in ["mine", "nothing"] {
            is_done("its own", &maker.delete(&at(role)).await);
        }
    }

    async fn nobody_raises_the_role_they_hold_by_holding_it(house: House) {
        let raiser = house.operator("raiser", &["*:role"]).await;
        let admin = house.node().admin();
        for name in ["empty", "small"] {
            admin.create_role(&slug("notes"), slug(name), vec![], &[]).await.unwrap();
        }
        admin.create_role(&slug("notes"), slug("outer"), vec![permission("read:note")], &[slug("small")]).await.unwrap();
        house.gives("client:raiser", "empty", None, Effect::Allow).await;
        house.joins("client:raiser", "team", Interval::ALWAYS).await;
        house.gives("group:team", "outer", None, Effect::Allow).await;
        for role in ["empty", "small", "outer"] {
            for change in [
                json!({ "add_permissions": ["delete:note"] }), json!({ "add_permissions": ["*:*"] }), json!({ "add_includes": ["owner"] }),
            ] {
                let answer = raiser.patch(&format!("{ROLES}/{role}"), &change).await;
                is_beyond(&format!("{role} {change}"), &answer, &["at notes"]);
            }
            is_done("what it holds", &raiser.patch(&format!("{ROLES}/{role}"), &json!({ "add_permissions": ["read:note"] })).await);
        }
        assert!(house.may_as("client", "raiser", "read").await && !house.may_as("client", "raiser", "delete").await);
    }

    async fn what_is_held_for_a_time_or_on_one_thing_makes_no_role(house: House) {
        let maker = house.operator("maker", &["*:role"]).await;
        let day = Interval::new(None, Some(house.clock.now().plus(Duration::from_hours(24)))).unwrap();
        house.gives_for("client:maker", "read:note", None, Effect::Allow, day).await;
        house.gives("client:maker", "update:note", Some("note:7"), Effect::Allow).await;
        for held in ["read:note", "update:note"] {
            let answer = maker.post(ROLES, &json!({ "name": "r", "permissions": [held] })).await;
            is_beyond(held, &answer, &[held, "at notes,"]);
        }
    }
}
