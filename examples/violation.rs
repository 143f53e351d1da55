//! What a report looks like: two threads that transfer money in opposite directions.
//!
//! ```text
//! cargo run --example violation
//! ```
//!
//! Most runs of such a program work. This one is told after the first wrong step, without having to hang.

use std::thread;

use lockorder::Mutex;

lockorder::hierarchy! {
    /// The locks of a bank, outermost first.
    pub Bank {
        level 1 {
            /// What was transferred so far.
            Journal = "bank.journal",
        }
        level 2 {
            /// One account; of two the lower number is locked first.
            Account = "bank.account" [keyed],
        }
    }
}

static JOURNAL: Mutex<Journal, Vec<String>> = Mutex::new(Vec::new());

fn main() {
    let alice = Mutex::<Account, i64>::keyed(1, 100);
    let bob = Mutex::<Account, i64>::keyed(2, 100);
    println!("{}", <Bank as lockorder::Hierarchy>::table());

    thread::scope(|s| {
        s.spawn(|| transfer(&alice, &bob, 10)).join().expect("this one keeps the order");
        println!("alice to bob: fine\n\nbob to alice locks the higher number first:\n");
        let _report = s.spawn(|| transfer(&bob, &alice, 10)).join().expect_err("this one does not");

        println!("\nthe journal under an account is the wrong way round:\n");
        let audit = || {
            let account = alice.lock();
            JOURNAL.lock().push(format!("alice has {account}"));
        };
        let _report = s.spawn(audit).join().expect_err("this one does not either");
    });
    println!("\nEach report came before the thread could block. That is all: exit code 0.");
}

fn transfer(from: &Mutex<Account, i64>, to: &Mutex<Account, i64>, amount: i64) {
    let mut journal = JOURNAL.lock();
    let mut from = from.lock();
    let mut to = to.lock();
    *from -= amount;
    *to += amount;
    journal.push(format!("{amount}"));
}
