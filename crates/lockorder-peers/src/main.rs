//! Times each row with all its arms, round by round in turn, and prints the medians as one JSON object.
//!
//! One process measures `lockorder` in one state, off or on, because a build has one. So each row carries
//! the plain lock of the same process as its reference, and only ratios to that are compared.
//!
//! The name of a row, and of one of its arms, as arguments: only that, for a profiler. And a number: so many
//! iterations of it and nothing else, to count instructions.

mod blocking;
mod futures;
mod harness;
#[cfg(feature = "peers")]
mod peers;

use harness::Rows;

lockorder::hierarchy! {
    /// Six classes, as deep as the nests go.
    pub(crate) Nest {
        level 1 { L1 = "l1" }
        level 2 { L2 = "l2" }
        level 3 { L3 = "l3" }
        level 4 { L4 = "l4" }
        level 5 { L5 = "l5" }
        level 6 { L6 = "l6" }
    }
}

fn main() {
    let mut args = std::env::args().skip(1);
    let mut rows = Rows::new(args.next(), args.next());
    if let Some(n) = args.next() {
        rows.only_run(n.parse().expect("the third argument is a number"));
    }
    // Threads first: the checker pays for tasks only once an async lock was used.
    blocking::rows(&mut rows);
    #[cfg(feature = "peers")]
    peers::rows(&mut rows);
    futures::rows(&mut rows);
    println!("{}", rows.into_json());
}
