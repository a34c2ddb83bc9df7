//! The report as JSON text, and back.
//! Never in it: the keys (`model`).

use super::model::ActivityReport;
use onrecord_value::printable::printable_json;

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
        let mut text = printable_json(&text);
        text.push('\n');
        text
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    pub fn parse(text: &str) -> Result<Self, ReportError> {
        let report: Self = serde_json::from_str(text)?;
        if report.model == super::builder::MODEL { Ok(report) } else { Err(ReportError::Model(report.model)) }
    }
}
