//! The syslog device against sockets of the tests' own, datagram and stream.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use onrecord_value::{Time, object};

use super::*;
use crate::device::{DeviceOptions, OptionError};
use onrecord_entry::Formatter;
use onrecord_entry::Salt;
use onrecord_entry::decode;
use onrecord_entry::oversize::OversizeError;
use onrecord_entry::{Boot, Entry, Request, Stamp};

struct Still;

impl Clock for Still {
    fn now(&self) -> Time {
        Time::parse("2026-01-02T03:04:05.5Z").unwrap()
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    fn utc_offset(&self, _at: Time) -> i32 {
        7200
    }
}

struct Place {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { path: dir.path().join("log"), _dir: dir }
    }

    fn datagrams(&self) -> UnixDatagram {
        drop(std::fs::remove_file(&self.path));
        UnixDatagram::bind(&self.path).unwrap()
    }

    fn streams(&self) -> UnixListener {
        drop(std::fs::remove_file(&self.path));
        UnixListener::bind(&self.path).unwrap()
    }

    fn placement(&self) -> Placement {
        Placement::api().with_syslog_socket(&self.path)
    }

    fn open(&self, options: &[(&str, &str)]) -> Result<Box<dyn Device>, OptionError> {
        parsed(options).open(&self.placement(), Arc::new(Still))
    }

    fn later(&self, options: &[(&str, &str)]) -> Box<dyn Device> {
        parsed(options).open_later(&self.placement(), Arc::new(Still))
    }
}

fn parsed(options: &[(&str, &str)]) -> DeviceOptions {
    let options: BTreeMap<_, _> =
        options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    DeviceOptions::parse("syslog", &options).unwrap()
}

fn received(socket: &UnixDatagram) -> String {
    let mut buffer = vec![0; 1 << 20];
    let length = socket.recv(&mut buffer).unwrap();
    buffer.truncate(length);
    String::from_utf8(buffer).unwrap()
}

fn append(device: &mut dyn Device, lines: &[&str]) -> Appended {
    let mut ends = Vec::new();
    let mut bytes = Vec::new();
    for line in lines {
        bytes.extend_from_slice(line.as_bytes());
        ends.push(bytes.len());
    }
    device.append(&Batch::new(&bytes, &ends))
}

fn lines_of(appended: &Appended) -> (usize, Option<String>) {
    (appended.lines, appended.error.as_ref().map(ToString::to_string))
}

fn message(line: &str) -> String {
    format!("<38>Jan  2 05:04:05 vault[{}]: {line}", std::process::id())
}

/// A line of about this many bytes.
fn entry_of(bytes: usize) -> String {
    let data = object! { "text" => "x".repeat(bytes) };
    let request = Request { path: "secret/a".into(), data: (&data).into(), ..Request::default() };
    let form = Formatter::new(
        onrecord_entry::FormatOptions { log_raw: true, ..onrecord_entry::FormatOptions::default() },
        Arc::new(Salt::new("a salt")),
    );
    let mut line = Vec::new();
    let stamp = Stamp { time: Still.now(), seq: 1, boot: Boot::new(1) };
    form.format(&Entry { request, ..Entry::default() }, &stamp, &mut line).unwrap();
    String::from_utf8(line).unwrap()
}

/// What stands behind the header of a message.
fn line_of(message: &str) -> &str {
    message.split_once("]: ").unwrap().1
}

#[test]
fn each_line_is_one_datagram() {
    let place = Place::new();
    let daemon = place.datagrams();
    let mut device = place.open(&[]).unwrap();
    assert_eq!(lines_of(&append(&mut *device, &["one\n", "two\n"])), (2, None));
    assert_eq!(received(&daemon), message("one\n"));
    assert_eq!(received(&daemon), message("two\n"));
}

#[test]
fn each_line_is_one_line_of_a_stream() {
    let place = Place::new();
    let daemon = place.streams();
    let mut device = place.open(&[("facility", "local7"), ("tag", "a tag")]).unwrap();
    let long = format!("{}\n", "y".repeat(100_000));
    let writer = std::thread::spawn(move || lines_of(&append(&mut *device, &["one\n", &long])));
    let mut text = String::new();
    daemon.accept().unwrap().0.read_to_string(&mut text).unwrap();
    assert_eq!(writer.join().unwrap(), (2, None));
    let header = format!("<190>Jan  2 05:04:05 a tag[{}]: ", std::process::id());
    assert_eq!(text, format!("{header}one\n{header}{}\n", "y".repeat(100_000)));
}

#[test]
fn without_a_daemon_it_does_not_open() {
    let place = Place::new();
    let refused = place.open(&[]).err().unwrap();
    assert_eq!(refused.to_string(), "Unix syslog delivery error");
    assert_eq!(refused.cause(), Some(&DeviceError::NoSyslog));
    // A socket without a listener counts as none.
    drop(place.datagrams());
    assert!(place.open(&[]).is_err());
}

