//! What a peer's kernel has acknowledged of a TCP connection that the peer has ended, read from `/proc/net/tcp`
//! (proc(5)): no call that reports it is safe to make. Never in it: guessing; what cannot be found out is "no".

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};

/// The connection is in one of these states, by its number in the table: all is acknowledged if nothing waits.
const CLOSE_WAIT: &str = "08";
/// Our side was ended, too, and that was acknowledged last.
const TIME_WAIT: &str = "06";

pub(super) fn all(local: &SocketAddr, peer: &SocketAddr) -> bool {
    let table = if local.is_ipv4() { "/proc/thread-self/net/tcp" } else { "/proc/thread-self/net/tcp6" };
    // It has a row for each connection of the machine: no more of it is read than is needed.
    File::open(table).is_ok_and(|table| in_table(BufReader::new(table), local, peer))
}

fn in_table(table: impl BufRead, local: &SocketAddr, peer: &SocketAddr) -> bool {
    let (local, peer) = (hexadecimal(local), hexadecimal(peer));
    table.lines().skip(1).map_while(Result::ok).any(|line| {
        let mut words = line.split_whitespace().skip(1);
        words.next() == Some(&*local)
            && words.next() == Some(&*peer)
            && words.next().is_some_and(|state| [CLOSE_WAIT, TIME_WAIT].contains(&state))
            && words.next().is_some_and(|queues| queues.starts_with("00000000:"))
    })
}

/// An address as the table has it: words of 32 bits in the machine's order.
fn hexadecimal(address: &SocketAddr) -> String {
    let octets = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let words = octets.as_chunks().0.iter().map(|word| u32::from_ne_bytes(*word));
    let text = words.map(|word| format!("{word:08X}")).collect::<Vec<_>>().concat();
    format!("{text}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_may_wait_and_the_peer_must_have_ended_it() {
        let (local, peer) = ("127.0.0.1:8080".parse().unwrap(), "10.0.0.2:514".parse().unwrap());
        let row = |state: &str, waiting: &str| {
            let [local, peer] = [hexadecimal(&local), hexadecimal(&peer)];
            format!(
                "  sl  local_address rem_address\n   0: {local} {peer} {state} {waiting}:00000000 00:0 0\n"
            )
        };
        assert!(in_table(row("08", "00000000").as_bytes(), &local, &peer));
        assert!(in_table(row("06", "00000000").as_bytes(), &local, &peer));
        assert!(!in_table(row("08", "00000001").as_bytes(), &local, &peer));
        assert!(!in_table(row("01", "00000000").as_bytes(), &local, &peer));
        assert!(!in_table(row("08", "00000000").as_bytes(), &peer, &local));
        assert!(!in_table("".as_bytes(), &local, &peer));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn addresses_look_as_in_the_table() {
        assert_eq!(hexadecimal(&"127.0.0.1:8080".parse().unwrap()), "0100007F:1F90");
        let v6 = hexadecimal(&"[2001:db8::1]:1".parse().unwrap());
        assert_eq!(v6, "B80D0120000000000000000001000000:0001");
    }
}
