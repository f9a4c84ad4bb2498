//! What is logged, and what is never logged.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Auth, Database, House, Options, evaluation, free_port};

#[tokio::test(flavor = "multi_thread")]
async fn every_request_is_one_line_that_says_who_and_what_and_no_secret() {
    // A real process on the database of a house that has been stopped, so that its whole output can be read.
    let mut house = House::start(Database::Sqlite, Options::default()).await;
    house.stop().await;
    let port = free_port();
    let process = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .env_clear()
        .env("DOORWARD_DATABASE_URL", &house.database_url)
        .env("DOORWARD_KEYS_MASTER_KEY_FILE", house.setting("keys.master_key_file"))
        .env("DOORWARD_SERVER_LISTEN", format!("127.0.0.1:{port}"))
        .env("DOORWARD_SERVER_ISSUER", format!("http://localhost:{port}"))
        .env("DOORWARD_SERVER_SHUTDOWN_NOTICE", "0s")
        .env("DOORWARD_LOG_LEVEL", "trace")
        .env("DOORWARD_LOG_FORMAT", "json")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    house.base = format!("http://127.0.0.1:{port}");
    let started = std::time::Instant::now();
    while house.client.get(format!("{}/readyz", house.base)).send().await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let token = house.token().await;
    house.ask_token(&Auth::basic("bot", "a-wrong-secret-that-was-tried"), &[]).await;
    house.introspect(&house.notes_api(), &token).await;
    let question = evaluation("user", "alice", "read", "note", "1");
    let answered = house.json("/access/v1/evaluation", &house.notes_api(), &question).await;
    house
        .json("/access/v1/evaluation", &house.notes_api(), &evaluation("access_token", &token, "read", "note", "1"))
        .await;
    house.get(&format!("/nothing?access_token={token}")).await;
    house.get("/setup/dwsu_a-link-that-was-tried").await;
    house.form("/oauth2/revoke", &house.bot(), &[("token", &token)]).await;

    Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "SIGTERM is an ordinary end");
    let (greeting, log) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(greeting.contains("is ready after") && greeting.contains(&format!("http://localhost:{port}")));

    let secrets = [&token, &house.world.bot, &house.world.notes_api];
    let tried = ["a-wrong-secret-that-was-tried", "dwsu_a-link-that-was-tried"];
    for secret in secrets.into_iter().map(String::as_str).chain(tried) {
        assert!(!log.contains(secret), "{secret} is in the log");
        let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("bot:{secret}"));
        assert!(!log.contains(&basic), "nor in the form it was sent");
    }
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    let requests: Vec<_> = lines.iter().filter(|line| line["target"] == "doorward::request").collect();
    let of = |route: &str| requests.iter().filter(|line| line["route"] == route).collect::<Vec<_>>();
    let tokens = of("/oauth2/token");
    assert_eq!(tokens.iter().map(|l| l["status"].as_i64().unwrap()).collect::<Vec<_>>(), [200, 401]);
    assert_eq!(tokens[0]["client"], "bot");
    let asked = of("/access/v1/evaluation");
    assert_eq!((&asked[0]["client"], &asked[0]["subject"]), (&"notes-api".into(), &"user:alice".into()));
    assert!(!answered.header("doorward-decision-id").is_empty(), "{answered:?}");
    assert_eq!(
        asked[0]["decision_id"],
        answered.header("doorward-decision-id"),
        "an answer is found by what it is called"
    );
    for line in &requests {
        assert!(line["request_id"].is_string() && line["duration_us"].is_u64() && line["method"].is_string(), "{line}");
    }
    let failed = lines.iter().find(|line| line["message"] == "client authentication failed").unwrap();
    assert_eq!(failed["span"]["request_id"], tokens[1]["request_id"], "what went wrong carries the id of its request");
}
