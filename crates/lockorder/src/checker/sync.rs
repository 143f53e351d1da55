//! The atomics that a holder shares with whoever drops its guards: the real ones, or loom's, which tries every
//! order in which their effects may be seen.

#[cfg(not(lockorder_loom))]
pub(super) use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};

#[cfg(not(lockorder_loom))]
pub(super) use crossbeam_utils::atomic::AtomicCell;
#[cfg(lockorder_loom)]
pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(lockorder_loom)]
pub(super) use modelled::AtomicCell;

/// The cell of a place in the source as loom can follow it: the number of the place.
#[cfg(lockorder_loom)]
mod modelled {
    use std::sync::Mutex;

    use super::{AtomicUsize, Ordering};
    use crate::report::Site;

    #[derive(Default)]
    pub(crate) struct AtomicCell<T>(AtomicUsize, std::marker::PhantomData<fn() -> T>);

    static SITES: Mutex<Vec<Site>> = Mutex::new(Vec::new());

    impl AtomicCell<Option<Site>> {
        pub(crate) fn store(&self, site: Option<Site>) {
            let mut sites = SITES.lock().unwrap();
            sites.extend(site);
            let number = sites.iter().position(|known| Some(*known) == site).map_or(0, |n| n + 1);
            drop(sites);
            self.0.store(number, Ordering::Release);
        }

        pub(crate) fn load(&self) -> Option<Site> {
            let number = self.0.load(Ordering::Acquire);
            SITES.lock().unwrap().get(number.checked_sub(1)?).copied()
        }
    }
}
