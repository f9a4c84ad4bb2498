//! Groups of people and clients; groups nest, without cycles.

use std::sync::Arc;

use super::id::GroupId;
use super::name::Slug;
use super::time::Interval;

/// How deep groups may nest: a bound on every decision's rounds of loading.
pub const GROUP_DEPTH_MAX: usize = 16;

#[derive(Clone, Debug)]
pub struct Group {
    pub id: GroupId,
    pub name: Slug,
}

/// A principal is in this group while the interval lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    pub group: GroupId,
    pub name: Arc<str>,
    pub interval: Interval,
}
