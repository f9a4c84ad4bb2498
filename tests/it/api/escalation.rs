//! Ways around the measure: by the write itself, by many groups, by a pause, by a deny, by another spelling.

use std::time::Duration;

use doorward::domain::assignment::Effect;
use doorward::domain::time::{Clock as _, Interval};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::support::{Operator, giving};
use crate::support::{Answer, House, assign, both, slug};

const ROLES: &str = "/api/v1/resource-servers/doorward/roles";
const ASSIGNMENTS: &str = "/api/v1/assignments";

fn is_beyond(what: &str, answer: &Answer) {
    assert_eq!(answer.refusal(), (403, "beyond_own_permissions".into()), "{what}: {answer:?}");
}

fn is_done(what: &str, answer: &Answer) {
    assert!(answer.status < 300, "{what}: {answer:?}");
}

/// An operator who holds the role `own`, which may change roles, in one of three ways.
async fn holder<'a>(house: &'a House, root: &Operator<'a>, way: &str) -> Operator<'a> {
    let operator = house.operator(&format!("by-{way}"), &[]).await;
    let to = format!("client:by-{way}");
    let own = format!("own-{way}");
    root.made(ROLES, &json!({ "name": own, "permissions": ["*:role", "read:user"] })).await;
    match way {
        "hand" => drop(root.made(ASSIGNMENTS, &giving(&to, &own)).await),
        "group" => {
            root.made("/api/v1/groups", &json!({ "name": own })).await;
            is_done("joining", &root.post(&format!("/api/v1/groups/{own}/members"), &json!({ "member": to })).await);
            root.made(ASSIGNMENTS, &giving(&format!("group:{own}"), &own)).await;
        }
        _ => {
            root.made(ROLES, &json!({ "name": format!("outer-{way}"), "includes": [own] })).await;
            root.made(ASSIGNMENTS, &giving(&to, &format!("outer-{way}"))).await;
        }
    }
    operator
}

