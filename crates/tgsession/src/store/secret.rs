use std::fs;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::SecretError;

/// What a [`Store`](super::Store) is sealed with. Its `Debug` shows nothing of it, and its memory is cleared.
///
/// ```
/// use tgsession::Secret;
///
/// let secret = Secret::passphrase("correct horse battery staple".to_owned())?;
/// assert!(!format!("{secret:?}").contains("horse"));
/// # Ok::<_, tgsession::SecretError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Secret(SecretString);

impl Secret {
    /// These words, without the space around them.
    ///
    /// # Errors
    /// If there are none.
    pub fn passphrase(words: String) -> Result<Self, SecretError> {
        let words = Zeroizing::new(words);
        match words.trim().is_empty() {
            true => Err(SecretError::Empty),
            // As from a file: nobody sees the space around it.
            false => Ok(Self(words.trim().to_owned().into())),
        }
    }

    /// What an environment variable says.
    ///
    /// # Errors
    /// If it is not set, is not text, or is empty.
    pub fn from_env(variable: &str) -> Result<Self, SecretError> {
        let words =
            std::env::var(variable).map_err(|_| SecretError::NotSet(variable.to_owned()))?;
        Self::passphrase(words)
    }

    /// What a file says, without the space around it.
    ///
    /// # Errors
    /// If it cannot be read, is not text, or is empty.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SecretError> {
        let path = path.as_ref();
        let words = fs::read_to_string(path)
            .map_err(|source| SecretError::Io { path: path.to_owned(), source })?;
        let words = SecretString::from(words);
        Self::passphrase(words.expose_secret().trim().to_owned())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}
