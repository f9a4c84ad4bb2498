//! What a principal holds at a resource server, as one value where that is little: then no other resource needs a look-up.

use std::ops::Deref;
use std::sync::Arc;

use super::{FastMap, Scope};
use crate::domain::assignment::Assignment;
use crate::domain::object::ObjectRef;

/// More assignments of one principal are not one value.
pub const WHOLE_MAX: usize = 128;

/// What a principal holds at a resource server.
#[derive(Debug)]
pub enum Holdings {
    /// All of it.
    Whole(Whole),
    /// More than [`WHOLE_MAX`]: to be asked for scope by scope.
    Many,
}

/// All that a principal holds at a resource server, by scope.
#[derive(Debug, Default)]
pub struct Whole {
    at_large: Box<[Assignment]>,
    on: FastMap<ObjectRef, Box<[Assignment]>>,
    len: usize,
}

/// What a principal holds at one scope.
pub(super) enum List<'a> {
    /// Of all that it holds: lent, since to count who has it costs more than to look at it.
    Lent(&'a [Assignment]),
    Read(Arc<[Assignment]>),
}

impl Deref for List<'_> {
    type Target = [Assignment];

    fn deref(&self) -> &[Assignment] {
        match self {
            Self::Lent(list) => list,
            Self::Read(list) => list,
        }
    }
}

impl Whole {
    /// What is held at one scope.
    pub(super) fn at(&self, scope: &Scope) -> &[Assignment] {
        match scope {
            None => &self.at_large,
            Some(object) => self.on.get(object).map(AsRef::as_ref).unwrap_or_default(),
        }
    }
}

impl Holdings {
    /// Of all that a principal holds, or of more than one value may keep.
    #[must_use]
    pub fn of(held: Vec<(Scope, Assignment)>) -> Self {
        if held.len() > WHOLE_MAX { Self::Many } else { Self::whole(held) }
    }

    /// Of all that a principal holds, however much that is.
    #[must_use]
    pub fn whole(held: Vec<(Scope, Assignment)>) -> Self {
        let len = held.len();
        let (mut at_large, mut on) = (Vec::new(), FastMap::<_, Vec<_>>::default());
        for (scope, assignment) in held {
            match scope {
                None => at_large.push(assignment),
                Some(object) => on.entry(object).or_default().push(assignment),
            }
        }
        let on = on.into_iter().map(|(object, list)| (object, list.into())).collect();
        Self::Whole(Whole { at_large: at_large.into(), on, len })
    }

    /// How many assignments this keeps.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Whole(whole) => whole.len,
            Self::Many => 0,
        }
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
