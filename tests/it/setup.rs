//! The one-time set-up link.

use std::time::Duration;

use crate::support::{Auth, House, both};

async fn link(house: &House) -> String {
    let secret = house.node().admin().open_setup().await.unwrap().expect("nobody is an operator yet");
    format!("/setup/{}", secret.reveal())
}

both! {
    async fn a_set_up_link_works_once(house: House) {
        let link = link(&house).await;
        let page = house.get(&link).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
        assert!(page.header("content-security-policy").contains("form-action 'self'"));
        assert_eq!(page.header("cache-control"), "no-store");
        let submit = async |name: &'static str| {
            house.form(&link, &Auth::None, &[("username", name), ("name", "The <b>First</b>"), ("password", "copper lantern seven rivers")]).await
        };
        let wrong = house.form(&link, &Auth::None, &[("username", "not a name"), ("name", "<script>x</script>")]).await;
        assert_eq!(wrong.status, 400);
        assert!(wrong.text.contains("aria-invalid") && wrong.text.contains("not a name"), "nothing typed is lost");
        assert!(!wrong.text.contains("<script>x"), "and nothing typed is run");
        let weak = house.form(&link, &Auth::None, &[("username", "first"), ("password", "short")]).await;
        assert!(weak.status == 400 && weak.text.contains("at least 15"), "{}", weak.text);
        assert_eq!(submit("alice").await.status, 400, "taken, and the link still works");

        let tries = ["first", "second", "third", "fourth"].map(submit);
        let answers = futures_util::future::join_all(tries).await;
        let statuses: Vec<_> = answers.iter().map(|a| a.status).collect();
        assert_eq!(statuses.iter().filter(|s| **s == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|s| **s == 410).count(), 3, "{statuses:?}");
        assert_eq!(house.get(&link).await.status, 410);
        let held = house.command(&["assign", "list", "--resource-server", "doorward"]);
        let admins: Vec<_> = held["assignments"].as_array().unwrap().iter().filter(|a| a["role"] == "admin").collect();
        assert_eq!(admins.len(), 1, "exactly one operator");
        assert!(house.node().admin().open_setup().await.unwrap().is_none(), "and no further link");
    }

    async fn a_wrong_set_up_link_shows_no_form(house: House) {
        let link = link(&house).await;
        for wrong in [&link[..link.len() - 1], "/setup/x", "/setup/dwsu_"] {
            let page = house.get(wrong).await;
            assert_eq!(page.status, 410, "{wrong}");
            assert!(!page.text.contains("<form"));
            assert_eq!(house.form(wrong, &Auth::None, &[("username", "eve")]).await.status, 410);
        }
        house.advance(Duration::from_secs(3601));
        assert_eq!(house.get(&link).await.status, 410, "expired");
    }

    async fn a_newer_set_up_link_replaces_the_older(house: House) {
        let (older, newer) = (link(&house).await, link(&house).await);
        assert_eq!(house.get(&older).await.status, 410);
        assert_eq!(house.get(&newer).await.status, 200);
    }
}
