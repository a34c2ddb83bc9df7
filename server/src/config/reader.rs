//! Reads typed values of a parsed file: a wrong value is an error with file and line; an unknown key is one too, or a
//! warning.
//! Never in it: which keys exist.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use onrecord_hcl::{Block, Body, Item, Position};
use onrecord_value::{duration, size, suggest};

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
        for item in body.items.iter().filter(|item| !keys.contains(&item.name())) {
            self.warn_unknown_key(item, keys, place);
        }
    }

    pub(super) fn warn_unknown_key(&mut self, item: &Item, keys: &[&str], place: &str) {
        let name = item.name();
        let hint = suggest::hint(name, keys.iter().copied());
        self.warn(item.position(), format!("{place}unknown key {name:?} is ignored{hint}"));
    }

    /// Warns about values that a later value of the same key replaces.
    pub(super) fn warn_repeated_keys(&mut self, body: &Body, stanzas: &[&str], place: &str) {
        let mut last: BTreeMap<&str, u32> = BTreeMap::new();
        for item in body.items.iter().filter(|item| !stanzas.contains(&item.name())) {
            let name = item.name();
            if let Some(line) = last.insert(name, item.position().line) {
                let name = name.escape_debug();
                let message = format!("{place}{name} is given twice: the one of line {line} is ignored");
                self.warn(item.position(), message);
            }
        }
    }

    /// Refuses an unknown key, and a known one with labels.
    pub(super) fn refuse_unknown_keys(
        &self,
        body: &Body,
        keys: &[&str],
        place: &str,
    ) -> Result<(), FileError> {
        body.items.iter().try_for_each(|item| {
            let name = item.name();
            if !keys.contains(&name) {
                return Err(self.unknown_key(item, keys, place));
            }
            if item.keys.len() > 1 {
                return Err(self.error(item.position(), format!("{place}{name} takes no labels")));
            }
            Ok(())
        })
    }

    /// The refusal of an unknown key, with the near one, or all that there are.
    pub(super) fn unknown_key(&self, item: &Item, keys: &[&str], place: &str) -> FileError {
        let name = item.name();
        let hint = match suggest::nearest(name, keys.iter().copied()) {
            Some(near) => format!("did you mean {near:?}?"),
            None if keys.is_empty() => "it takes no keys".to_owned(),
            None => format!("the keys are {}", keys.join(", ")),
        };
        self.error(item.position(), format!("{place}unknown key {name:?}: {hint}"))
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
            let accepted = "it must be a size such as 4096, 64KiB or 16MiB";
            let parsed = size::parse(text).map_err(|_| accepted.to_owned())?;
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
        self.converted(body, name, |text| {
            text.parse().map_err(|_| "it must be a whole number, 0 or more".to_owned())
        })
    }

    /// Permissions of a file, in octal.
    pub(super) fn mode(&self, body: &Body, name: &str) -> Result<Option<u32>, FileError> {
        self.converted(body, name, |text| {
            let parsed = u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o7777);
            parsed.ok_or_else(|| "it must be permissions in octal, such as 660".to_owned())
        })
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
