//! Values that cannot be printed and are wiped when dropped. Never in it: encodings or comparisons that
//! depend on the secret's bytes.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// A value that is wiped when dropped and has no text: its `Debug` is the fixed word `secret`, it has no
/// `Display` and no `Clone`. Reading it takes a visible [`Secret::expose`].
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    /// Takes a value over. Copies made before this call are the caller's to wipe.
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. This is the only way to read it, so that every use can be found by its name.
    pub fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, to be changed in place. A `Vec` or `String` that grows here leaves its old
    /// buffer unwiped.
    pub fn expose_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("secret")
    }
}

impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    /// Takes the same time wherever the bytes differ; a difference in length shows.
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_ref().ct_eq(other.expose().as_ref()).into()
    }
}

impl<T: Zeroize + AsRef<[u8]>> Eq for Secret<T> {}

/// Bytes of a secret: a key, a share, a stored value in the clear. As [`Secret`], with a fixed length.
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes a buffer over; all of its capacity is wiped at the end.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// `len` bytes that `fill` writes, so that the secret is never in a buffer that is not wiped.
    pub fn with<E>(len: usize, fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut made = Self::new(vec![0; len]);
        fill(&mut made.0)?;
        Ok(made)
    }

    /// The bytes themselves. This is the only way to read them, so that every use can be found by its name.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A second copy, wiped on its own. Not `Clone`, so that no copy is made by accident.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::new(self.expose().to_vec())
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        // All of the capacity is spare once it is cleared, and spare capacity is wiped in one go; the bytes of
        // a vector would be wiped one by one.
        self.0.clear();
        self.0.spare_capacity_mut().zeroize();
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("secret")
    }
}

impl PartialEq for SecretBytes {
    /// Takes the same time wherever the bytes differ; a difference in length shows.
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretBytes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_no_text() {
        assert_eq!(format!("{:?}", SecretBytes::new(b"canary".to_vec())), "secret");
        assert_eq!(format!("{:?}", Secret::new(String::from("canary"))), "secret");
    }

    #[test]
    fn secrets_compare_by_all_their_bytes() {
        let one = SecretBytes::new(vec![1, 2, 3]);
        assert_eq!(one, one.duplicate());
        assert_ne!(one, SecretBytes::new(vec![1, 2, 4]));
        assert_ne!(one, SecretBytes::new(vec![1, 2]));
        assert_ne!(one, SecretBytes::new(vec![1, 2, 3, 0]));
    }
}
