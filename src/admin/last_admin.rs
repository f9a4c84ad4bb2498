//! Somebody can always put things right: no write may leave Doorward without anybody who holds the built-in role `admin`
//! and is neither shut out nor denied anything.

use super::delegation::doorward;
use super::setup::admin_role_id;
use super::{Admin, AdminError};
use crate::decision::standing::{When, standing};
use crate::domain::assignment::{Effect, Held, Principal};
use crate::domain::id::{GroupId, ResourceServerId, RoleId};
use crate::domain::time::{Instant, Interval};
use crate::store::{Conn, Edit, assignments, clients, groups, people};

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

    /// The same for writes that concern one group: most groups are worth nothing at doorward, and then nothing can change.
    pub(super) async fn administered_by(&self, edit: &mut Edit, group: GroupId) -> Result<Administered, AdminError> {
        let doorward = doorward(edit).await?;
        let worth = standing(edit, doorward, Principal::Group(group), self.now(), When::Ever).await?;
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
        loop {
            let page = assignments::list(conn, Some(self.doorward), None, after, PAGE).await?;
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
            found.extend(page.iter().filter_map(|(member, way)| Some((*member, self.lasts(way)?.min(by)))));
        }
    }

    fn lasts(&self, interval: &Interval) -> Option<Administered> {
        match interval.expires_at {
            _ if !interval.contains(self.now) => None,
            Some(_) => Some(Administered::ForATime),
            None => Some(Administered::Lastingly),
        }
    }

    /// Not shut out, and denied nothing, now or later.
    async fn is_free(&self, conn: &mut Conn, principal: Principal) -> Result<bool, AdminError> {
        let may_act = match principal {
            Principal::Person(id) => people::by_id(conn, id).await?.is_some_and(|person| person.may_act()),
            Principal::Client(id) => {
                let names = clients::names(conn, &[id.uuid()]).await?;
                let Some(name) = names.get(&id.uuid()) else { return Ok(false) };
                clients::by_client_id(conn, name).await?.is_some_and(|client| !client.disabled)
            }
            Principal::Group(_) | Principal::External(_) => false,
        };
        Ok(may_act && standing(conn, self.doorward, principal, self.now, When::Ever).await?.denied.is_empty())
    }
}
