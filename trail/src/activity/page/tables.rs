//! The tables of the page.
//! Never in it: their order, which the report has.

use onrecord_value::Time;

use super::html::Html;
use super::plot::as_float;
use super::times::{Clock, duration};
use crate::activity::model::{ActivityReport, Ranked, Ranking, Series};
use crate::activity::warnings::{count, grouped};

/// How many rows of a ranking are shown.
const RANKED: usize = 12;
/// How many rows of a list are shown.
const LISTED: usize = 200;

/// Appends the table of the plots.
pub(super) fn points(html: &mut Html, series: &Series, clock: &Clock<'_>) {
    html.raw("<details>\n<summary>The plots as a table</summary>\n<table class=\"points\"><thead><tr><th scope=\"col\">From</th>");
    html.raw(
        "<th scope=\"col\" class=\"number\">Requests</th><th scope=\"col\" class=\"number\">Denied</th>",
    );
    html.raw("<th scope=\"col\" class=\"number\">Errors</th></tr></thead>\n<tbody>\n");
    for point in series.points.iter().filter(|point| point.requests > 0) {
        html.raw("<tr><th scope=\"row\">").text(&clock.step(point.at.0, series.step_seconds)).raw("</th>");
        for (label, number) in
            [("Requests", point.requests), ("Denied", point.denied), ("Errors", point.errors)]
        {
            numeral(html, label, number);
        }
        html.raw("</tr>\n");
    }
    html.raw("</tbody></table>\n</details>\n");
}

/// A cell with a number. In a narrow window the label stands before it.
fn numeral(html: &mut Html, label: &'static str, number: u64) {
    html.raw("<td data-label=\"").raw(label).raw(if number == 0 {
        "\" class=\"number zero\">"
    } else {
        "\" class=\"number\">"
    });
    html.text(&grouped(number)).raw("</td>");
}

fn time(html: &mut Html, clock: &Clock<'_>, label: &'static str, at: Time) {
    html.raw("<td class=\"time\" data-label=\"")
        .raw(label)
        .raw("\"><time datetime=\"")
        .show(at)
        .raw("\">")
        .text(&clock.short(at))
        .raw("</time></td>");
}

/// Appends the most frequent values of a field.
pub(super) fn ranking(html: &mut Html, title: &'static str, ranking: &Ranking, clock: &Clock<'_>) {
    if ranking.rows.is_empty() {
        return;
    }
    let with_denied = ranking.rows.iter().any(|row| row.denied > 0 && row.denied < row.count);
    html.raw("<div class=\"ranking\">\n<h3>")
        .raw(title)
        .raw("</h3>\n<table><thead><tr><th scope=\"col\">Value</th>");
    html.raw("<th scope=\"col\" class=\"number\">Requests</th>");
    if with_denied {
        html.raw("<th scope=\"col\" class=\"number\">Denied</th>");
    }
    html.raw("<th scope=\"col\" class=\"time\">Last</th></tr></thead>\n<tbody>\n");
    let most = ranking.rows.first().map_or(1, |row| row.count);
    for row in ranking.rows.iter().take(RANKED) {
        html.raw("<tr><th scope=\"row\"><code>").path(&row.value).raw("</code>");
        bar(html, row, most);
        html.raw("</th><td class=\"number\">").text(&grouped(row.count));
        if row.over > 0 {
            html.raw("<span class=\"note\">at most ").text(&grouped(row.over)).raw(" too many</span>");
        }
        html.raw("</td>");
        if with_denied {
            numeral(html, "Denied", row.denied);
        }
        time(html, clock, "Last", row.last.0);
        html.raw("</tr>\n");
    }
    html.raw("</tbody></table>\n");
    let more = ranking.different.saturating_sub(RANKED as u64);
    if more > 0 {
        let more = count(more, "other", "others");
        html.raw("<p class=\"note\">")
            .raw(if ranking.exact { "and " } else { "and more than " })
            .text(&more)
            .raw("</p>\n");
    }
    html.raw("</div>\n");
}

/// A line as long as the count, the denied part of it in another colour.
fn bar(html: &mut Html, row: &Ranked, most: u64) {
    let part = |number: u64| format!("{:.2}%", as_float(number) / as_float(most.max(1)) * 100.0);
    let denied = row.denied.min(row.count);
    html.raw("<svg class=\"length\" aria-hidden=\"true\"><rect class=\"bar\" height=\"100%\" width=\"")
        .show(part(row.count))
        .raw("\"/>");
    if denied > 0 {
        html.raw("<rect class=\"refused\" height=\"100%\" width=\"").show(part(denied)).raw("\"/>");
    }
    html.raw("</svg>");
}

