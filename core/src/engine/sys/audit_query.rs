//! `sys/audit-query`: questions to the server's own audit logs.
//! Never in it: the query itself (`log_queries`).

use onrecord_trail::query::{Field, Filter, Query, TimeContext, Zone};
use onrecord_value::{Time, quote};

use crate::engine::sys::{Sys, sudo};
use crate::engine::{Call, Handled, Path, Unsealed, fields};
use crate::log_queries::{LogQuery, ROWS, ROWS_MAX, Shown, TIME, TIME_MAX};
use crate::outcome::{Refusal, Reply};

/// A filter is not longer.
const FILTER_MAX: usize = 8 * 1024;
/// How many fields a row has at most.
const FIELDS_MAX: usize = 18;
const FIELDS: [&str; 7] = ["fields", "filter", "limit", "own_questions", "since", "time_limit", "until"];

pub(super) const PATHS: &[Path<Sys>] = &[sudo("audit-query", "Query the audit logs of the server's own file devices.")
    .description(
        "Takes `filter` (`path=secret/app and denied`), `since`, `until`, `fields`, `limit` (100, at most 1000 rows), `time_limit` (10s, \
         at most 30s) and `own_questions`. Answers `rows`, `complete`, and in `bound` which limit ended it. Raw devices are not read.",
    )
    .write(|_, unsealed, call| Handled::pending(query(unsealed, call)))];

async fn query(unsealed: &Unsealed, call: &Call<'_>) -> Result<Reply, Refusal> {
    let context = TimeContext { now: unsealed.machine_clock.now(), zone: Zone::UTC };
    let filter = fields::text(call.data, "filter")?.unwrap_or_default();
    if filter.len() > FILTER_MAX {
        return Err(Refusal::bad_request(format!("\"filter\" is longer than {FILTER_MAX} bytes")));
    }
    let filter = Filter::parse(&filter, &context).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let (since, until) = (time(call, "since", &context)?, time(call, "until", &context)?);
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        return Err(Refusal::bad_request("\"since\" must be before \"until\""));
    }
    let own_questions = fields::flag(call.data, "own_questions")?.unwrap_or(false);
    let shown = shown(call)?;
    let query = LogQuery {
        query: Query { since, until, own_questions, ..Query::new(filter) },
        shown,
        rows: rows(call)?,
        time: time_limit(call)?,
        sources: unsealed.devices.query_sources().await.map_err(super::audit::refused)?,
    };
    let process = std::sync::Arc::clone(&unsealed.host.process);
    let data = unsealed.operations.log_queries.run(query, process).await?;
    Ok(fields::answer(data, call.data, &FIELDS))
}

fn time(call: &Call<'_>, field: &str, context: &TimeContext) -> Result<Option<Time>, Refusal> {
    let text = fields::text(call.data, field)?.filter(|text| !text.is_empty());
    let time = text.map(|text| context.time(&text)).transpose();
    time.map_err(|error| Refusal::bad_request(format!("{field:?}: {error}")))
}

fn rows(call: &Call<'_>) -> Result<usize, Refusal> {
    let Some(rows) = fields::count(call.data, "limit")? else { return Ok(ROWS) };
    let rows = usize::try_from(rows).ok().filter(|rows| (1..=ROWS_MAX).contains(rows));
    rows.ok_or_else(|| Refusal::bad_request(format!("\"limit\" must be between 1 and {ROWS_MAX} rows")))
}

fn time_limit(call: &Call<'_>) -> Result<std::time::Duration, Refusal> {
    let Some(span) = fields::span(call.data, "time_limit")? else { return Ok(TIME) };
    let time = span.to_std().filter(|time| !time.is_zero() && *time <= TIME_MAX);
    time.ok_or_else(|| {
        Refusal::bad_request(format!(
            "\"time_limit\" must be more than nothing and at most {} seconds",
            TIME_MAX.as_secs()
        ))
    })
}

fn shown(call: &Call<'_>) -> Result<Vec<Shown>, Refusal> {
    let Some(names) = fields::texts(call.data, "fields")?.filter(|names| !names.is_empty()) else {
        return Ok(Shown::usual());
    };
    if names.len() > FIELDS_MAX {
        return Err(Refusal::bad_request(format!("\"fields\" names more than {FIELDS_MAX} fields")));
    }
    let field = |name: &String| {
        Shown::parse(name.trim()).ok_or_else(|| {
            let near = Field::near(name).map(|near| format!(" (did you mean {near:?}?)")).unwrap_or_default();
            Refusal::bad_request(format!("\"fields\": unknown field {}{near}", quote::quote(name)))
        })
    };
    names.iter().map(field).collect()
}
