//! Who has a session: its name is given out once at a time, and the store is not closed under it.

use std::sync::Arc;

use dashmap::DashSet;

/// The names that are given out.
#[derive(Clone, Debug, Default)]
pub(super) struct Leases(Arc<DashSet<String>>);

/// The right to be the only one who uses a session, until it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    name: String,
    leases: Leases,
}

impl Leases {
    /// The lease of a name, unless somebody has it.
    pub(super) fn take(&self, name: &str) -> Option<Lease> {
        let taken = self.0.insert(name.to_owned());
        taken.then(|| Lease { name: name.to_owned(), leases: self.clone() })
    }

    /// Who is out, in the order of the names.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.0.iter().map(|name| name.clone()).collect();
        names.sort_unstable();
        names
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.0.remove(&self.name);
    }
}
