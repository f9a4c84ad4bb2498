//! Data in bulk on the command line: resources, relations and subjects, from arguments, files and standard input.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::{House, both, slug};

/// Rooms with guests, and badges that only the resource server knows.
async fn rooms(house: &House) {
    house
        .model(&json!({
            "subjects": { "badge": { "kind": "external", "attributes": { "floor": { "type": "integer" } } } },
            "resources": { "room": {
                "actions": { "enter": {} },
                "relations": { "guest": { "subjects": ["user", "badge"], "grants": ["enter"] } },
                "attributes": { "floor": { "type": "integer" } },
            } },
        }))
        .await;
}

/// `doorward resource put room:1`, at notes.
fn arguments<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&words[..2], &["--resource-server", "notes"], &words[2..]].concat()
}

fn did(house: &House, words: &[&str]) -> (Value, Value) {
    let answer = house.command(&arguments(words));
    (answer["items"].clone(), answer["changed"].clone())
}

fn typed(house: &House, words: &[&str], lines: &str) -> Output {
    let mut program = house.program(&[&arguments(words)[..], &["--from", "-", "--json"]].concat());
    let mut child = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn refused(output: &Output) -> String {
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

async fn registered(house: &House) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    loop {
        let after = all.last().map(|last| last.split_once(':').unwrap().1);
        let page = house.node().admin().resources(&slug("notes"), "room", after, 1_000).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page.into_iter().map(|(resource, _)| resource.to_string()));
    }
}

