//! The question of a report or an export: filter, time and zone.
//! Never in it: what becomes of the rows.

use std::time::SystemTime;

use onrecord_trail::query::{Filter, Query, TimeContext, Zone};
use onrecord_value::printable::printable;

use super::unreadable;
use crate::command::{Failure, Flag, Invocation};

pub(super) const SINCE: Flag = Flag::text("since", "Only requests from this time on.");
pub(super) const UNTIL: Flag = Flag::text("until", "Only requests before this time.");
pub(super) const TZ: Flag = Flag::text("tz", "Time zone of the times that are given and shown.");
pub(super) const FILTER: Flag = Flag::text("filter", "Only requests that a filter takes.");

pub(super) fn asked(invocation: &Invocation) -> Result<(Query, TimeContext), Failure> {
    let zone = match invocation.text("tz").filter(|name| !name.is_empty()) {
        Some(name) => Zone::named(name).map_err(|error| unreadable(format!("-tz: {error}")))?,
        None => Zone::system(),
    };
    let context = TimeContext { now: SystemTime::now().into(), zone };
    let filter = Filter::parse(invocation.text("filter").unwrap_or_default(), &context)
        .map_err(|error| unreadable(printable(&error.to_string())))?;
    let time = |flag: &str| {
        let given = invocation.text(flag).filter(|text| !text.is_empty());
        let time = given.map(|text| context.time(text)).transpose();
        time.map_err(|error| unreadable(printable(&format!("-{flag}: {error}"))))
    };
    let (since, until) = (time("since")?, time("until")?);
    Ok((Query { since, until, ..Query::new(filter) }, context))
}
