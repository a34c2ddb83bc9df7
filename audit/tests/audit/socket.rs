//! The socket device against peers that refuse, close, reset, hang, go and come back.

use std::collections::HashSet;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram, UnixListener};
use std::sync::Arc;

use crate::kit::peer::{Listener, TIME_LIMIT, append, fails, line, sends, socket, socket_in};
use onrecord_audit::Placement;
use onrecord_entry::{Boot, Entry, FormatOptions, Formatter, Request, Salt, Stamp};
use onrecord_value::{Time, object};
use proptest::prelude::*;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

#[test]
fn a_line_reaches_the_peer_over_every_network() {
    let dir = tempfile::tempdir().unwrap();
    for (network, bind, host) in [
        ("tcp", "127.0.0.1:0", "localhost"),
        ("tcp", "127.0.0.1:0", "127.0.0.1"),
        ("tcp4", "127.0.0.1:0", ""),
        ("tcp4", "127.0.0.1:0", "localhost"),
        ("tcp6", "[::1]:0", "[::1]"),
        ("tcp6", "[::1]:0", ""),
        ("tcp", "[::1]:0", "[::1%lo]"),
    ] {
        let listener = match TcpListener::bind(bind) {
            Ok(listener) => listener,
            Err(error) if bind.contains("::1") => {
                eprintln!("no IPv6 on this machine, {network} to {host} is not tested: {error}");
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        let address = format!("{host}:{}", listener.local_addr().unwrap().port());
        let mut device = socket(&[("address", &address), ("socket_type", network)]);
        sends(&mut *device, "one");
        let mut stream = Listener::Tcp(listener).accept();
        assert_eq!(stream.line(), "one\n", "{network} {address}");
    }
    for network in ["udp", "udp4"] {
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(TIME_LIMIT)).unwrap();
        let address = peer.local_addr().unwrap().to_string();
        let mut device = socket(&[("address", &address), ("socket_type", network)]);
        assert_eq!(append(&mut *device, &[line(1, 1), line(2, 2)]).lines, 2);
        let mut datagram = [0; 100];
        for expected in [line(1, 1), line(2, 2)] {
            let length = peer.recv(&mut datagram).unwrap();
            assert_eq!(&datagram[..length], expected.as_bytes(), "a datagram is a line");
        }
    }
    let path = dir.path().join("stream");
    let listener = Listener::unix(&path);
    let mut device = listener.device(&[]);
    sends(&mut *device, "one");
    assert_eq!(listener.accept().line(), "one\n");

    let path = dir.path().join("datagram");
    let peer = UnixDatagram::bind(&path).unwrap();
    let mut device = socket(&[("address", path.to_str().unwrap()), ("socket_type", "unixgram")]);
    assert_eq!(append(&mut *device, &[line(1, 1), line(2, 2)]).lines, 2);
    let mut datagram = [0; 100];
    assert_eq!((peer.recv(&mut datagram).unwrap(), peer.recv(&mut datagram).unwrap()), (9, 10));
}

#[test]
fn a_packet_is_a_line_and_abstract_names_are_for_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("packets");
    let listener = rustix::net::socket(AddressFamily::UNIX, SocketType::SEQPACKET, None).unwrap();
    rustix::net::bind(&listener, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    rustix::net::listen(&listener, 8).unwrap();
    let mut device = socket(&[("address", path.to_str().unwrap()), ("socket_type", "unixpacket")]);
    assert_eq!(append(&mut *device, &[line(1, 1), line(2, 2)]).lines, 2);
    let peer = rustix::net::accept(&listener).unwrap();
    let mut packet = [0; 100];
    for expected in [line(1, 1), line(2, 2)] {
        let length = rustix::io::read(&peer, &mut packet).unwrap();
        assert_eq!(&packet[..length], expected.as_bytes());
    }
    let name = format!("onrecord-{}", dir.path().display());
    let listener = UnixListener::bind_addr(&UnixAddr::from_abstract_name(&name).unwrap()).unwrap();
    let (address, placement) = (format!("@{name}"), Placement::api());
    let pairs = [("address", address.as_str()), ("socket_type", "unix")];
    // Such a name has neither an owner nor a place: only the operator can say that it is a collector's.
    let error = fails(&mut *socket_in(&placement, &pairs), "zero");
    assert!(error.contains("may not talk to an abstract socket"), "{error}");
    sends(&mut *socket_in(&placement.for_configuration(), &pairs), "one");
    assert_eq!(Listener::Unix(listener).accept().line(), "one\n");
}

#[test]
fn what_is_wrong_with_an_address_is_told_when_it_is_dialled() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let missing = tempfile::tempdir().unwrap().path().join("missing");
    let missing = missing.to_str().unwrap();
    let (long, port) = ("/x".repeat(100), free.to_string());
    for (network, address, error) in [
        ("tcp", port.as_str(), format!("dial tcp {free}: connect: connection refused")),
        ("tcp", "127.0.0.1", "dial tcp: address 127.0.0.1: missing port in address".to_owned()),
        ("tcp", "", "dial tcp: missing address".to_owned()),
        ("tcp", "::1:80", "dial tcp: address ::1:80: too many colons in address".to_owned()),
        ("tcp", "h:65536", "dial tcp: address 65536: invalid port".to_owned()),
        ("udp", "h:no-such", "dial udp: lookup udp/no-such: unknown port".to_owned()),
        ("tcp4", "[::1]:80", "dial tcp4: address ::1: no suitable address found".to_owned()),
        ("tcp6", "127.0.0.1:80", "dial tcp6: address 127.0.0.1: no suitable address found".to_owned()),
        ("tcp", "no-such-host.invalid:80", "dial tcp: lookup no-such-host.invalid: no such host".to_owned()),
        ("foo", "127.0.0.1:80", "dial foo: unknown network foo".to_owned()),
        ("TCP", "127.0.0.1:80", "dial TCP: unknown network TCP".to_owned()),
        ("", "127.0.0.1:80", "dial: unknown network ".to_owned()),
        ("a\nb", "127.0.0.1:80", "dial a\\nb: unknown network a\\nb".to_owned()),
        ("unix", "/no\n\u{1b}", "dial unix /no\\n\\u{1b}: connect: no such file or directory".to_owned()),
        ("tcp", "a\u{2028}b", "dial tcp: address a\\u{2028}b: missing port in address".to_owned()),
        ("unix", "", "dial unix: missing address".to_owned()),
        ("unix", missing, format!("dial unix {missing}: connect: no such file or directory")),
        ("unixgram", missing, format!("dial unixgram {missing}: connect: no such file or directory")),
    ] {
        let mut device = socket(&[("address", address), ("socket_type", network), ("write_timeout", "10s")]);
        let twice = format!("2 errors occurred:\n\t* {error}\n\t* {error}\n\n");
        assert_eq!(fails(&mut *device, "x"), twice, "{network} {address}");
    }
    let mut device =
        socket_in(&Placement::api().for_configuration(), &[("address", &long), ("socket_type", "unix")]);
    assert!(fails(&mut *device, "x").contains("connect: invalid argument"));
}

