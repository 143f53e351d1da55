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

/// How the beginning of a key looks if somebody logs it: hexadecimal, small and large, as a list, and in both alphabets
/// of base64, wherever the key begins in what is spelt.
pub fn spellings(key: &[u8]) -> Vec<String> {
    let begin = &key[..8];
    let hex: String = begin.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{begin:?}");
    let list = list.trim_matches(['[', ']']).to_owned();
    // Three bytes are four characters: of three beginnings, one is where such a group begins.
    let standard = (0..3).map(|from| base64(&key[from..from + 9]));
    let url_safe = standard.clone().map(|text| text.replace('+', "-").replace('/', "_"));
    [hex.to_uppercase(), hex, list].into_iter().chain(standard).chain(url_safe).collect()
}

/// Whole groups of three bytes in base64.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let character = |bits: u32| char::from(ALPHABET[(bits & 63) as usize]);
    bytes
        .chunks_exact(3)
        .map(|group| group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)))
        .flat_map(|group| [18, 12, 6, 0].map(|shift| character(group >> shift)))
        .collect()
}
