//! Points in time as people write them: absolute, or from now on, in the reader's zone.
//! Never in it: a clock.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time as Clock};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use onrecord_value::{GoDuration, Time, duration};

/// What a text about time depends on.
#[derive(Clone, Debug)]
pub struct TimeContext {
    /// The present moment.
    pub now: Time,
    /// The zone of dates and clock times without one.
    pub zone: Zone,
}

/// A time zone.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

/// A text that is not a point in time, or a name that is not a zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeTextError {
    /// No zone of the system's table has this name.
    #[error("{0:?} is not a time zone of this system; give a name such as Europe/Berlin, or UTC")]
    Zone(String),
    /// It has none of the forms.
    #[error(
        "{0:?} is not a point in time; give one such as 2026-11-30T14:00:00Z, 2026-11-30, \"2026-11-30 14:00\", \
         \"2026-11-30 14:00:00-05:00\", 14:00, 14:00Z, \"yesterday 14:00\", -2h or now"
    )]
    Text(String),
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// The zone of this system.
    pub fn system() -> Self {
        Self(TimeZone::system())
    }

    /// A zone of the IANA table, `UTC` or `local`.
    pub fn named(name: &str) -> Result<Self, TimeTextError> {
        match name {
            _ if name.eq_ignore_ascii_case("utc") || name == "Z" => Ok(Self::UTC),
            _ if name.eq_ignore_ascii_case("local") => Ok(Self::system()),
            _ => TimeZone::get(name).map(Self).map_err(|_| TimeTextError::Zone(name.to_owned())),
        }
    }

    /// Its name, if it has one.
    pub fn name(&self) -> Option<&str> {
        self.0.iana_name()
    }

    /// An instant as a date and a clock time in this zone, with its offset: `2026-11-30 14:00:00.123+01:00`. `decimals` of the
    /// second are shown, at most nine.
    pub fn show(&self, time: Time, decimals: u8) -> String {
        let Some(instant) = timestamp(time) else { return time.to_string() };
        let offset = self.0.to_offset(instant);
        let civil = offset.to_datetime(instant);
        let mut text = civil.strftime("%Y-%m-%d %H:%M:%S").to_string();
        if decimals > 0 {
            let nanos = format!("{:09}", time.subsec_nanos());
            text.push('.');
            text.push_str(nanos.get(..usize::from(decimals.min(9))).unwrap_or_default());
        }
        let seconds = offset.seconds();
        if seconds == 0 {
            text.push('Z');
        } else {
            let size = seconds.unsigned_abs() / 60;
            let sign = if seconds < 0 { '-' } else { '+' };
            let (hours, minutes) = (size / 60, size % 60);
            text = format!("{text}{sign}{hours:02}:{minutes:02}");
        }
        text
    }

    /// How many seconds its clocks are ahead of UTC at an instant.
    pub(crate) fn offset_seconds(&self, time: Time) -> i64 {
        timestamp(time).map_or(0, |instant| self.0.to_offset(instant).seconds().into())
    }

    /// The date and the clock time in this zone.
    pub(crate) fn civil(&self, time: Time) -> Option<DateTime> {
        Some(self.0.to_datetime(timestamp(time)?))
    }

    fn instant(&self, civil: DateTime) -> Option<Time> {
        let instant = self.0.to_timestamp(civil).ok()?;
        Some(Time::from_unix_nanos(instant.as_nanosecond()))
    }
}

fn timestamp(time: Time) -> Option<Timestamp> {
    Timestamp::from_nanosecond(time.unix_nanos()).ok()
}

impl TimeContext {
    /// Reads a point in time: RFC 3339; a date; a date and a clock time; a clock time of today; `today`, `yesterday` or a
    /// weekday with or without a clock time; a time before now (`-2h`, `-3d`, `2h ago`); `now`. After a clock time may be `Z` or
    /// an offset such as `-05:00`, as [`Zone::show`] writes it: date and clock time are then those there.
    pub fn time(&self, text: &str) -> Result<Time, TimeTextError> {
        self.read(text.trim()).ok_or_else(|| TimeTextError::Text(text.to_owned()))
    }

