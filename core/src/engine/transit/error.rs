//! Why an operation with a key is not done.
//! Never in it: requests.

use crate::audit_errors;
use crate::outcome::Refusal;

/// Why an operation with a key is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TransitError {
    /// The client asks for what cannot be done: the text says why.
    Rejected(String),
    /// The server could not do it.
    Internal,
}

impl TransitError {
    pub(super) fn rejected(text: impl Into<String>) -> Self {
        Self::Rejected(text.into())
    }

    /// What the client is told.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Rejected(text) => text,
            Self::Internal => "internal error",
        }
    }
}

impl From<TransitError> for Refusal {
    fn from(error: TransitError) -> Self {
        match error {
            TransitError::Rejected(text) => Self::invalid(text),
            TransitError::Internal => Self::internal(),
        }
    }
}

/// A refusal that the API answers with 500, although nothing has failed.
pub(super) fn refused_with_500(text: &str) -> Refusal {
    Refusal {
        status: 500,
        text: Some(format!("1 error occurred:\n\t* {text}\n\n")),
        audit_error: Some(audit_errors::INTERNAL_ERROR),
        in_data: true,
    }
}

/// The answer to a client that uses a key which does not exist.
pub(super) fn no_key() -> Refusal {
    Refusal::invalid("encryption key not found")
}
