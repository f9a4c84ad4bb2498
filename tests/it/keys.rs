//! Signing keys under load: a verifier that honours the cache time of the key set never fails.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use crate::support::{Database, House, NOTES, Options, eventually, header_of};

/// A verifier that keeps the key set for as long as it may, and not longer.
struct Verifier<'a> {
    house: &'a House,
    fetched: Instant,
    keys: JwkSet,
    max_age: Duration,
}

impl<'a> Verifier<'a> {
    async fn new(house: &'a House) -> Self {
        let mut verifier =
            Self { house, fetched: Instant::now(), keys: JwkSet { keys: Vec::new() }, max_age: Duration::ZERO };
        verifier.fetch().await;
        verifier
    }

    async fn fetch(&mut self) {
        self.fetched = Instant::now();
        let answer = self.house.get("/oauth2/jwks").await;
        let max_age = answer.header("cache-control").split("max-age=").nth(1).unwrap().parse().unwrap();
        self.max_age = Duration::from_secs(max_age);
        self.keys = serde_json::from_value(answer.json()).unwrap();
    }

    async fn verify(&mut self, token: &str) -> Result<(), String> {
        if self.fetched.elapsed() >= self.max_age {
            self.fetch().await;
        }
        let kid = header_of(token)["kid"].as_str().unwrap().to_owned();
        let key = self.keys.find(&kid).ok_or(format!("unknown kid {kid}"))?;
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[NOTES]);
        let key = DecodingKey::from_jwk(key).unwrap();
        jsonwebtoken::decode::<Value>(token, &key, &validation).map(|_| ()).map_err(|e| e.to_string())
    }
}

async fn rotation_under_load(database: Database) {
    let options = Options::default()
        .set("keys.jwks_max_age", "1s")
        .set("keys.publish_lead", "2s")
        .set("tokens.access_token_lifetime", "10s");
    let house = House::start(database, options).await;
    let (done, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let load = async {
        let mut verifier = Verifier::new(&house).await;
        let mut kids = std::collections::HashSet::new();
        while !done.load(Ordering::Relaxed) {
            let token = house.token().await;
            kids.insert(header_of(&token)["kid"].as_str().unwrap().to_owned());
            verifier.verify(&token).await.unwrap();
            assert_eq!(house.introspect(&house.notes_api(), &token).await["active"], true);
            count.fetch_add(1, Ordering::Relaxed);
        }
        kids
    };
    let rotate = async {
        for _ in 0..2 {
            house.command(&["keys", "rotate"]);
            let again = house.doorward(&["keys", "rotate"]);
            assert!(String::from_utf8_lossy(&again.stderr).contains("under way"));
            tokio::time::sleep(Duration::from_millis(3500)).await;
        }
        done.store(true, Ordering::Relaxed);
    };
    let (kids, ()) = tokio::join!(load, rotate);
    assert_eq!(kids.len(), 3, "each rotation brought a new signing key");
    assert!(count.load(Ordering::Relaxed) > 50, "there was load");
    let keys = house.command(&["keys", "list"]);
    let states: Vec<_> =
        keys["keys"].as_array().unwrap().iter().map(|k| k["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(states, ["retired", "retired", "signing"]);
}

async fn revocation_takes_a_key_out_at_once(database: Database) {
    let house = House::start(database, Options::default()).await;
    let token = house.token().await;
    let kid = header_of(&token)["kid"].as_str().unwrap().to_owned();
    assert_eq!(house.introspect(&house.notes_api(), &token).await["active"], true);
    let revoked = house.command(&["keys", "revoke", &kid, "--reason", "laptop stolen"]);
    eventually("what the key signed is worth nothing", async || {
        house.introspect(&house.notes_api(), &token).await["active"] == false
    })
    .await;
    assert!(!house.may_as("access_token", &token, "read").await);
    let kids = house.get("/oauth2/jwks").await.json()["keys"].clone();
    assert!(kids.as_array().unwrap().iter().all(|k| k["kid"] != kid.as_str()), "nor is it published");
    let fresh = house.token().await;
    assert_eq!(header_of(&fresh)["kid"], revoked["signing"]);
    crate::support::verify_through_jwks(&house, &fresh, NOTES).await.unwrap();
    let again = house.doorward(&["keys", "revoke", &kid]);
    assert!(String::from_utf8_lossy(&again.stderr).contains("revoked"));
    assert!(String::from_utf8_lossy(&house.doorward(&["keys", "revoke", "nothing"]).stderr).contains("nothing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_that_honours_the_cache_time_never_fails_on_sqlite() {
    rotation_under_load(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verifier_that_honours_the_cache_time_never_fails_on_postgres() {
    rotation_under_load(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_out_at_once_on_sqlite() {
    revocation_takes_a_key_out_at_once(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_out_at_once_on_postgres() {
    revocation_takes_a_key_out_at_once(Database::Postgres).await;
}

/// Another node, or the command line, may have sealed the keys anew under a master key this node does not have.
async fn a_key_that_cannot_be_opened_keeps_no_revocation_back(database: Database) {
    let house = House::start(database, Options::default()).await;
    let token = house.token().await;
    let kid = header_of(&token)["kid"].as_str().unwrap().to_owned();
    let (old, new) = (house.setting("keys.master_key_file"), format!("{}.new", house.setting("keys.master_key_file")));
    std::fs::write(&new, "c2VhbGVkIHVuZGVyIGFub3RoZXIgbWFzdGVyIGtleS4=\n").unwrap();
    std::fs::set_permissions(&new, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let with_new = |arguments: &[&str]| {
        let environment =
            [("DOORWARD_KEYS_MASTER_KEY_FILE", new.as_str()), ("DOORWARD_KEYS_PREVIOUS_MASTER_KEY_FILES", &old)];
        let output = house.doorward_with(arguments, &environment);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    with_new(&["keys", "reseal"]);
    with_new(&["keys", "revoke", &kid]);
    eventually("the revocation", async || house.introspect(&house.notes_api(), &token).await["active"] == false).await;
    // The key that signs now cannot be opened here: this node says so instead of signing with a revoked one.
    eventually("no signing", async || house.ask_token(&house.bot(), &[]).await.status == 503).await;
    assert_eq!(house.get("/readyz").await.status, 503);
    let published = house.get("/oauth2/jwks").await.json();
    assert!(published["keys"].as_array().unwrap().iter().all(|key| key["kid"] != kid.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_opened_keeps_no_revocation_back_on_sqlite() {
    a_key_that_cannot_be_opened_keeps_no_revocation_back(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_opened_keeps_no_revocation_back_on_postgres() {
    a_key_that_cannot_be_opened_keeps_no_revocation_back(Database::Postgres).await;
}
