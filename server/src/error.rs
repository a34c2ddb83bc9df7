//! Why a server does not start, or an offline repair cannot go on: one sentence for the operator, and its cause.
//! Never in it: errors of requests.

use std::error::Error;
use std::path::{Path, PathBuf};

/// Why a server does not start, or did not end well: its text is one sentence for the operator.
pub type StartError = Box<dyn Error + Send + Sync>;

/// What is wrong with a file: `FILE:LINE: message`.
#[derive(Debug, thiserror::Error)]
#[error("{}{}: {message}", file.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
pub(crate) struct FileError {
    file: PathBuf,
    line: Option<u32>,
    message: String,
    source: Option<StartError>,
}

impl FileError {
    /// With further lines: what else was noticed until then.
    pub(crate) fn with_notes(mut self, notes: &[String]) -> Self {
        for note in notes {
            self.message.push('\n');
            self.message.push_str(note);
        }
        self
    }

    pub(crate) fn new(file: &Path, line: Option<u32>, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, message: message.into(), source: None }
    }

    pub(crate) fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// An error whose text says what is wrong with the file.
    pub(crate) fn caused_by(file: &Path, source: impl Error + Send + Sync + 'static) -> Self {
        Self::new(file, None, source.to_string()).with_source(source)
    }
}

/// An error that does not name the place where it happened.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {cause}")]
pub(crate) struct At {
    pub(crate) place: String,
    #[source]
    pub(crate) cause: StartError,
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_error_that_names_its_place_keeps_its_cause() {
        let cause = Box::new(io::Error::from(io::ErrorKind::AddrInUse));
        let error: StartError = At { place: "listener :1".to_owned(), cause }.into();
        assert_eq!(error.to_string(), "listener :1: address in use");
        assert!(error.source().and_then(|cause| cause.downcast_ref::<io::Error>()).is_some());
    }
}
