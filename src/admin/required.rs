//! What must be so for a write to happen.

/// Things that must be there, and things that must not.
#[derive(Clone, Debug)]
pub struct Required<T> {
    pub present: Vec<T>,
    pub absent: Vec<T>,
}

impl<T> Default for Required<T> {
    fn default() -> Self {
        Self { present: Vec::new(), absent: Vec::new() }
    }
}

/// The lists as requests call them.
pub(super) const PRESENT: &str = "require_present";
pub(super) const ABSENT: &str = "require_absent";

impl<T> Required<T> {
    pub(super) fn len(&self) -> usize {
        self.present.len() + self.absent.len()
    }

    /// Each thing with the list it stands in, its place there, and whether it must be there.
    pub(super) fn each(&self) -> impl Iterator<Item = (&'static str, usize, &T, bool)> {
        let of = |list, wanted| move |(index, thing)| (list, index, thing, wanted);
        let present = self.present.iter().enumerate().map(of(PRESENT, true));
        present.chain(self.absent.iter().enumerate().map(of(ABSENT, false)))
    }
}