#[test]
fn a_reset_in_the_middle_of_a_batch_loses_nothing_that_was_counted() {
    let dir = tempfile::tempdir().unwrap();
    for listener in [Listener::tcp(), Listener::unix(&dir.path().join("s"))] {
        let mut device = listener.device(&[("write_timeout", "10s"), ("resend_buffer", "2MiB")]);
        let lines: Vec<String> = (0..40).map(|n| line(n, 50_000)).collect();
        let all = lines.clone();
        let (ended, end) = std::sync::mpsc::channel::<()>();
        let sender = std::thread::spawn(move || {
            let appended = append(&mut *device, &all);
            // It may have taken all before the reset: then it is a look that finds out.
            while end.try_recv().is_err() {
                drop(device.check());
            }
            appended
        });
        let mut first = listener.accept();
        let begun = first.line();
        drop(first);
        let mut second = listener.accept();
        let mut rest = String::new();
        while !rest.ends_with(&lines[39]) {
            rest.push_str(&second.line());
        }
        ended.send(()).unwrap();
        let appended = sender.join().unwrap();
        assert_eq!((appended.lines, appended.error), (40, None));
        let got: HashSet<&str> = rest.split_inclusive('\n').chain([begun.as_str()]).collect();
        for line in &lines {
            assert!(got.contains(line.as_str()), "{}", &line[..6]);
        }
        assert!(rest.starts_with(&lines[0][..7]), "whole lines, from the first on");
    }
}

#[test]
fn nothing_is_dialled_before_the_first_line() {
    let listener = Listener::tcp();
    let mut device = listener.device(&[]);
    device.check().unwrap();
    device.reopen().unwrap();
    device.sync().unwrap();
    assert!(listener.accept_now().is_none());
    sends(&mut *device, "one");
    assert_eq!(listener.accept().line(), "one\n");
}

