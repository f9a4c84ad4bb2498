//! Two servers on one PostgreSQL; and not on one SQLite file.

use std::time::Duration;

use doorward::domain::assignment::Effect;
use doorward::domain::time::Interval;

use serde_json::json;

use crate::support::{
    Auth, Database, House, NOTES, Options, assign, evaluation, eventually, header_of, verify_through_jwks,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_on_one_node_is_refused_on_the_other_within_a_second() {
    let one = House::start(Database::Postgres, Options::default()).await;
    let other = one.neighbour().await;
    let token = other.token().await;
    assert!(other.may("bob", "read").await && one.may("bob", "read").await);
    assert_eq!(other.introspect(&other.notes_api(), &token).await["active"], true);

    // A role is withdrawn on one.
    let held = one.command(&["assign", "list", "--resource-server", "notes", "--principal", "user:bob"]);
    one.node()
        .admin()
        .remove_assignment(held["assignments"][0]["id"].as_str().unwrap().parse().unwrap())
        .await
        .unwrap();
    eventually("a withdrawn role", async || !other.may("bob", "read").await).await;
    assign(one.node().admin(), "user:bob", "notes", "editor", Effect::Allow, Interval::ALWAYS).await;
    eventually("a given role", async || other.may("bob", "update").await).await;

    // A token is revoked on one.
    assert_eq!(one.form("/oauth2/revoke", &one.bot(), &[("token", &token)]).await.status, 200);
    eventually("a revoked token", async || other.introspect(&other.notes_api(), &token).await["active"] == false).await;

    // A client is disabled on one.
    let token = other.token().await;
    one.node().admin().set_client_disabled("bot", true).await.unwrap();
    eventually("a disabled client", async || other.ask_token(&other.bot(), &[]).await.status == 401).await;
    assert_eq!(other.introspect(&other.notes_api(), &token).await["active"], false);
    one.node().admin().disable_person("alice").await.unwrap();
    eventually("a disabled person", async || !other.may("alice", "read").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_share_signing_keys_and_follow_their_revocation() {
    let one = House::start(Database::Postgres, Options::default()).await;
    let other = one.neighbour().await;
    let (a, b) = (one.token().await, other.token().await);
    assert_eq!(header_of(&a)["kid"], header_of(&b)["kid"]);
    verify_through_jwks(&other, &a, NOTES).await.unwrap();
    one.command(&["keys", "revoke", header_of(&a)["kid"].as_str().unwrap()]);
    for node in [&one, &other] {
        eventually("a revoked key", async || node.introspect(&node.notes_api(), &a).await["active"] == false).await;
    }
    let fresh = other.token().await;
    eventually("the new key", async || one.introspect(&one.notes_api(), &fresh).await["active"] == true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_processes_may_start_on_an_empty_database_at_once() {
    for database in [Database::Sqlite, Database::Postgres] {
        let folder = tempfile::tempdir().unwrap();
        let url = database.create(folder.path()).await;
        let run = |arguments: &[&str]| {
            std::process::Command::new(env!("CARGO_BIN_EXE_doorward"))
                .args(arguments)
                .env_clear()
                .env("DOORWARD_DATABASE_URL", &url)
                .env("DOORWARD_KEYS_MASTER_KEY_FILE", folder.path().join("master.key"))
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        };
        let processes: Vec<_> = (0..6).map(|i| run(&["user", "create", &format!("u{i}")])).collect();
        for process in processes {
            let output = process.wait_with_output().unwrap();
            assert!(output.status.success(), "{database:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let listed = run(&["user", "list", "--json"]).wait_with_output().unwrap();
        let people: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
        assert_eq!(people["users"].as_array().unwrap().len(), 6, "{database:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_at_once_agree_on_one_first_key() {
    let nodes = House::at_once(Database::Postgres, 4).await;
    let keys = nodes[0].get("/oauth2/jwks").await.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1);
    for node in &nodes {
        assert_eq!(node.get("/oauth2/jwks").await.json(), keys);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cannot_know_what_was_written_refuses_instead_of_answering_from_the_past() {
    let options = Options::default().set("decision.freshness_bound", "1s");
    let house = House::start(Database::Postgres, options).await;
    let token = house.token().await;
    let batch = json!({ "evaluations": [evaluation("user", "bob", "read", "note", "1")] });
    let statuses = async || {
        let decision = house.json("/access/v1/evaluation", &house.notes_api(), &batch["evaluations"][0]).await;
        let several = house.json("/access/v1/evaluations", &house.notes_api(), &batch).await;
        let introspection = house.form("/oauth2/introspect", &house.notes_api(), &[("token", &token)]).await;
        [decision.status, several.status, introspection.status]
    };
    assert_eq!(statuses().await, [200, 200, 200]);

    // The log is gone; all that this node knows is in its caches still.
    let (database, connection) = tokio_postgres::connect(&house.database_url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    database.batch_execute("ALTER TABLE revisions RENAME TO revisions_elsewhere").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(statuses().await, [503, 503, 503]);
    let refused = house.json("/access/v1/evaluation", &house.notes_api(), &batch["evaluations"][0]).await;
    assert!(refused.json().get("decision").is_none(), "not knowing is not denying: {refused:?}");

    database.batch_execute("ALTER TABLE revisions_elsewhere RENAME TO revisions").await.unwrap();
    eventually("it knows again", async || statuses().await == [200, 200, 200]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_the_log_does_not_lead_to_the_present_begins_anew() {
    let house = House::start(Database::Postgres, Options::default()).await;
    let reads = async || {
        let asked = evaluation("user", "bob", "read", "note", "1");
        house.json("/access/v1/evaluation", &house.notes_api(), &asked).await.json()["decision"] == true
    };
    assert!(reads().await);
    // More was written than the log is followed for, and the beginning of it is gone.
    let (database, connection) = tokio_postgres::connect(&house.database_url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let written = "BEGIN; DELETE FROM assignments WHERE principal_kind = 'user'; \
                   UPDATE revisions SET revision = revision + 10001; COMMIT";
    database.batch_execute(written).await.unwrap();
    eventually("what was known is forgotten", async || !reads().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_one_sqlite_file_is_refused() {
    let house = House::start(Database::Sqlite, Options::default()).await;
    let output = house.doorward(&["serve"]);
    assert!(!output.status.success());
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("another Doorward server") && errors.contains("PostgreSQL"), "{errors}");
    assert_eq!(
        house.ask_token(&Auth::basic("bot", &house.world.bot), &[]).await.status,
        200,
        "the first one serves on"
    );
    tokio::time::sleep(Duration::from_millis(1)).await;
}
