//! Who is here: how many attempts come from one place on the network at this moment. The queue before the hashes is short, and
//! whoever opens many connections must not have it alone.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Half the places there are: enough for many people behind one address, since each is done within moments.
const OF_ONE_NETWORK_MAX: usize = 32;

#[derive(Default)]
pub(super) struct Crowd(Mutex<HashMap<String, usize>>);

/// One attempt of a network, over when it is dropped.
pub(super) struct Present<'a> {
    crowd: &'a Crowd,
    network: String,
}

impl Crowd {
    /// Nothing when too many of that network are here already.
    pub(super) fn enter(&self, network: String) -> Option<Present<'_>> {
        let mut here = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = here.entry(network.clone()).or_default();
        if *count >= OF_ONE_NETWORK_MAX {
            return None;
        }
        *count += 1;
        Some(Present { crowd: self, network })
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        let mut here = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = here.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                here.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_has_its_share_and_others_have_theirs() {
        let crowd = Crowd::default();
        let mut here: Vec<_> = (0..OF_ONE_NETWORK_MAX).map(|_| crowd.enter("a".to_owned()).unwrap()).collect();
        assert!(crowd.enter("a".to_owned()).is_none() && crowd.enter("b".to_owned()).is_some());
        here.pop();
        here.push(crowd.enter("a".to_owned()).unwrap());
        assert!(crowd.enter("a".to_owned()).is_none());
        drop(here);
        assert!(crowd.0.lock().unwrap().is_empty(), "nobody is remembered who is gone");
    }
}
