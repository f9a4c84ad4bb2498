//! What is refused where it is written, since decisions would stumble over it; and names that go beyond a model.

use doorward::admin::relations::RelationFilter;
use doorward::admin::resources::ResourceWrite;
use doorward::admin::rules::RuleChange;
use doorward::admin::subjects::SubjectPut;
use serde_json::{Map, Value, json};

use super::relations::documents;
use crate::support::authz::writes;
use crate::support::{House, both, eventually, slug};

fn chain(from: usize, to: usize) -> Vec<String> {
    (from..to).map(|at| format!("folder:{at}#parent@folder:{}", at + 1)).collect()
}

/// What a write of edges is refused with.
async fn relate(house: &House, edges: &[String]) -> Result<(), String> {
    let edges: Vec<_> = edges.iter().map(String::as_str).collect();
    let written = house.node().admin().write_relations(&slug("notes"), &writes(&edges)).await;
    written.map(drop).map_err(|error| error.to_string())
}

/// What alice may do to a note, as found.
async fn actions(house: &House) -> Vec<String> {
    let body = json!({ "subject": { "type": "user", "id": "alice" }, "resource": { "type": "note", "id": "42" } });
    let answer = house.json("/access/v1/search/action", &house.notes_api(), &body).await.json();
    let results = answer["results"].as_array().unwrap().iter();
    results.map(|result| result["name"].as_str().unwrap().to_owned()).collect()
}

both! {
    async fn an_edge_that_makes_a_way_too_long_is_refused_wherever_it_is_put_in(house: House) {
        house.model(&documents()).await;
        let too_long = |place: usize| Err(format!("write[{place}]: that would nest resources deeper than 48"));
        assert_eq!(relate(&house, &chain(0, 70)).await, too_long(0));
        let admin = house.node().admin();
        assert!(admin.relations(&slug("notes"), RelationFilter::default(), None, 10).await.unwrap().is_empty(), "nothing of it is written");

        for part in [chain(0, 24), chain(25, 48), chain(24, 25), chain(48, 49)] {
            assert_eq!(relate(&house, &part).await, Ok(()));
        }
        let above = [vec!["document:1#viewer@user:bob".to_owned()], chain(49, 50)].concat();
        assert_eq!(relate(&house, &above).await, too_long(1));
        assert_eq!(relate(&house, &["document:1#parent@folder:0".to_owned()]).await, too_long(0));
        assert_eq!(relate(&house, &["team:1#member@team:2#member".to_owned()]).await, Ok(()));

        // As long as it may be, and all who are at its end can still be asked about.
        house.relate(&["document:2#parent@folder:2", "folder:49#viewer@user:bob"]).await;
        house.comes_out(&[("user:bob", "read", "document:2", true), ("user:carol", "read", "document:2", false)]).await;
        // A ring is short from everywhere.
        assert_eq!(relate(&house, &["folder:p#parent@folder:q".to_owned(), "folder:q#parent@folder:p".to_owned()]).await, Ok(()));
        house.comes_out(&[("user:bob", "read", "folder:p", false)]).await;
    }

    async fn what_is_known_of_people_is_not_for_resource_servers_to_register(house: House) {
        house.model(&documents()).await;
        let put = |subject: &str, attributes: Value| SubjectPut {
            subject: subject.parse().unwrap(),
            attributes: Some(attributes.as_object().unwrap().clone()),
            disabled: None,
        };
        let admin = house.node().admin();
        for name in ["email", "username", "name"] {
            let items = [put("user:bob", json!({ "team": "a" })), put("user:alice", json!({ (name): "x" }))];
            let refused = admin.put_subjects(&slug("notes"), &items).await.unwrap_err().to_string();
            assert!(refused.starts_with(&format!("put[1]: attributes: \"{name}\" of people is known here")), "{refused}");
        }
        let others = [put("client:bot", json!({ "name": "x" })), put("employee:42", json!({ "email": "x@example.com" }))];
        admin.put_subjects(&slug("notes"), &others).await.unwrap();
    }

    async fn actions_beside_the_model_are_found_as_well(house: House) {
        house.model(&json!({ "resources": { "note": { "actions": { "print": {}, "read": {} } } } })).await;
        house.policies("permit (principal, action == Action::\"print\", resource);").await;
        let put = vec![("note:42".parse().unwrap(), Map::new())];
        house.node().admin().write_resources(&slug("notes"), &ResourceWrite { put, delete: Vec::new() }).await.unwrap();
        eventually("the policy counts", async || actions(&house).await.contains(&"print".to_owned())).await;
        assert_eq!(actions(&house).await, ["create", "delete", "print", "read", "update"]);
    }

    async fn policies_that_nest_deep_are_refused_and_nobody_notices(house: House) {
        house.model(&documents()).await;
        let deep = format!("permit (principal, action, resource) when {{ {} }};", "(".repeat(200_000));
        let change = RuleChange { model: None, policies: Some(deep) };
        let refused = house.node().admin().put_rules(&slug("notes"), &change).await.unwrap_err().to_string();
        assert!(refused.contains("brackets within brackets, more than 64 deep"), "{refused}");
        house.comes_out(&[("user:bob", "read", "document:1", false)]).await;
    }
}
