//! What the handlers of the accounts hear.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tgsession::Monitor;
use tokio::sync::Notify;
use tokio::time::sleep;

/// Of each account the texts, in the order in which its handlers heard them.
#[derive(Default)]
pub(crate) struct Heard {
    texts: Mutex<BTreeMap<usize, Vec<String>>>,
    /// Something was heard since somebody asked.
    more: Notify,
}

impl Heard {
    /// A handler of an account that now and then fails, panics or takes its time, as its moods say.
    pub(crate) fn monitor(self: &Arc<Self>, account: usize, moods: u64) -> Monitor {
        let heard = Arc::clone(self);
        Monitor::new(move |event| {
            let heard = Arc::clone(&heard);
            async move {
                let Some(message) = event.message() else { return Ok(()) };
                let text = message.text().to_owned();
                let mood = text.bytes().fold(moods, |m, b| m.wrapping_mul(31) + u64::from(b)) % 16;
                heard.note(account, text);
                match mood {
                    0 => panic!("a handler panics"),
                    1 => Err("a handler fails".into()),
                    2 => {
                        sleep(Duration::from_millis(700)).await;
                        Ok(())
                    }
                    _ => Ok(()),
                }
            }
        })
    }

    fn note(&self, account: usize, text: String) {
        self.texts.lock().unwrap().entry(account).or_default().push(text);
        self.more.notify_one();
    }

    /// What the handlers of an account have heard so far.
    pub(crate) fn by(&self, account: usize) -> Vec<String> {
        self.texts.lock().unwrap().get(&account).cloned().unwrap_or_default()
    }

    /// Waits until they have heard enough. One at a time may wait.
    pub(crate) async fn until(&self, is_enough: impl Fn() -> bool) {
        while !is_enough() {
            self.more.notified().await;
        }
    }
}
