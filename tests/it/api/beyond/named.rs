//! A role or group may be worth more than its permissions: policies may name it, and tokens say which roles one has.

use doorward::admin::assignments::{HeldRef, NewAssignment};
use doorward::admin::resource_servers::NewResourceServer;
use doorward::admin::rules::RuleChange;
use doorward::domain::assignment::Effect;
use doorward::domain::model::Model;
use doorward::domain::resource_server::TokenClaims;
use doorward::domain::scope::Scopes;
use doorward::domain::time::Interval;
use serde_json::json;

use super::scopes::folders;
use super::{gift, is_beyond, is_done, on};
use crate::support::{House, both, permission, slug};

/// An application whose tokens do not say which roles one has, with the roles `plain` and `named` of nothing.
async fn shop(house: &House) {
    let admin = house.node().admin();
    let new = NewResourceServer {
        name: slug("shop"),
        identifier: "https://shop.example".into(),
        scopes: Scopes::default(),
        permissions: vec![permission("buy:thing")],
        claims: TokenClaims { roles: false, permissions: true },
    };
    admin.create_resource_server(new).await.unwrap();
    for name in ["plain", "named"] {
        admin.create_role(&slug("shop"), slug(name), vec![], &[]).await.unwrap();
    }
    admin.create_role(&slug("shop"), slug("outer"), vec![], &[slug("named")]).await.unwrap();
}

async fn policies(house: &House, text: &str) {
    let model = Some(Model::parse(&folders()).unwrap());
    let change = RuleChange { model, policies: Some(text.to_owned()) };
    house.node().admin().put_rules(&slug("shop"), &change).await.unwrap();
}

both! {
    async fn a_role_that_policies_name_is_given_by_who_has_it(house: House) {
        shop(&house).await;
        let hand = house.operator("hand", &["*:assignment", "*:role"]).await;
        is_done("of nothing", &hand.gives(&gift("user:bob", "shop", "named")).await);
        policies(&house, "permit(principal in Role::\"named\", action, resource);").await;
        is_done("one that is not named", &hand.gives(&gift("user:carol", "shop", "plain")).await);
        for role in ["named", "outer"] {
            for body in [gift("user:carol", "shop", role), on(gift("client:hand", "shop", role), "folder:1")] {
                is_beyond(role, &hand.gives(&body).await, &["the role named at shop"]);
            }
        }
        let roles = "/api/v1/resource-servers/shop/roles";
        is_beyond("by inclusion", &hand.post(roles, &json!({ "name": "new", "includes": ["named"] })).await, &["the role named"]);
        is_beyond("by inclusion", &hand.patch(&format!("{roles}/plain"), &json!({ "add_includes": ["named"] })).await, &["the role named"]);
        let named = NewAssignment {
            principal: "client:hand".parse().unwrap(),
            resource_server: slug("shop"),
            held: HeldRef::Role(slug("named")),
            scope: Some("folder:1".parse().unwrap()),
            effect: Effect::Allow,
            interval: Interval::ALWAYS,
            reason: None,
        };
        house.node().admin().add_assignment(&named).await.unwrap();
        is_done("where one has it", &hand.gives(&on(gift("user:carol", "shop", "named"), "folder:1")).await);
        is_beyond("elsewhere", &hand.gives(&gift("user:carol", "shop", "named")).await, &["the role named at shop"]);
    }

    async fn a_role_that_tokens_tell_of_is_given_by_who_has_it(house: House) {
        let hand = house.operator("hand", &["*:assignment"]).await;
        let admin = house.node().admin();
        for (name, permissions) in [("empty", vec![]), ("reader", vec![permission("read:note")])] {
            admin.create_role(&slug("notes"), slug(name), permissions, &[]).await.unwrap();
        }
        house.gives("client:hand", "viewer", None, Effect::Allow).await;
        for role in ["empty", "reader"] {
            is_beyond(role, &hand.gives(&gift("user:carol", "notes", role)).await, &["the role", role, "at notes"]);
        }
        is_done("its own", &hand.gives(&gift("user:carol", "notes", "viewer")).await);
        house.gives("client:hand", "*:*", None, Effect::Allow).await;
        is_done("who holds everything", &hand.gives(&gift("user:carol", "notes", "reader")).await);
    }

    async fn a_group_that_policies_name_is_for_who_is_in_it(house: House) {
        shop(&house).await;
        let usher = house.operator("usher", &["*:member"]).await;
        let inside = house.operator("inside", &["*:member"]).await;
        for group in ["staff", "other"] {
            house.joins("client:inside", group, Interval::ALWAYS).await;
        }
        house.joins("group:other", "staff", Interval::ALWAYS).await;
        let join = json!({ "member": "user:carol" });
        policies(&house, "permit(principal in Group::\"nobody\", action, resource);").await;
        is_done("another group is named", &usher.post("/api/v1/groups/staff/members", &join).await);
        let text = "permit(principal in Group::\"st\\u{61}ff\", action, resource);";
        policies(&house, text).await;
        for (operator, may) in [(&usher, false), (&inside, true)] {
            for group in ["staff", "other"] {
                let members = format!("/api/v1/groups/{group}/members");
                let member = json!({ "member": "user:bob" });
                let answer = operator.post(&members, &member).await;
                if may {
                    is_done(group, &answer);
                    is_done(group, &operator.delete(&format!("{members}/user:bob")).await);
                } else {
                    is_beyond(group, &answer, &["policies", "at shop"]);
                }
            }
        }
        let text = "permit(principal in Group::\"staff\", action, resource);";
        policies(&house, text).await;
        is_beyond("out", &usher.delete("/api/v1/groups/staff/members/user:carol").await, &["policies", "at shop"]);
        // Where policies take something from the members, to be rid of that is for those who hold it.
        is_done("in", &inside.post("/api/v1/groups/other/members", &json!({ "member": "user:bob" })).await);
        policies(&house, "forbid(principal in Group::\"staff\", action, resource);").await;
        for member in ["client:inside", "user:bob"] {
            let path = format!("/api/v1/groups/other/members/{member}");
            is_beyond(member, &inside.delete(&path).await, &["policies", "at shop"]);
        }
    }
}
