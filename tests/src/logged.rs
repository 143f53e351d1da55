use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// What was logged: a writer, and all that was written.
#[derive(Clone, Default)]
pub struct Logged(Arc<Mutex<Vec<u8>>>);

impl Logged {
    /// All of it so far.
    pub fn text(&self) -> String {
        let bytes = self.0.lock().expect("nobody panics with it");
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics with it").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How the beginning of a key looks if somebody logs it: hexadecimal, small and large, and as a list.
pub fn spellings(key: &[u8]) -> [String; 3] {
    let begin = &key[..8];
    let hex: String = begin.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{begin:?}");
    [hex.to_uppercase(), hex, list.trim_matches(['[', ']']).to_owned()]
}