/// Appends the logins.
pub(super) fn logins(html: &mut Html, report: &ActivityReport, clock: &Clock<'_>) {
    if report.logins.is_empty() {
        return;
    }
    section(html, "logins", "Logins", &["Method", "Name", "#Issued a token", "#Failed", "@First", "@Last"]);
    for login in report.logins.iter().take(LISTED) {
        html.raw("<tr><td><code>").path(&login.method).raw("</code></td><th scope=\"row\">");
        if login.name.is_empty() {
            html.raw("<span class=\"note\">not named</span>");
        } else {
            html.raw("<code>").path(&login.name).raw("</code>");
        }
        html.raw("</th>");
        numeral(html, "Issued", login.succeeded);
        numeral(html, "Failed", login.failed);
        time(html, clock, "First", login.first.0);
        time(html, clock, "Last", login.last.0);
        html.raw("</tr>\n");
    }
    let rest = report.logins.len().saturating_sub(LISTED);
    end(html, rest as u64, report.logins_are_partial);
}

/// Appends the changes.
pub(super) fn changes(html: &mut Html, report: &ActivityReport, clock: &Clock<'_>) {
    if report.changes.is_empty() {
        return;
    }
    section(html, "changes", "Changes", &["@Time", "What", "Operation", "Path", "Who", "From", "Outcome"]);
    for change in report.changes.iter().take(LISTED) {
        html.raw(if change.outcome == "done" { "<tr>" } else { "<tr class=\"refused\">" });
        time(html, clock, "", change.at.0);
        html.raw("<td>")
            .raw(change.kind.words())
            .raw("</td><td>")
            .text(&change.operation)
            .raw("</td><td class=\"main\"><code>");
        html.path(&change.path).raw("</code></td><td><code>").path(&change.who).raw("</code></td><td><code>");
        html.path(&change.address).raw("</code></td><td>").text(&change.outcome).raw("</td></tr>\n");
    }
    let rest = report.changes.len().saturating_sub(LISTED) as u64;
    end(html, report.more_changes + rest, false);
}

/// Appends the slowest requests.
pub(super) fn slowest(html: &mut Html, report: &ActivityReport, clock: &Clock<'_>) {
    if report.slowest.is_empty() {
        return;
    }
    section(html, "slowest", "Slowest", &["#Took", "@Time", "Operation", "Path", "Who", "Request id"]);
    for slow in &report.slowest {
        html.raw("<tr><td class=\"number\">").text(&duration(slow.duration_ns)).raw("</td>");
        time(html, clock, "", slow.at.0);
        html.raw("<td>")
            .text(&slow.operation)
            .raw("</td><td class=\"main\"><code>")
            .path(&slow.path)
            .raw("</code></td><td><code>");
        html.path(&slow.who)
            .raw("</code></td><td class=\"id\"><code>")
            .path(&slow.id)
            .raw("</code></td></tr>\n");
    }
    end(html, 0, false);
}

/// Appends the gaps.
pub(super) fn gaps(html: &mut Html, report: &ActivityReport, clock: &Clock<'_>) {
    if report.gaps.is_empty() {
        return;
    }
    section(
        html,
        "gaps",
        "Gaps and events of devices",
        &["Device (salt)", "#Missed", "@Since", "@Declared", "Why"],
    );
    for gap in report.gaps.iter().take(LISTED) {
        html.raw("<tr><td><code>").path(&gap.device).raw("</code></td>");
        numeral(html, "Missed", gap.missed);
        match gap.since {
            Some(since) => time(html, clock, "Since", since.0),
            None => drop(html.raw("<td class=\"time\">not known</td>")),
        }
        time(html, clock, "Declared", gap.until.0);
        html.raw("<td class=\"main\">").text(&gap.reason).raw("</td></tr>\n");
    }
    let rest = report.gaps.len().saturating_sub(LISTED) as u64;
    end(html, report.more_gaps + rest, false);
}

/// Begins a section with a table. A heading with `#` is of numbers, one with `@` of times.
pub(super) fn section(html: &mut Html, id: &'static str, title: &'static str, heads: &[&'static str]) {
    html.raw("<section aria-labelledby=\"").raw(id).raw("\">\n<h2 id=\"").raw(id).raw("\">").raw(title);
    html.raw("</h2>\n<table class=\"wide ").raw(id).raw("-table\"><thead><tr>");
    for head in heads {
        let (class, text) = match (head.strip_prefix('#'), head.strip_prefix('@')) {
            (Some(text), _) => (" class=\"number\">", text),
            (_, Some(text)) => (" class=\"time\">", text),
            _ => (">", *head),
        };
        html.raw("<th scope=\"col\"").raw(class).raw(text).raw("</th>");
    }
    html.raw("</tr></thead>\n<tbody>\n");
}

fn end(html: &mut Html, more: u64, partial: bool) {
    html.raw("</tbody></table>\n");
    if more > 0 || partial {
        html.raw("<p class=\"note\">and ").text(&count(more, "other", "others"));
        html.raw(if partial { " or more; counts may be too high</p>\n" } else { "</p>\n" });
    }
    html.raw("</section>\n");
}
