//! Authorization as files: the worlds of `tests/worlds`, applied to a running server, decide there as they do without one.

use std::path::{Path, PathBuf};

use doorward::decision::given::{Case, DecisionTests, Given, GivenRelation, GivenResource, GivenSubject};
use doorward::domain::assignment::Effect;
use doorward::domain::time::{Clock as _, Interval};
use reqwest::Method;
use serde_json::{Value, json};

use crate::api::support::Operator;
use crate::support::{Auth, House, both, eventually, slug};

const POST: Method = Method::POST;

const WORLDS: [&str; 4] = ["documents", "code-host", "todo", "clinic"];

fn folder(world: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds").join(world)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The decision tests of a world, in order of their files.
fn tests_of(world: &str) -> Vec<DecisionTests> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder(world).join("tests")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| toml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()).collect()
}

/// A copy that a test may change.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::write(&target, std::fs::read(&path).unwrap()).unwrap();
        }
    }
}

fn rewrite(file: &Path, from: &str, to: &str) {
    let before = std::fs::read_to_string(file).unwrap();
    assert!(before.contains(from), "{}: {from}", file.display());
    std::fs::write(file, before.replace(from, to)).unwrap();
}

fn without_null(mut body: Value) -> Value {
    body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    body
}

impl House {
    fn apply(&self, folder: &Path) -> Value {
        self.command(&["authz", "apply", text(folder)])
    }

    /// What a command that must fail says.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.doorward(arguments);
        assert!(!output.status.success(), "{arguments:?}");
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    /// A client that asks for decisions of a resource server.
    async fn api_of(&self, root: &Operator<'_>, server: &str) -> Auth {
        let id = format!("{server}-pep");
        let new = json!({ "client_id": id, "resource_servers": [server], "decision_caller": true });
        let made = root.made("/api/v1/clients", &new).await;
        Auth::basic(&id, made["client_secret"].as_str().unwrap())
    }

    /// What the decision tests of a world take as given, through the public API.
    async fn bring(&self, root: &Operator<'_>, server: &str, given: &Given) {
        for person in &given.people {
            let new = without_null(json!({
                "username": person.username, "sub": person.sub, "name": person.name, "email": person.email,
                "email_verified": person.email.as_ref().map(|_| true),
            }));
            root.done(POST, "/api/v1/users", &new).await;
            if person.disabled {
                assert_eq!(root.act(&format!("/api/v1/users/{}/disable", person.username)).await.status, 200);
            }
        }
        for client in &given.clients {
            root.done(POST, "/api/v1/clients", &json!({ "client_id": client })).await;
        }
        for member in &given.members {
            let new =
                json!({ "member": member.member, "not_before": member.not_before, "expires_at": member.expires_at });
            root.done(POST, &format!("/api/v1/groups/{}/members", member.group), &without_null(new)).await;
        }
        let at = format!("/api/v1/resource-servers/{server}");
        let subject = |of: &GivenSubject| {
            without_null(json!({ "subject": of.subject, "attributes": of.attributes, "disabled": of.disabled }))
        };
        let put: Vec<_> = given.subjects.iter().map(subject).collect();
        root.done(POST, &format!("{at}/subjects"), &json!({ "put": put })).await;
        let resource = |of: &GivenResource| json!({ "resource": of.resource, "attributes": of.attributes });
        let put: Vec<_> = given.resources.iter().map(resource).collect();
        root.done(POST, &format!("{at}/resources"), &json!({ "put": put })).await;
        let edge = |of: &GivenRelation| {
            without_null(json!({
                "object": of.object, "relation": of.relation, "subject": of.subject,
                "not_before": of.not_before, "expires_at": of.expires_at,
            }))
        };
        let write: Vec<_> = given.relations.iter().map(edge).collect();
        root.done(POST, &format!("{at}/relations"), &json!({ "write": write })).await;
        for assignment in &given.assignments {
            let new = json!({
                "principal": assignment.to, "resource_server": server, "role": assignment.role,
                "permission": assignment.permission.as_ref().map(ToString::to_string), "on": assignment.on,
                "effect": if assignment.deny { "deny" } else { "allow" },
                "not_before": assignment.not_before, "expires_at": assignment.expires_at,
            });
            root.done(POST, "/api/v1/assignments", &without_null(new)).await;
        }
    }

