//! Real syslog daemons that are stopped, killed, started again and take each other's place, at the one socket that the
//! server knows. Never in it: what the lines say.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use onrecord_e2e::daemon::{Daemon, Kind};
use rustix::process::Signal;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Works,
    Stopped,
    Dead,
}

/// The daemons of this machine.
pub struct Daemons {
    /// What the server knows: a link to the socket of one of them.
    socket: PathBuf,
    all: Vec<(Daemon, State)>,
    /// Whose socket it is.
    current: usize,
}

impl Daemons {
    pub fn start(dir: &Path) -> Self {
        let kinds = [Kind::Rsyslog, Kind::SyslogNg, Kind::SyslogNgStream];
        let all: Vec<_> = kinds.into_iter().filter_map(Daemon::start).map(|it| (it, State::Works)).collect();
        let mut daemons = Self { socket: dir.join("syslog"), all, current: 0 };
        if daemons.all.is_empty() {
            println!("soak: WITHOUT SYSLOG: this machine has neither rsyslogd nor syslog-ng");
        } else {
            daemons.lead_to(0);
        }
        daemons
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn logs(&self) -> impl Iterator<Item = PathBuf> {
        self.all.iter().map(|(daemon, _)| daemon.log())
    }

    /// What the plan's number says is done to the daemon that has the socket.
    pub fn take(&mut self, detail: u64) -> &'static str {
        let count = self.all.len();
        if count > 1 && detail.is_multiple_of(4) {
            self.lead_to((self.current + 1) % count);
            return "daemon changed";
        }
        let Some((daemon, state)) = self.all.get_mut(self.current) else { return "no daemon" };
        let (now, name) = match (*state, detail % 4) {
            (State::Dead, _) => {
                daemon.start_again();
                (State::Works, "daemon started")
            }
            (State::Stopped, 1 | 2) => {
                daemon.signal(Signal::CONT);
                (State::Works, "daemon went on")
            }
            (State::Works, 1) => {
                daemon.signal(Signal::STOP);
                (State::Stopped, "daemon stopped")
            }
            (State::Works, 2) => {
                daemon.stop();
                (State::Dead, "daemon ended")
            }
            _ => {
                daemon.kill();
                (State::Dead, "daemon killed")
            }
        };
        *state = now;
        name
    }

    /// All of them are there and read.
    pub fn go_on(&mut self) {
        for (daemon, state) in &mut self.all {
            match state {
                State::Works => {}
                State::Stopped => daemon.signal(Signal::CONT),
                State::Dead => daemon.start_again(),
            }
            *state = State::Works;
        }
    }

    fn lead_to(&mut self, which: usize) {
        let next = self.socket.with_extension("next");
        symlink(self.all[which].0.socket(), &next).expect("a link");
        std::fs::rename(next, &self.socket).expect("a rename");
        self.current = which;
    }
}
