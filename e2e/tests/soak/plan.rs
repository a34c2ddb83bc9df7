//! What is to happen, by seed. Never in it: how it is done.

use std::time::Duration;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A file device is enabled; the number chooses its options.
    Enable(u64),
    /// One of the devices is disabled.
    Disable(u64),
    /// All logs are renamed, and a signal says so.
    Rotate,
    /// The devices are opened again through the API.
    Reopen,
    /// The server is sealed and unsealed.
    Seal,
    /// The server is killed and started again.
    Kill,
    /// The server is stopped and started again.
    Stop,
    /// The peer of the socket device stops reading, or reads again.
    Hang,
    /// The connection to the peer is cut.
    Cut,
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
            0..20 => Step::Enable(detail),
            20..35 => Step::Disable(detail),
            35..50 => Step::Rotate,
            50..58 => Step::Reopen,
            58..66 => Step::Seal,
            66..76 => Step::Kill,
            76..80 => Step::Stop,
            80..90 => Step::Hang,
            90..94 => Step::Cut,
            _ => Step::Room,
        };
        (load, step)
    }
}
