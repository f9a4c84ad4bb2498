//! Authorization codes (RFC 6749 §4.1.2, RFC 9700 §4.5).

use super::{Nodes, no_grant, raced};
use crate::support::{Browser, Pkce, REDIRECT, Tokens};

const MANY: usize = 64;

raced! {
    async fn of_many_exchanges_at_most_one_wins_and_once_a_loser_has_committed_nothing_lives(nodes: Nodes) {
        let (mut browser, mut wins) = (Browser::new(nodes.first()), 0);
        for _ in 0..4 {
            let code = browser.code("alice", &[]).await;
            let answers = nodes.all(MANY, |_, node| { let code = code.clone(); async move { node.exchange(&code).await } }).await;
            assert!(answers.iter().all(|a| a.status == 200 || a.refusal() == no_grant()), "{answers:?}");
            let won: Vec<_> = answers.iter().filter_map(Tokens::of).collect();
            assert!(won.len() <= 1, "{} exchanges of one code", won.len());
            wins += won.len();
            // All have their answers, so the losers have committed.
            for tokens in won {
                nodes.is_dead(&tokens.access, "the winner's access token").await;
                assert_eq!(nodes.at(1).refresh(&tokens.refresh).await.refusal(), no_grant());
                let seen = nodes.at(1).introspect(&nodes.first().app(), &tokens.refresh).await;
                assert_eq!(seen["active"], false, "the winner's refresh token");
            }
        }
        assert!(wins > 0, "nobody ever won");
    }

    async fn one_right_exchange_among_many_wrong_ones_wins_and_lives(nodes: Nodes) {
        let mut browser = Browser::new(nodes.first());
        for right in [0, 20, MANY - 1] {
            let code = browser.code("alice", &[]).await;
            let answers = nodes.all(MANY, |i, node| {
                let code = code.clone();
                async move {
                    let other = Pkce::new().verifier;
                    let (uri, verifier) = (("redirect_uri", REDIRECT), ("code_verifier", code.verifier.as_str()));
                    match i % 4 {
                        _ if i == right => node.exchange(&code).await,
                        0 => node.exchange_as(&node.app(), &code.code, &[uri, ("code_verifier", &other)]).await,
                        1 => node.exchange_as(&node.app(), &code.code, &[uri]).await,
                        2 => node.exchange_as(&node.app(), &code.code, &[("redirect_uri", "https://app.example/other"), verifier]).await,
                        _ => node.exchange_as(&crate::support::Auth::None, &code.code, &[("client_id", "native"), uri, verifier]).await,
                    }
                }
            }).await;
            let won: Vec<_> = answers.iter().filter_map(Tokens::of).collect();
            assert_eq!(won.len(), 1, "{answers:?}");
            assert!(answers.iter().all(|a| a.status == 200 || a.refusal() == no_grant()), "{answers:?}");
            assert_eq!(nodes.at(1).worth(&won[0].access).await, [true; 3], "nobody who cannot prove the code ends its grant");
            assert_eq!(nodes.at(1).refresh(&won[0].refresh).await.status, 200);
        }
    }
}
