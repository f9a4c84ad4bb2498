//! Facts on their way to the store: within the transaction of their cause, or in groups where the fact is all there is
//! to write.
//!
//! Never: what a fact means to whom (readers decide), or effects before the commit.

pub mod grants;
mod ledger;
pub mod logout;

pub use self::ledger::{Ledger, LedgerError};

use crate::domain::fact::Fact;
use crate::store::{StoreError, Tx, facts};

/// Records a fact with the transaction of its cause.
///
/// # Errors
/// The store's.
pub async fn record(tx: &mut Tx, fact: Fact) -> Result<(), StoreError> {
    facts::append(tx, &[fact]).await
}
