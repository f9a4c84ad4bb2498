//! What the demo prints.

use super::world::{Credentials, IDENTIFIER, PEOPLE, Someone};

/// What is printed: where to go, as whom, and what to paste.
pub(super) fn told(issuer: &str, app: &str, credentials: &Credentials) -> String {
    let (bot, api) = (credentials.bot.reveal(), credentials.api.reveal());
    let ask = |who: &str, action: &str| {
        format!(
            "curl -s -u 'notes-api:{api}' {issuer}/access/v1/evaluation -H 'Content-Type: application/json' \\\n  \
             -d '{{\"subject\":{{\"type\":\"user\",\"id\":\"{who}\"}},\"action\":{{\"name\":\"{action}\"}},\"resource\":{{\"type\":\"note\",\"id\":\"42\"}}}}'; echo"
        )
    };
    let person = |p: &Someone| format!("          {:8} {:28} {}", p.username, p.password, p.role);
    let people: Vec<String> = PEOPLE.iter().map(person).collect();
    let people = people.join("\n");
    format!(
        "
  Sign in to the sample application: {app}
          username password                     role
{people}

  issuer  {issuer}
  world   resource server notes ({IDENTIFIER}); roles owner > editor > viewer
          clients notes-web (the sample application), notes-bot (a service), notes-api (the API itself)

# 1. A token for the service client
TOKEN=$(curl -s -u 'notes-bot:{bot}' {issuer}/oauth2/token -d grant_type=client_credentials -d scope=notes:read | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/'); echo $TOKEN

# 2. The public keys any backend verifies it with
curl -s {issuer}/oauth2/jwks; echo

# 3. May alice delete note 42? (she may)
{permit}

# 4. May carol delete it? (she may not)
{denial}

# 5. The API asks what the token is worth
curl -s -u 'notes-api:{api}' {issuer}/oauth2/introspect -d token=$TOKEN; echo

# 6. The service gives it back; asked again, it is worth nothing
curl -s -u 'notes-bot:{bot}' {issuer}/oauth2/revoke -d token=$TOKEN; curl -s -u 'notes-api:{api}' {issuer}/oauth2/introspect -d token=$TOKEN; echo

Stop with Ctrl-C. The next demo starts afresh.",
        permit = ask("alice", "delete"),
        denial = ask("carol", "delete"),
    )
}
