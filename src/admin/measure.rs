//! What an operator is measured by: what they held before the write, at Doorward's own resource server and at those of
//! applications.

use super::delegation::{Wanted, What};
use crate::decision::standing::{Lasting, Places, Reached, Rights, ends_before};
use crate::domain::assignment::Principal;
use crate::domain::model::Model;
use crate::domain::name::Slug;
use crate::domain::object::ObjectRef;
use crate::domain::permission::Permission;
use crate::domain::resource_server::{CONTROL, ResourceServer};
use crate::domain::time::Instant;
use crate::store::rules::Rules;

/// An operator as of the beginning of a write.
pub(super) struct Measure {
    pub operator: Principal,
    /// The groups they are in.
    pub reached: Reached,
    /// With those they will be in.
    pub later: Reached,
    /// What they hold at Doorward's own resource server.
    pub own: Rights,
    /// Of an operator who came by a key: what is written on it.
    pub ceiling: Option<Vec<Permission>>,
}

impl Measure {
    /// Whether nothing can be beyond them.
    pub(super) fn holds_everything(&self) -> bool {
        let everything = Lasting { permission: Permission::ALL, until: None };
        self.own.holds(&everything, &Places::new()) && self.carries(|held| *held == Permission::ALL)
    }

    /// At Doorward's own resource server nobody gives on what they hold for one thing alone, and roles are worth their
    /// permissions.
    pub(super) fn holds_own(&self, wanted: &Wanted) -> bool {
        let What::Permission(permission) = &wanted.what else { return true };
        let lasting = Lasting { permission: permission.clone(), until: wanted.until };
        self.own.holds(&lasting, &Places::new()) && self.carries(|held| held.covers(permission))
    }

    /// Whether they may write the model and policies of an application, for as long: those can permit anything there.
    pub(super) fn controls(&self, server: &Slug, until: Option<Instant>) -> bool {
        let (action, of) = CONTROL;
        let Ok(rules) = ObjectRef::parse(&format!("{of}:{server}")) else { return false };
        self.carries(|held| held.matches(action, of)) && self.own.permit_until(action, &rules, until)
    }

    /// Whether they hold this at an application on one of these places, or control it.
    pub(super) fn holds_at(&self, local: &Local, wanted: &Wanted, places: &Places) -> bool {
        let Wanted { what, until, of, .. } = wanted;
        let rights = &local.rights;
        let holds =
            |permission: &Permission| rights.holds(&Lasting { permission: permission.clone(), until: *until }, places);
        let is_member = of.is_some_and(|group| self.is_in(group, *until));
        let is_held = match what {
            What::Permission(permission) => holds(permission) || (is_member && rights.is_untouched(permission)),
            What::Role(name) => {
                let denied = rights.is_denied_anything();
                let has = rights.hold_role(name, *until, places) || (is_member && !denied);
                let named = local.policies_name(name);
                let is_worth = named || local.tells_roles;
                // What a policy permits who has the role, a deny may take from the operator.
                let suffices = has && !(named && (denied || local.policies_narrow()));
                !is_worth || suffices || holds(&Permission::ALL)
            }
            What::Related => (is_member && !rights.is_denied_anything()) || holds(&Permission::ALL),
            What::Named => {
                let suffices = is_member && !rights.is_denied_anything() && !local.policies_narrow();
                suffices || holds(&Permission::ALL)
            }
        };
        is_held || self.controls(&local.server, *until)
    }

    fn is_in(&self, group: Principal, until: Option<Instant>) -> bool {
        self.reached.get(&group).is_some_and(|end| !ends_before(*end, until))
    }

    fn carries(&self, matches: impl Fn(&Permission) -> bool) -> bool {
        self.ceiling.as_ref().is_none_or(|all| all.iter().any(matches))
    }
}

/// What an operator holds at an application by assignment, and what is so there.
pub(super) struct Local {
    server: Slug,
    rights: Rights,
    pub model: Option<Model>,
    policies: String,
    /// Tokens say which roles their subject has, so the application may go by those.
    tells_roles: bool,
}

impl Local {
    pub(super) fn new(server: &ResourceServer, rights: Rights, rules: Rules) -> Self {
        Self {
            server: server.name.clone(),
            rights,
            model: rules.model.map(|(_, model)| model),
            policies: rules.policies.map(|(_, text)| text).unwrap_or_default(),
            tells_roles: server.claims.roles,
        }
    }

    /// Whether policies may take something from whoever has a role or is in a group: then to be rid of it is something that
    /// those who have it do not hold.
    fn policies_narrow(&self) -> bool {
        ["forbid", "unless", "!"].iter().any(|sign| self.policies.contains(sign))
    }

    /// Whether policies may name a role. One that is written with escapes may mean any.
    fn policies_name(&self, role: &str) -> bool {
        self.policies.contains('\\') || self.policies.contains(&format!("\"{role}\""))
    }
}