#[test]
fn a_daemon_that_comes_late_is_found() {
    let place = Place::new();
    let mut device = place.later(&[]);
    let error = "Unix syslog delivery error".to_owned();
    assert_eq!(lines_of(&append(&mut *device, &["one\n"])), (0, Some(error)));
    assert_eq!(device.check(), Err(DeviceError::NoSyslog));
    let daemon = place.datagrams();
    assert_eq!(device.check(), Ok(()));
    assert_eq!(lines_of(&append(&mut *device, &["one\n"])), (1, None));
    assert_eq!(received(&daemon), message("one\n"));
}

#[test]
fn r_reconnect_a_daemon_that_restarts_is_found_again() {
    let place = Place::new();
    for stream in [false, true] {
        let mut device = None;
        for round in 0..3 {
            let (mut datagrams, mut streams) = (None, None);
            if stream {
                streams = Some(place.streams());
            } else {
                datagrams = Some(place.datagrams());
            }
            let device = device.get_or_insert_with(|| place.open(&[]).unwrap());
            let line = format!("round {round}\n");
            if round == 2 {
                assert_eq!(device.check(), Ok(()));
            }
            assert_eq!(lines_of(&append(&mut **device, &[&line])), (1, None));
            let heard = match (&datagrams, &streams) {
                (Some(daemon), _) => received(daemon),
                (_, Some(daemon)) => {
                    let mut buffer = [0; 100];
                    let length = daemon.accept().unwrap().0.read(&mut buffer).unwrap();
                    String::from_utf8_lossy(&buffer[..length]).into_owned()
                }
                _ => String::new(),
            };
            assert_eq!(heard, message(&line));
            // The daemon ends; its socket stays where it was.
            drop((datagrams, streams));
            assert_eq!(device.check(), Err(DeviceError::NoSyslog));
            let (lines, error) = lines_of(&append(&mut **device, &["lost\n"]));
            assert_eq!((lines, error.as_deref()), (0, Some("Unix syslog delivery error")));
        }
    }
}

#[test]
fn opening_again_connects_again() {
    let place = Place::new();
    let first = place.datagrams();
    let mut device = place.open(&[]).unwrap();
    let second = place.datagrams();
    assert_eq!(device.reopen(), Ok(()));
    assert_eq!(lines_of(&append(&mut *device, &["one\n"])), (1, None));
    assert_eq!(received(&second), message("one\n"));
    drop(first);
}

/// A device in a thread of its own, which is blocked because its daemon reads nothing.
struct Blocked {
    claim: Claim,
    done: mpsc::Receiver<(usize, Option<String>)>,
}

impl Blocked {
    /// More lines than any socket takes.
    const LINES: usize = 5000;

    fn new(place: &Place) -> Self {
        let mut device = place.open(&[]).unwrap();
        let claim = device.claim().unwrap();
        let (sender, done) = mpsc::channel();
        std::thread::spawn(move || {
            let lines: Vec<String> =
                (0..Self::LINES).map(|at| format!("{at} {}\n", "z".repeat(500))).collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            drop(sender.send(lines_of(&append(&mut *device, &lines))));
        });
        let blocked = Self { claim, done };
        // It is blocked, and nothing else, for longer than a slice.
        assert!(blocked.done.recv_timeout(Duration::from_millis(400)).is_err());
        blocked
    }
}

fn read_all(daemon: &UnixDatagram, from: usize) {
    for at in from..Blocked::LINES {
        assert!(line_of(&received(daemon)).starts_with(&format!("{at} ")));
    }
}

#[test]
fn r_hang_a_daemon_that_reads_nothing_loses_nothing() {
    let place = Place::new();
    let daemon = place.datagrams();
    let blocked = Blocked::new(&place);
    read_all(&daemon, 0);
    assert_eq!(blocked.done.recv().unwrap(), (Blocked::LINES, None));
}

#[test]
fn a_blocked_device_that_is_disabled_ends() {
    for stream in [false, true] {
        let place = Place::new();
        let daemons = if stream { (None, Some(place.streams())) } else { (Some(place.datagrams()), None) };
        let blocked = Blocked::new(&place);
        blocked.claim.release();
        let (lines, error) = blocked.done.recv().unwrap();
        let text = format!("write {}: resource temporarily unavailable", place.path.display());
        assert!(lines < Blocked::LINES && error == Some(text));
        drop(daemons);
    }
}

