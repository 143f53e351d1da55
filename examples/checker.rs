//! A checker of one's own: no lock may be held while the network's is asked for.
//!
//! ```text
//! cargo run --example checker
//! ```

use lockorder::testing::violations;
use lockorder::{
    Acquisition, Breach, Checker, LearnedOrder, Mutex, RankOrder, ViolationKind, set_checker,
};

lockorder::hierarchy! {
    App {
        level 1 { Config = "config" }
        level 2 { Network = "network" }
    }
}

struct NothingUnderNetwork;

impl Checker for NothingUnderNetwork {
    fn check(&self, wanted: &Acquisition, held: &[Acquisition]) -> Option<Breach> {
        let breaks = wanted.class.name() == "network" && !held.is_empty();
        breaks.then(|| Breach::new(ViolationKind::Other("the network under a lock"), 0))
    }
}

fn main() {
    set_checker((NothingUnderNetwork, (RankOrder, LearnedOrder)));
    let (config, network) = (Mutex::<Config, _>::new("slow"), Mutex::<Network, _>::new(()));
    let found = violations(|| {
        let _config = config.lock();
        let _network = network.lock(); // the ranks allow it, this checker does not
    });
    println!("{}", found[0]);
}
