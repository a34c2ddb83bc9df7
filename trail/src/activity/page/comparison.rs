//! The section that says what differs from another report.
//! Never in it: what counts as a difference.

use super::html::Html;
use super::times::Clock;
use crate::activity::compare::{ComparedValue, Comparison};
use crate::activity::model::Totals;
use crate::activity::warnings::{count, grouped};

/// How many values of a list are shown.
const SHOWN: usize = 12;

/// Appends the section.
pub(super) fn section(html: &mut Html, comparison: &Comparison, totals: &Totals, clock: &Clock<'_>) {
    html.raw("<section aria-labelledby=\"compared\">\n<h2 id=\"compared\">Compared with another report</h2>\n<p class=\"note\">");
    if let Some((first, last)) = comparison.covered {
        html.raw("The other is about ")
            .text(&clock.full(first.0))
            .raw(" to ")
            .text(&clock.full(last.0))
            .raw(". ");
    }
    html.raw("A value rose if it is at least twice as frequent, in the same time.</p>\n");
    html.raw("<table class=\"totals\"><thead><tr><th scope=\"col\">Count</th><th scope=\"col\" class=\"number\">This report</th>");
    html.raw("<th scope=\"col\" class=\"number\">The other</th></tr></thead>\n<tbody>\n");
    let before = &comparison.totals;
    for (name, here, there) in [
        ("Requests", totals.requests, before.requests),
        ("Denied", totals.denied, before.denied),
        ("Errors", totals.errors, before.errors),
        ("Logins", totals.logins, before.logins),
        ("Failed logins", totals.failed_logins, before.failed_logins),
        ("Changes", totals.changes, before.changes),
    ] {
        html.raw("<tr><th scope=\"row\">").raw(name).raw("</th><td class=\"number\">").text(&grouped(here));
        html.raw("</td><td class=\"number\">").text(&grouped(there)).raw("</td></tr>\n");
    }
    html.raw("</tbody></table>\n");
    let mut differs = false;
    for group in &comparison.groups {
        let lists = [("new", &group.new), ("rose", &group.rose), ("gone", &group.gone)];
        if lists.iter().all(|(_, values)| values.is_empty()) {
            continue;
        }
        differs = true;
        html.raw("<div class=\"compared\">\n<h3>").text(&capital(&group.name)).raw("</h3>\n<dl>\n");
        for (word, values) in lists.iter().filter(|(_, values)| !values.is_empty()) {
            html.raw("<div class=\"").raw(word).raw("\"><dt>").raw(word).raw("</dt><dd>");
            list(html, values);
            html.raw("</dd></div>\n");
        }
        html.raw("</dl>\n");
        if !group.complete {
            html.raw("<p class=\"note\">Only the most frequent values are in the reports: a rare one may be called new or gone because the ");
            html.raw("other report does not list it.</p>\n");
        }
        html.raw("</div>\n");
    }
    if !differs {
        html.raw("<p>No value is new or gone, and none is twice as frequent.</p>\n");
    }
    html.raw("</section>\n");
}

fn list(html: &mut Html, values: &[ComparedValue]) {
    for (number, value) in values.iter().take(SHOWN).enumerate() {
        html.raw(if number > 0 { ", <code>" } else { "<code>" }).path(&value.value).raw("</code>\u{a0}");
        html.raw("<span class=\"note\">").text(&grouped(value.before)).raw("\u{a0}\u{2192}\u{a0}");
        html.text(&grouped(value.count)).raw("</span>");
    }
    if let Some(more) = values.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        html.raw(" and ").text(&count(more as u64, "other", "others"));
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
