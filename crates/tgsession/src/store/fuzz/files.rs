//! Files of a store with other bytes in them, as a disk or somebody with access to it leaves them.

use std::path::Path;
use std::time::Duration;

use grammers_session::SessionData;
use grammers_session::types::DcOption;
use tokio::runtime::Builder;

use super::super::{
    AuditLine, Batch, Entry, Fact, KeptOperation, OpenError, Store, StoreError, StoredEvent, lock,
    sqlite, vault,
};
use super::{dc, peer, secret};
use crate::fuzz::{Case, Random, run};

/// The part of a file that `SQLite` reads before anything else, and that fails as a whole.
const HEADER: usize = 100;
const PAGE: usize = 4096;
/// Nothing that is read takes as long.
const LIMIT: Duration = Duration::from_secs(120);

/// A store with two accounts. Its key is made fast, so that each case can make it.
async fn valid(directory: &Path) -> Vec<u8> {
    {
        let _lock = lock::take(directory).unwrap();
        let database = sqlite::open(directory).unwrap();
        vault::make(&database, &secret(), 8, 1).unwrap();
    }
    let store = Store::open(directory, secret()).await.unwrap();
    let mut random = Random::of(0, 0);
    for name in ["a0", "a1"] {
        let mut session = SessionData::default();
        session.dc_options.extend((1..=5).map(|id| {
            let dc = DcOption { id, ..dc(&mut random) };
            (id, dc)
        }));
        let peers = (0..30).map(|_| peer(&mut random));
        session.peer_infos = peers.map(|peer| (peer.id(), peer)).collect();
        store.add(name, &session, 1).await.unwrap();
        let line = AuditLine::now(1, "messages", 5001, 7, None);
        let lease = store.lease(name).await.unwrap();
        let exported = StoredEvent::exported(line);
        lease.commit(&Batch::new(Vec::new(), vec![exported])).await.unwrap();
        for key in ["one", "two"] {
            let (what, recipe) = ("a message".to_owned(), key.into());
            let kept = KeptOperation::new(key.to_owned(), what, recipe);
            assert!(lease.keep(&kept).await.unwrap().is_none());
        }
    }
    store.close().await.unwrap();
    std::fs::read(directory.join("store.db")).unwrap()
}

/// Changes a few bytes of a page, or has a page in the place of another, or cuts the file.
fn change(random: &mut Random, file: &mut Vec<u8>) {
    let pages = file.len() / PAGE;
    match random.below(8) {
        0 => {
            let (from, to) = (random.index(pages), 1 + random.index(pages - 1));
            file.copy_within(from * PAGE..(from + 1) * PAGE, to * PAGE);
        }
        1 => file.truncate(HEADER + random.index(file.len() - HEADER)),
        _ => {
            let page = random.index(pages) * PAGE;
            for _ in 0..=random.below(8) {
                // Pages begin with what is where in them, where most of the harm is done.
                let reach = random.pick(&[8, 64, PAGE]);
                let at = (page + random.index(reach)).max(HEADER);
                file[at] = random.next() as u8;
            }
        }
    }
}

/// Opens a store, reads all that it has, and writes to it; true if nothing was wrong with it.
async fn use_up(directory: &Path) -> bool {
    let store = match Store::open(directory, secret()).await {
        Ok(store) => store,
        Err(OpenError::Stopped(error)) => panic!("opening it: {error}"),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let mut is_whole = true;
    let mut note = |error: Option<StoreError>| {
        // It closes by itself only if its thread panics.
        assert!(!matches!(error, Some(StoreError::Closed)), "the database panicked");
        is_whole &= error.is_none();
    };
    let names = store.names().await;
    for name in names.as_deref().unwrap_or_default() {
        note(store.load(name).await.err());
        note(store.events(name).await.err());
        note(store.operations(name).await.err());
        note(store.read::<u64>(name, Entry::Checkpoint(7)).await.err());
        match store.lease(name).await {
            Ok(lease) => {
                note(lease.prune().await.err());
                note(lease.claim().await.err());
                note(lease.write(vec![Fact::home(3, 4)]).await.err());
                let mut batch = Batch::default();
                batch.forget("one");
                note(lease.commit(&batch).await.err());
            }
            Err(error) => note(Some(error)),
        }
        note(store.remove(name).await.err());
    }
    note(names.err());
    note(store.add("a2", &SessionData::default(), 1).await.err());
    store.close().await.expect("nobody has a session of it");
    is_whole
}

#[test]
fn whatever_a_file_has_in_it_it_is_refused_or_read_and_soon() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let made = tempfile::tempdir().unwrap();
    let valid = runtime.block_on(valid(made.path()));
    assert!(valid.len() > 3 * PAGE && valid.len().is_multiple_of(PAGE), "{} bytes", valid.len());
    run("files of a store", |random| {
        let mut file = valid.clone();
        if !random.one_in(32) {
            change(random, &mut file);
        }
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("store.db"), file).unwrap();
        let used = async { tokio::time::timeout(LIMIT, use_up(directory.path())).await };
        let is_whole = runtime.block_on(used).expect("it takes no time");
        Case::of(is_whole.then_some(()))
    });
}
