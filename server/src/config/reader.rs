//! Reads typed values of a parsed file: a wrong value is an error with file and line, an unknown key a warning.
//! Never in it: which keys exist.

use std::path::{Path, PathBuf};
use std::time::Duration;

use onrecord_hcl::{Block, Body, Position};
use onrecord_value::{duration, size};

use crate::error::FileError;

pub(super) struct Reader {
    file: PathBuf,
    warnings: Vec<String>,
}

impl Reader {
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), warnings: Vec::new() }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings
    }

    /// Adds a warning: the server starts all the same.
    pub(super) fn warn(&mut self, position: Position, message: String) {
        self.warnings.push(self.error(position, message).to_string());
    }

    pub(super) fn warn_unknown_keys(&mut self, body: &Body, keys: &[&str], place: &str) {
        for item in &body.items {
            if !keys.contains(&item.name()) {
                self.warn(item.position(), format!("{place}unknown key {:?} is ignored", item.name()));
            }
        }
    }

    pub(super) fn error(&self, position: Position, message: String) -> FileError {
        FileError::new(&self.file, Some(position.line), message)
    }

    pub(super) fn syntax_error(&self, error: onrecord_hcl::Error) -> FileError {
        self.error(error.position(), error.to_string()).with_source(error)
    }

    pub(super) fn blocks<'a>(
        &self,
        body: &'a Body,
        name: &'a str,
        labels: usize,
    ) -> Result<Vec<Block<'a>>, FileError> {
        body.blocks(name, labels).map_err(|error| self.syntax_error(error))
    }

    pub(super) fn text(&self, body: &Body, name: &str) -> Result<Option<String>, FileError> {
        let found = body.scalar(name).map_err(|error| self.syntax_error(error))?;
        Ok(found.map(str::to_owned))
    }

    /// A boolean, also as text (`"true"`, `"1"`), as in existing configurations.
    pub(super) fn boolean(&self, body: &Body, name: &str) -> Result<Option<bool>, FileError> {
        self.converted(body, name, |text| {
            onrecord_value::boolean::parse(text).map_err(|_| "it must be true or false".to_owned())
        })
    }

    /// A duration: Go's form, or seconds.
    pub(super) fn duration(&self, body: &Body, name: &str) -> Result<Option<Duration>, FileError> {
        self.converted(body, name, |text| {
            let rejected =
                |_| "it must be a duration such as 30s, 5m or 1h30m, or a number of seconds".to_owned();
            let parsed = duration::parse(text).map_err(rejected)?;
            parsed.to_std().ok_or_else(|| "it must not be negative".to_owned())
        })
    }

    pub(super) fn size(&self, body: &Body, name: &str) -> Result<Option<usize>, FileError> {
        self.converted(body, name, |text| {
            let parsed = size::parse(text).map_err(|error| error.to_string())?;
            usize::try_from(parsed).map_err(|_| "it is too large".to_owned())
        })
    }

    /// A value of which `read` reads the text, and which must not be 0.
    pub(super) fn not_zero(
        &self,
        body: &Body,
        name: &str,
        read: fn(&Self, &Body, &str) -> Result<Option<usize>, FileError>,
    ) -> Result<Option<usize>, FileError> {
        match (read(self, body, name)?, body.get(name)) {
            (Some(0), Some(value)) => {
                Err(self.error(value.position, format!("{name} = 0: it must be at least 1")))
            }
            (found, _) => Ok(found),
        }
    }

    pub(super) fn count(&self, body: &Body, name: &str) -> Result<Option<usize>, FileError> {
        self.converted(body, name, |text| text.parse().map_err(|_| "it must be a whole number".to_owned()))
    }

    pub(super) fn texts(&self, body: &Body, name: &str) -> Result<Vec<String>, FileError> {
        if let Some(text) = body.get(name).and_then(onrecord_hcl::Value::as_str) {
            return Ok(text.split(',').map(|part| part.trim().to_owned()).collect());
        }
        let found = body.strings(name).map_err(|error| self.syntax_error(error))?;
        Ok(found.unwrap_or_default().into_iter().map(str::to_owned).collect())
    }

    pub(super) fn one_of(
        &self,
        body: &Body,
        name: &str,
        words: &[&'static str],
    ) -> Result<Option<&'static str>, FileError> {
        self.converted(body, name, |text| {
            let found = words.iter().copied().find(|word| word.eq_ignore_ascii_case(text));
            found.ok_or_else(|| format!("it must be one of {}", words.join(", ")))
        })
    }

    fn converted<T>(
        &self,
        body: &Body,
        name: &str,
        convert: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, FileError> {
        let Some(value) = body.get(name) else { return Ok(None) };
        let text = body.scalar(name).map_err(|error| self.syntax_error(error))?.unwrap_or_default();
        let rejected = |reason| self.error(value.position, format!("{name} = {text:?}: {reason}"));
        convert(text).map(Some).map_err(rejected)
    }
}
