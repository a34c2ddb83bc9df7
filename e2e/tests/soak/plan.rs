//! What is to happen, by seed. Never in it: how it is done.

use std::time::Duration;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A file or syslog device is enabled; the number chooses which, and its options.
    Enable(u64),
    /// One of the devices is disabled.
    Disable(u64),
    /// All logs are renamed, and a signal says so.
    Rotate,
    /// The devices are opened again through the API.
    Reopen,
    /// The server is sealed and unsealed.
    Seal,
    /// The server is killed and started again; sometimes while it reopens its logs.
    Kill(u64),
    /// The server is stopped and started again.
    Stop,
    /// The peer of the socket device stops reading, or reads again.
    Hang,
    /// The connection to the peer is cut.
    Cut,
    /// A process that is the peer of a socket device is stopped, goes on, or is killed and started again.
    Process(u64),
    /// The same with a syslog daemon, or another daemon takes its place.
    Daemon(u64),
    /// One of the devices gets another salt.
    Salt(u64),
    /// The configuration has other audit stanzas, and a signal says so.
    Configure(u64),
    /// The small disk gets more room, so that it can fill up again.
    Room,
}

/// A random order of steps.
pub struct Plan {
    state: u64,
}

impl Plan {
    pub fn of(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next random number (`SplitMix64`).
    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// How long there is nothing but load, and what happens then.
    pub fn next(&mut self) -> (Duration, Step) {
        let load = Duration::from_millis(20 + self.number() % 600);
        let detail = self.number();
        let step = match self.number() % 100 {
            0..16 => Step::Enable(detail),
            16..28 => Step::Disable(detail),
            28..37 => Step::Rotate,
            37..43 => Step::Reopen,
            43..49 => Step::Seal,
            49..57 => Step::Kill(detail),
            57..60 => Step::Stop,
            60..65 => Step::Hang,
            65..68 => Step::Cut,
            68..75 => Step::Process(detail),
            75..86 => Step::Daemon(detail),
            86..90 => Step::Salt(detail),
            90..96 => Step::Configure(detail),
            _ => Step::Room,
        };
        (load, step)
    }
}