#[test]
fn a_blocked_device_whose_daemon_ends_goes_on_with_the_next() {
    let place = Place::new();
    for replaced in [false, true] {
        let daemon = place.datagrams();
        let blocked = Blocked::new(&place);
        // It may still hold its socket, stopped for good, when another has taken its place.
        let old = if replaced {
            Some(daemon)
        } else {
            drop(daemon);
            None
        };
        let next = place.datagrams();
        // In the one case it may look for the next before there is one.
        if replaced {
            let first = line_of(&received(&next)).split_once(' ').unwrap().0.parse::<usize>().unwrap();
            read_all(&next, first + 1);
            assert_eq!(blocked.done.recv().unwrap(), (Blocked::LINES, None));
        } else {
            next.set_nonblocking(true).unwrap();
            let mut buffer = [0; 1000];
            let outcome = loop {
                while next.recv(&mut buffer).is_ok() {}
                if let Ok(outcome) = blocked.done.recv_timeout(Duration::from_millis(1)) {
                    break outcome;
                }
            };
            assert!(outcome.1.is_none() || outcome.1.as_deref() == Some("Unix syslog delivery error"));
        }
        drop(old);
    }
}

#[test]
fn r_syslog_long_an_entry_longer_than_the_socket_takes_is_elided() {
    let place = Place::new();
    let daemon = place.datagrams();
    let mut device = place.open(&[]).unwrap();
    let mut elided = 0;
    for bytes in [100, 100_000, 1 << 20, 10_000] {
        let line = entry_of(bytes);
        assert_eq!(lines_of(&append(&mut *device, &[&line])), (1, None));
        let message = received(&daemon);
        onrecord_schema::checked(line_of(&message).as_bytes());
        let heard = decode(line_of(&message).as_bytes()).unwrap();
        match heard.entry().elided {
            None => assert_eq!(line_of(&message), line),
            Some(whole) => {
                assert_eq!(whole.bytes, line.len() as u64 - 1);
                assert!(line_of(&message).contains(r#""path":"secret/a""#));
                elided += 1;
            }
        }
    }
    assert_eq!(elided, 1, "a megabyte is more than a datagram, and a tenth of it is not");
}

#[test]
fn r_syslog_long_an_entry_can_be_sent_in_parts() {
    let place = Place::new();
    let daemon = place.datagrams();
    for options in [&[("oversize", "split")][..], &[("oversize", "split"), ("max_bytes", "8KiB")]] {
        let line = entry_of(1 << 20);
        let mut device = place.open(options).unwrap();
        let writer = {
            let line = line.clone();
            std::thread::spawn(move || lines_of(&append(&mut *device, &[&line, "{}\n"])))
        };
        let mut joined = String::new();
        loop {
            let message = received(&daemon);
            let Ok(heard) = decode(line_of(&message).as_bytes()) else { break };
            onrecord_schema::checked(line_of(&message).as_bytes());
            assert!(options.len() == 1 || message.len() <= 8192);
            joined.push_str(heard.entry().part.unwrap().text.as_str());
        }
        assert!(joined == line.trim_end());
        assert_eq!(writer.join().unwrap(), (2, None));
    }
}

#[test]
fn r_syslog_long_an_entry_that_may_only_fail_fails_alone() {
    let place = Place::new();
    let daemon = place.datagrams();
    let mut device = place.open(&[("oversize", "fail"), ("max_bytes", "2KiB")]).unwrap();
    let long = entry_of(3000);
    let appended = append(&mut *device, &["one\n", &long, "two\n"]);
    assert_eq!(lines_of(&appended), (3, None));
    let [rejected] = &appended.rejected[..] else { panic!("one line") };
    let limit = 2048 - message("").len();
    assert_eq!(
        (rejected.line, &rejected.error),
        (1, &DeviceError::Oversize(OversizeError::TooLong { bytes: long.len(), limit }))
    );
    assert_eq!([received(&daemon), received(&daemon)], ["one\n", "two\n"].map(message));
}

#[test]
fn the_usual_places_are_three() {
    let options = parsed(&[]).target::<SyslogOptions>().unwrap().clone();
    let device = Syslog::closed(options, &Placement::api(), Arc::new(Still));
    let expected = ["/dev/log", "/var/run/syslog", "/var/run/log"].map(Path::new);
    assert!(device.sockets.iter().eq(expected));
}

#[test]
fn every_facility_is_named_where_one_is_refused() {
    let given = |name: &str| BTreeMap::from([("facility".to_owned(), name.to_owned())]);
    let refused = DeviceOptions::parse("syslog", &given("foo")).expect_err("it is refused").explain();
    let listed = refused.split_once("one of ").expect("a list").1.trim_end_matches(", in any case");
    let names: Vec<&str> = listed.split(", ").flat_map(|part| part.split(" or ")).collect();
    assert_eq!(names.len(), 20, "{names:?}");
    for name in names {
        assert!(DeviceOptions::parse("syslog", &given(name)).is_ok(), "{name}");
    }
}
