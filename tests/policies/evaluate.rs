//! What policies say to requests, and to data that are not what the model declares.

use serde_json::json;

use crate::ask::{ask, library, policies};

#[test]
fn a_forbid_wins_over_every_permit() {
    let policies = policies(
        &library(),
        r#"@id("all") permit (principal, action, resource);
           @id("no robots") forbid (principal is Subject::robot, action, resource);"#,
    );
    assert!(ask("user:alice read document:7").allows(&policies));
    let outcome = ask("robot:r2 read document:7").of(&policies);
    assert!(outcome.denies() && !outcome.allows());
    assert_eq!((outcome.forbids, outcome.permits), (vec!["no robots".into()], vec![]));
}

#[test]
fn an_error_in_a_forbid_denies_and_one_in_a_permit_permits_nothing() {
    let overflow = "context has n && context.n + 9223372036854775807 > 0";
    let text = format!(
        "@id(\"all\") permit (principal, action, resource);
         @id(\"f\") forbid (principal is Subject::user, action, resource) when {{ {overflow} }};
         @id(\"p\") permit (principal, action, resource) when {{ {overflow} }};"
    );
    let policies = policies(&library(), &text);
    assert_eq!(ask("robot:r read document:7").of(&policies).permits, ["all".into()]);

    let of_robot = ask("robot:r read document:7").context(&json!({"n": 1})).of(&policies);
    assert_eq!((of_robot.permits, of_robot.errors.len()), (vec!["all".into()], 1));
    let of_user = ask("user:u read document:7").context(&json!({"n": 1})).of(&policies);
    assert!(of_user.denies() && !of_user.allows());
    let failed: Vec<_> = of_user.errors.iter().map(|(id, _)| &**id).collect();
    assert_eq!((of_user.forbids, of_user.permits, failed), (vec!["f".into()], vec![], vec!["f", "p"]));
}

#[test]
fn roles_and_groups_are_what_a_principal_is_in() {
    let policies = policies(
        &library(),
        r#"permit (principal in Role::"editor", action == Action::"write", resource);
           permit (principal, action == Action::"read", resource) when { principal in Group::"staff" || principal in Role::"reader" };"#,
    );
    assert!(ask("user:alice write document:7").roles(&["clerk", "editor"]).allows(&policies));
    assert!(!ask("user:alice write document:7").groups(&["editor"]).allows(&policies));
    assert!(ask("client:app read document:7").groups(&["staff"]).allows(&policies));
    assert!(ask("robot:r read document:7").roles(&["reader"]).allows(&policies));
    assert!(!ask("robot:r read document:7").roles(&["staff"]).groups(&["reader"]).allows(&policies));
}

#[test]
fn a_resource_is_in_all_that_is_above_it() {
    let policies = policies(
        &library(),
        r#"permit (principal, action == Action::"read", resource in Resource::folder::"top");
           forbid (principal, action, resource is Resource::document in Resource::folder::"secret");"#,
    );
    let document = || ask("user:alice read document:7");
    assert!(document().below(&[("folder", "a"), ("folder", "top")]).allows(&policies));
    assert!(ask("user:alice read folder:top").allows(&policies));
    assert!(ask("user:alice read folder:a").below(&[("folder", "a"), ("folder", "top")]).allows(&policies));
    assert!(!document().below(&[("folder", "a")]).allows(&policies));
    assert!(!document().below(&[("document", "top")]).allows(&policies));
    assert!(!document().below(&[("folder", "top"), ("folder", "secret")]).allows(&policies));
}

#[test]
fn null_is_absent_and_undeclared_members_are_dropped() {
    let policies = policies(
        &library(),
        "permit (principal, action, resource is Resource::document) when { !(resource has status) && !(context has n) };",
    );
    let sent = json!({"status": null, "colour": "red", "explain": true});
    let context = json!({"n": null, "action": {"soft": true}, "explain": true});
    assert!(ask("user:alice read document:7").resource_says(&sent).context(&context).allows(&policies));
    assert!(!ask("user:alice read document:7").resource_says(&json!({"status": ""})).allows(&policies));
}

#[test]
fn requests_do_not_speak_for_what_is_registered() {
    let policies = policies(
        &library(),
        r#"permit (principal, action == Action::"read", resource is Resource::document)
           when { resource has level && resource.level < 3 };"#,
    );
    let low = json!({"level": 1});
    assert!(ask("user:alice read document:7").resource_has(&low).allows(&policies));
    assert!(!ask("user:alice read document:7").resource_says(&low).allows(&policies));
    assert!(
        !ask("user:alice read document:7").resource_has(&json!({"level": 9})).resource_says(&low).allows(&policies)
    );
}

#[test]
fn values_of_every_type_arrive_as_what_they_are() {
    let policies = policies(
        &library(),
        r#"permit (principal, action == Action::"read", resource is Resource::document) when {
               resource has labels && resource.labels.containsAll(["a", "b"]) &&
               resource has price && resource.price.lessThan(decimal("12.51")) &&
               resource has due && resource.due > datetime("2026-11-22T13:59:59Z") &&
               resource.due < datetime("2026-11-22T14:00:01Z") &&
               context has ip && context.ip.isInRange(ip("192.0.2.0/24"))
           };"#,
    );
    let stored = |due: &str| json!({"labels": ["b", "a", "c", "a"], "price": "12.5", "due": due});
    let asked = |due: &str, ip: &str| {
        ask("user:alice read document:7").resource_has(&stored(due)).context(&json!({"ip": ip})).allows(&policies)
    };
    assert!(asked("2026-11-22T15:00:00+01:00", "192.0.2.7"));
    assert!(asked("2026-11-22T14:00:00.5Z", "::ffff:192.0.2.7"));
    assert!(!asked("2026-11-22T15:00:00Z", "192.0.2.7"));
    assert!(!asked("2026-11-22T14:00:00Z", "192.0.3.7"));
}

#[test]
fn a_missing_required_attribute_opens_no_door() {
    let policies = policies(
        &library(),
        r#"@id("all") permit (principal, action, resource);
           @id("low") forbid (principal is Subject::user, action == Action::"read", resource)
           when { principal has clearance && principal.clearance < 3 };
           @id("high") permit (principal == Subject::user::"alice", action, resource) when { principal.clearance > 5 };
           @id("bob") forbid (principal == Subject::user::"bob", action, resource) when { principal.clearance > 5 };"#,
    );
    assert!(ask("user:alice read document:7").subject_has(&json!({"clearance": 7})).allows(&policies));
    let outcome = ask("user:alice read document:7").of(&policies);
    assert_eq!((outcome.forbids, outcome.permits), (vec!["low".into()], vec![]));
    let expected = "subject.properties.clearance is required, and missing".to_owned();
    assert!(outcome.errors.contains(&("low".into(), expected.clone())), "{:?}", outcome.errors);
    assert!(outcome.errors.contains(&("high".into(), expected)), "{:?}", outcome.errors);
    assert_eq!(outcome.errors.len(), 2, "what speaks of others alone is not touched");
    let outcome = ask("robot:r read document:7").of(&policies);
    assert!(outcome.allows() && outcome.errors.is_empty(), "{outcome:?}");
}

#[test]
fn a_value_of_another_type_opens_no_door_and_is_named() {
    let policies = policies(
        &library(),
        r#"@id("all") permit (principal, action, resource);
           @id("closed") forbid (principal, action == Action::"write", resource is Resource::document)
           when { resource has status && resource.status == "closed" };"#,
    );
    let outcome = ask("robot:r write document:7")
        .action_says(&json!({"reason": "r"}))
        .resource_says(&json!({"status": ["closed"]}))
        .of(&policies);
    assert_eq!(outcome.forbids, ["closed".into()]);
    assert_eq!(outcome.errors.len(), 1);
    assert!(outcome.errors[0].1.starts_with("resource.properties.status must be a string"), "{:?}", outcome.errors);
    assert!(ask("robot:r read document:7").resource_says(&json!({"status": ["closed"]})).allows(&policies));
}

#[test]
fn what_no_model_declares_is_still_under_policies_for_all() {
    let policies = policies(
        &library(),
        r#"@id("all") permit (principal, action, resource);
           @id("locked") forbid (principal, action, resource) when { context has n && context.n == 1 };"#,
    );
    for question in ["user:alice burn document:7", "user:alice read letter:7", "ghost:g read document:7"] {
        assert!(ask(question).allows(&policies), "{question}");
        assert!(ask(question).context(&json!({"n": 1})).of(&policies).denies(), "{question}");
    }
}
