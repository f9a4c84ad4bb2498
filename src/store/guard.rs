//! Holds, in debug builds, that a task with an open transaction awaits nothing but that transaction.

#[cfg(debug_assertions)]
use std::{
    collections::HashSet,
    sync::{LazyLock, Mutex, PoisonError},
};

#[cfg(debug_assertions)]
static HOLDERS: LazyLock<Mutex<HashSet<tokio::task::Id>>> = LazyLock::new(Mutex::default);

/// Marks the current task as holding a transaction.
pub(super) struct Held {
    #[cfg(debug_assertions)]
    task: Option<tokio::task::Id>,
}

impl Held {
    pub(super) fn new() -> Self {
        Self {
            #[cfg(debug_assertions)]
            task: tokio::task::try_id().inspect(|id| {
                HOLDERS.lock().unwrap_or_else(PoisonError::into_inner).insert(*id);
            }),
        }
    }
}

#[cfg(debug_assertions)]
impl Drop for Held {
    fn drop(&mut self) {
        if let Some(id) = self.task {
            HOLDERS.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        }
    }
}

/// Called where something slow begins (another connection, signing, hashing): with SQLite's one writer it would stall or
/// deadlock the server inside a transaction. Does nothing in release builds.
pub fn debug_assert_outside_transaction(what: &str) {
    #[cfg(debug_assertions)]
    {
        let held = tokio::task::try_id()
            .is_some_and(|id| HOLDERS.lock().unwrap_or_else(PoisonError::into_inner).contains(&id));
        debug_assert!(!held, "{what} inside a transaction");
    }
    #[cfg(not(debug_assertions))]
    let _ = what;
}
