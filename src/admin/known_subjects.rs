//! Subjects of one write or one look, read together: a few statements, however many they are.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Map, Value};

use super::{AdminError, PrincipalRef};
use crate::domain::assignment::Principal;
use crate::domain::object::ObjectRef;
use crate::domain::resource_server::ResourceServer;
use crate::store::{Conn, decisions};

/// Names in one statement.
const NAMES_MAX: usize = 1_000;

/// Who the names are, and what the resource server registered of them.
#[derive(Default)]
pub(super) struct KnownSubjects {
    principals: HashMap<PrincipalRef, Principal>,
    /// Of those that only the resource server knows: whether they are shut out.
    disabled: HashMap<ObjectRef, bool>,
    attributes: HashMap<Principal, Map<String, Value>>,
}

impl KnownSubjects {
    pub(super) async fn read<'a>(
        conn: &mut Conn,
        server: &ResourceServer,
        named: impl Iterator<Item = &'a PrincipalRef> + Clone,
    ) -> Result<Self, AdminError> {
        let mut known = Self::default();
        known.read_people(conn, named.clone()).await?;
        known.read_others(conn, server, named.clone()).await?;
        known.read_groups(conn, named).await?;
        let all: Vec<_> = known.principals.values().copied().collect();
        for some in all.chunks(NAMES_MAX) {
            let mut read = decisions::attributes(conn, server.id, some).await?.values;
            let found = some.iter().filter_map(|of| Some((*of, read.remove(&of.uuid())?)));
            known.attributes.extend(found);
        }
        Ok(known)
    }

    /// One by one: nobody registers many.
    async fn read_groups<'a>(
        &mut self,
        conn: &mut Conn,
        named: impl Iterator<Item = &'a PrincipalRef>,
    ) -> Result<(), AdminError> {
        for name in named.filter(|name| matches!(name, PrincipalRef::Group(_))) {
            match name.resolve(conn).await {
                Ok(found) => drop(self.principals.insert(name.clone(), found.principal)),
                // Whoever needs it says so.
                Err(AdminError::NotFound { .. }) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }

    async fn read_people<'a>(
        &mut self,
        conn: &mut Conn,
        named: impl Iterator<Item = &'a PrincipalRef> + Clone,
    ) -> Result<(), AdminError> {
        let people = named.filter_map(|name| if let PrincipalRef::User(name) = name { Some(name) } else { None });
        // As they are written, else as usernames are stored.
        let spellings = people.clone().flat_map(|name| [name.clone(), name.to_ascii_lowercase()]);
        let spellings: Vec<_> = spellings.collect::<BTreeSet<_>>().into_iter().collect();
        let mut found = HashMap::new();
        for some in spellings.chunks(NAMES_MAX) {
            found.extend(decisions::people(conn, some).await?.values);
        }
        for name in people {
            let of = found.get(name).or_else(|| found.get(&name.to_ascii_lowercase()));
            self.principals.extend(of.map(|of| (PrincipalRef::User(name.clone()), of.principal)));
        }
        Ok(())
    }

    async fn read_others<'a>(
        &mut self,
        conn: &mut Conn,
        server: &ResourceServer,
        named: impl Iterator<Item = &'a PrincipalRef>,
    ) -> Result<(), AdminError> {
        let (mut clients, mut externals) = (BTreeSet::new(), BTreeSet::new());
        for name in named {
            match name {
                PrincipalRef::Client(name) => drop(clients.insert(name.clone())),
                PrincipalRef::External(name) => drop(externals.insert(name.clone())),
                PrincipalRef::User(_) | PrincipalRef::Group(_) => {}
            }
        }
        let clients: Vec<_> = clients.into_iter().collect();
        for some in clients.chunks(NAMES_MAX) {
            let found = decisions::clients(conn, some).await?.values;
            self.principals.extend(found.into_iter().map(|(name, of)| (PrincipalRef::Client(name), of.principal)));
        }
        let externals: Vec<_> = externals.into_iter().collect();
        for some in externals.chunks(NAMES_MAX) {
            let texts: Vec<_> = some.iter().map(ToString::to_string).collect();
            let found = decisions::external_subjects(conn, server.id, &texts).await?.values;
            for name in some {
                if let Some(row) = found.get(name.as_str()) {
                    self.registered(name, row.principal, row.disabled);
                }
            }
        }
        Ok(())
    }

    /// Who it is, if it was found.
    pub(super) fn principal(&self, name: &PrincipalRef) -> Option<Principal> {
        self.principals.get(name).copied()
    }

    pub(super) fn is_disabled(&self, name: &ObjectRef) -> Option<bool> {
        self.disabled.get(name).copied()
    }

    pub(super) fn attributes(&self, of: Principal) -> Option<&Map<String, Value>> {
        self.attributes.get(&of)
    }

    /// Whether the resource server registered anything of them.
    pub(super) fn is_registered(&self, name: &PrincipalRef) -> bool {
        match name {
            PrincipalRef::External(name) => self.disabled.contains_key(name),
            known => self.principals.get(known).is_some_and(|of| self.attributes.contains_key(of)),
        }
    }

    /// What this write has changed since.
    pub(super) fn registered(&mut self, name: &ObjectRef, principal: Principal, disabled: bool) {
        self.principals.insert(PrincipalRef::External(name.clone()), principal);
        self.disabled.insert(name.clone(), disabled);
    }

    pub(super) fn put(&mut self, of: Principal, attributes: Map<String, Value>) {
        self.attributes.insert(of, attributes);
    }

    pub(super) fn forget(&mut self, name: &PrincipalRef) {
        if let Some(principal) = self.principals.get(name) {
            self.attributes.remove(principal);
        }
        if let PrincipalRef::External(external) = name {
            self.principals.remove(name);
            self.disabled.remove(external);
        }
    }
}

/// The refusal of a name that is nobody's.
pub(super) fn unknown(name: &PrincipalRef) -> AdminError {
    match name {
        PrincipalRef::User(name) => AdminError::not_found("person", name),
        PrincipalRef::Client(name) => AdminError::not_found("client", name),
        PrincipalRef::Group(name) => AdminError::not_found("group", name),
        PrincipalRef::External(name) => AdminError::not_found("registered subject", name.as_str()),
    }
}
