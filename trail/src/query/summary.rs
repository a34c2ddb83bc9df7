//! What an answer rests on: what was read, what is missing in it, and what was left out.
//! Never in it: rows.

use onrecord_value::Time;

/// What a query read, and what its rows lack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Rows that were delivered.
    pub rows: u64,
    /// Rows that the filter asks for, and that are not delivered because they are questions to the log itself.
    pub own_questions_left_out: u64,
    /// Delivered rows without an answer.
    pub unanswered: u64,
    /// Delivered rows without a request entry.
    pub answers_alone: u64,
    /// Delivered rows that the filter asks for because their path is a spelling of the one it names on a version 2 KV mount.
    pub other_spellings: u64,
    /// Gaps that devices declared within the asked time.
    pub gaps: Vec<Gap>,
    /// Further gaps, beyond the number that is kept.
    pub more_gaps: u64,
    /// The first and the last entry of the logs.
    pub covered: Option<(Time, Time)>,
    /// Whether the reader was ended by the sink: the rows are those found until then.
    pub interrupted: bool,
    /// Bytes read, of compressed sources as they are.
    pub bytes: u64,
    /// Lines read.
    pub lines: u64,
    /// Lines of salts that are not asked for, and those that are withheld ([`LinesOfSalt`](super::LinesOfSalt)).
    pub passed_over: u64,
    /// Entries of the asked time and of salts that are asked for, of which no line was read: those that there are were passed over
    /// ([`LinesOfSalt`]). Of logs that were not read to their ends it is too high.
    ///
    /// [`LinesOfSalt`]: super::LinesOfSalt
    pub withheld: u64,
    /// Entries of requests and answers among them.
    pub entries: u64,
    /// Entries that were read before, from another device or file.
    pub doubles: u64,
    /// Lines that are not entries.
    pub not_entries: u64,
    /// Beginnings of entries whose ends are missing.
    pub torn: u64,
    /// Lines too long to be read.
    pub too_long: u64,
    /// Rows whose entry the device shortened, because it was too long.
    pub elided: u64,
    /// Requests of which it cannot be said whether the filter asks for them: the device left out a field that it names, or
    /// replaced the data by a digest.
    pub undecided: u64,
    /// Entries that the device sent in pieces, and that were put together.
    pub split: u64,
    /// Entries in pieces of which pieces are missing, wrong, or too long to be put together. Those whose pieces may be in what was
    /// not read are not among them.
    pub incomplete_parts: u64,
    /// Entries that stand for requests refused without entries of their own,
    pub refused_entries: u64,
    /// and how many requests they stand for, within the asked time.
    pub refused_requests: u64,
    /// Probes of devices.
    pub probes: u64,
    /// Kept checkpoints of other devices' trees.
    pub checkpoints: u64,
    /// Entries whose number, between the first and the last of their start, no line has, also none that was passed over, and
    /// that no gap declares. Of logs that were not read to their ends it is not known: then 0.
    pub missing: u64,
    /// Sources that could be read only in part, or not at all.
    pub damaged: Vec<DamagedSource>,
    /// The devices whose entries were read, by the ids of their salts.
    pub devices: Vec<String>,
    /// Whether memory did not allow to join every answer with its request.
    pub join_is_partial: bool,
    /// About how many entries without numbers were read twice and counted twice, because the first copy was too long ago to be
    /// remembered. An estimate from a sample of the ids.
    pub doubles_missed: u64,
}

/// A source that could be read only in part, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedSource {
    /// Its name.
    pub name: String,
    /// Why reading ended.
    pub reason: String,
    /// How many lines were read until then.
    pub lines: u64,
    /// Whether it could be opened.
    pub opened: bool,
}

/// What a device declared as missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The id of the device's salt.
    pub device: String,
    /// How many entries it missed.
    pub missed: u64,
    /// How many of them no other device of these logs has. With 0 nothing is missing in the answer.
    pub missing: u64,
    /// From when on, if the gap entry says so.
    pub since: Option<Time>,
    /// When it was declared: the device had recovered.
    pub until: Time,
    /// Why.
    pub reason: String,
}
