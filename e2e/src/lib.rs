//! The harness of the end-to-end tests: the real binary as a process ([`process`]), a plain HTTP client that shares no code
//! with the product ([`http`]), a server's folder ([`place`]), an operator's shell ([`shell`]), real syslog daemons
//! ([`daemon`]), what follows a log ([`collector`]), installed programs ([`clients`]), hostile clients ([`attacker`]), the replay of recorded requests ([`replay`]), what a client sends and is answered
//! ([`recording_proxy`]), and one way to wait ([`wait`]). The published schema of a line, which all tests share, is a crate beside it.
//! Never in it: the product's own crates. What these tests see is what a user sees.

pub mod attacker;
pub mod clients;
pub mod collector;
pub mod command_report;
pub mod daemon;
pub mod http;
pub mod load;
pub mod log;
pub mod mounts;
pub mod namespace;
pub mod peer;
pub mod place;
pub mod process;
pub mod recording_proxy;
pub mod replay;
pub mod shell;
pub mod small_disk;
pub mod strace;
pub mod verify;
pub mod wait;

/// Says that a test was skipped, past the test harness, which keeps what a test that passes has said.
pub fn say_skipped(why: &str) {
    drop(std::fs::write("/dev/stderr", format!("\nSKIPPED, NOTHING WAS TESTED: {why}\n")));
}