#[test]
fn a_limited_device_does_not_reach_beyond_its_limits_under_any_name() {
    let (own, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _listener = Listener::unix(&own.path().join("s"));
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(own.path().join("s"), &link).unwrap();
    let inside = elsewhere.path().join("inside");
    std::os::unix::fs::symlink(own.path(), &inside).unwrap();
    let placement = Placement::api().keep_out(own.path());
    for path in [
        own.path().join("s"),
        link.clone(),
        inside.join("s"),
        own.path().join("../").join(own.path()).join("s"),
    ] {
        let mut device =
            socket_in(&placement, &[("address", path.to_str().unwrap()), ("socket_type", "unix")]);
        assert!(fails(&mut *device, "x").contains("may not talk to a socket of the system"), "{path:?}");
    }
    let pairs = [("address", link.to_str().unwrap()), ("socket_type", "unix")];
    sends(&mut *socket_in(&placement.for_configuration(), &pairs), "x");

    for address in ["169.254.169.254:80", "[::ffff:169.254.169.254]:80", "2852039166:80", "0xa9fea9fe:80"] {
        for network in ["tcp", "udp"] {
            let mut device = socket(&[("address", address), ("socket_type", network)]);
            let error = fails(&mut *device, "x");
            assert!(error.contains("may not talk to a link-local address"), "{network} {address}: {error}");
        }
    }
}

#[test]
fn a_peer_that_read_all_and_closed_gets_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    for listener in [Listener::tcp(), Listener::unix(&dir.path().join("s"))] {
        let mut device = listener.device(&[]);
        for turn in 0..20 {
            let text = format!("line {turn}");
            sends(&mut *device, &text);
            let mut stream = listener.accept();
            assert_eq!(stream.line(), format!("{text}\n"), "nothing before it");
            stream.close();
            device.check().unwrap();
        }
        assert!(listener.accept_now().is_none(), "an idle end is no reason to dial");
    }
}

#[test]
fn r_tcp_loss_what_a_peer_left_unread_comes_again() {
    let dir = tempfile::tempdir().unwrap();
    for listener in [Listener::tcp(), Listener::unix(&dir.path().join("s"))] {
        let mut device = listener.device(&[]);
        sends(&mut *device, "one");
        let mut stream = listener.accept();
        assert_eq!(stream.line(), "one\n");
        sends(&mut *device, "two");
        // Dead with a line unread.
        drop(stream);
        sends(&mut *device, "three");
        drop(device);
        let text = listener.accept().rest();
        assert!(text.ends_with("two\nthree\n"), "{text:?}");
    }
}

#[test]
fn r_tcp_loss_an_idle_device_sends_again_what_a_dead_peer_left_unread() {
    let dir = tempfile::tempdir().unwrap();
    for listener in [Listener::tcp(), Listener::unix(&dir.path().join("s"))] {
        let mut device = listener.device(&[]);
        sends(&mut *device, "one");
        drop(listener.accept());
        device.check().unwrap();
        let mut stream = listener.accept();
        assert_eq!(stream.line(), "one\n", "without any further line");
        sends(&mut *device, "last");
        assert_eq!(stream.line(), "last\n", "once is enough");
    }
}

#[test]
fn a_dead_endpoint_is_told_and_does_not_make_an_idle_device_fail() {
    let listener = Listener::tcp();
    let addr = listener.addr();
    let mut device = listener.device(&[]);
    sends(&mut *device, "one");
    let mut stream = listener.accept();
    assert_eq!(stream.line(), "one\n");
    stream.close();
    drop(listener);
    device.check().unwrap();
    device.check().unwrap();
    let refused = format!("dial tcp {addr}: connect: connection refused");
    assert!(fails(&mut *device, "two").contains(&refused));
    // From now on it is known, and looked for.
    assert!(device.check().unwrap_err().to_string().contains(&refused));
    let _listener = Listener::again(addr);
    assert!((0..10).any(|_| device.check().is_ok()), "it is found again without a line");
}

