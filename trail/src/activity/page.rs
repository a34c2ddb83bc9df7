//! The report as one HTML page that needs nothing else: no script, no network, no fonts of its own.
//! Never in it: a number that is not in the report.

mod comparison;
mod html;
mod plot;
mod tables;
mod times;

use onrecord_value::Time;

use self::html::Html;
use self::plot::Plot;
use self::times::Clock;
use super::model::{ActivityReport, Ranking};
use super::warnings::{count, grouped};
use crate::query::Zone;

const STYLE: &str = include_str!("page/style.css");

/// The page of a report; its times are shown in this zone.
pub fn page(report: &ActivityReport, zone: &Zone) -> String {
    let (first, last) = span(report);
    let clock = Clock::new(zone, first, last);
    let mut html = Html::default();
    html.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Audit report, ");
    html.text(&clock.days(first, last)).raw("</title>\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n");
    // Should markup of a log ever come through, it could neither run nor fetch anything.
    html.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n");
    html.raw("<style>\n").raw(STYLE).raw("</style>\n</head>\n<body>\n");
    header(&mut html, report, &clock, (first, last));
    html.raw("<main>\n");
    notices(&mut html, report);
    figures(&mut html, report);
    over_time(&mut html, report, &clock);
    if let Some(comparison) = &report.comparison {
        comparison::section(&mut html, comparison, &report.totals, &clock);
    }
    rankings(&mut html, report, &clock);
    tables::logins(&mut html, report, &clock);
    tables::changes(&mut html, report, &clock);
    tables::slowest(&mut html, report, &clock);
    tables::gaps(&mut html, report, &clock);
    html.raw("</main>\n");
    footer(&mut html, report, &clock);
    html.raw("</body>\n</html>\n");
    html.into_string()
}

/// The time that the page is about.
fn span(report: &ActivityReport) -> (Time, Time) {
    let covered = report.covered.map(|(first, last)| (first.0, last.0));
    let (first, last) = covered.unwrap_or((report.made.0, report.made.0));
    let since = report.asked.since.map(|since| since.0);
    // The end is not part of it: a day that ends at midnight is one day.
    let until = report.asked.until.map(|until| until.0 - std::time::Duration::from_nanos(1));
    let (from, to) =
        (since.map_or(first, |since| since.max(first)), until.map_or(last, |until| until.min(last)));
    if from <= to {
        (from, to)
    } else {
        (since.unwrap_or(from), until.unwrap_or(to).max(since.unwrap_or(from)))
    }
}

fn header(html: &mut Html, report: &ActivityReport, clock: &Clock<'_>, (first, last): (Time, Time)) {
    let totals = &report.totals;
    html.raw("<header>\n<p class=\"kind\">Audit report</p>\n<h1>")
        .text(&clock.days(first, last))
        .raw("</h1>\n<p class=\"lede\">");
    html.text(&count(totals.requests, "request", "requests")).raw(" by ");
    html.text(&at_least(&report.identities, "identity", "identities")).raw(" from ");
    html.text(&at_least(&report.addresses, "address", "addresses")).raw(", ");
    html.text(&clock.hours(first, last)).raw(" (").text(&report.zone).raw("). Read from ");
    html.text(&count(report.read.sources.len() as u64, "file", "files"))
        .raw(", ")
        .text(&times::size(report.read.bytes));
    html.raw(".</p>\n</header>\n");
}

/// How many different values there are.
fn at_least(ranking: &Ranking, one: &str, many: &str) -> String {
    let text = count(ranking.different, one, many);
    if ranking.exact { text } else { format!("more than {text}") }
}

fn notices(html: &mut Html, report: &ActivityReport) {
    let verification = &report.verification;
    let differs = verification.state == "differs";
    let whole = report.warnings.is_empty() && verification.state == "intact";
    html.raw("<section class=\"notices");
    html.raw(if differs {
        " bad"
    } else if whole {
        " good"
    } else {
        ""
    });
    html.raw("\" aria-labelledby=\"notices\">\n<h2 id=\"notices\">");
    html.raw(if whole { "The log is whole" } else { "Before you rely on this report" }).raw("</h2>\n<ul>\n");
    let mut notice = |text: &str, command: Option<&String>| {
        html.raw("<li>").text(text);
        if let Some(command) = command {
            html.raw(" <span class=\"command\">More: <code>").text(command).raw("</code></span>");
        }
        html.raw("</li>\n");
    };
    if differs {
        notice(&verification.text, verification.command.as_ref());
    }
    for warning in &report.warnings {
        notice(&warning.text, warning.command.as_ref());
    }
    if !differs {
        notice(&verification.text, verification.command.as_ref());
    }
    if report.warnings.is_empty() {
        notice("Within these logs nothing is missing: no gaps, and every request has its answer.", None);
    }
    html.raw("</ul>\n</section>\n");
}

