//! Groups of people and clients; groups nest, without cycles.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::GroupId;
use super::name::Slug;
use super::time::Interval;

/// How deep groups may nest: a bound on every decision's rounds of loading.
pub const GROUP_DEPTH_MAX: usize = 16;

/// Nobody may come to be in more groups, through however many others: half of what a decision walks, so that whoever may
/// make groups can make nobody undecidable by them.
pub const GROUPS_MAX: usize = 500;

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

/// A group as files say it: the groups that are in it for good. Who else is in it is data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NamedGroup {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<Slug>,
}

/// Groups by name.
pub type NamedGroups = BTreeMap<Slug, NamedGroup>;
