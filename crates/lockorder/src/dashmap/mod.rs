//! A ranked [`dashmap::DashMap`]: every reference into it is a held lock.
//!
//! A `DashMap` is a set of read-write locks, and whoever holds a reference into it holds one of them. Calling
//! into the map then, from the same thread, hangs or not, depending on which keys share a shard. Here it is
//! a violation every time.
//!
//! ```
//! # lockorder::hierarchy! { App { level 1 { Users = "users" } } }
//! use lockorder::{dashmap::DashMap, testing::violations};
//!
//! let users = DashMap::<Users, u32, &str>::new();
//! users.insert(7, "ann");
//! let found = violations(|| {
//!     let _ann = users.get(&7);
//!     assert!(users.contains_key(&7)); // hangs once a writer queues between the two
//! });
//! assert_eq!(found.len(), usize::from(lockorder::ENFORCING));
//! ```

mod entry;
mod iter;
mod map;
mod refs;

pub use entry::{Entry, OccupiedEntry, VacantEntry};
pub use iter::{Iter, IterMut, RefMulti, RefMutMulti};
pub use map::DashMap;
pub use refs::{Ref, RefMut};
