//! Times, durations and sizes as the page shows them, in the zone of its reader.
//! Never in it: markup.

use onrecord_value::Time;

use crate::query::Zone;

/// Shows times.
pub(super) struct Clock<'z> {
    zone: &'z Zone,
    /// Whether all times are of one day, so that times need no date.
    one_day: bool,
}

impl<'z> Clock<'z> {
    pub(super) fn new(zone: &'z Zone, first: Time, last: Time) -> Self {
        let day = |time| zone.civil(time).map(jiff::civil::DateTime::date);
        Self { zone, one_day: day(first) == day(last) }
    }

    /// `14:05:09`, or `24 Nov 14:05` where there are several days.
    pub(super) fn short(&self, time: Time) -> String {
        self.format(time, if self.one_day { "%H:%M:%S" } else { "%-d\u{a0}%b %H:%M" })
    }

    /// The label of a tick: a clock time, at midnight or in long steps a date.
    pub(super) fn tick(&self, time: Time, step: i64) -> String {
        match step {
            0..86_400 if self.format(time, "%H:%M:%S") != "00:00:00" => {
                self.format(time, if step < 60 { "%H:%M:%S" } else { "%H:%M" })
            }
            0..31_536_000 => self.format(time, "%-d\u{a0}%b"),
            _ => self.format(time, "%Y"),
        }
    }

    /// The beginning of a step, with its date.
    pub(super) fn step(&self, time: Time, step: i64) -> String {
        let clock = if step < 60 { "%H:%M:%S" } else { "%H:%M" };
        let date = if self.one_day { "" } else { "%-d\u{a0}%b " };
        if step < 86_400 {
            self.format(time, &format!("{date}{clock}"))
        } else {
            self.format(time, "%-d %B %Y")
        }
    }

    /// Date, clock time and offset.
    pub(super) fn full(&self, time: Time) -> String {
        self.zone.show(time, 0)
    }

    /// The days from one time to another: `Monday, 30 November 2026`, `24 to 30 November 2026`.
    pub(super) fn days(&self, first: Time, last: Time) -> String {
        let form = |time: Time, format: &str| self.format(time, format);
        match () {
            () if self.one_day => form(last, "%A, %-d %B %Y"),
            () if form(first, "%Y-%m") == form(last, "%Y-%m") => {
                format!("{} to {}", form(first, "%-d"), form(last, "%-d %B %Y"))
            }
            () if form(first, "%Y") == form(last, "%Y") => {
                format!("{} to {}", form(first, "%-d %B"), form(last, "%-d %B %Y"))
            }
            () => format!("{} to {}", form(first, "%-d %B %Y"), form(last, "%-d %B %Y")),
        }
    }

    /// The clock times of a day, `from 00:00 to 23:59`.
    pub(super) fn hours(&self, first: Time, last: Time) -> String {
        let format = if self.one_day { "%H:%M" } else { "%-d %B %H:%M" };
        format!("{} to {}", self.format(first, format), self.format(last, format))
    }

    /// The seconds since midnight.
    pub(super) fn seconds_of_day(&self, time: Time) -> i64 {
        self.zone.civil(time).map_or(0, |civil| {
            i64::from(civil.hour()) * 3600 + i64::from(civil.minute()) * 60 + i64::from(civil.second())
        })
    }

    fn format(&self, time: Time, format: &str) -> String {
        self.zone.civil(time).map_or_else(|| time.to_string(), |civil| civil.strftime(format).to_string())
    }
}

/// Seconds as a length in words: `10 minutes`.
pub(super) fn length(seconds: i64) -> String {
    let (number, unit) = match seconds {
        ..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        86_400..31_536_000 => (seconds / 86_400, "day"),
        _ => (seconds / 31_536_000, "year"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// Nanoseconds with a unit that fits.
pub(super) fn duration(nanos: i64) -> String {
    let nanos = nanos.max(0);
    let (whole, tenths, unit) = match nanos {
        ..1_000_000 => (nanos / 1000, nanos / 100 % 10, "µs"),
        1_000_000..1_000_000_000 => (nanos / 1_000_000, nanos / 100_000 % 10, "ms"),
        _ => (nanos / 1_000_000_000, nanos / 100_000_000 % 10, "s"),
    };
    if whole >= 100 { format!("{whole}\u{a0}{unit}") } else { format!("{whole}.{tenths}\u{a0}{unit}") }
}

/// Bytes with a unit that fits.
pub(super) fn size(bytes: u64) -> String {
    let (whole, tenths, unit) = match bytes {
        ..1_000_000 => (bytes / 1000, bytes / 100 % 10, "kB"),
        1_000_000..1_000_000_000 => (bytes / 1_000_000, bytes / 100_000 % 10, "MB"),
        _ => (bytes / 1_000_000_000, bytes / 100_000_000 % 10, "GB"),
    };
    if whole >= 100 { format!("{whole}\u{a0}{unit}") } else { format!("{whole}.{tenths}\u{a0}{unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_the_zone_and_with_dates_where_there_are_several_days() {
        let at = |text| Time::parse(text).unwrap();
        let zone = Zone::named("Europe/Berlin").unwrap();
        let (first, last) = (at("2026-11-29T23:30:00Z"), at("2026-11-30T22:30:00Z"));
        let clock = Clock::new(&zone, first, last);
        assert_eq!(clock.days(first, last), "Monday, 30 November 2026");
        assert_eq!(clock.hours(first, last), "00:30 to 23:30");
        assert_eq!(clock.short(at("2026-11-30T12:00:00Z")), "13:00:00");
        let utc = Zone::UTC;
        let clock = Clock::new(&utc, first, last);
        assert_eq!(clock.days(first, last), "29 to 30 November 2026");
        assert_eq!(clock.tick(at("2026-11-30T00:00:00Z"), 3600), "30\u{a0}Nov");
    }

    #[test]
    fn lengths_have_units_that_fit() {
        assert_eq!(
            [duration(1_500), duration(2_340_000), duration(153_000_000_000)],
            ["1.5\u{a0}µs", "2.3\u{a0}ms", "153\u{a0}s"]
        );
        assert_eq!([length(1), length(600), length(86_400)], ["1 second", "10 minutes", "1 day"]);
        assert_eq!(size(1_234_567_890), "1.2\u{a0}GB");
    }
}
