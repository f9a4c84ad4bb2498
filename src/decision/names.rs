//! Names for what the change log knows by identifiers of its own.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::domain::assignment::Principal;
use crate::domain::change::Changed;
use crate::domain::object::ObjectRef;
use crate::store::people::PersonName;
use crate::store::{Conn, StoreError, clients, people, subjects};

/// What the log knows by identifiers of its own, by the names that others know.
#[derive(Default)]
pub(super) struct Names {
    pub people: BTreeMap<Uuid, Vec<PersonName>>,
    pub clients: BTreeMap<Uuid, String>,
    pub externals: BTreeMap<Uuid, ObjectRef>,
}

/// What has to be looked up.
pub(super) enum Wanted<'a> {
    Name(&'a str),
    Principal(Principal),
}

impl<'a> Wanted<'a> {
    pub fn of(changed: &'a Changed) -> Option<Self> {
        match changed {
            Changed::User(name) => Some(Self::Name(name)),
            Changed::Person(id) => Some(Self::Principal(Principal::Person(*id))),
            Changed::Memberships(of) | Changed::Assignments(_, of, _) | Changed::Attributes(_, of) => {
                Some(Self::Principal(*of))
            }
            Changed::Client(_)
            | Changed::ResourceServers
            | Changed::Roles(_)
            | Changed::Resource(..)
            | Changed::Relations(..)
            | Changed::ExternalSubject(..)
            | Changed::Grant(_)
            | Changed::Grants
            | Changed::DeniedToken { .. }
            | Changed::SigningKeys => None,
        }
    }
}

/// Names looked up by one statement at most.
const NAMES_MAX: usize = 1_000;

impl Names {
    pub async fn load(conn: &mut Conn, changes: impl Iterator<Item = &Changed>) -> Result<Self, StoreError> {
        let [mut of_people, mut of_clients, mut of_externals] = [const { BTreeSet::new() }; 3];
        let mut names = BTreeSet::new();
        for wanted in changes.filter_map(Wanted::of) {
            match wanted {
                Wanted::Name(name) => drop(names.insert(name.to_owned())),
                Wanted::Principal(Principal::Person(id)) => drop(of_people.insert(id.uuid())),
                Wanted::Principal(Principal::Client(id)) => drop(of_clients.insert(id.uuid())),
                Wanted::Principal(Principal::External(id)) => drop(of_externals.insert(id.uuid())),
                Wanted::Principal(Principal::Group(_)) => {}
            }
        }
        let mut known = Self::default();
        let names: Vec<_> = names.into_iter().collect();
        for some in names.chunks(NAMES_MAX) {
            of_people.extend(people::ids_of(conn, some).await?);
        }
        for some in chunks(&of_people) {
            for name in people::all_names(conn, &some).await? {
                known.people.entry(name.person.uuid()).or_default().push(name);
            }
        }
        for some in chunks(&of_clients) {
            known.clients.extend(clients::names(conn, &some).await?);
        }
        for some in chunks(&of_externals) {
            let read = subjects::names(conn, &some).await?;
            known.externals.extend(read.into_iter().filter_map(|(id, name)| Some((id, ObjectRef::parse(&name).ok()?))));
        }
        Ok(known)
    }
}

fn chunks(ids: &BTreeSet<Uuid>) -> Vec<Vec<Uuid>> {
    let ids: Vec<_> = ids.iter().copied().collect();
    ids.chunks(NAMES_MAX).map(<[Uuid]>::to_vec).collect()
}
