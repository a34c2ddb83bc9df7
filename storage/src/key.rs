//! Which texts are keys. Never in it: what is stored at them.

use std::fmt;

/// The longest key in bytes.
pub const MAX_BYTES: usize = 16 * 1024;

/// Why a text is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The empty text, or one that ends in `/`, where a value was meant.
    Folder,
    /// Does not end in `/`, where a folder was meant.
    NotAFolder,
    /// A `..` between two slashes: it would mean another prefix.
    Parent,
    /// Longer than [`MAX_BYTES`].
    TooLong,
    /// A name of the barrier's own.
    Reserved,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "a storage key cannot be empty or end in '/'",
            Self::NotAFolder => "a storage prefix must end in '/'",
            Self::Parent => "a storage key cannot contain a '..' segment",
            Self::TooLong => "the storage key is too long",
            Self::Reserved => "the storage key is reserved",
        })
    }
}

impl std::error::Error for KeyError {}

/// Checks the key of a value.
pub fn check(key: &str) -> Result<(), KeyError> {
    if key.is_empty() || key.ends_with('/') {
        return Err(KeyError::Folder);
    }
    segments(key)
}

/// Checks a prefix: empty, or ending in `/`.
pub fn check_folder(prefix: &str) -> Result<(), KeyError> {
    if !prefix.is_empty() && !prefix.ends_with('/') {
        return Err(KeyError::NotAFolder);
    }
    segments(prefix)
}

fn segments(key: &str) -> Result<(), KeyError> {
    if key.len() > MAX_BYTES {
        return Err(KeyError::TooLong);
    }
    if key.contains("..") && key.split('/').any(|segment| segment == "..") {
        return Err(KeyError::Parent);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_a_value_below_its_prefix() {
        for good in ["a", "a/b", "a..b", "...", "a/b..", "/a", "ä/ö", "a//b"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", KeyError::Folder),
            ("a/", KeyError::Folder),
            ("..", KeyError::Parent),
            ("../a", KeyError::Parent),
            ("a/../b", KeyError::Parent),
            ("a/..", KeyError::Parent),
        ] {
            assert_eq!(check(bad), Err(why), "{bad}");
        }
        assert_eq!(check(&"a".repeat(MAX_BYTES + 1)), Err(KeyError::TooLong));
        assert_eq!(check_folder(""), Ok(()));
        assert_eq!(check_folder("a/"), Ok(()));
        assert_eq!(check_folder("a"), Err(KeyError::NotAFolder));
        assert_eq!(check_folder("a/../"), Err(KeyError::Parent));
    }
}
