//! Taking turns: so many at once, so many more waiting, and whoever comes then is told to come back.

use tokio::sync::{Semaphore, SemaphorePermit};

/// So many at most wait or have their turn.
const PLACES_MAX: usize = 64;

pub(super) struct Turns {
    turns: Semaphore,
    places: Semaphore,
}

/// Somebody's turn, over when it is dropped.
pub(super) struct Turn<'a> {
    _place: SemaphorePermit<'a>,
    _turn: SemaphorePermit<'a>,
}

impl Turns {
    pub(super) fn new(at_once: usize) -> Self {
        Self { turns: Semaphore::new(at_once), places: Semaphore::new(PLACES_MAX) }
    }

    /// Waits for a turn; nothing when too many wait already.
    pub(super) async fn take(&self) -> Option<Turn<'_>> {
        let place = self.places.try_acquire().ok()?;
        let turn = self.turns.acquire().await.ok()?;
        Some(Turn { _place: place, _turn: turn })
    }
}
