//! The resource servers there are.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::id::ResourceServerId;
use crate::domain::resource_server::ResourceServer;

/// All resource servers, by what they are asked for.
#[derive(Debug, Default)]
pub struct Registry {
    ids: HashMap<ResourceServerId, Arc<ResourceServer>>,
    identifiers: HashMap<String, Arc<ResourceServer>>,
    names: HashMap<String, Arc<ResourceServer>>,
}

impl Registry {
    pub(super) fn build(all: Vec<ResourceServer>) -> Self {
        let mut registry = Self::default();
        for rs in all.into_iter().map(Arc::new) {
            registry.ids.insert(rs.id, rs.clone());
            registry.identifiers.insert(rs.identifier.clone(), rs.clone());
            registry.names.insert(rs.name.as_str().to_owned(), rs);
        }
        registry
    }

    #[must_use]
    pub fn by_id(&self, id: ResourceServerId) -> Option<&Arc<ResourceServer>> {
        self.ids.get(&id)
    }

    #[must_use]
    pub fn by_identifier(&self, identifier: &str) -> Option<&Arc<ResourceServer>> {
        self.identifiers.get(identifier)
    }

    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Arc<ResourceServer>> {
        self.names.get(name)
    }
}
