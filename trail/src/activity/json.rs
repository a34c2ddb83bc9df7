//! The report as JSON text, and back.
//! Never in it: the keys (`model`).

use std::fmt::Write as _;

use onrecord_value::printable::is_printable;

use super::model::ActivityReport;

/// A text that is not a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// It is not the JSON of a report.
    #[error("not a report of `log report -format=json`: {0}")]
    Json(#[from] serde_json::Error),
    /// It is the report of another version.
    #[error("this report has version {0} of the model; this program reads version 1")]
    Model(u32),
}

impl ActivityReport {
    /// As indented JSON. Characters that control a terminal or the direction of text are escaped.
    pub fn to_json(&self) -> String {
        // Every field has a form in JSON, so this cannot fail.
        let text = serde_json::to_string_pretty(self).unwrap_or_default();
        let mut safe = String::with_capacity(text.len() + 1);
        for character in text.chars() {
            if character == '\n' || is_printable(character) {
                safe.push(character);
            } else {
                // All of them have one unit in UTF-16, and stand within texts. Writing to a `String` cannot fail.
                let _infallible = write!(safe, "\\u{:04x}", u32::from(character));
            }
        }
        safe.push('\n');
        safe
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub fn parse(text: &str) -> Result<Self, ReportError> {
        let report: Self = serde_json::from_str(text)?;
        if report.model == super::builder::MODEL { Ok(report) } else { Err(ReportError::Model(report.model)) }
    }
}