both! {
    async fn what_is_named_is_written_and_listed(house: House) {
        rooms(&house).await;
        assert_eq!(did(&house, &["resource", "put", "room:1", "room:2", "--attributes", "{\"floor\":3}"]), (json!(2), json!(2)));
        assert_eq!(did(&house, &["resource", "put", "room:1", "--attributes", "{\"floor\":3}"]), (json!(1), json!(0)));
        let listed = house.command(&arguments(&["resource", "list", "--type", "room", "--after", "1"]));
        assert_eq!(listed["resources"], json!([{ "resource": "room:2", "attributes": { "floor": 3 } }]));

        assert_eq!(did(&house, &["subject", "put", "badge:1", "--attributes", "{\"floor\":3}"]), (json!(1), json!(1)));
        assert_eq!(did(&house, &["subject", "put", "badge:1", "--disabled", "true"]), (json!(1), json!(1)));
        assert_eq!(did(&house, &["subject", "put", "badge:1", "--disabled", "true"]), (json!(1), json!(0)));
        let listed = house.command(&arguments(&["subject", "list", "--type", "badge"]));
        assert_eq!(listed["subjects"], json!([{ "subject": "badge:1", "disabled": true, "attributes": { "floor": 3 } }]));

        let edges = ["relation", "write", "room:1#guest@user:alice", "room:1#guest@badge:1"];
        assert_eq!(did(&house, &[&edges[..], &["--expires-at", "2200-01-01T00:00:00Z", "--reason", "a visit"]].concat()), (json!(2), json!(2)));
        assert_eq!(did(&house, &[&edges[..], &["--expires-at", "2200-01-01T00:00:00Z"]].concat()), (json!(2), json!(0)));
        assert_eq!(did(&house, &edges), (json!(2), json!(2)), "other times are a change");
        let of_alice = house.command(&arguments(&["relation", "list", "--subject", "user:alice"]));
        assert_eq!(of_alice["relations"][0]["object"], "room:1");
        house.comes_out(&[("user:alice", "enter", "room:1", true)]).await;
        assert_eq!(did(&house, &["relation", "delete", "room:1#guest@user:alice"]), (json!(1), json!(1)));
        assert_eq!(did(&house, &["relation", "delete", "room:1#guest@user:alice"]), (json!(1), json!(0)));
        house.comes_out(&[("user:alice", "enter", "room:1", false)]).await;
        assert_eq!(did(&house, &["resource", "delete", "room:1", "room:9"]), (json!(2), json!(1)));
        assert_eq!(registered(&house).await, ["room:2"]);
    }

    async fn lines_are_read_strictly_and_name_what_is_wrong(house: House) {
        rooms(&house).await;
        let lines = "\"room:1#guest@user:alice\"\n\n{\"object\":\"room:2\",\"relation\":\"guest\",\"subject\":\"badge:7\",\"expires_at\":\"2200-01-01T00:00:00Z\"}\n";
        let unknown = refused(&typed(&house, &["relation", "write"], &lines.replace("badge:7", "user:nobody")));
        assert!(unknown.contains("line 3") && unknown.contains("nobody"), "the whole write is refused: {unknown}");
        assert_eq!(registered(&house).await.len(), 0);
        assert!(typed(&house, &["subject", "put"], "\"badge:7\"\n{\"subject\":\"user:alice\",\"attributes\":{\"floor\":1}}").status.success());
        let written = typed(&house, &["relation", "write"], lines);
        assert!(written.status.success(), "{written:?}");
        house.comes_out(&[("user:alice", "enter", "room:1", true), ("badge:7", "enter", "room:2", true)]).await;
        let long = format!("{{\"resource\":\"room:1\",\"attributes\":{{\"x\":\"{}\"}}}}", "x".repeat(300_000));
        for (words, lines, said) in [
            (["resource", "put"], "\"room:3\"\n{\"resource\":\"room:4\",\"floor\":3}", "line 2: "),
            (["resource", "put"], "\"room:3\"\n\"car:1\"", "line 2: "),
            (["resource", "put"], "room:3", "line 1: "),
            (["resource", "put"], &long, "line 1: it is longer"),
            (["relation", "write"], "\"room:3#guest\"", "line 1: "),
            (["relation", "write"], "{\"object\":\"room:3\",\"relation\":\"guest\",\"subject\":\"user:bob\",\"not_before\":\"2200-01-01T00:00:00Z\",\"expires_at\":\"2100-01-01T00:00:00Z\"}", "line 1: "),
            (["subject", "put"], "\"badge:8\"\n\"robot:1\"", "line 2: "),
        ] {
            let problem = refused(&typed(&house, &words, lines));
            assert!(problem.contains("standard input") && problem.contains(said), "{words:?}: {problem}");
        }
        assert_eq!(registered(&house).await, ["room:1", "room:2"]);
        let gone = typed(&house, &["resource", "delete"], "\"room:1\"\n{\"resource\":\"room:2\",\"attributes\":{\"floor\":3}}\n\"room:5\"\n");
        assert_eq!(serde_json::from_slice::<Value>(&gone.stdout).unwrap()["changed"], 2, "{gone:?}");

        refused(&house.doorward(&arguments(&["resource", "put"])));
        refused(&house.doorward(&arguments(&["resource", "put", "room:1", "--from", "-"])));
        refused(&house.doorward(&arguments(&["relation", "write", "room:1#guest@user:bob", "--from", "-"])));
        let missing = refused(&house.doorward(&arguments(&["resource", "put", "--from", "nowhere.jsonl"])));
        assert!(missing.contains("nowhere.jsonl"), "{missing}");
        assert_eq!(registered(&house).await.len(), 0);
    }

    async fn of_lines_about_one_thing_the_last_counts_however_often_they_are_read(house: House) {
        rooms(&house).await;
        let ends = "2200-01-01T00:00:00Z";
        let edge = |end| json!({ "object": "room:1", "relation": "guest", "subject": "user:alice", "expires_at": end });
        let edges = format!("{}\n{}", edge(json!(null)), edge(json!(ends)));
        let floor = |floor| json!({ "resource": "room:1", "attributes": { "floor": floor } });
        let resources = format!("{}\n{}", floor(1), floor(2));
        for _ in 0..3 {
            assert!(typed(&house, &["resource", "put"], &resources).status.success());
            let listed = house.command(&arguments(&["resource", "list", "--type", "room"]));
            assert_eq!(listed["resources"][0]["attributes"], json!({ "floor": 2 }));
            let written = typed(&house, &["relation", "write"], &edges);
            assert!(written.status.success(), "{written:?}");
            let listed = house.command(&arguments(&["relation", "list", "--subject", "user:alice"]));
            assert_eq!(listed["relations"][0]["interval"]["expires_at"], ends);
        }
    }

    async fn an_import_that_was_killed_is_begun_again_to_the_same_end(house: House) {
        const ITEMS: usize = 11_000;
        rooms(&house).await;
        let file = house.folder().join("rooms.jsonl");
        let line = |i| json!({ "resource": format!("room:{i}"), "attributes": { "floor": i % 9 } }).to_string();
        let lines: Vec<_> = (0..ITEMS).map(line).collect();
        std::fs::write(&file, lines.join("\n")).unwrap();
        let words = arguments(&["resource", "put", "--from", "rooms.jsonl"]);
        let mut child = house.program(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut first = String::new();
        said.read_line(&mut first).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        assert!(first.starts_with("resources: 5000"), "{first}{rest}");
        let left = registered(&house).await;
        assert!(left.len().is_multiple_of(5_000) && (5_000..ITEMS).contains(&left.len()), "whole writes, and not all: {}", left.len());

        assert_eq!(did(&house, &["resource", "put", "--from", "rooms.jsonl"]), (json!(ITEMS), json!(ITEMS - left.len())));
        let mut expected: Vec<_> = (0..ITEMS).map(|i| format!("room:{i}")).collect();
        expected.sort_unstable();
        assert_eq!(registered(&house).await, expected);
        assert_eq!(did(&house, &["resource", "put", "--from", "rooms.jsonl"]), (json!(ITEMS), json!(0)), "and then nothing is left to do");
    }
}
