//! The machine's clock with its time zone. Only the headers of syslog show local time.
//! Never in it: a format of times.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use onrecord_audit::{Clock, SystemClock};
use onrecord_value::Time;

/// The machine's clock in the zone that `TZ` names, or else the machine's own; UTC if neither can be read.
pub(crate) struct LocalClock {
    system: SystemClock,
    zone: TimeZone,
}

impl LocalClock {
    /// Reads the zone once; it stays the same as long as the process runs.
    pub(crate) fn new() -> Self {
        Self { system: SystemClock::new(), zone: TimeZone::try_system().unwrap_or(TimeZone::UTC) }
    }
}

impl Clock for LocalClock {
    fn now(&self) -> Time {
        self.system.now()
    }

    fn monotonic(&self) -> Duration {
        self.system.monotonic()
    }

    fn utc_offset(&self, at: Time) -> i32 {
        Timestamp::from_second(at.unix_seconds()).map_or(0, |at| self.zone.to_offset(at).seconds())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_time_follows_the_zone_and_its_summer() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let clock = LocalClock { system: SystemClock::new(), zone };
        let at = |text| clock.utc_offset(Time::parse(text).unwrap());
        assert_eq!((at("2026-01-01T00:00:00Z"), at("2026-07-01T00:00:00Z")), (3600, 7200));
        assert_eq!((at("2026-03-29T00:59:59Z"), at("2026-03-29T01:00:00Z")), (3600, 7200));
    }
}
