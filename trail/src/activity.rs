//! A report of the activity in logs: requests and refusals over time, and which paths, identities and addresses they came to.
//! The same model is a page ([`page`]), JSON, and one side of a comparison ([`ActivityReport::compare`]).
//!
//! Never in it: reading a log (`query`), a file, a clock.

mod builder;
mod changes;
mod compare;
mod json;
mod latency;
mod model;
mod page;
mod series;
mod sketch;
mod warnings;

pub use builder::{ActivityBuilder, ReportContext};
pub use changes::ChangeKind;
pub use compare::{ComparedValue, Comparison, ComparisonGroup};
pub use json::ReportError;
pub use model::{
    ActivityReport, Asked, Change, DeclaredGap, Latency, Login, Point, Ranked, Ranking, Series, Slow, Stamp,
    Totals, Verification, WhatWasRead,
};
pub use page::page;
