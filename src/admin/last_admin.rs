//! Somebody can always put things right: no write may leave Doorward without anybody who holds the built-in role `admin`
//! and is neither shut out nor denied anything.

use super::delegation::doorward;
use super::setup::admin_role_id;
use super::{Admin, AdminError, Edit};
use crate::decision::DecisionError;
use crate::decision::standing::{Standing, When, standing};
use crate::domain::assignment::{Effect, Held, Principal};
use crate::domain::client::{Client, ClientCredential};
use crate::domain::id::{GroupId, ResourceServerId, RoleId};
use crate::domain::time::{Instant, Interval};
use crate::store::assignments::Which;
use crate::store::{Conn, assignments, clients, groups, passwords, people};

/// How well Doorward can be administered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Administered {
    ByNobody,
    /// By somebody whose role, or way to it, ends some day.
    ForATime,
    Lastingly,
}

impl Admin {
    /// How things stand before a write that could shut an administrator out.
    pub(super) async fn administered(&self, edit: &mut Edit) -> Result<Administered, AdminError> {
        let doorward = doorward(edit).await?;
        let admin = admin_role_id(edit, doorward).await?;
        Search { doorward, admin, now: self.now() }.best(edit).await
    }

    /// What being in a group is worth at Doorward, now or later.
    pub(super) async fn worth(&self, edit: &mut Edit, group: GroupId) -> Result<Standing, AdminError> {
        let doorward = doorward(edit).await?;
        Ok(standing(edit, doorward, Principal::Group(group), self.now(), When::Ever).await?)
    }

    /// The same for writes that concern one group: most groups are worth nothing at doorward, and then nothing can change.
    pub(super) async fn administered_by(&self, edit: &mut Edit, worth: &Standing) -> Result<Administered, AdminError> {
        if worth.allowed.is_empty() && worth.denied.is_empty() {
            return Ok(Administered::ByNobody);
        }
        self.administered(edit).await
    }

    /// Refuses the write if it made that worse.
    ///
    /// # Errors
    /// [`AdminError::LastAdmin`].
    pub(super) async fn check_still(&self, edit: &mut Edit, before: Administered) -> Result<(), AdminError> {
        if before == Administered::ByNobody || self.administered(edit).await? >= before {
            return Ok(());
        }
        Err(AdminError::LastAdmin)
    }
}

struct Search {
    doorward: ResourceServerId,
    admin: RoleId,
    now: Instant,
}

/// Rows read at a time.
const PAGE: i64 = 500;

impl Search {
    /// The best there is; the search ends with the first administrator who is one for good.
    async fn best(&self, conn: &mut Conn) -> Result<Administered, AdminError> {
        let mut open = self.holders(conn).await?;
        let mut best = Administered::ByNobody;
        // Groups have no cycles, so this ends; the same group by two ways is looked at twice at worst.
        while let Some((principal, standing)) = open.pop() {
            match principal {
                Principal::Group(_) => open.extend(self.members(conn, principal, standing).await?),
                // Known only to another resource server.
                Principal::External(_) => {}
                Principal::Person(_) | Principal::Client(_) => {
                    if standing > best && self.is_free(conn, principal).await? {
                        best = standing;
                    }
                }
            }
            if best == Administered::Lastingly {
                break;
            }
        }
        Ok(best)
    }

    /// Who was given the role itself.
    async fn holders(&self, conn: &mut Conn) -> Result<Vec<(Principal, Administered)>, AdminError> {
        let (mut found, mut after) = (Vec::new(), uuid::Uuid::nil());
        let which = Which { at: Some(self.doorward), ..Which::default() };
        loop {
            let page = assignments::list(conn, &which, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = last.assignment.id.uuid();
            let admins = page.iter().filter(|recorded| {
                let assignment = &recorded.assignment;
                // An administrator of one thing alone cannot put the rest right.
                let everywhere = recorded.scope.is_none();
                everywhere && assignment.held == Held::Role(self.admin) && assignment.effect == Effect::Allow
            });
            found.extend(admins.filter_map(|r| Some((r.principal, self.lasts(&r.assignment.interval)?))));
        }
    }

    async fn members(
        &self,
        conn: &mut Conn,
        group: Principal,
        by: Administered,
    ) -> Result<Vec<(Principal, Administered)>, AdminError> {
        let Principal::Group(group) = group else { return Ok(Vec::new()) };
        let (mut found, mut after) = (Vec::new(), uuid::Uuid::nil());
        loop {
            let page = groups::members(conn, group, after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(found) };
            after = last.uuid();
            found.extend(page.iter().filter_map(|(member, way)| Some((*member, self.lasts(&way.interval)?.min(by)))));
        }
    }

    fn lasts(&self, interval: &Interval) -> Option<Administered> {
        match interval.expires_at {
            _ if !interval.contains(self.now) => None,
            Some(_) => Some(Administered::ForATime),
            None => Some(Administered::Lastingly),
        }
    }

    /// Able to come in, not shut out, and denied nothing, now or later.
    async fn is_free(&self, conn: &mut Conn, principal: Principal) -> Result<bool, AdminError> {
        let comes_in = match principal {
            Principal::Person(id) => {
                people::by_id(conn, id).await?.is_some_and(|person| person.may_act())
                    && passwords::of(conn, id).await?.is_some()
            }
            Principal::Client(id) => {
                let names = clients::names(conn, &[id.uuid()]).await?;
                let Some(name) = names.get(&id.uuid()) else { return Ok(false) };
                let client = clients::by_client_id(conn, name).await?;
                client.is_some_and(|client| !client.disabled && self.has_a_way_in(&client))
            }
            Principal::Group(_) | Principal::External(_) => false,
        };
        if !comes_in {
            return Ok(false);
        }
        match standing(conn, self.doorward, principal, self.now, When::Ever).await {
            Ok(standing) => Ok(standing.denied.is_empty()),
            // Nothing can be decided about them: they can put nothing right.
            Err(DecisionError::OverBudget) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a client can authenticate to the administration API by what it was registered with.
    fn has_a_way_in(&self, client: &Client) -> bool {
        match client.credential {
            ClientCredential::SecretBasic(_) => true,
            // By a token that it asks for in its own name.
            ClientCredential::SecretPost(_) | ClientCredential::PrivateKeyJwt { .. } => {
                client.grant_types.client_credentials && client.resources.contains(&self.doorward)
            }
            ClientCredential::None => false,
        }
    }
}