/// A request whose body is sent only after something else has happened.
async fn slowly(
    house: &House,
    key: &str,
    path: &str,
    body: &str,
    meanwhile: impl Future<Output = ()>,
) -> (u16, String) {
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", house.port)).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost:{}\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{{",
        house.port,
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    // Long enough for the door to have let it in.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    meanwhile.await;
    socket.write_all(&body.as_bytes()[1..]).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

both! {
    async fn nobody_rewrites_the_role_they_hold_to_more_than_they_hold(house: House) {
        let root = house.root().await;
        for way in ["hand", "group", "inclusion"] {
            let operator = holder(&house, &root, way).await;
            let own = format!("{ROLES}/own-{way}");
            for change in [
                json!({ "add_permissions": ["*:*"] }),
                json!({ "add_permissions": ["lock:user"] }),
                json!({ "add_includes": ["admin"] }),
                json!({ "add_includes": ["decision-caller"], "remove_permissions": ["read:user"] }),
            ] {
                is_beyond(&format!("{way} {change}"), &operator.patch(&own, &change).await);
            }
            let shown = root.got(&own).await;
            assert_eq!(shown["permissions"].as_array().unwrap().len(), 2, "{way}: {shown}");
            assert_eq!(shown["includes"], json!([]), "{way}: {shown}");
            is_beyond("a new role", &operator.post(ROLES, &json!({ "name": "new", "permissions": ["*:*"] })).await);
            is_done("less", &operator.patch(&own, &json!({ "remove_permissions": ["read:user"] })).await);
            is_beyond("and back again", &operator.patch(&own, &json!({ "add_permissions": ["read:user"] })).await);
        }
    }

    async fn nobody_locks_an_administrator_out_by_many_groups(house: House) {
        let usher = house.operator("usher", &["*:group", "*:member", "read:user"]).await;
        house.make_admin("user:alice").await;
        let admin = house.node().admin();
        for name in ["g0", "base"] {
            admin.create_group(slug(name)).await.unwrap();
        }
        admin.add_group_member(&slug("base"), &"user:alice".parse().unwrap(), Interval::ALWAYS, None).await.unwrap();
        // Groups above a group, up to the bound.
        let mut refused = None;
        for i in 1..=600 {
            let name = format!("g{i}");
            admin.create_group(slug(&name)).await.unwrap();
            if admin.add_group_member(&slug(&name), &"group:g0".parse().unwrap(), Interval::ALWAYS, None).await.is_err() {
                refused = Some(i);
                break;
            }
        }
        let bound = refused.expect("there is a bound");
        assert!((100..600).contains(&bound), "{bound}");
        let over = usher.post(&format!("/api/v1/groups/g{bound}/members"), &json!({ "member": "group:g0" })).await;
        assert_eq!(over.refusal(), (409, "too_many_groups".into()), "{over:?}");
        assert!(over.text.contains("group:g0") && over.text.contains(&(bound - 1).to_string()), "{over:?}");
        // g0 and all above it, for somebody who is in another group already.
        let over = usher.post("/api/v1/groups/g0/members", &json!({ "member": "user:alice" })).await;
        assert_eq!(over.refusal(), (409, "too_many_groups".into()), "{over:?}");
        assert!(over.text.contains("user:alice"), "{over:?}");
        is_done("a nearer group", &usher.post("/api/v1/groups/g1/members", &json!({ "member": "user:alice" })).await);
        // Nor for somebody below, by what their group joins.
        let over = usher.post("/api/v1/groups/g0/members", &json!({ "member": "group:base" })).await;
        assert_eq!(over.refusal(), (409, "too_many_groups".into()), "{over:?}");
        // In many groups by hand.
        for i in 2..bound {
            let added = admin.add_group_member(&slug(&format!("g{i}")), &"user:alice".parse().unwrap(), Interval::ALWAYS, None).await;
            if i < bound - 1 {
                added.unwrap();
            }
        }
        admin.create_group(slug("last")).await.unwrap();
        admin.create_group(slug("upper")).await.unwrap();
        let over = usher.post("/api/v1/groups/upper/members", &json!({ "member": "group:base" })).await;
        assert_eq!(over.refusal(), (409, "too_many_groups".into()), "{over:?}");
        assert!(over.text.contains("user:alice"), "the one below who would be in too many: {over:?}");
        let over = usher.post("/api/v1/groups/last/members", &json!({ "member": "user:alice" })).await;
        assert_eq!(over.refusal(), (409, "too_many_groups".into()), "{over:?}");
        is_done("leaving", &usher.delete("/api/v1/groups/g1/members/user:alice").await);
        is_done("joining again", &usher.post("/api/v1/groups/last/members", &json!({ "member": "user:alice" })).await);
    }

    async fn an_operator_is_looked_at_again_inside_the_write(house: House) {
        let root = house.root().await;
        let key = |held: Vec<&'static str>| json!({ "name": "k", "permissions": held });
        let admin = house.node().admin();
        let cases = ["the key was revoked", "the permission was taken", "it was denied on this one", "the owner was disabled"];
        for (index, case) in cases.into_iter().enumerate() {
            let name = format!("op-{index}");
            let operator = house.operator(&name, &["*:group", "*:member", "*:api-key"]).await;
            let made = operator.made("/api/v1/api-keys", &key(vec!["*:group", "*:member"])).await;
            let secret = made["secret"].as_str().unwrap();
            let group = format!("into-{index}");
            admin.create_group(slug(&group)).await.unwrap();
            let path = format!("/api/v1/groups/{group}/members");
            let body = json!({ "member": "user:bob" }).to_string();
            let meanwhile = async {
                match index {
                    0 => is_done(case, &root.delete(&format!("/api/v1/api-keys/{}", made["id"].as_str().unwrap())).await),
                    1 => {
                        let held = root.got(&format!("{ASSIGNMENTS}?principal=client:{name}")).await;
                        for item in held["items"].as_array().unwrap() {
                            is_done(case, &root.delete(&format!("{ASSIGNMENTS}/{}", item["id"].as_str().unwrap())).await);
                        }
                    }
                    2 => {
                        let mut deny = giving(&format!("client:{name}"), "add:member");
                        deny["effect"] = json!("deny");
                        deny["on"] = json!(format!("member:{group}"));
                        is_done(case, &root.post(ASSIGNMENTS, &deny).await);
                    }
                    _ => is_done(case, &root.act(&format!("/api/v1/clients/{name}/disable")).await),
                }
            };
            let (status, answer) = slowly(&house, secret, &path, &body, meanwhile).await;
            assert!(status == 403 && answer.contains("not_permitted"), "{case}: {answer}");
            let members = root.got(&path).await;
            assert_eq!(members["items"], json!([]), "{case}");
        }
        // Nothing happened meanwhile.
        let operator = house.operator("patient", &["*:group", "*:api-key"]).await;
        let made = operator.made("/api/v1/api-keys", &key(vec!["create:group"])).await;
        let body = json!({ "name": "late" }).to_string();
        let (status, answer) = slowly(&house, made["secret"].as_str().unwrap(), "/api/v1/groups", &body, async {}).await;
        assert_eq!(status, 201, "{answer}");
    }

    async fn a_lesser_operator_disarms_nobody_by_a_deny(house: House) {
        let weak = house.operator("weak", &["*:assignment", "*:member", "*:role", "read:user", "lock:user"]).await;
        let root = house.root().await;
        house.make_admin("user:alice").await;
        let deny = |to: &str, held: &str| {
            let mut deny = giving(to, held);
            deny["effect"] = json!("deny");
            deny
        };
        for to in ["user:alice", "client:root"] {
            is_beyond(to, &weak.post(ASSIGNMENTS, &deny(to, "lock:user")).await);
            let mut on_one = deny(to, "lock:user");
            on_one["on"] = json!("user:bob");
            is_beyond("on one alone", &weak.post(ASSIGNMENTS, &on_one).await);
        }
        is_done("somebody lesser", &weak.post(ASSIGNMENTS, &deny("user:carol", "lock:user")).await);
        // By a group: whoever is in it, or will be, may hold more.
        let admin = house.node().admin();
        for name in ["all", "chiefs", "shut"] {
            admin.create_group(slug(name)).await.unwrap();
        }
        admin.add_group_member(&slug("all"), &"client:root".parse().unwrap(), Interval::ALWAYS, None).await.unwrap();
        is_beyond("a group", &weak.post(ASSIGNMENTS, &deny("group:all", "lock:user")).await);
        house.give("group:shut", "lock:user", Effect::Deny).await;
        for member in ["user:alice", "client:root", "group:all"] {
            is_beyond(member, &weak.post("/api/v1/groups/shut/members", &json!({ "member": member })).await);
        }
        is_done("joining", &weak.post("/api/v1/groups/shut/members", &json!({ "member": "user:bob" })).await);
        // By a role that is denied to them already.
        root.made(ROLES, &json!({ "name": "nothing" })).await;
        assign(admin, "user:alice", "doorward", "admin", Effect::Allow, Interval::new(None, Some(house.clock.now().plus(Duration::from_hours(1)))).unwrap()).await;
        is_done("of nothing", &root.post(ASSIGNMENTS, &deny("user:alice", "nothing")).await);
        is_beyond("filling it", &weak.patch(&format!("{ROLES}/nothing"), &json!({ "add_permissions": ["lock:user"] })).await);
        is_done("whoever holds everything", &root.post(ASSIGNMENTS, &deny("user:alice", "lock:user")).await);
    }

    async fn a_deny_on_one_thing_counts_in_every_spelling_of_its_identifier(house: House) {
        let root = house.root().await;
        let given = root.made(ASSIGNMENTS, &giving("user:bob", "read:user")).await["id"].as_str().unwrap().to_owned();
        let key = root.made("/api/v1/api-keys", &json!({ "name": "k", "permissions": ["read:user"] })).await["id"].as_str().unwrap().to_owned();
        let fact = root.got("/api/v1/audit?limit=1").await["items"][0]["id"].as_str().unwrap().to_owned();
        let peer = house.operator("peer", &["*:*"]).await;
        for (action, kind, id, path) in [
            ("delete:assignment", "assignment", &given, ASSIGNMENTS),
            ("revoke:api-key", "api-key", &key, "/api/v1/api-keys"),
            ("read:audit", "audit", &fact, "/api/v1/audit"),
        ] {
            let mut deny = giving("client:peer", action);
            deny["effect"] = json!("deny");
            deny["on"] = json!(format!("{kind}:{}", id.to_uppercase()));
            let made = root.made(ASSIGNMENTS, &deny).await;
            assert_eq!(made["scope"], format!("{kind}:{id}"), "as it is looked up");
            for spelling in [id.clone(), id.to_uppercase(), id.replace('-', ""), format!("urn:uuid:{id}")] {
                let path = format!("{path}/{spelling}");
                let answer = if action == "read:audit" { peer.get(&path).await } else { peer.delete(&path).await };
                assert_eq!(answer.refusal(), (403, "not_permitted".into()), "{path}: {answer:?}");
            }
        }
        assert_eq!(peer.get(&format!("{ASSIGNMENTS}/nonsense")).await.refusal(), (404, "not_found".into()));
        // A scope on a person is kept under their one name.
        let mut deny = giving("client:peer", "lock:user");
        deny["effect"] = json!("deny");
        deny["on"] = json!("user:Alice");
        let made = root.made(ASSIGNMENTS, &deny).await;
        assert_eq!(made["scope"], format!("user:{}", house.world.alice_sub));
        assert_eq!(peer.act("/api/v1/users/alice/lock").await.refusal(), (403, "not_permitted".into()));
        for (held, on, says) in [
            ("lock:user", "user:nobody", "nobody"),
            ("read:session", "session:nobody", "nobody"),
            ("delete:assignment", "assignment:7", "UUID"),
        ] {
            (deny["permission"], deny["on"]) = (json!(held), json!(on));
            let answer = root.post(ASSIGNMENTS, &deny).await;
            assert_eq!((answer.status, answer.json()["member"].clone()), (400, json!("on")), "{on}: {answer:?}");
            assert!(answer.text.contains(says), "{on}: {answer:?}");
        }
    }

    async fn what_is_given_or_denied_on_one_thing_is_of_its_type(house: House) {
        let root = house.root().await;
        root.made(ROLES, &json!({ "name": "nothing" })).await;
        root.made(ROLES, &json!({ "name": "usher", "permissions": ["add:member"] })).await;
        root.made(ROLES, &json!({ "name": "chief", "permissions": ["read:client"], "includes": ["usher"] })).await;
        for name in ["staff", "crew"] {
            root.made("/api/v1/groups", &json!({ "name": name })).await;
        }
        let peer = house.operator("peer", &["*:*"]).await;
        let denied = |held: &str, on: &str| {
            let mut deny = giving("client:peer", held);
            (deny["effect"], deny["on"]) = (json!("deny"), json!(on));
            deny
        };
        for (held, on, expected) in [
            ("add:member", "group:staff", "type member;"),
            ("add:member", "usr:bob", "type member;"),
            ("read:session", "user:bob", "type session;"),
            ("update:rules", "resource-server:notes", "type rules;"),
            ("*:user", "session:bob", "type user;"),
            ("revoke:*", "user:bob", "type api-key;"),
            ("*:*", "usr:bob", "user"),
            ("usher", "group:staff", "type member;"),
            ("chief", "group:staff", "type client, member;"),
            ("nothing", "member:staff", "no permission"),
        ] {
            for effect in ["deny", "allow"] {
                let mut given = denied(held, on);
                given["effect"] = json!(effect);
                let answer = root.post(ASSIGNMENTS, &given).await;
                assert_eq!((answer.status, answer.json()["member"].clone()), (400, json!("on")), "{held} on {on}: {answer:?}");
                assert!(answer.text.contains(expected), "{held} on {on}: {answer:?}");
            }
        }
        let add = async |group: &str| peer.post(&format!("/api/v1/groups/{group}/members"), &json!({ "member": "user:bob" })).await;
        for (held, on) in [("*:session", "session:bob"), ("read:*", "user:bob"), ("*:*", "resource-server:notes"), ("chief", "client:bot")] {
            root.made(ASSIGNMENTS, &denied(held, on)).await;
        }
        is_done("nothing is denied on any group yet", &add("crew").await);
        // By a role that the role includes.
        root.made(ASSIGNMENTS, &denied("chief", "member:staff")).await;
        assert_eq!(add("staff").await.refusal(), (403, "not_permitted".into()));
        assert_eq!(peer.get("/api/v1/users/bob/sessions").await.refusal(), (403, "not_permitted".into()));
    }

    async fn one_item_of_a_list_is_refused_as_it_would_be_alone(house: House) {
        let root = house.root().await;
        let rooms = json!({ "actions": { "enter": {} }, "relations": { "owner": { "subjects": ["user"], "grants": ["*"] } } });
        house.model(&json!({ "resources": { "room": rooms } })).await;
        let at = "/api/v1/resource-servers/notes/relations";
        let edge = |room: &str, of: &str| json!({ "object": room, "relation": "owner", "subject": of });
        is_done("one", &root.post(at, &json!({ "write": [edge("room:1", "user:alice")] })).await);
        let cases: [(Value, (u16, &str), &str); 4] = [
            (json!({ "require_present": [edge("room:1", "user:alice"), edge("room:2", "user:alice")] }), (412, "precondition_failed"), "require_present[1]"),
            (json!({ "require_present": [edge("room:1", "user:alice")], "require_absent": [edge("room:1", "user:alice")] }), (412, "precondition_failed"), "require_absent[0]"),
            (json!({ "write": [edge("room:1", "user:nobody")] }), (400, "unknown_name"), "write[0]"),
            (json!({ "delete": [edge("room:1", "user:nobody")] }), (400, "unknown_name"), "delete[0]"),
        ];
        for (body, refusal, member) in cases {
            let answer = root.post(at, &body).await;
            assert_eq!(answer.refusal(), (refusal.0, refusal.1.to_owned()), "{body}: {answer:?}");
            assert_eq!(answer.json()["member"], member, "{body}: {answer:?}");
        }
    }

    async fn a_list_leaves_out_what_is_denied_on_its_own(house: House) {
        let root = house.root().await;
        let reader = house.operator("reader", &["*:*"]).await;
        root.made("/api/v1/groups", &json!({ "name": "staff" })).await;
        root.made("/api/v1/groups", &json!({ "name": "secret" })).await;
        for (action, on) in [("read:user", "user:bob"), ("read:group", "group:secret"), ("read:client", "client:bot")] {
            let mut deny = giving("client:reader", action);
            deny["effect"] = json!("deny");
            deny["on"] = json!(on);
            root.made(ASSIGNMENTS, &deny).await;
        }
        for (path, member, hidden) in [("/api/v1/users", "username", "bob"), ("/api/v1/groups", "name", "secret"), ("/api/v1/clients", "client_id", "bot")] {
            assert_eq!(reader.get(&format!("{path}/{hidden}")).await.refusal(), (403, "not_permitted".into()), "{path}");
            let names = |all: Vec<Value>| all.into_iter().map(|item| item[member].as_str().unwrap().to_owned()).collect::<Vec<_>>();
            let (all, seen) = (root.pages(path, 1).await, reader.pages(path, 1).await);
            assert_eq!(all.1, seen.1, "{path}: as many pages, one of them empty");
            let (mut all, seen) = (names(all.0), names(seen.0));
            all.retain(|name| name != hidden);
            assert_eq!(seen, all, "{path}");
        }
    }
}
