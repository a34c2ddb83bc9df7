//! What an answer lacks, as sentences: an answer never looks more complete than its log.
//! Never in it: anything that the summary does not say.

use onrecord_value::Time;
use serde::{Deserialize, Serialize};

use super::{DamagedSource, Gap, Summary, Zone};

/// At most this many gaps and damaged sources are named one by one.
const NAMED: usize = 5;

/// Something that an answer lacks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// A word for programs: `gaps`, `missing`, `unanswered`, …
    pub kind: String,
    /// A sentence for people. Names and reasons are in it as the log has them.
    pub text: String,
    /// A command that tells more, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

impl Warning {
    pub(crate) fn new(kind: &str, text: impl Into<String>, command: Option<&str>) -> Self {
        Self { kind: kind.to_owned(), text: text.into(), command: command.map(str::to_owned) }
    }
}

const CHECK: Option<&str> = Some("onrecord log check FILE...");

impl Summary {
    /// What an answer about requests from `since` to `until` lacks. That the sink ended the reading is left to who made it.
    pub fn warnings(&self, since: Option<Time>, until: Option<Time>, zone: &Zone) -> Vec<Warning> {
        let mut list = Vec::new();
        not_covered(self, (since, until), zone, &mut list);
        gaps(self, zone, &mut list);
        list.extend(HOLES.iter().filter_map(|counted| counted.warning(self)));
        damaged(&self.damaged, &mut list);
        list.extend(DAMAGE.iter().filter_map(|counted| counted.warning(self)));
        if self.join_is_partial {
            let text = "Too many requests were in flight at once: some are shown without their answer.";
            list.push(Warning::new("join_is_partial", text, None));
        }
        list
    }
}

/// A count of a summary, and what is said of it unless it is 0.
struct Counted {
    kind: &'static str,
    of: fn(&Summary) -> u64,
    one: &'static str,
    more: &'static str,
    rest: &'static str,
    command: Option<&'static str>,
}

impl Counted {
    fn warning(&self, summary: &Summary) -> Option<Warning> {
        let number = (self.of)(summary);
        let text = format!("{}{}", count(number, self.one, self.more), self.rest);
        (number > 0).then(|| Warning::new(self.kind, text, self.command))
    }
}

/// Entries that are not in the logs.
const HOLES: &[Counted] = &[
    Counted {
        kind: "unanswered",
        of: |summary| summary.unanswered,
        one: "request has",
        more: "requests have",
        rest: " no answer in these logs: the effect is unknown.",
        command: None,
    },
    Counted {
        kind: "answers_alone",
        of: |summary| summary.answers_alone,
        one: "answer has",
        more: "answers have",
        rest: " no request entry in these logs; the time is that of the answer.",
        command: None,
    },
    Counted {
        kind: "missing",
        of: |summary| summary.missing,
        one: "entry is",
        more: "entries are",
        rest: " missing in these logs, and no gap entry declares that: `log check` names them.",
        command: CHECK,
    },
    Counted {
        kind: "refused_requests",
        of: |summary| summary.refused_requests,
        one: "refused request has",
        more: "refused requests have",
        rest: " no entry of its own, and is only counted (sys/audit/refused).",
        command: None,
    },
];

/// Entries that are there and cannot be read, or not wholly.
const DAMAGE: &[Counted] = &[
    Counted {
        kind: "not_entries",
        of: |summary| summary.not_entries,
        one: "line is not an audit entry",
        more: "lines are not audit entries",
        rest: ".",
        command: CHECK,
    },
    Counted {
        kind: "too_long",
        of: |summary| summary.too_long,
        one: "line is too long to be read",
        more: "lines are too long to be read",
        rest: ".",
        command: None,
    },
    Counted {
        kind: "torn",
        of: |summary| summary.torn,
        one: "entry is torn: its end is missing",
        more: "entries are torn: their ends are missing",
        rest: ".",
        command: CHECK,
    },
    Counted {
        kind: "incomplete_parts",
        of: |summary| summary.incomplete_parts,
        one: "entry that was sent in parts is incomplete",
        more: "entries that were sent in parts are incomplete",
        rest: ".",
        command: None,
    },
    Counted {
        kind: "elided",
        of: |summary| summary.elided,
        one: "entry was shortened by its device: it may lack fields",
        more: "entries were shortened by their device: they may lack fields",
        rest: ".",
        command: None,
    },
    Counted {
        kind: "undecided",
        of: |summary| summary.undecided,
        one: "request may be meant or not",
        more: "requests may be meant or not",
        rest: ": of what the filter names, the device left out a part or wrote a digest.",
        command: None,
    },
    Counted {
        kind: "doubles_missed",
        of: |summary| summary.doubles_missed,
        one: "entry without a number was probably counted twice",
        more: "entries without numbers were counted twice (an estimate)",
        rest: ": another log has them, too, too far away to be recognised. Give the logs of one device.",
        command: None,
    },
];