#[test]
fn r_reconnect_a_peer_that_comes_back_is_dialled_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let listener = Listener::tcp();
    let addr = listener.addr();
    let back: [(Listener, &dyn Fn() -> Listener); 2] = [
        (listener, &|| Listener::again(addr)),
        (Listener::unix(&path), &|| {
            std::fs::remove_file(&path).unwrap();
            Listener::unix(&path)
        }),
    ];
    for (listener, again) in back {
        let mut device = listener.device(&[]);
        sends(&mut *device, "one");
        assert_eq!(listener.accept().line(), "one\n");
        drop(listener);
        fails(&mut *device, "two");
        let listener = again();
        sends(&mut *device, "three");
        assert_eq!(listener.accept().line(), "three\n", "what was refused is not sent later");
    }
}

#[test]
fn a_peer_that_stops_reading_costs_a_time_out_and_no_line_that_was_counted() {
    let dir = tempfile::tempdir().unwrap();
    for listener in [Listener::tcp(), Listener::unix(&dir.path().join("s"))] {
        let mut device = listener.device(&[("write_timeout", "50ms"), ("resend_buffer", "16MiB")]);
        let mut counted = Vec::new();
        let error = loop {
            let lines: Vec<String> = (counted.len()..counted.len() + 50).map(|n| line(n, 1000)).collect();
            let appended = append(&mut *device, &lines);
            counted.extend_from_slice(&lines[..appended.lines]);
            if let Some(error) = appended.error {
                assert!(appended.lines < 50);
                break error.to_string();
            }
            assert!(counted.len() < 1_000_000, "the peer never fills up");
        };
        assert!(error.contains(": i/o timeout"), "{error}");
        // It goes on: all connections are read to their end.
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            while !text.ends_with("the end\n") {
                text.push_str(&listener.accept().rest());
            }
            text
        });
        while append(&mut *device, &["the end\n".to_owned()]).lines == 0 {}
        drop(device);
        let text = reader.join().unwrap();
        let got: HashSet<&str> = text.split_inclusive('\n').collect();
        for line in &counted {
            assert!(got.contains(line.as_str()), "{}", &line[..6]);
        }
    }
}

/// Appends to a released device until it fails. The time limit ends a hang.
fn ends_once_disabled(mut device: Box<dyn onrecord_audit::Device>) -> String {
    device.claim().expect("it can be released").release();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let error = loop {
            if let Some(error) = append(&mut *device, &[line(1, 1000)]).error {
                break error.to_string();
            }
        };
        drop(device);
        sender.send(error).unwrap();
    });
    receiver.recv_timeout(TIME_LIMIT).expect("it ends")
}

#[test]
fn without_a_time_out_a_disabled_device_ends_although_its_peer_never_moves() {
    let dir = tempfile::tempdir().unwrap();
    for listener in [Listener::tcp(), Listener::unix(&dir.path().join("s"))] {
        let error = ends_once_disabled(listener.device(&[("write_timeout", "0")]));
        assert!(error.contains(": i/o timeout"), "{error}");
    }
    let path = dir.path().join("datagrams");
    let _peer = UnixDatagram::bind(&path).unwrap();
    let options = [("address", path.to_str().unwrap()), ("socket_type", "unixgram"), ("write_timeout", "0")];
    let error = ends_once_disabled(socket(&options));
    assert!(error.contains(": i/o timeout"), "{error}");
}

#[test]
fn without_a_time_out_a_disabled_device_ends_although_its_peer_never_accepts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let address = SocketAddrUnix::new(&path).unwrap();
    let listener = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&listener, &address).unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let clients: Vec<_> = std::iter::from_fn(|| {
        let client = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        rustix::io::ioctl_fionbio(&client, true).unwrap();
        rustix::net::connect(&client, &address).ok().map(|()| client)
    })
    .collect();
    let options = [("address", path.to_str().unwrap()), ("socket_type", "unix"), ("write_timeout", "0")];
    let error = ends_once_disabled(socket(&options));
    assert!(error.starts_with("dial unix") && error.contains(": i/o timeout"), "{error}");
    drop(clients);
}

#[test]
fn a_slow_peer_has_the_whole_time_for_each_line() {
    let listener = Listener::tcp();
    let mut device = listener.device(&[("write_timeout", "5s"), ("resend_buffer", "64KiB")]);
    let sender = std::thread::spawn(move || {
        let lines: Vec<String> = (0..20).map(|n| line(n, 100_000)).collect();
        append(&mut *device, &lines)
    });
    let mut stream = listener.accept();
    let mut got = 0;
    // Each block is read only when all before it was: the batch goes out little by little.
    while got < 20 {
        assert_eq!(stream.line(), line(got, 100_000));
        got += 1;
    }
    let appended = sender.join().unwrap();
    assert_eq!((appended.lines, appended.error), (20, None));
}

