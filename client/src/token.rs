//! The caller's token: a secret that is not printed and is wiped when it is dropped.
//! Never in it: a derived `Debug` or `Display`.

use std::fmt;
use zeroize::Zeroizing;

/// A token as sent in `X-Vault-Token`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// A token from its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// Whether the text is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text. A search for this name finds every use.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether every character can be sent in a header.
    pub fn printable(&self) -> bool {
        self.0.chars().all(|c| !c.is_control())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}
