//! [`Time`]: an instant that the server made, written and read as RFC 3339.
//! Never in it: a clock.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// 1970-01-01T00:00:00 in UTC.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;
/// The seconds of 400 years.
const CYCLE: i64 = 146_097 * 86_400;

/// An instant in UTC with nanoseconds, in the years 1 to 9999. Later or earlier ones become the last or the first.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    seconds: i64,
    nanos: u32,
}

impl Time {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self { seconds: 0, nanos: 0 };
    /// 0001-01-01T00:00:00Z: what Go's programs print for a time that was never set.
    pub const NEVER: Self = Self { seconds: FIRST, nanos: 0 };

    /// The instant this number of seconds and (less than 10⁹) nanoseconds after 1970.
    pub const fn from_unix(seconds: i64, nanos: u32) -> Self {
        if seconds < FIRST {
            Self::NEVER
        } else if seconds > LAST {
            Self { seconds: LAST, nanos: 999_999_999 }
        } else {
            Self { seconds, nanos: if nanos > 999_999_999 { 999_999_999 } else { nanos } }
        }
    }

    /// The instant this number of nanoseconds after (or before) 1970.
    pub fn from_unix_nanos(nanos: i128) -> Self {
        let seconds = nanos.div_euclid(1_000_000_000);
        let seconds = i64::try_from(seconds).unwrap_or(if seconds < 0 { i64::MIN } else { i64::MAX });
        Self::from_unix(seconds, u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0))
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn unix_seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds since 1970.
    pub fn unix_nanos(self) -> i128 {
        i128::from(self.seconds) * 1_000_000_000 + i128::from(self.nanos)
    }

    /// Nanoseconds since the last full second.
    pub const fn subsec_nanos(self) -> u32 {
        self.nanos
    }

    /// The time since `earlier`; zero if it was not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = self.unix_nanos() - earlier.unix_nanos();
        Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }

    /// Appends RFC 3339 in UTC with as many of nine decimals as are needed: Go's `RFC3339Nano`.
    pub fn rfc3339_nano(self, out: &mut Vec<u8>) {
        let text = self.text();
        let mut end = SECONDS;
        if self.nanos > 0 {
            // Nine decimals without the zeros at their end.
            end = text.len() - text.iter().rev().take_while(|byte| **byte == b'0').count();
        }
        out.extend_from_slice(text.get(..end).unwrap_or_default());
        out.push(b'Z');
    }

    /// Appends RFC 3339 in UTC with whole seconds.
    pub fn rfc3339_seconds(self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.text().get(..SECONDS).unwrap_or_default());
        out.push(b'Z');
    }

    /// The instant with all nine decimals and without its zone. The printer of jiff takes about twice as long, and
    /// each entry has a time (ADR 0013).
    fn text(self) -> [u8; SECONDS + 10] {
        let (civil, years) = civil(self.seconds);
        let year = u32::from(civil.year().unsigned_abs()) + years;
        let two = |number: i8| two_digits(u32::from(number.unsigned_abs()));
        let ([y1, y2], [y3, y4]) = (two_digits(year / 100), two_digits(year % 100));
        let ([m1, m2], [d1, d2]) = (two(civil.month()), two(civil.day()));
        let ([h1, h2], [i1, i2]) = (two(civil.hour()), two(civil.minute()));
        let ([s1, s2], n) = (two(civil.second()), self.nanos);
        let ([n1, n2], [n3, n4]) = (two_digits(n / 10_000_000), two_digits(n / 100_000 % 100));
        let ([n5, n6], [n7, n8]) = (two_digits(n / 1000 % 100), two_digits(n / 10 % 100));
        let [_, n9] = two_digits(n % 10);
        [
            y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', i1, i2, b':', s1, s2, b'.', n1,
            n2, n3, n4, n5, n6, n7, n8, n9,
        ]
    }

    /// Reads RFC 3339 with any offset and up to nine decimals (further ones are dropped).
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        read(text).ok_or(TimeError)
    }
}

/// A text that is not a time in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time in the form of RFC 3339")]
pub struct TimeError;

/// The length of a time up to its seconds.
const SECONDS: usize = 19;

fn two_digits(number: u32) -> [u8; 2] {
    [number / 10, number % 10].map(|digit| b'0' + u8::try_from(digit).unwrap_or(0))
}

/// The calendar date and the time of day, in UTC. The years are counted from `years` on.
fn civil(seconds: i64) -> (DateTime, u32) {
    // The instants of jiff end a day before those here; the calendar repeats every 400 years.
    let (seconds, years) =
        if seconds > Timestamp::MAX.as_second() { (seconds - CYCLE, 400) } else { (seconds, 0) };
    let instant = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    (Offset::UTC.to_datetime(instant), years)
}

