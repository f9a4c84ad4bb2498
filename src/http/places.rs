//! Places for what goes on for long: so many in all, and of these a share for one client, so that none has them alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::id::ClientId;

/// Streams a node serves at once.
const PLACES_MAX: usize = 1_000;
/// Of these so many to one client: enough for many processes, since each needs one.
const OF_ONE_CLIENT_MAX: usize = 50;

/// The places of a node, and who has them.
#[derive(Debug, Default)]
pub struct Places(Mutex<Taken>);

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    of: HashMap<ClientId, usize>,
}

/// Why there is no place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Full {
    /// Others have them all.
    Node,
    /// This client has its share.
    Client,
}

/// Somebody's place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    client: ClientId,
}

impl Places {
    /// # Errors
    /// [`Full`].
    pub(super) fn take(self: &Arc<Self>, client: ClientId) -> Result<Place, Full> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.of.get(&client).is_some_and(|count| *count >= OF_ONE_CLIENT_MAX) {
            return Err(Full::Client);
        }
        if taken.all >= PLACES_MAX {
            return Err(Full::Node);
        }
        taken.all += 1;
        *taken.of.entry(client).or_default() += 1;
        Ok(Place { places: self.clone(), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(count) = taken.of.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                taken.of.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn client(n: usize) -> ClientId {
        ClientId::from_uuid(Uuid::from_u128(n as u128))
    }

    #[test]
    fn a_client_has_its_share_and_the_node_has_an_end() {
        let places = Arc::new(Places::default());
        let mut here: Vec<_> = (0..OF_ONE_CLIENT_MAX).map(|_| places.take(client(0)).unwrap()).collect();
        assert_eq!(places.take(client(0)).unwrap_err(), Full::Client);
        here.extend((OF_ONE_CLIENT_MAX..PLACES_MAX).map(|n| places.take(client(n)).unwrap()));
        assert_eq!(places.take(client(1)).unwrap_err(), Full::Node);
        here.remove(0);
        here.push(places.take(client(0)).unwrap());
        drop(here);
        let taken = places.0.lock().unwrap();
        assert!(taken.all == 0 && taken.of.is_empty(), "nobody is remembered who is gone");
    }
}
