//! The connection to the machine's syslog daemon: found, used, and found to be gone.
//! Never in it: what a message says, or a second try.

use onrecord_entry::oversize::OversizeError;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};

use crate::device::claim::FileId;
use crate::device::error::DeviceError;

/// How long a daemon may take to accept a stream. It is on the same machine: one that does not accept hangs.
const DIAL: Duration = Duration::from_millis(20);
/// What is asked for as the room of a datagram socket; the system grants what its administrator allows.
const SEND_BUFFER: usize = 512 * 1024;
/// What the system keeps for itself of the room for a datagram over a Unix socket.
const OVERHEAD: usize = 32;
/// A limit is never learnt to be below this.
const LIMIT_MIN: usize = 512;
/// A message that is longer, and for which the system finds no memory in one piece, is taken to be too long.
const PIECE: usize = 32 * 1024;
/// How long a blocked connection waits before it looks whether its daemon is still there.
const SLICE: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };

pub(super) enum Unsent {
    Line(DeviceError),
    /// It is longer than a message can be; [`Agent::limit`] is lower now.
    TooLong,
    Gone(DeviceError),
}

impl From<OversizeError> for Unsent {
    fn from(error: OversizeError) -> Self {
        Self::Line(error.into())
    }
}

pub(super) struct Agent {
    socket: OwnedFd,
    path: PathBuf,
    /// Which socket it was when it was connected.
    id: Option<FileId>,
    stream: bool,
    /// The longest message, as far as it is known.
    pub(super) limit: usize,
}

impl Agent {
    /// Connects to the first socket that has a listener, with datagrams if it takes them. No message is longer
    /// than `most`.
    pub(super) fn connect(sockets: &[PathBuf], most: usize) -> Result<Self, DeviceError> {
        let kinds = [SocketType::DGRAM, SocketType::STREAM];
        let mut found =
            kinds.into_iter().flat_map(|kind| sockets.iter().filter_map(move |path| dial(path, kind).ok()));
        let mut agent = found.next().ok_or(DeviceError::NoSyslog)?;
        agent.limit = agent.limit.min(most);
        Ok(agent)
    }

    /// Sends a message whole. Blocks while the daemon takes nothing, until it is gone or `released` says so.
    pub(super) fn send(&mut self, message: &[u8], released: &dyn Fn() -> bool) -> Result<(), Unsent> {
        let mut rest = message;
        let mut full = 0_u32;
        loop {
            match send(&self.socket, rest, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(sent) if self.stream && sent < rest.len() => {
                    rest = rest.get(sent..).unwrap_or_default();
                    full = 0;
                }
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    full += 1;
                    self.wait(full, released)?;
                }
                Err(Errno::MSGSIZE) if self.lower(message.len()) => return Err(Unsent::TooLong),
                Err(Errno::NOBUFS | Errno::NOMEM) if message.len() > PIECE && self.lower(message.len()) => {
                    return Err(Unsent::TooLong);
                }
                Err(errno) => return Err(self.gone(errno)),
            }
        }
    }

    /// Waits until there may be room for a message again; it is the `full`th time in a row that there was none.
    fn wait(&self, full: u32, released: &dyn Fn() -> bool) -> Result<(), Unsent> {
        if full > 2 {
            // Room that is there when it is looked for, and is not when it is used: others are faster.
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut room = [PollFd::new(&self.socket, PollFlags::OUT)];
        match poll(&mut room, Some(&SLICE)) {
            // A socket that no path leads to may never be read again.
            Ok(0) if released() || !self.is_current() => Err(self.gone(Errno::AGAIN)),
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(self.gone(errno)),
        }
    }

    /// Learns that a message was too long. False if there is nothing to learn: it was short.
    fn lower(&mut self, refused: usize) -> bool {
        self.limit = self.limit.min(refused / 4 * 3);
        !self.stream && self.limit >= LIMIT_MIN
    }

    /// Whether the daemon still listens, and is the one it was. Sends nothing.
    pub(super) fn is_alive(&self) -> bool {
        if self.stream {
            // A daemon that says something is as alive as one that is silent; one that closed has ended its stream.
            let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
            let heard = recv(&self.socket, &mut [0_u8; 1][..], flags);
            return self.is_current() && !matches!(heard, Ok((0, _)) | Err(Errno::CONNRESET));
        }
        // A datagram socket does not learn of its peer's end but by sending, or by a second one that cannot connect.
        self.is_current() && dial(&self.path, SocketType::DGRAM).is_ok()
    }

    fn is_current(&self) -> bool {
        self.id.is_some() && self.id == identify(&self.path)
    }

    fn gone(&self, errno: Errno) -> Unsent {
        Unsent::Gone(DeviceError::system("write", &self.path, errno))
    }
}

fn dial(path: &Path, kind: SocketType) -> Result<Agent, Errno> {
    let socket = socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, Timeout::Send, Some(DIAL))?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let stream = kind == SocketType::STREAM;
    let mut limit = usize::MAX;
    if !stream {
        // A system that does not grant it still has the room it had.
        let _granted = sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER);
        limit = sockopt::socket_send_buffer_size(&socket)?.saturating_sub(OVERHEAD);
    }
    Ok(Agent { socket, path: path.to_owned(), id: identify(path), stream, limit })
}

fn identify(path: &Path) -> Option<FileId> {
    rustix::fs::stat(path).ok().map(|stat| FileId::of(&stat))
}