/// Reads the text strictly, as Go does; jiff takes more (a blank for `T`, a second 60).
fn read(text: &str) -> Option<Time> {
    let (civil, rest) = text.split_at_checked(SECONDS)?;
    if !has_form(civil, "0000-00-00T00:00:00") || civil.ends_with("60") {
        return None;
    }
    let civil = civil.parse::<DateTime>().ok().filter(|civil| civil.year() > 0)?;
    let (nanos, zone) = match rest.strip_prefix('.') {
        None => (0, rest),
        Some(rest) => {
            let (digits, zone) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
            let nine = digits.bytes().chain(std::iter::repeat(b'0')).take(9);
            let nanos = nine.fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
            (nanos, (!digits.is_empty()).then_some(zone)?)
        }
    };
    let seconds = civil.duration_since(EPOCH).as_secs();
    Some(Time::from_unix(seconds - offset(zone)?, nanos))
}

/// Seconds east of UTC.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let (sign, size) =
        if let Some(size) = zone.strip_prefix('+') { (1, size) } else { (-1, zone.strip_prefix('-')?) };
    let (hours, minutes) = size.split_once(':').filter(|_| has_form(size, "00:00"))?;
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

/// Whether a text has digits where the form has zeros, and otherwise is the same.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| if form == b'0' { byte.is_ascii_digit() } else { byte == form };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(30);
        self.rfc3339_nano(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        let nanos = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => i128::try_from(after.as_nanos()).unwrap_or(i128::MAX),
            Err(before) => i128::try_from(before.duration().as_nanos()).map_or(i128::MIN, |nanos| -nanos),
        };
        Self::from_unix_nanos(nanos)
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanos = i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX / 2);
        Self::from_unix_nanos(self.unix_nanos() + nanos)
    }
}

impl Sub<Duration> for Time {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        let nanos = i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX / 2);
        Self::from_unix_nanos(self.unix_nanos() - nanos)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Time;

    #[test]
    fn fractions_are_trimmed_as_go_trims_them() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (1_704_164_645, 0, "2024-01-02T03:04:05Z"),
            (1_704_164_645, 600_000_000, "2024-01-02T03:04:05.6Z"),
            (1_704_164_645, 678_901_234, "2024-01-02T03:04:05.678901234Z"),
            (1_704_164_645, 1, "2024-01-02T03:04:05.000000001Z"),
            (951_782_400, 0, "2000-02-29T00:00:00Z"),
            (951_868_800, 0, "2000-03-01T00:00:00Z"),
            (-1, 0, "1969-12-31T23:59:59Z"),
            (i64::MIN, 0, "0001-01-01T00:00:00Z"),
            (i64::MAX, 0, "9999-12-31T23:59:59.999999999Z"),
        ] {
            let time = Time::from_unix(seconds, nanos);
            assert_eq!(time.to_string(), text);
            assert_eq!(Time::parse(text), Ok(time));
            assert_eq!(Time::from_unix_nanos(time.unix_nanos()), time);
        }
    }

    #[test]
    fn every_day_of_ten_thousand_years_is_written_and_read_back() {
        let mut date = jiff::civil::date(1, 1, 1);
        for seconds in (super::FIRST..=super::LAST).step_by(86_400) {
            let text = format!("{date}T00:00:00Z");
            let time = Time::from_unix(seconds, 0);
            assert_eq!((time.to_string(), Time::parse(&text)), (text, Ok(time)));
            date = date.tomorrow().unwrap_or(date);
        }
    }

    #[test]
    fn offsets_are_brought_to_utc_and_other_forms_refused() {
        let noon = Time::parse("2024-02-29T12:00:00Z").unwrap();
        assert_eq!(Time::parse("2024-02-29T13:30:00+01:30"), Ok(noon));
        assert_eq!(Time::parse("2024-02-29T11:00:00.0-01:00"), Ok(noon));
        assert_eq!(Time::parse("2024-02-29T12:00:00.0000000001Z"), Ok(noon));
        for text in [
            "",
            "2024-02-30T12:00:00Z",
            "2023-02-29T12:00:00Z",
            "2024-13-01T12:00:00Z",
            "2024-02-29 12:00:00Z",
            "2024-02-29T12:00:00",
            "2024-02-29T24:00:00Z",
            "2024-02-29T12:00:60Z",
            "2024-02-29T12:00:00.Z",
            "2024-02-29T12:00:00z",
            "2024-02-29T12:00:00Z ",
            "0000-01-01T00:00:00Z",
        ] {
            assert!(Time::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn arithmetic_stops_at_the_ends() {
        let time = Time::from_unix(10, 5);
        assert_eq!((time + Duration::new(1, 999_999_999)).unix_nanos(), 12_000_000_004);
        assert_eq!((time - Duration::from_secs(20)).unix_seconds(), -10);
        assert_eq!(time - Duration::MAX, Time::NEVER);
        assert_eq!((time + Duration::from_secs(3)).since(time), Duration::from_secs(3));
        assert_eq!(time.since(time + Duration::from_secs(3)), Duration::ZERO);
        assert!(Time::NEVER < Time::UNIX_EPOCH);
    }
}
