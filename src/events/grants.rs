//! What follows when grants end: their refresh tokens end with them, and every node forgets that they lived.

use crate::domain::change::{Actor, Changed};
use crate::domain::id::GrantId;
use crate::domain::time::Instant;
use crate::store::changes::States;
use crate::store::{Edit, StoreError, refresh};

/// More grants than this are not named one by one in the change log: no number of them may make an end impossible.
const NAMED_MAX: usize = 1_000;

/// Ends what lives under grants that this edit has ended.
///
/// # Errors
/// The store's.
pub async fn ended(edit: &mut Edit, grants: &[GrantId], actor: &Actor, now: Instant) -> Result<(), StoreError> {
    refresh::end_of_grants(edit, grants, now).await?;
    if grants.len() > NAMED_MAX {
        return edit.log(&Changed::Grants, actor, now, States::default()).await;
    }
    for grant in grants {
        edit.log(&Changed::Grant(*grant), actor, now, States::default()).await?;
    }
    Ok(())
}