#[test]
fn what_a_peer_sends_is_thrown_away() {
    let listener = Listener::tcp();
    let mut device = listener.device(&[]);
    sends(&mut *device, "one");
    let mut stream = listener.accept();
    for turn in 0..10 {
        stream.says(&"noise".repeat(1000));
        sends(&mut *device, &format!("line {turn}"));
    }
    drop(device);
    assert!(stream.rest().ends_with("line 9\n"), "an end, not a reset");
}

#[test]
fn udp_to_a_closed_port_fails_once_it_is_known() {
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut device = socket(&[("address", &port.to_string()), ("socket_type", "udp")]);
    sends(&mut *device, "one");
    for _ in 0..3 {
        assert!(fails(&mut *device, "two").contains("connection refused"));
        assert!(device.check().unwrap_err().to_string().contains("connection refused"));
    }
    let peer = UdpSocket::bind(port).unwrap();
    peer.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    sends(&mut *device, "three");
    let mut datagram = [0; 100];
    let length = peer.recv(&mut datagram).unwrap();
    assert_eq!(&datagram[..length], b"three\n");
    device.check().unwrap();
}

#[test]
fn a_datagram_that_is_too_long_costs_no_other_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("datagram");
    let peer = UnixDatagram::bind(&path).unwrap();
    peer.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    let pairs = [("address", path.to_str().unwrap()), ("socket_type", "unixgram"), ("oversize", "fail")];
    let mut device = socket(&pairs);
    let appended = append(&mut *device, &[line(1, 10), line(2, 1_000_000), line(3, 10)]);
    assert_eq!((appended.lines, appended.error), (3, None));
    assert_eq!(appended.rejected.len(), 1);
    assert_eq!(appended.rejected[0].line, 1);
    let expected = format!("write unixgram @->{}: write: message too long", path.display());
    assert_eq!(appended.rejected[0].error.to_string(), expected);
    let mut datagram = [0; 100];
    for expected in [line(1, 10), line(3, 10)] {
        let length = peer.recv(&mut datagram).unwrap();
        assert_eq!(&datagram[..length], expected.as_bytes());
    }
}

/// An entry whose line is longer than this number of bytes.
fn long_entry(bytes: usize) -> String {
    let data = object! { "text" => "x".repeat(bytes) };
    let request = Request { id: "an id".into(), data: (&data).into(), ..Request::default() };
    let form = Formatter::new(
        FormatOptions { log_raw: true, ..FormatOptions::default() },
        Arc::new(Salt::new("a salt")),
    );
    let stamp = Stamp { time: Time::from_unix(1_700_000_000, 0), seq: 7, boot: Boot::new(1) };
    let mut line = Vec::new();
    form.format(&Entry { request, ..Entry::default() }, &stamp, &mut line).unwrap();
    String::from_utf8(line).unwrap()
}

#[test]
fn a_line_that_is_too_long_for_a_datagram_goes_out_shorter_or_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("datagram");
    let unix = UnixDatagram::bind(&path).unwrap();
    unix.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    let address = udp.local_addr().unwrap().to_string();
    let mut datagram = vec![0; 1_000_000];
    for (network, address) in [("unixgram", path.to_str().unwrap()), ("udp", &address)] {
        let mut receive = || {
            let received = if network == "udp" { udp.recv(&mut datagram) } else { unix.recv(&mut datagram) };
            let length = received.unwrap();
            let text = String::from_utf8(datagram[..length].to_vec()).unwrap();
            assert!(text.starts_with("{\"time\":") && text.ends_with("}\n"), "a whole entry");
            text
        };
        let with = |oversize: &str| {
            socket(&[("address", address), ("socket_type", network), ("oversize", oversize)])
        };
        for length in [70_000, 1_000_000] {
            let long = long_entry(length);
            let appended = append(&mut *with("elide"), &[long_entry(1), long.clone(), long_entry(2)]);
            assert_eq!((appended.lines, appended.error, appended.rejected.len()), (3, None, 0));
            assert_eq!(receive(), long_entry(1));
            let between = receive();
            // A Unix socket takes 70,000 bytes as they are.
            let elided = format!("\"elided\":{{\"bytes\":{}", long.len() - 1);
            assert!(between == long || between.contains(&elided), "{network} {length}");
            assert_eq!(receive(), long_entry(2));
        }
        let mut device = with("split");
        // A Unix socket waits for its reader; what comes by UDP and finds no room is lost, so it is no more than fits.
        let length = if network == "udp" { 100_000 } else { 400_000 };
        let sender = std::thread::spawn(move || append(&mut *device, &[long_entry(length)]).lines);
        let mut parts = 1;
        while !receive().contains(&format!("\"part\":{{\"number\":{parts},\"of\":{parts},")) {
            parts += 1;
        }
        assert_eq!(sender.join().unwrap(), 1);
        assert!(parts >= 2);
    }
}

