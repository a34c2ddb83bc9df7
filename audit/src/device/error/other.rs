//! The error of a device that is written elsewhere, as one that can be cloned and compared.
//! Never in it: what such an error says.

use std::error::Error;
use std::sync::Arc;

/// The error of a device that is written elsewhere. Two are equal if they say the same.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct OtherError(Arc<dyn Error + Send + Sync>);

impl OtherError {
    /// Wraps an error.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(Arc::new(error))
    }

    /// The error that was wrapped, to be downcast.
    pub fn inner(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.0
    }
}

impl PartialEq for OtherError {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.to_string() == other.to_string()
    }
}

impl Eq for OtherError {}