fn figures(html: &mut Html, report: &ActivityReport) {
    let totals = &report.totals;
    html.raw("<section aria-label=\"Figures\">\n<dl class=\"figures\">\n");
    let mut figure = |name: &'static str, class: &'static str, value: &str, note: &str| {
        html.raw("<div class=\"").raw(class).raw("\"><dt>").raw(name).raw("</dt><dd>").text(value);
        html.raw("<span class=\"note\">").text(note).raw("</span></dd></div>\n");
    };
    let seconds = report.seconds();
    let rate = format!("{} a second", decimal(plot::as_float(totals.requests) / seconds_as_float(seconds)));
    figure("Requests", "all", &grouped(totals.requests), &rate);
    let more = match totals.counted_refusals {
        0 => share(totals.denied, totals.requests),
        counted => format!("and {} refused without entries", grouped(counted)),
    };
    figure("Denied", "denied", &grouped(totals.denied), &more);
    figure("Errors", "error", &grouped(totals.errors), &share(totals.errors, totals.requests));
    figure("Logins", "all", &grouped(totals.logins), &format!("{} failed", grouped(totals.failed_logins)));
    figure("Changes", "all", &grouped(totals.changes), "policies, mounts, devices");
    let latency = &report.latency;
    if latency.measured > 0 {
        let most = format!("99\u{a0}% within {}", times::duration(latency.p99));
        figure("Median answer", "all", &times::duration(latency.p50), &most);
    } else {
        figure("Median answer", "all", "\u{2013}", "not in these logs");
    }
    html.raw("</dl>\n</section>\n");
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn seconds_as_float(seconds: i64) -> f64 {
    seconds.max(1) as f64
}

/// A number with one decimal, if it is small.
fn decimal(number: f64) -> String {
    match number {
        ..0.1 => format!("{number:.3}"),
        0.1..100.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// A part of all as a share of a hundred.
fn share(part: u64, all: u64) -> String {
    if part == 0 {
        return "none".to_owned();
    }
    format!("{}\u{a0}%", decimal(plot::as_float(part) / plot::as_float(all.max(1)) * 100.0))
}

fn over_time(html: &mut Html, report: &ActivityReport, clock: &Clock<'_>) {
    let series = &report.series;
    if series.points.is_empty() {
        return;
    }
    let step = times::length(series.step_seconds);
    html.raw(
        "<section aria-labelledby=\"time\">\n<h2 id=\"time\">Over time</h2>\n<p class=\"note\">In steps of ",
    )
    .text(&step);
    html.raw(if report.gaps.iter().any(|gap| gap.missed > 0) {
        ". Shaded: times in which a device missed entries.</p>\n"
    } else {
        ".</p>\n"
    });
    let numbers = |of: fn(&super::model::Point) -> u64| series.points.iter().map(of).collect();
    let plot = |id, title, what, class, values| Plot {
        id,
        title,
        what,
        class,
        values,
        series,
        gaps: &report.gaps,
        clock,
    };
    plot("requests", "Requests", ("request", "requests"), "requests", numbers(|point| point.requests))
        .draw(html);
    if report.totals.denied > 0 {
        plot(
            "denied",
            "Denied",
            ("denied request", "denied requests"),
            "denied",
            numbers(|point| point.denied),
        )
        .draw(html);
    }
    if report.totals.errors > report.totals.denied {
        plot(
            "errors",
            "Other errors",
            ("other error", "other errors"),
            "errors",
            numbers(|point| point.errors.saturating_sub(point.denied)),
        )
        .draw(html);
    }
    tables::points(html, series, clock);
    html.raw("</section>\n");
}

fn rankings(html: &mut Html, report: &ActivityReport, clock: &Clock<'_>) {
    html.raw(
        "<section aria-labelledby=\"most\">\n<h2 id=\"most\">Most frequent</h2>\n<div class=\"columns-2\">\n",
    );
    tables::ranking(html, "Paths", &report.paths, clock);
    tables::ranking(html, "Denied paths", &report.denied_paths, clock);
    tables::ranking(html, "Identities", &report.identities, clock);
    tables::ranking(html, "Addresses", &report.addresses, clock);
    tables::ranking(html, "Errors", &report.errors, clock);
    tables::ranking(html, "Operations", &report.operations, clock);
    tables::ranking(html, "Mounts", &report.mounts, clock);
    html.raw("</div>\n</section>\n");
}

fn footer(html: &mut Html, report: &ActivityReport, clock: &Clock<'_>) {
    let read = &report.read;
    html.raw("<footer>\n<h2>What was read</h2>\n<ul class=\"sources\">\n");
    for source in read.sources.iter().take(50) {
        html.raw("<li><code>").path(source).raw("</code></li>\n");
    }
    if let Some(more) = read.sources.len().checked_sub(50).filter(|more| *more > 0) {
        html.raw("<li>and ").show(more).raw(" more</li>\n");
    }
    html.raw("</ul>\n<p>").text(&count(read.lines, "line", "lines")).raw(", ").text(&count(
        read.entries,
        "entry",
        "entries",
    ));
    if read.doubles > 0 {
        html.raw(", of which ").text(&count(read.doubles, "was", "were")).raw(" in several files");
    }
    if !read.devices.is_empty() {
        html.raw("; devices (salts): ");
        for (number, device) in read.devices.iter().take(20).enumerate() {
            html.raw(if number > 0 { ", <code>" } else { "<code>" }).text(device).raw("</code>");
        }
    }
    html.raw(".");
    if report.totals.own_questions > 0 {
        let questions = count(report.totals.own_questions, "question", "questions");
        html.raw(" Left out: ")
            .text(&questions)
            .raw(" to the log itself (<code>sys/audit-hash</code> and the like).");
    }
    html.raw("</p>\n<p>To ask further: <code>onrecord log search 'denied' FILE...</code>, <code>onrecord log who PATH FILE...</code>.</p>\n");
    html.raw("<p>Made ")
        .text(&clock.full(report.made.0))
        .raw(" by ")
        .text(&report.program)
        .raw(".</p>\n</footer>\n");
}