#[test]
fn r_reconnect_a_datagram_peer_that_comes_back_gets_what_it_had_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("datagram");
    let peer = UnixDatagram::bind(&path).unwrap();
    let mut device = socket(&[("address", path.to_str().unwrap()), ("socket_type", "unixgram")]);
    sends(&mut *device, "one");
    drop(peer);
    assert!(fails(&mut *device, "two").contains("connection refused"));
    std::fs::remove_file(&path).unwrap();
    let peer = UnixDatagram::bind(&path).unwrap();
    peer.set_read_timeout(Some(TIME_LIMIT)).unwrap();
    sends(&mut *device, "three");
    let mut datagram = [0; 100];
    for expected in ["one\n", "three\n"] {
        let length = peer.recv(&mut datagram).unwrap();
        assert_eq!(&datagram[..length], expected.as_bytes());
    }
}

#[test]
fn a_reopened_connection_is_another_one_and_doubles_nothing() {
    let listener = Listener::tcp();
    let mut device = listener.device(&[]);
    sends(&mut *device, "one");
    let mut old = listener.accept();
    // A peer that ends its side when ours ends, as programs do.
    let reader = std::thread::spawn(move || old.rest());
    device.reopen().unwrap();
    assert_eq!(reader.join().unwrap(), "one\n");
    sends(&mut *device, "two");
    assert_eq!(listener.accept().line(), "two\n");
}

/// What a peer does before the next batch.
#[derive(Clone, Copy, Debug)]
enum Act {
    Read,
    CloseAfterReading,
    CloseUnread,
    Nothing,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![Just(Act::Read), Just(Act::CloseAfterReading), Just(Act::CloseUnread), Just(Act::Nothing)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For every behaviour of the peer, what was counted arrives at least once, and in order within each connection.
    #[test]
    fn r_tcp_loss_every_line_that_was_counted_arrives(
        acts in prop::collection::vec((act(), 1_usize..5), 1..30),
        unix in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let listener = if unix { Listener::unix(&dir.path().join("s")) } else { Listener::tcp() };
        let mut device = listener.device(&[]);
        let (mut counted, mut got, mut open) = (Vec::new(), Vec::new(), None);
        for (act, size) in acts {
            let lines: Vec<String> = (counted.len()..counted.len() + size).map(|n| line(n, 5)).collect();
            let appended = append(&mut *device, &lines);
            prop_assert!(appended.error.is_none(), "{:?}", appended);
            counted.extend(lines);
            while let Some(stream) = listener.accept_now() {
                if let Some(old) = open.replace((stream, String::new())) {
                    got.push(read_up((old.0, old.1)));
                }
            }
            match act {
                Act::Nothing => {}
                Act::CloseUnread => got.extend(open.take().map(|(_, text)| text)),
                Act::Read => if let Some((stream, text)) = &mut open {
                    text.push_str(&stream.line());
                },
                Act::CloseAfterReading => if let Some((mut stream, mut text)) = open.take() {
                    while !text.ends_with(counted.last().unwrap()) {
                        text.push_str(&stream.line());
                    }
                    got.push(text);
                    stream.close();
                },
            }
        }
        drop(device);
        while let Some(stream) = listener.accept_now() {
            if let Some(old) = open.replace((stream, String::new())) {
                got.push(read_up(old));
            }
        }
        got.extend(open.map(read_up));
        for line in &counted {
            prop_assert!(got.iter().any(|text| text.contains(line.as_str())), "{line} of {got:?}");
        }
        for text in &got {
            let whole: Vec<&str> = text.lines().collect();
            prop_assert!(whole.is_sorted(), "{text}");
        }
    }
}

/// Reads a connection to its end.
fn read_up((mut stream, mut text): (crate::kit::peer::Stream, String)) -> String {
    text.push_str(&stream.rest());
    text
}
