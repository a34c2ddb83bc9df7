//! Plots over time as SVG: columns without gaps between them, a scale with three lines, and labels for the time. Positions are
//! percentages and texts have the size of the page, so that a plot is as readable in a narrow window as in a wide one.
//! Never in it: which numbers are plotted.

use onrecord_value::Time;

use super::html::Html;
use super::times::Clock;
use crate::activity::model::{DeclaredGap, Series};
use crate::activity::warnings::{count, grouped};

/// One plot.
pub(super) struct Plot<'p> {
    /// For references in the page.
    pub(super) id: &'static str,
    /// Its title.
    pub(super) title: &'static str,
    /// What one column counts: of one, and of more.
    pub(super) what: (&'static str, &'static str),
    /// The class of its columns.
    pub(super) class: &'static str,
    /// The columns.
    pub(super) values: Vec<u64>,
    pub(super) series: &'p Series,
    /// Times that devices missed, as a band behind the columns.
    pub(super) gaps: &'p [DeclaredGap],
    pub(super) clock: &'p Clock<'p>,
}

impl Plot<'_> {
    /// Appends a figure.
    pub(super) fn draw(&self, html: &mut Html) {
        let top = round_up(self.values.iter().copied().max().unwrap_or(0));
        html.raw("<figure class=\"plot\"><figcaption>")
            .text(self.title)
            .raw("</figcaption><div class=\"frame\">");
        html.raw("<svg class=\"columns ")
            .raw(self.class)
            .raw("\" role=\"img\" aria-labelledby=\"")
            .raw(self.id);
        html.raw("-title ")
            .raw(self.id)
            .raw("-desc\"><title id=\"")
            .raw(self.id)
            .raw("-title\">")
            .text(self.title);
        html.raw("</title><desc id=\"").raw(self.id).raw("-desc\">").text(&self.describe()).raw("</desc>");
        html.raw("<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"0.5\" y2=\"0.5\"/><line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"50%\" y2=\"50%\"/>");
        self.bands(html);
        let width = 100.0 / as_float(self.values.len().max(1) as u64);
        for (at, (value, point)) in (0..).zip(self.values.iter().zip(&self.series.points)) {
            let left = width * f64::from(at);
            if *value > 0 {
                // A single request is seen, too.
                let height = (as_float(*value) / as_float(top) * 100.0).max(1.2);
                rectangle(html, "bar", (left, width), (100.0 - height, height));
                html.raw("/>");
            }
            rectangle(html, "hover", (left, width), (0.0, 100.0));
            html.raw("><title>").text(&self.clock.step(point.at.0, self.series.step_seconds));
            html.raw(": ").text(&self.counted(*value)).raw("</title></rect>");
        }
        html.raw("</svg><div class=\"scale\" aria-hidden=\"true\"><span>")
            .text(&grouped(top))
            .raw("</span><span>");
        if top > 1 {
            html.text(&grouped(top / 2));
        }
        html.raw("</span><span>0</span></div>");
        self.ticks(html);
        html.raw("</div></figure>\n");
    }

    /// The plot in a sentence.
    fn describe(&self) -> String {
        let total: u64 = self.values.iter().sum();
        let highest = self.values.iter().zip(&self.series.points).max_by_key(|(value, _)| **value);
        let step = super::times::length(self.series.step_seconds);
        let highest = highest.filter(|(value, _)| **value > 0).map(|(value, point)| {
            let at = self.clock.step(point.at.0, self.series.step_seconds);
            format!(" The most within {step}, {}, from {at}.", grouped(*value))
        });
        let total = self.counted(total);
        format!("{total} in steps of {step}.{}", highest.unwrap_or_default())
    }

    fn counted(&self, number: u64) -> String {
        let (one, more) = self.what;
        count(number, one, more)
    }

    /// From the beginning of the series to the end of it, in percent; `None` if it is outside.
    fn place(&self, time: Time) -> Option<f64> {
        let first = self.series.points.first()?.at.0.unix_seconds();
        let length = self.series.step_seconds.checked_mul(i64::try_from(self.values.len()).ok()?)?;
        let seconds = time.unix_seconds().checked_sub(first)?;
        #[expect(clippy::cast_precision_loss, reason = "a place on a screen")]
        Some(seconds as f64 / length.max(1) as f64 * 100.0)
    }

    fn bands(&self, html: &mut Html) {
        for gap in self.gaps.iter().filter(|gap| gap.missed > 0) {
            let (Some(from), Some(until)) =
                (self.place(gap.since.unwrap_or(gap.until).0), self.place(gap.until.0))
            else {
                continue;
            };
            let (from, until) = (from.clamp(0.0, 100.0), until.clamp(0.0, 100.0));
            if from < 100.0 && until > 0.0 {
                rectangle(html, "band", (from, (until - from).max(0.4)), (0.0, 100.0));
                html.raw("/>");
            }
        }
    }

    fn ticks(&self, html: &mut Html) {
        html.raw("<svg class=\"ticks\" aria-hidden=\"true\">");
        let (step, times) = ticks(self.series, self.values.len(), self.clock);
        for (number, time) in times.iter().enumerate() {
            let Some(place) = self.place(*time).filter(|place| (0.0..94.0).contains(place)) else { continue };
            html.raw(if number % 2 == 1 { "<g class=\"minor\">" } else { "<g>" });
            html.raw("<line y1=\"0\" y2=\"14\" x1=\"")
                .show(percent(place))
                .raw("\" x2=\"")
                .show(percent(place));
            html.raw("\"/><text dx=\"4\" y=\"13\" x=\"").show(percent(place)).raw("\">");
            html.text(&self.clock.tick(*time, step)).raw("</text></g>");
        }
        html.raw("</svg>");
    }
}

