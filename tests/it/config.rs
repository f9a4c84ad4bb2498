//! Configuration as people meet it.

use std::process::Command;

fn doorward(arguments: &[&str], environment: &[(&str, &str)]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_defaults_are_right_and_every_one_is_documented() {
    let (ok, out, _) = doorward(&["config", "check"], &[]);
    assert!(ok && out.contains("right"));
    let mut comment = false;
    for line in doorward::config::DEFAULTS.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(comment, "{line} has no comment before it");
        }
        // Settings that belong together share the comment above the first of them.
        comment = line.starts_with('#') || (comment && line.contains(" = "));
    }
}

#[test]
fn an_issuer_is_one_https_origin_or_on_this_machine() {
    let check = |issuer: &str| doorward(&["config", "check"], &[("DOORWARD_SERVER_ISSUER", issuer)]);
    for right in [
        "https://id.example",
        "https://id.example:8443",
        "http://localhost:8080",
        "http://127.0.0.1:1",
        "http://[::1]:1",
    ] {
        let (ok, _, errors) = check(right);
        assert!(ok, "{right}: {errors}");
    }
    let wrong = [
        "http://id.example",
        "http://localhost.example",
        "http://10.0.0.1",
        "ftp://id.example",
        "https://id.example/",
        "https://id.example/realm",
        "https://id.example?x",
        "https://id.example#x",
        "https://u@id.example",
        "https://ID.example",
        "https://id.example:443",
        "id.example",
        "https://id.example https://other.example",
    ];
    for wrong in wrong {
        let (ok, _, errors) = check(wrong);
        assert!(!ok && errors.contains("server.issuer"), "{wrong}: {errors}");
    }
}

#[test]
fn all_problems_are_said_at_once_each_with_key_problem_and_fix() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("d.toml");
    let text = "[server]\nlisten = \"here\"\nisuer = \"x\"\nissuer = \"http://example.com\"\ntls_key_file = \"k\"\n\
                [tokens]\naccess_token_lifetime = \"15\"\n[keys]\npublish_lead = \"1m\"\n[decision]\nbatch_max = 0\n\
                [extra]\nx = 1\n";
    std::fs::write(&file, text).unwrap();
    let environment = [("DOORWARD_SERVER_BODY_MAX", "many"), ("DOORWARD_SEVRER_LISTEN", "x")];
    let (ok, out, errors) = doorward(&["config", "check", "--config", file.to_str().unwrap()], &environment);
    assert!(!ok && out.is_empty());
    let expected = [
        "server.listen: \"here\" is no address",
        "server.isuer: is no setting",
        "did you mean server.issuer?",
        "server.issuer: \"http://example.com\" must be https",
        "server.tls_certificate_file: is not set",
        "tokens.access_token_lifetime: \"15\" is no duration",
        "keys.publish_lead: is not longer than keys.jwks_max_age",
        "decision.batch_max: is no number within bounds",
        "extra.x: is no setting",
        "server.body_max: \"many\" is no size",
        "DOORWARD_SEVRER_LISTEN: is no setting",
        "did you mean DOORWARD_SERVER_LISTEN?",
    ];
    for text in expected {
        assert!(errors.contains(text), "{text:?} is missing in:\n{errors}");
    }
}

#[test]
fn show_tells_where_each_setting_comes_from_and_masks_secrets() {
    let environment = [
        ("DOORWARD_DATABASE_URL", "postgres://doorward:hunter2@db/doorward"),
        ("DOORWARD_KEYS_MASTER_KEY", "c2VjcmV0"),
        ("DOORWARD_TOKENS_ACCESS_TOKEN_LIFETIME", "5m"),
    ];
    let (ok, out, errors) = doorward(&["config", "show"], &environment);
    assert!(ok, "{errors}");
    assert!(out.contains("access_token_lifetime = \"5m\"  # DOORWARD_TOKENS_ACCESS_TOKEN_LIFETIME"));
    assert!(out.contains("listen = \"127.0.0.1:8080\"  # default"));
    assert!(!out.contains("hunter2") && !out.contains("c2VjcmV0"), "{out}");
}

#[test]
fn a_server_without_the_right_master_key_refuses_to_start_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let database = format!("sqlite://{}", path("d.db"));
    let run = |key: &str, arguments: &[&str]| {
        doorward(arguments, &[("DOORWARD_DATABASE_URL", &database), ("DOORWARD_KEYS_MASTER_KEY_FILE", &path(key))])
    };
    assert!(run("a.key", &["keys", "rotate"]).0);
    let (ok, _, errors) = run("b.key", &["serve"]);
    assert!(!ok && errors.contains("b.key") && errors.contains("is not there"), "{errors}");
    // A key that is there, and the wrong one.
    std::fs::write(path("b.key"), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").unwrap();
    let (ok, _, errors) = run("b.key", &["serve"]);
    assert!(!ok && errors.contains("chmod 600"), "{errors}");
    std::process::Command::new("chmod").args(["600", &path("b.key")]).status().unwrap();
    let (ok, _, errors) = run("b.key", &["serve"]);
    assert!(!ok && errors.contains("sealed under master key"), "{errors}");
    // Sealing anew under it, with the old one at hand, makes it the right one.
    let environment = [
        ("DOORWARD_DATABASE_URL", database.as_str()),
        ("DOORWARD_KEYS_MASTER_KEY_FILE", &path("b.key")),
        ("DOORWARD_KEYS_PREVIOUS_MASTER_KEY_FILES", &path("a.key")),
    ];
    let (ok, out, errors) = doorward(&["keys", "reseal"], &environment);
    assert!(ok && out.contains("1 keys sealed anew"), "{out}{errors}");
    let (ok, _, errors) = run("a.key", &["serve"]);
    assert!(!ok && errors.contains("sealed under master key"), "the old one opens nothing any more: {errors}");
}
