//! The data of a report. Its JSON form is public: docs/REPORTS.md has its keys.
//! Never in it: how it is gathered or shown.

use onrecord_value::Time;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::changes::ChangeKind;
use super::compare::Comparison;
use crate::query::Warning;

/// An instant, in JSON a text in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(pub Time);

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Time::parse(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// What happened in logs within a time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ActivityReport {
    /// The version of this model: 1.
    pub model: u32,
    /// When the report was made.
    pub made: Stamp,
    /// The program and its version.
    pub program: String,
    /// The zone of the times on the page.
    pub zone: String,
    /// The time that was asked for.
    pub asked: Asked,
    /// The first and the last entry of the logs.
    pub covered: Option<(Stamp, Stamp)>,
    /// What was read.
    pub read: WhatWasRead,
    /// What the report lacks: the reader sees these first.
    pub warnings: Vec<Warning>,
    /// Whether the logs were verified.
    pub verification: Verification,
    /// Counts of all requests.
    pub totals: Totals,
    /// Requests over time.
    pub series: Series,
    /// Paths, as people type them.
    pub paths: Ranking,
    /// Who made requests: display names of tokens.
    pub identities: Ranking,
    /// Where requests came from.
    pub addresses: Ranking,
    /// Operations.
    pub operations: Ranking,
    /// Mounts.
    pub mounts: Ranking,
    /// Errors of answers.
    pub errors: Ranking,
    /// Paths that policies refused.
    pub denied_paths: Ranking,
    /// How long answers took.
    pub latency: Latency,
    /// The requests that took longest.
    pub slowest: Vec<Slow>,
    /// Logins, by method and name.
    pub logins: Vec<Login>,
    /// Whether there were more of them than are kept.
    pub logins_are_partial: bool,
    /// Changes of policies, mounts, devices and the like, in the order of time.
    pub changes: Vec<Change>,
    /// Further changes, which are not kept.
    pub more_changes: u64,
    /// What devices declared as missed.
    pub gaps: Vec<DeclaredGap>,
    /// Further gaps, which are not kept.
    pub more_gaps: u64,
    /// The differences from another report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comparison: Option<Comparison>,
}

/// The time that was asked for.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Asked {
    /// From this time on.
    pub since: Option<Stamp>,
    /// Before this time.
    pub until: Option<Stamp>,
}

/// What was read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct WhatWasRead {
    /// The names of the sources.
    pub sources: Vec<String>,
    /// The salt ids of their devices.
    pub devices: Vec<String>,
    /// Bytes, of compressed sources as they are.
    pub bytes: u64,
    /// Lines.
    pub lines: u64,
    /// Entries of requests and answers.
    pub entries: u64,
    /// Entries that were read before, from another device or file.
    pub doubles: u64,
    /// Lines that are not entries.
    pub not_entries: u64,
}

/// Whether the logs were verified.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Verification {
    /// `not_verified`, `intact`, `differs`, or `not_covered_yet`: intact up to the last lines, which no checkpoint covers yet.
    pub state: String,
    /// A sentence for people.
    pub text: String,
    /// The command that verifies them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Counts of all requests.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Requests.
    pub requests: u64,
    /// Those without an answer in the logs.
    pub unanswered: u64,
    /// Those that policies refused.
    pub denied: u64,
    /// Those answered with an error.
    pub errors: u64,
    /// Logins that issued a token.
    pub logins: u64,
    /// Logins that failed.
    pub failed_logins: u64,
    /// Changes of policies, mounts, devices and the like.
    pub changes: u64,
    /// Requests that were refused without entries of their own.
    pub counted_refusals: u64,
    /// Questions to the log itself, which are not in the other counts.
    pub own_questions: u64,
}

/// Requests over time, in steps of equal length without holes between them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Series {
    /// The length of a step.
    pub step_seconds: i64,
    /// The steps.
    pub points: Vec<Point>,
    /// Requests whose times lie too far from all others to be shown beside them.
    pub outside: u64,
}

/// A step of the series.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Point {
    /// Its beginning.
    pub at: Stamp,
    /// Requests that arrived in it.
    pub requests: u64,
    /// Those of them that policies refused.
    pub denied: u64,
    /// Those of them that were answered with an error.
    pub errors: u64,
}

/// The most frequent values of a field.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ranking {
    /// The values, the most frequent first.
    pub rows: Vec<Ranked>,
    /// How many different values there are; a lower bound if `exact` is false.
    pub different: u64,
    /// Whether all counts are exact. Otherwise a count may be too high, by at most its `over`.
    pub exact: bool,
}

/// A value with its counts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ranked {
    /// The value as it is in the log.
    pub value: String,
    /// Requests.
    pub count: u64,
    /// By how much `count` may be too high.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub over: u64,
    /// Those of them that policies refused.
    pub denied: u64,
    /// The first of them.
    pub first: Stamp,
    /// The last of them.
    pub last: Stamp,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// How long answers took, in nanoseconds; within five percent, the longest exactly.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Latency {
    /// How many answers have a duration: other servers do not write it.
    pub measured: u64,
    /// Half of them took at most this.
    pub p50: i64,
    /// Nine of ten took at most this.
    pub p90: i64,
    /// 99 of a hundred took at most this.
    pub p99: i64,
    /// The longest.
    pub longest: i64,
}

/// A request that took long.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slow {
    /// How long, in nanoseconds.
    pub duration_ns: i64,
    /// When it arrived.
    pub at: Stamp,
    /// What it did.
    pub operation: String,
    /// To which path.
    pub path: String,
    /// Who made it.
    pub who: String,
    /// Its id.
    pub id: String,
}

/// Logins of one name by one method.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    /// The mount of the method.
    pub method: String,
    /// The display name of the tokens; of failed logins what the path names.
    pub name: String,
    /// Logins that issued a token.
    pub succeeded: u64,
    /// Logins that failed.
    pub failed: u64,
    /// The first.
    pub first: Stamp,
    /// The last.
    pub last: Stamp,
}

/// A change of what the server does, or an attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: Stamp,
    /// Of what.
    pub kind: ChangeKind,
    /// How.
    pub operation: String,
    /// The path.
    pub path: String,
    /// Who made it.
    pub who: String,
    /// From where.
    pub address: String,
    /// The id of the request.
    pub id: String,
    /// How it ended: `done`, `denied`, `failed`, or `unanswered`.
    pub outcome: String,
}

/// What a device declared as missed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeclaredGap {
    /// The id of the device's salt.
    pub device: String,
    /// How many entries.
    pub missed: u64,
    /// How many of them no other device of these logs has.
    pub missing: u64,
    /// From when on, if it is known.
    pub since: Option<Stamp>,
    /// When the device had recovered.
    pub until: Stamp,
    /// Why.
    pub reason: String,
}
