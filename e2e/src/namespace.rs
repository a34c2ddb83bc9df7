//! A network of its own for a peer, joined to ours by a cable that can be cut: packets vanish then without an error.
//! Never in it: expectations.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::wait;

/// The networks of one test process.
static NUMBER: AtomicU8 = AtomicU8::new(0);

/// A network, taken down when dropped.
pub struct Namespace {
    name: String,
    /// The end of the cable on our side, and on the other.
    cable: [String; 2],
    address: String,
}

impl Namespace {
    /// A network, or why there can be none: it takes the right to make one, and the command `ip`.
    pub fn new() -> Result<Self, String> {
        let (process, number) = (std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let name = format!("onrecord-{process}-{number}");
        let cable = ["a", "b"].map(|end| format!("or{}{number}{end}", process % 1_000_000));
        // The range for benches of networks (RFC 2544), four addresses for each of ours.
        let (third, fourth) = (process / 64 % 256, process % 64 * 4);
        let third = (third + u32::from(number) * 67) % 256;
        let address = format!("198.18.{third}.{}", fourth + 2);
        let made = Self { name, cable, address };
        let Self { name, cable: [ours, theirs], address } = &made;
        let own = format!("198.18.{third}.{}/30", fourth + 1);
        ip(&["netns", "add", name])?;
        ip(&["link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", name])?;
        ip(&["addr", "add", &own, "dev", ours])?;
        ip(&["link", "set", ours, "up"])?;
        ip(&["-n", name, "addr", "add", &format!("{address}/30"), "dev", theirs])?;
        ip(&["-n", name, "link", "set", theirs, "address", "02:00:5e:00:53:01"])?;
        // A neighbour that is not asked for is not missed either when it is silent.
        ip(&["neigh", "replace", address, "lladdr", "02:00:5e:00:53:01", "dev", ours, "nud", "permanent"])?;
        ip(&["-n", name, "link", "set", theirs, "up"])?;
        made.wait_until_it_carries();
        Ok(made)
    }

    /// The kernel lets packets through a moment after the command, later on a busy machine.
    fn wait_until_it_carries(&self) {
        let listener = self.listener();
        let address = listener.local_addr().expect("an address");
        wait::until(|| {
            let connected = TcpStream::connect_timeout(&address, Duration::from_secs(1));
            connected.map_err(|error| format!("{address}: {error}"))
        });
    }

    /// A listener in it.
    pub fn listener(&self) -> TcpListener {
        let address: SocketAddr = format!("{}:0", self.address).parse().expect("an address");
        let file = std::fs::File::open(format!("/run/netns/{}", self.name)).expect("the network is there");
        // Only this thread moves, and it ends.
        let bind = move || {
            move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("it can be entered");
            TcpListener::bind(address).expect("a port")
        };
        std::thread::spawn(bind).join().expect("no panic")
    }

    /// Cuts the cable: what is sent either way is lost in silence.
    pub fn cut(&self) {
        ip(&["-n", &self.name, "link", "set", &self.cable[1], "down"]).expect("the cable is cut");
    }

    /// Mends it.
    pub fn mend(&self) {
        ip(&["-n", &self.name, "link", "set", &self.cable[1], "up"]).expect("the cable is mended");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What was never made cannot be removed.
        drop(ip(&["link", "del", &self.cable[0]]));
        drop(ip(&["netns", "del", &self.name]));
    }
}

fn ip(words: &[&str]) -> Result<(), String> {
    let ran = Command::new("ip").args(words).output().map_err(|error| format!("ip: {error}"))?;
    if ran.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", words.join(" "), String::from_utf8_lossy(&ran.stderr).trim()))
}