    fn read(&self, text: &str) -> Option<Time> {
        if text.eq_ignore_ascii_case("now") {
            return Some(self.now);
        }
        if let Ok(time) = Time::parse(text) {
            return Some(time);
        }
        if let Some(ago) = text.strip_prefix('-').or_else(|| text.strip_suffix(" ago").map(str::trim_end)) {
            return length(ago).map(|length| self.now - length);
        }
        let (text, zone) = split_zone(text).unwrap_or_else(|| (text, self.zone.clone()));
        let today = zone.civil(self.now)?.date();
        if let Some(clock) = clock(text) {
            return zone.instant(today.to_datetime(clock));
        }
        let (day, time) = match text.split_once([' ', 'T', 't']).filter(|(day, _)| day.contains('-')) {
            Some(parts) => parts,
            None => text.split_once(' ').unwrap_or((text, "")),
        };
        let date = self.day(day, today)?;
        let clock = if time.is_empty() { Clock::midnight() } else { clock(time.trim())? };
        zone.instant(date.to_datetime(clock))
    }

    fn day(&self, text: &str, today: Date) -> Option<Date> {
        match text.to_ascii_lowercase().as_str() {
            "today" => Some(today),
            "yesterday" => today.yesterday().ok(),
            word => self.weekday(word, today).or_else(|| date(text)),
        }
    }

    /// The last day of this name before today.
    #[expect(clippy::unused_self, reason = "beside the other forms")]
    fn weekday(&self, word: &str, today: Date) -> Option<Date> {
        const NAMES: [&str; 7] =
            ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
        let at = NAMES.iter().position(|name| *name == word || word.len() == 3 && name.starts_with(word))?;
        let now = i64::from(today.weekday().to_monday_zero_offset());
        let back = (now - i64::try_from(at).ok()? + 6).rem_euclid(7) + 1;
        today.checked_sub(back.days()).ok()
    }
}

/// A text that ends with a clock time and its zone, `Z` or an offset such as `-05:00`.
fn split_zone(text: &str) -> Option<(&str, Zone)> {
    let (before, zone) = match text.strip_suffix(['Z', 'z']) {
        Some(before) => (before, Zone::UTC),
        None => {
            let (before, offset) = text.split_at_checked(text.len().checked_sub("+00:00".len())?)?;
            (before, Zone(TimeZone::fixed(read_offset(offset)?)))
        }
    };
    let before = before.trim_end();
    clock(before.rsplit([' ', 'T', 't']).next()?)?;
    Some((before, zone))
}

fn read_offset(text: &str) -> Option<Offset> {
    let (sign, clock_time) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let ahead = clock(clock_time)?;
    Offset::from_seconds(sign * (i32::from(ahead.hour()) * 3600 + i32::from(ahead.minute()) * 60)).ok()
}

/// A date such as 2026-11-30.
fn date(text: &str) -> Option<Date> {
    let right = text.len() == 10 && text.bytes().filter(u8::is_ascii_digit).count() == 8;
    text.parse().ok().filter(|_| right)
}

/// A clock time such as 9:00, 14:00:30 or 14:00:30.5.
fn clock(text: &str) -> Option<Clock> {
    let (hour, rest) = text.split_once(':')?;
    let digits = |text: &str, most: usize| {
        (!text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse::<i8>().ok())
            .flatten()
    };
    let hour = digits(hour, 2)?;
    let (minute, second) = rest.split_once(':').unwrap_or((rest, "0"));
    let minute = digits(minute, 2).filter(|_| minute.len() == 2)?;
    let (second, fraction) = second.split_once('.').unwrap_or((second, "0"));
    let second = digits(second, 2)?;
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos = format!("{fraction:0<9}").parse().ok()?;
    Clock::new(hour, minute, second, nanos).ok()
}

/// A length of time: Go's units, days (`3d`) and weeks (`2w`).
pub(crate) fn length(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Some(weeks) = text.strip_suffix('w') {
        return weeks.parse::<u32>().ok().map(|weeks| Duration::from_secs(u64::from(weeks) * 7 * 86_400));
    }
    if text.starts_with(['-', '+']) || !text.ends_with(|letter: char| letter.is_ascii_alphabetic()) {
        return None;
    }
    duration::parse(text).ok().and_then(GoDuration::to_std)
}
