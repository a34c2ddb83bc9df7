//! Why a server does not start, or an offline repair cannot go on: one sentence for the operator, and its cause.
//! Never in it: errors of requests.

use std::error::Error;

/// Why a server does not start, or did not end well: one sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StartError(Reason);

type Cause = Box<dyn Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}")]
    Message(String),
    #[error(transparent)]
    Other(Cause),
    #[error("{place}: {cause}")]
    At {
        place: String,
        #[source]
        cause: Cause,
    },
}

impl StartError {
    /// A sentence without a cause.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(Reason::Message(message.into()))
    }

    /// An error that says by itself what is wrong.
    pub(crate) fn from_cause(cause: impl Into<Cause>) -> Self {
        Self(Reason::Other(cause.into()))
    }

    /// An error that does not name the place where it happened.
    pub(crate) fn at(place: impl Into<String>, cause: impl Into<Cause>) -> Self {
        Self(Reason::At { place: place.into(), cause: cause.into() })
    }
}

impl From<crate::config::ConfigError> for StartError {
    fn from(error: crate::config::ConfigError) -> Self {
        Self::from_cause(error)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_that_names_its_place_keeps_its_cause() {
        let error = StartError::at("listener :1", io::Error::from(io::ErrorKind::AddrInUse));
        assert_eq!(error.to_string(), "listener :1: address in use");
        assert!(error.source().is_some_and(|cause| cause.is::<io::Error>()));
    }
}
