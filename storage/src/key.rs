//! Which texts are keys. Never in it: what is stored at them.

/// The longest key in bytes. A value is put only where its key and the prefix of its view together are not longer.
pub const MAX_BYTES: usize = 16 * 1024;
/// The longest key that may be in a store, in bytes: earlier versions did not count the prefix of a view.
pub const STORED_MAX_BYTES: usize = 64 * 1024;

/// Why a text is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The empty text, or one that ends in `/`, where a value was meant.
    #[error("a storage key cannot be empty or end in '/'")]
    Folder,
    /// Does not end in `/`, where a folder was meant.
    #[error("a storage prefix must end in '/'")]
    NotAFolder,
    /// A `..` between two slashes: it would mean another prefix.
    #[error("a storage key cannot contain a '..' segment")]
    Parent,
    /// Longer than [`MAX_BYTES`].
    #[error("the storage key is too long")]
    TooLong,
    /// A name of the barrier's own.
    #[error("the storage key is reserved")]
    Reserved,
}

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
