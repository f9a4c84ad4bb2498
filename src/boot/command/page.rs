//! Which part of a list by name a command shows.

use clap::Args;

use crate::admin::PAGE_MAX;
use crate::domain::listing::{Listing, Order, Prefix};

#[derive(Args)]
pub(in crate::boot) struct PageArgs {
    /// Begin after this name.
    #[arg(long, value_name = "NAME")]
    after: Option<String>,
    /// Only those whose name begins so; of people username or e-mail address, in any case.
    #[arg(long, value_name = "TEXT")]
    search: Option<Prefix>,
    /// Which end comes first.
    #[arg(long, default_value = "asc", value_name = "asc|desc")]
    order: Order,
}

impl PageArgs {
    pub(super) fn listing(&self) -> Listing<'_> {
        Listing {
            after: self.after.as_deref().filter(|after| !after.is_empty()),
            limit: PAGE_MAX,
            order: self.order,
            prefix: self.search.as_ref(),
        }
    }
}