fn not_covered(
    summary: &Summary,
    (since, until): (Option<Time>, Option<Time>),
    zone: &Zone,
    list: &mut Vec<Warning>,
) {
    // Where logs begin and end is not known of those that were not read to their ends.
    if summary.interrupted {
        return;
    }
    let mut say = |kind, text| list.push(Warning::new(kind, text, None));
    let Some((from, to)) = summary.covered else {
        say("empty", "The logs have no entry.".to_owned());
        return;
    };
    let show = |time| zone.show(time, 0);
    if let Some(since) = since.filter(|since| *since < from) {
        let (from, since) = (show(from), show(since));
        say(
            "not_covered",
            format!("Not covered: the logs begin at {from}; of the time from {since} on nothing is known."),
        );
    }
    if let Some(since) = since.filter(|since| *since > to) {
        let text = format!("Not covered: the logs end at {}, before {}.", show(to), show(since));
        say("not_covered", text);
    }
    if let Some(until) = until.filter(|until| *until > to) {
        let (to, until) = (show(to), show(until));
        say(
            "not_covered",
            format!("Not covered: the logs end at {to}; of the time until {until} nothing is known."),
        );
    }
}

fn gaps(summary: &Summary, zone: &Zone, list: &mut Vec<Warning>) {
    let mut say = |text: String| list.push(Warning::new("gaps", text, CHECK));
    let line = |gap: &Gap| {
        let from = gap.since.map_or_else(|| "an unknown time".to_owned(), |since| zone.show(since, 0));
        let reason = if gap.reason.is_empty() { String::new() } else { format!(" ({})", gap.reason) };
        let elsewhere = match gap.missing {
            // Not all of them were read.
            _ if summary.interrupted => "Another device's log may have them.".to_owned(),
            0 => "The logs of other devices have all of them.".to_owned(),
            missing if missing < gap.missed => format!("No other log that is given has {missing} of them."),
            _ if summary.devices.len() > 1 => "No other log that is given has them.".to_owned(),
            _ => "Another device's log may have them.".to_owned(),
        };
        format!(
            "Gap: device {} missed {} from {from} to {}{reason}. {elsewhere}",
            gap.device,
            count(gap.missed, "entry", "entries"),
            zone.show(gap.until, 0)
        )
    };
    let missed: Vec<&Gap> = summary.gaps.iter().filter(|gap| gap.missed > 0).collect();
    missed.iter().take(NAMED).for_each(|gap| say(line(gap)));
    let rest = summary.more_gaps + missed.len().saturating_sub(NAMED) as u64;
    if rest > 0 {
        say(format!("{} of devices lie in this time, too.", count(rest, "further gap", "further gaps")));
    }
}

fn damaged(damaged: &[DamagedSource], list: &mut Vec<Warning>) {
    let mut say = |text: String| list.push(Warning::new("damaged", text, None));
    for DamagedSource { name, reason, lines, opened } in damaged.iter().take(NAMED) {
        say(if *opened {
            format!("{name} could be read only up to line {lines}: {reason}.")
        } else {
            format!("{name} cannot be opened, and this is without it: {reason}.")
        });
    }
    let rest = damaged.len().saturating_sub(NAMED) as u64;
    if rest > 0 {
        let (one, more) =
            ("further file cannot be read to its end", "further files cannot be read to their ends");
        say(format!("{}.", count(rest, one, more)));
    }
}

/// A number with its noun, or with noun and verb: `1 request`, `2 requests`.
pub fn count(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}
