//! Rows in the formats of other programs: CSV and Parquet as tables, ECS, OCSF, `CloudEvents` and CEF as events, one a line. Texts of
//! the log are escaped as each format wants it, and never make a line or a field of their own.
//!
//! Never in it: reading a log (`query`), opening a file.

mod cef;
mod cloud_events;
mod columns;
mod csv;
mod ecs;
mod facts;
mod ocsf;
mod parquet_folder;

use crate::query::Row;
use onrecord_value::printable::printable_json;

pub use csv::csv_cell;
pub use parquet_folder::{ParquetError, ParquetFolder};

/// A format of events or tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// A table as text.
    Csv,
    /// Tables in a folder, partitioned by day: [`ParquetFolder`].
    Parquet,
    /// Elastic Common Schema.
    Ecs,
    /// Open Cybersecurity Schema Framework: API Activity.
    Ocsf,
    /// Common Event Format.
    Cef,
    /// `CloudEvents` in their JSON format.
    CloudEvents,
}

impl ExportFormat {
    /// All formats with their names.
    pub const ALL: [(&'static str, Self); 6] = [
        ("csv", Self::Csv),
        ("parquet", Self::Parquet),
        ("ecs", Self::Ecs),
        ("ocsf", Self::Ocsf),
        ("cef", Self::Cef),
        ("cloudevents", Self::CloudEvents),
    ];

    /// The format of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, format)| *format)
    }

    /// What stands before the first line; empty for most.
    pub fn head(self) -> String {
        if self == Self::Csv { csv::head() } else { String::new() }
    }

    /// Appends the line of a row. Parquet has no lines: nothing is appended.
    pub fn append(self, row: &Row, out: &mut Vec<u8>) {
        match self {
            Self::Csv => csv::append(row, out),
            Self::Parquet => {}
            Self::Ecs => json_line(&ecs::event(row), out),
            Self::Ocsf => json_line(&ocsf::event(row), out),
            Self::Cef => cef::append(row, out),
            Self::CloudEvents => json_line(&cloud_events::event(row), out),
        }
    }
}

fn json_line(event: &serde_json::Value, out: &mut Vec<u8>) {
    out.extend_from_slice(printable_json(&event.to_string()).as_bytes());
    out.push(b'\n');
}
