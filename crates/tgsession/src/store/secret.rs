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

    /// What the keyring of the system has for a service and a user: that of the desktop on Linux (the Secret Service),
    /// the keychain on macOS, the credential manager on Windows. It is an entry of one line, the secret itself; nothing
    /// of the store is there, and the store is lost with it as with any other secret.
    ///
    /// This asks the system, which may ask whoever sits in front of it, and waits for the answer: call it before the
    /// runtime has other work, or on a thread for blocking work.
    ///
    /// ```no_run
    /// use tgsession::Secret;
    ///
    /// let secret = Secret::from_keyring("archive", "store")?;
    /// # Ok::<_, tgsession::SecretError>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such entry, the keyring is locked or there is none, or the secret is empty. The error says how to
    /// make an entry.
    #[cfg(feature = "keyring")]
    pub fn from_keyring(service: &str, user: &str) -> Result<Self, SecretError> {
        let asked = keyring::Entry::new(service, user).and_then(|entry| entry.get_password());
        Self::passphrase(asked.map_err(|source| SecretError::Keyring {
            service: service.to_owned(),
            user: user.to_owned(),
            source: source.into(),
        })?)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.expose_secret().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_gives_its_words_and_one_that_is_not_set_is_named() {
        let words = std::env::var("PATH").unwrap();
        assert_eq!(Secret::from_env("PATH").unwrap().bytes(), words.trim().as_bytes());
        let error = Secret::from_env("TGSESSION_NOBODY_SETS_THIS").unwrap_err();
        assert!(matches!(error, SecretError::NotSet(_)), "{error:?}");
        assert!(error.to_string().contains("TGSESSION_NOBODY_SETS_THIS"), "{error}");
    }

    #[test]
    fn a_file_gives_its_words_without_the_space_around_them_and_what_is_wrong_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let error = Secret::from_file(&path).unwrap_err();
        assert!(matches!(&error, SecretError::Io { path: named, .. } if *named == path), "{error}");
        fs::write(&path, " \n a few words\n").unwrap();
        assert_eq!(Secret::from_file(&path).unwrap().bytes(), b"a few words");
        fs::write(&path, " \n").unwrap();
        assert!(matches!(Secret::from_file(&path), Err(SecretError::Empty)));
        fs::write(&path, b"\xff\xfe").unwrap();
        assert!(matches!(Secret::from_file(&path), Err(SecretError::Io { .. })));
    }

    #[cfg(feature = "keyring")]
    #[test]
    fn a_keyring_without_the_secret_says_how_to_put_one_there() {
        keyring::set_default_credential_builder(keyring::mock::default_credential_builder());
        let error = Secret::from_keyring("archive", "store").unwrap_err();
        assert!(matches!(error, SecretError::Keyring { .. }), "{error:?}");
        assert!(error.to_string().contains("service archive username store"), "{error}");
    }
}