fn percent(place: f64) -> String {
    format!("{place:.2}%")
}

fn rectangle(html: &mut Html, class: &'static str, (left, width): (f64, f64), (top, height): (f64, f64)) {
    html.raw("<rect class=\"")
        .raw(class)
        .raw("\" x=\"")
        .show(percent(left))
        .raw("\" width=\"")
        .show(percent(width));
    html.raw("\" y=\"").show(percent(top)).raw("\" height=\"").show(percent(height)).raw("\"");
}

#[expect(clippy::cast_precision_loss, reason = "a length on a screen")]
pub(super) fn as_float(number: u64) -> f64 {
    number as f64
}

/// The next number whose half is a whole number that people like: 2, 4, 6, 8, 10, 20, …
fn round_up(number: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for factor in [2, 4, 6, 8, 10] {
            let round = unit.saturating_mul(factor);
            if round >= number {
                return round;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// The distance of the ticks, and their times: at most twelve.
fn ticks(series: &Series, count: usize, clock: &Clock<'_>) -> (i64, Vec<Time>) {
    const DISTANCES: [i64; 21] = [
        1, 5, 10, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800,
        1_209_600, 2_592_000, 7_776_000, 31_536_000,
    ];
    let Some(from) = series.points.first().map(|point| point.at.0) else { return (1, Vec::new()) };
    let first = from.unix_seconds();
    let length = series.step_seconds.saturating_mul(i64::try_from(count).unwrap_or(1));
    let fits = |distance: &i64| length / distance <= 12;
    let distance = DISTANCES.into_iter().find(fits).unwrap_or_else(|| (length / 12).max(1));
    // The series begins at a multiple of its step in the zone; so do the ticks, counted from midnight.
    let into_day = clock.seconds_of_day(from);
    let offset = if distance <= 86_400 { into_day.rem_euclid(distance) } else { into_day };
    let begin = first - offset;
    let number = length / distance + 2;
    (distance, (0..number).map(|tick| Time::from_unix(begin + tick * distance, 0)).collect())
}

#[cfg(test)]
mod tests {
    use super::round_up;

    #[test]
    fn scales_end_at_round_numbers() {
        for (number, top) in [(0, 2), (1, 2), (3, 4), (9, 10), (11, 20), (77, 80), (1001, 2000)] {
            assert_eq!(round_up(number), top);
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }
}
