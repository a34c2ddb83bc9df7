//! Waiting for a condition: one time-out for all tests, and the only place where a test sleeps between two looks.
//! Never in it: the conditions.

use std::time::{Duration, Instant};

/// How long a test waits. It is far longer than any wait of a test that passes: it only ends a hang.
pub const TIMEOUT: Duration = Duration::from_mins(1);

/// The time between two looks.
const INTERVAL: Duration = Duration::from_millis(10);

/// Whether a condition holds before the time-out.
pub fn holds(mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(INTERVAL);
    }
    true
}

/// Waits until a condition holds.
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    assert!(holds(condition), "timed out: {what}");
}

/// Tries until it works; the test fails with the last reason.
pub fn until<T>(mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(reason) => assert!(Instant::now() < deadline, "timed out: {reason}"),
        }
        std::thread::sleep(INTERVAL);
    }
}