    /// What is answered; nothing while the server has not heard of the caller yet, whom a command made.
    async fn asked(&self, api: &Auth, case: &Case) -> Option<bool> {
        let entity = |text: &str, properties: &serde_json::Map<String, Value>| {
            let (of, id) = text.split_once(':').unwrap();
            json!({ "type": of, "id": id, "properties": properties })
        };
        let body = json!({
            "subject": entity(&case.subject, &case.properties.subject),
            "action": { "name": case.action, "properties": case.properties.action },
            "resource": entity(&case.resource, &case.properties.resource),
            "context": case.context,
        });
        let answer = self.json("/access/v1/evaluation", api, &body).await;
        if answer.error() == "not_a_decision_caller" {
            return None;
        }
        assert_eq!(answer.status, 200, "{body}: {answer:?}");
        answer.json()["decision"].as_bool()
    }
}

both! {
    async fn every_world_decides_over_http_as_its_files_say(house: House) {
        let root = house.root().await;
        let mut asked = 0;
        for world in WORLDS {
            assert_eq!(house.command(&["authz", "test", text(&folder(world))])["failed"], 0);
            assert_eq!(house.apply(&folder(world))["changed"], true);
            assert_eq!(house.apply(&folder(world))["changed"], false, "{world}: the second time");
            let api = house.api_of(&root, world).await;
            for tests in tests_of(world) {
                house.bring(&root, world, &tests.given).await;
                for case in &tests.decide {
                    if let Some(now) = case.now.or(tests.given.now) {
                        house.advance(house.clock.now().until(now));
                    }
                    let what = format!("{world}: {} {} {}", case.subject, case.action, case.resource);
                    eventually(&what, async || house.asked(&api, case).await == Some(case.decision)).await;
                    asked += 1;
                }
            }
        }
        println!("{asked} decisions came out over HTTP as offline");
    }

    async fn what_is_exported_and_applied_again_is_the_same_byte_for_byte(house: House) {
        let place = tempfile::tempdir().unwrap();
        for world in WORLDS {
            house.apply(&folder(world));
            let [first, second] = ["a", "b"].map(|name| place.path().join(format!("{world}-{name}")));
            house.command(&["authz", "export", "--resource-server", world, text(&first)]);
            assert_eq!(house.apply(&first)["changed"], false, "{world}");
            // What was exported decides as what was applied.
            let tested = place.path().join(format!("{world}-tested"));
            copy(&first, &tested);
            copy(&folder(world).join("tests"), &tested.join("tests"));
            assert_eq!(house.command(&["authz", "test", text(&tested)])["failed"], 0, "{world}");
            house.command(&["authz", "export", "--resource-server", world, text(&second)]);
            for entry in std::fs::read_dir(&first).unwrap() {
                let name = entry.unwrap().file_name();
                let [a, b] = [&first, &second].map(|folder| std::fs::read_to_string(folder.join(&name)).unwrap());
                assert_eq!(a, b, "{world}: {}", name.display());
            }
            let again = house.refused(&["authz", "export", "--resource-server", world, text(&first)]);
            assert!(again.contains("is not empty"), "{again}");
        }
    }

    async fn a_rollback_restores_the_earlier_decisions_at_once(house: House) {
        let place = tempfile::tempdir().unwrap();
        let changed = place.path().join("documents");
        copy(&folder("documents"), &changed);
        house.apply(&changed);
        let root = house.root().await;
        let api = house.api_of(&root, "documents").await;
        let tests = tests_of("documents").remove(0);
        house.bring(&root, "documents", &tests.given).await;
        let is = |subject: &str, resource: &str| {
            let of = |case: &&Case| case.subject == subject && case.action == "read" && case.resource == resource;
            tests.decide.iter().find(of).unwrap()
        };
        let (draft, link) = (is("user:dee", "document:sketch"), is("user:dee", "document:flyer"));
        eventually("the link is there", async || house.asked(&api, link).await == Some(true)).await;
        assert!(house.asked(&api, draft).await == Some(false));

        // Drafts for everybody, links for nobody.
        std::fs::remove_dir_all(changed.join("tests")).unwrap();
        rewrite(&changed.join("policies.cedar"), "resource.draft }", "resource.draft && !resource.draft }");
        rewrite(&changed.join("model.toml"), "\"user:*\", ", "");
        let told = house.apply(&changed);
        let lines = told["difference"].to_string();
        assert!(lines.contains("- resources.document.relations.viewer.subjects: user:*"), "{lines}");
        assert!(lines.contains("+ when { resource has draft && resource.draft && !resource.draft }"), "{lines}");
        eventually("drafts are open", async || house.asked(&api, draft).await == Some(true)).await;
        eventually("links are not", async || house.asked(&api, link).await == Some(false)).await;

        house.command(&["authz", "rollback", "--resource-server", "documents", "--model", "1", "--policies", "1"]);
        eventually("drafts are closed", async || house.asked(&api, draft).await == Some(false)).await;
        eventually("links are open", async || house.asked(&api, link).await == Some(true)).await;
        let versions = house.command(&["authz", "versions", "--resource-server", "documents"]);
        assert_eq!(versions["model"][1]["active"], true, "{versions}");
    }

    async fn nothing_is_written_when_a_test_fails_or_a_removed_role_is_held(house: House) {
        let place = tempfile::tempdir().unwrap();
        let changed = place.path().join("documents");
        copy(&folder("documents"), &changed);
        rewrite(&changed.join("policies.cedar"), "resource.hold }", "!resource.hold }");
        let refused = house.refused(&["authz", "apply", text(&changed)]);
        assert!(refused.contains("nothing was written") && refused.contains("decide["), "{refused}");
        assert!(house.node().admin().authorization(&slug("documents")).await.unwrap().is_none());

        house.apply(&folder("documents"));
        house.bring(&house.root().await, "documents", &tests_of("documents").remove(0).given).await;
        std::fs::remove_dir_all(changed.join("tests")).unwrap();
        std::fs::remove_file(changed.join("roles.toml")).unwrap();
        std::fs::write(changed.join("policies.cedar"), "").unwrap();
        let refused = house.refused(&["authz", "apply", text(&changed)]);
        assert!(refused.contains("user:eve holds the role librarian"), "{refused}");
        // Only shown: nothing else than before.
        std::fs::write(changed.join("roles.toml"), "[roles.librarian]\n").unwrap();
        let shown = house.command(&["authz", "apply", "--dry-run", text(&changed)]);
        assert!(shown["difference"].to_string().contains("- archivist"), "{shown}");
        assert_eq!(house.apply(&folder("documents"))["changed"], false);
        std::fs::write(changed.join("roles.toml"), "[roles.librarian]\npermission = []\n").unwrap();
        let refused = house.refused(&["authz", "apply", text(&changed)]);
        assert!(refused.contains("roles.toml") && refused.contains("line 2") && refused.contains("unknown field"), "{refused}");
    }

    async fn groups_of_a_folder_take_no_last_administrator_away(house: House) {
        let admin = house.node().admin();
        house.apply(&folder("documents"));
        house.give_password("alice").await;
        admin.add_group_member(&slug("editors"), &"user:alice".parse().unwrap(), Interval::ALWAYS, None).await.unwrap();
        crate::support::assign(admin, "group:staff", "doorward", "admin", Effect::Allow, Interval::ALWAYS).await;
        let place = tempfile::tempdir().unwrap();
        let changed = place.path().join("documents");
        copy(&folder("documents"), &changed);
        rewrite(&changed.join("groups.toml"), "groups = [\"editors\"]", "");
        std::fs::remove_dir_all(changed.join("tests")).unwrap();
        let shown = house.command(&["authz", "apply", "--dry-run", text(&changed)]);
        let line = "- group editors leaves staff, which is allowed *:*";
        assert!(shown["difference"].to_string().contains(line), "{shown}");
        let refused = house.refused(&["authz", "apply", text(&changed)]);
        assert!(refused.contains("nobody would be left"), "{refused}");
        house.give_password("bob").await;
        crate::support::assign(admin, "user:bob", "doorward", "admin", Effect::Allow, Interval::ALWAYS).await;
        assert_eq!(house.apply(&changed)["changed"], true);
    }
}
