//! What leads a message to the daemon: priority, local time, tag and process (RFC 3164, section 4.1, without a host).
//! Never in it: the line, but to put it behind.

use std::io::Write as _;

use jiff::Timestamp;

use super::kind::Facility;
use crate::clock::Clock;

/// The severity of every message: INFO.
const SEVERITY: u8 = 6;

/// How much memory is kept from one batch to the next, in bytes.
const KEPT: usize = 64 * 1024;

/// The header, with room for a line behind it.
pub(super) struct Header {
    /// What stands before the time, and after it.
    priority: String,
    process: String,
    message: Vec<u8>,
    len: usize,
}

impl Header {
    /// An empty tag becomes the name that the process was started by.
    pub(super) fn new(facility: Facility, tag: &str) -> Self {
        let own;
        let tag = if tag.is_empty() {
            let name = std::env::args_os().next().unwrap_or_default();
            own = name.to_string_lossy().replace(char::is_control, "");
            &own
        } else {
            tag
        };
        let priority = format!("<{}>", facility.code() * 8 + SEVERITY);
        Self { priority, process: format!("{tag}[{}]: ", std::process::id()), message: Vec::new(), len: 0 }
    }

    pub(super) fn set_time(&mut self, clock: &dyn Clock) {
        let now = clock.now();
        let local = now.unix_seconds().saturating_add(clock.utc_offset(now).into());
        let local = Timestamp::from_second(local).unwrap_or_default().strftime("%b %e %T");
        self.message.clear();
        // Writing to memory does not fail.
        let _always = write!(self.message, "{}{local} {}", self.priority, self.process);
        self.len = self.message.len();
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Keeps no more memory than usual lines need, whatever was sent.
    pub(super) fn let_go(&mut self) {
        self.message.truncate(self.len);
        self.message.shrink_to(KEPT);
    }

    /// The whole message for a line. It ends with the newline of the line.
    pub(super) fn message(&mut self, line: &[u8]) -> &[u8] {
        self.message.truncate(self.len);
        self.message.extend_from_slice(line);
        &self.message
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use onrecord_value::Time;

    use super::*;

    struct At(&'static str, i32);

    impl Clock for At {
        fn now(&self) -> Time {
            Time::parse(self.0).unwrap()
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        fn utc_offset(&self, _at: Time) -> i32 {
            self.1
        }
    }

    #[test]
    fn the_header_is_that_of_rfc_3164_in_local_time() {
        let pid = std::process::id();
        for (facility, clock, expected) in [
            (4, At("2026-01-02T03:04:05.9Z", 0), "<38>Jan  2 03:04:05"),
            (10, At("2026-12-31T23:59:59Z", 3600), "<86>Jan  1 00:59:59"),
            (16, At("2026-03-01T00:30:00Z", -5 * 3600), "<134>Feb 28 19:30:00"),
            (23, At("2024-03-01T00:00:00Z", -1), "<190>Feb 29 23:59:59"),
            (0, At("2026-10-20T10:00:00Z", 19_800), "<6>Oct 20 15:30:00"),
        ] {
            let mut header = Header::new(Facility(facility), "vault");
            header.set_time(&clock);
            let message = String::from_utf8(header.message(b"{}\n").to_vec()).unwrap();
            assert_eq!(message, format!("{expected} vault[{pid}]: {{}}\n"));
            assert_eq!(header.len(), message.len() - 3);
            assert_eq!(header.message(b""), &message.as_bytes()[..message.len() - 3]);
        }
    }

    #[test]
    fn a_long_line_leaves_no_memory_behind() {
        let mut header = Header::new(Facility::AUTH, "vault");
        header.set_time(&At("2026-01-02T03:04:05Z", 0));
        assert!(header.message(&vec![b'x'; 10 * KEPT]).len() > 10 * KEPT);
        header.let_go();
        assert!(header.message.capacity() <= KEPT, "{}", header.message.capacity());
        assert!(header.message(b"{}\n").ends_with(b"]: {}\n"));
    }

    #[test]
    fn without_a_tag_it_is_the_name_that_the_process_was_started_by() {
        let mut header = Header::new(Facility::AUTH, "");
        header.set_time(&At("2026-01-02T03:04:05Z", 0));
        let own = std::env::args().next().unwrap();
        let message = String::from_utf8(header.message(b"").to_vec()).unwrap();
        assert_eq!(message, format!("<38>Jan  2 03:04:05 {own}[{}]: ", std::process::id()));
    }
}
