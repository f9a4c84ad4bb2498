//! The command line beside a running server.

use std::process::Output;

use serde_json::json;

use crate::support::{AssertionKey, House, both};

fn fails(output: &Output, expected: &[&str]) {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{errors}");
    assert!(output.stdout.is_empty(), "nothing was done");
    for text in expected {
        assert!(errors.contains(text), "{errors:?} says {text:?}");
    }
}

both! {
    async fn every_act_is_recorded_with_what_was_before_and_after(house: House) {
        house.command(&["user", "create", "dora", "--name", "Dora", "--sub", "dora-1"]);
        let added = house.command(&["assign", "add", "user:dora", "--resource-server", "notes", "--role", "editor", "--reason", "on call"]);
        house.command(&["assign", "remove", added["id"].as_str().unwrap()]);
        house.command(&["user", "disable", "dora"]);
        let facts = house.command(&["audit", "--limit", "4"])["facts"].clone();
        let kinds: Vec<_> = facts.as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["person.disabled", "assignment.removed", "assignment.added", "person.created"]);
        assert!(facts.as_array().unwrap().iter().all(|f| f["actor"] == "command-line" && f["revision"].is_i64()));
        assert_eq!(facts[2]["detail"]["reason"], "on call");
    }

    async fn what_is_wrong_is_said_and_nothing_is_done(house: House) {
        let before = house.command(&["audit", "--limit", "1000"])["facts"].as_array().unwrap().len();
        fails(&house.doorward(&["user", "create", "alice"]), &["alice", "exists already"]);
        fails(&house.doorward(&["user", "create", "bot"]), &["bot", "exists already"]);
        fails(&house.doorward(&["user", "create", "a b"]), &["username", "letters"]);
        fails(&house.doorward(&["user", "create", "eve", "--sub", "alice"]), &["exists already"]);
        fails(&house.doorward(&["user", "create", "eve", "--sub", "Alice"]), &["exists already"]);
        fails(&house.doorward(&["user", "create", "ALICE"]), &["exists already"]);
        let again = ["assign", "add", "user:bob", "--resource-server", "notes", "--role", "viewer"];
        fails(&house.doorward(&again), &["user:bob", "exists already"]);
        fails(&house.doorward(&["user", "disable", "nobody"]), &["no person", "nobody"]);
        fails(&house.doorward(&["client", "create", "alice"]), &["exists already"]);
        fails(&house.doorward(&["client", "create", "x", "--scope", "notes:read"]), &["scope"]);
        fails(&house.doorward(&["client", "create", "x", "--resource", "nothing"]), &["no resource server", "nothing"]);
        fails(&house.doorward(&["client", "create", "x", "--auth-method", "private_key_jwt"]), &["jwks"]);
        fails(&house.doorward(&["client", "create", "x", "--auth-method", "nothing"]), &["client_secret_basic"]);
        fails(&house.doorward(&["client", "create", "x", "--auth-method", "none"]), &["client_credentials"]);
        fails(&house.doorward(&["client", "create", "x", "--grant-type", "authorization_code"]), &["redirect_uri"]);
        fails(&house.doorward(&["client", "create", "x", "--redirect-uri", "http://x.example/cb"]), &["https"]);
        fails(&house.doorward(&["client", "create", "x", "--decision-caller"]), &["resource server"]);
        fails(&house.doorward(&["resource-server", "create", "n2", "--identifier", "notes"]), &["identifier", "absolute URI"]);
        fails(&house.doorward(&["resource-server", "create", "n2", "--identifier", crate::support::NOTES]), &["exists already"]);
        fails(&house.doorward(&["role", "create", "notes", "r", "--permission", "raed:note"]), &["raed:note", "declares"]);
        fails(&house.doorward(&["role", "create", "notes", "viewer"]), &["viewer", "exists already"]);
        fails(&house.doorward(&["role", "change", "notes", "viewer", "--include", "owner"]), &["viewer", "include itself"]);
        fails(&house.doorward(&["role", "delete", "notes", "viewer"]), &["viewer", "assigned"]);
        fails(&house.doorward(&["role", "change", "doorward", "admin", "--remove", "*:*"]), &["built in"]);
        fails(&house.doorward(&["assign", "add", "alice", "--resource-server", "notes", "--role", "viewer"]), &["user:NAME"]);
        fails(&house.doorward(&["assign", "add", "user:alice", "--resource-server", "notes", "--role", "nothing"]), &["no role"]);
        let past = ["--not-before", "2026-01-02T00:00:00Z", "--expires-at", "2026-01-01T00:00:00Z"];
        let add = ["assign", "add", "user:alice", "--resource-server", "notes", "--role", "viewer"];
        fails(&house.doorward(&[&add[..], &past[..]].concat()), &["expires_at"]);
        fails(&house.doorward(&["assign", "remove", "01a20413-57c8-7332-9494-7b5d4da9a5c2"]), &["no assignment"]);
        let after = house.command(&["audit", "--limit", "1000"])["facts"].as_array().unwrap().len();
        assert_eq!(before, after, "a refused act leaves nothing");
    }

    async fn only_public_keys_strong_enough_to_check_signatures_are_registered(house: House) {
        let key = AssertionKey::rsa(jsonwebtoken::Algorithm::RS256).jwk;
        let with = |member: &str, value: serde_json::Value| {
            let mut key = key.clone();
            key[member] = value;
            json!({ "keys": [key] }).to_string()
        };
        let cases = [
            ("not JSON", "x".to_owned(), "not JSON"),
            ("no keys", json!({ "keys": [] }).to_string(), "1 to 16 keys"),
            ("not a set", key.to_string(), "keys"),
            ("symmetric", json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] }).to_string(), "public keys only"),
            ("private", with("d", json!("AQAB")), "public keys only"),
            ("for encryption", with("use", json!("enc")), "for signatures"),
            ("another alg", with("alg", json!("RSA-OAEP")), "for signatures"),
            ("weak", with("n", json!("AQAB")), "2048"),
            ("weak behind zeros", with("n", json!(format!("{}AQAB", "A".repeat(340)))), "2048"),
            ("exponent 1", with("e", json!("AQ")), "2048"),
        ];
        for (what, jwks, expected) in cases {
            let file = std::env::temp_dir().join(format!("jwks-{}.json", house.port));
            std::fs::write(&file, jwks).unwrap();
            let create = ["client", "create", "keyed", "--auth-method", "private_key_jwt", "--jwks", file.to_str().unwrap()];
            let output = house.doorward(&create);
            std::fs::remove_file(&file).unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && errors.contains(expected), "{what}: {errors}");
        }
    }

    async fn operators_read_names_and_not_identifiers(house: House) {
        let listed = house.command(&["assign", "list"]);
        let named = |principal: &str, role: &str| {
            let all = listed["assignments"].as_array().unwrap();
            all.iter().any(|a| a["principal"] == principal && a["role"] == role && a["resource_server"].is_string())
        };
        assert!(named("user:alice", "owner") && named("client:bot", "editor") && named("client:notes-api", "decision-caller"));
        let client = house.command(&["client", "show", "notes-api"]);
        assert_eq!((&client["resource_servers"], &client["resources"]), (&json!(["notes"]), &json!(["doorward"])));
        house.command(&["group", "create", "staff"]);
        house.command(&["group", "add", "staff", "user:ALICE"]);
        assert_eq!(house.command(&["group", "members", "staff"])["members"][0]["member"], "user:alice");
        // Whatever a person was called, the audit trail has one name for them.
        let sub = format!("user:{}", house.world.alice_sub);
        house.command(&["user", "disable", "Alice"]);
        let facts = house.command(&["audit", "--subject", &sub])["facts"].clone();
        let kinds: Vec<_> = facts.as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap().to_owned()).collect();
        assert_eq!(kinds, ["person.disabled", "assignment.added", "person.created"]);
    }

    async fn groups_never_close_a_cycle(house: House) {
        for name in ["a", "b", "c"] {
            house.command(&["group", "create", name]);
        }
        house.command(&["group", "add", "b", "group:a"]);
        house.command(&["group", "add", "c", "group:b"]);
        fails(&house.doorward(&["group", "add", "a", "group:c"]), &["include itself"]);
        fails(&house.doorward(&["group", "add", "a", "group:a"]), &["include itself"]);
        fails(&house.doorward(&["group", "add", "b", "group:a"]), &["exists already"]);
        house.command(&["group", "create", "g0"]);
        for i in 1..20 {
            house.command(&["group", "create", &format!("g{i}")]);
            let output = house.doorward(&["group", "add", &format!("g{i}"), &format!("group:g{}", i - 1)]);
            if i >= 16 {
                fails(&output, &["deeper than 16"]);
                break;
            }
            assert!(output.status.success(), "{i}");
        }
    }

    async fn secrets_are_shown_once_and_never_again(house: House) {
        let secret = house.command(&["client", "create", "once", "--resource", "notes"])["client_secret"].as_str().unwrap().to_owned();
        assert!(secret.starts_with("dwcs_") && secret.len() == 48);
        for arguments in [&["client", "show", "once"][..], &["client", "list"], &["audit", "--limit", "100"]] {
            assert!(!house.command(arguments).to_string().contains(&secret));
        }
        if let Some(path) = house.database_url.strip_prefix("sqlite://") {
            for ending in ["", "-wal"] {
                let bytes = std::fs::read(format!("{path}{ending}")).unwrap_or_default();
                assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{ending}");
            }
        }
    }

    async fn help_shows_examples(house: House) {
        for arguments in [&["--help"][..], &["assign", "add", "--help"], &["client", "create", "--help"], &["role", "create", "--help"]] {
            let text = String::from_utf8(house.doorward(arguments).stdout).unwrap();
            assert!(text.contains("Example"), "{arguments:?}: {text}");
        }
    }
}
