//! Every option that all devices have, on every device, with good and bad values; and every option that one kind of
//! device has: through HTTP and through the command line, each bad value with its clear error (R-OPTIONS-MATRIX).

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use onrecord_e2e::peer::Peer;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::shell::Shell;
use onrecord_e2e::wait;
use serde_json::{Value, json};

const PREFIX: &str = "prefix must be printable, without a newline, and at most 256 bytes";

/// Bad values on every device: option, value, error.
const BAD: &[(&str, &str, &str)] = &[
    ("log_raw", "maybe", "strconv.ParseBool: parsing \"maybe\": invalid syntax"),
    ("log_raw", "", "strconv.ParseBool: parsing \"\": invalid syntax"),
    ("hmac_accessor", "yes", "strconv.ParseBool: parsing \"yes\": invalid syntax"),
    ("elide_list_responses", "2", "strconv.ParseBool: parsing \"2\": invalid syntax"),
    ("required", "on", "strconv.ParseBool: parsing \"on\": invalid syntax"),
    ("mode", "", "strconv.ParseUint: parsing \"\": invalid syntax"),
    ("mode", "abc", "strconv.ParseUint: parsing \"abc\": invalid syntax"),
    ("mode", "0o600", "strconv.ParseUint: parsing \"0o600\": invalid syntax"),
    ("mode", "9", "strconv.ParseUint: parsing \"9\": invalid syntax"),
    ("mode", "777777777777", "strconv.ParseUint: parsing \"777777777777\": value out of range"),
    ("mode", "20000000644", "file mode does not represent a regular file"),
    ("format", "", "unknown format type \"\""),
    ("format", "xml", "unknown format type \"xml\""),
    ("format", "JSON", "unknown format type \"JSON\""),
    ("prefix", "a\nb", PREFIX),
    ("prefix", "\u{1b}[31m", PREFIX),
];

/// Good values on every device.
const GOOD: &[(&str, &str)] = &[
    ("log_raw", "1"),
    ("log_raw", "True"),
    ("log_raw", "f"),
    ("hmac_accessor", "false"),
    ("elide_list_responses", "TRUE"),
    ("required", "true"),
    ("required", "0"),
    ("mode", "0600"),
    ("mode", "640"),
    ("format", "json"),
    ("format", "jsonx"),
    ("prefix", ""),
    ("prefix", "@cee: "),
    ("skip_test", "true"),
    ("skip_test", "nonsense"),
    ("something_else", "kept"),
];

/// What is added for people to a text that clients know, where that leaves out the option or what is accepted: the part of
/// the text, and of ours on the command line.
const EXPLAINED: &[(&str, &str)] = &[
    ("strconv.ParseBool: parsing ", ": it must be true or false"),
    ("strconv.ParseUint: parsing ", ": it must be permissions in octal, such as 0640"),
    ("file mode does not represent", ": it must be permissions in octal, such as 0640"),
    ("unknown format type ", ": it must be json or jsonx"),
    ("invalid syslog facility: ", ": it must be one of KERN, USER, MAIL, DAEMON, AUTH, "),
    ("time: ", ": it must be a duration such as 500ms, 2s or 1m30s, or a number of seconds"),
    (
        "strconv.ParseInt: parsing ",
        ": it must be a duration such as 500ms, 2s or 1m30s, or a number of seconds",
    ),
    ("unknown network ", ": it must be tcp, tcp4, tcp6, udp, udp4, udp6, unix, unixgram or unixpacket"),
    ("missing port in address", ": it must be host:port, such as 127.0.0.1:9090 or [::1]:9090"),
    ("missing address", ": it must be host:port, such as 127.0.0.1:9090 or [::1]:9090"),
    ("unknown port", ": it must be host:port, such as 127.0.0.1:9090 or [::1]:9090"),
];

/// What only a syslog device has, bad and good.
const SYSLOG_BAD: &[(&str, &str, &str)] = &[
    ("facility", "foo", "invalid syslog facility: FOO"),
    ("facility", "", "invalid syslog facility: "),
    ("facility", "4", "invalid syslog facility: 4"),
    ("oversize", "cut", "unknown oversize \"cut\"; it is \"elide\", \"split\" or \"fail\""),
];
const SYSLOG_GOOD: &[(&str, &str)] = &[
    ("facility", "local7"),
    ("facility", "AUTHPRIV"),
    ("facility", "KERN"),
    ("tag", "onrecord"),
    ("tag", ""),
    ("oversize", "elide"),
    ("oversize", "split"),
    ("oversize", "fail"),
];

/// What only a socket device has.
const SOCKET_BAD: &[(&str, &str, &str)] = &[
    ("write_timeout", "abc", "time: invalid duration \"abc\""),
    ("write_timeout", "2.5", "time: missing unit in duration \"2.5\""),
    ("write_timeout", "5x", "time: unknown unit \"x\" in duration \"5x\""),
    ("write_timeout", "xd", "strconv.ParseInt: parsing \"x\": invalid syntax"),
    ("write_timeout", "-1s", "write_timeout \"-1s\" is negative; \"0\" is no time-out"),
    ("oversize", "", "unknown oversize \"\"; it is \"elide\", \"split\" or \"fail\""),
    (
        "resend_buffer",
        "much",
        "bad resend_buffer \"much\"; it is a size such as \"1MiB\", at most \"256MiB\"",
    ),
    (
        "socket_type",
        "ip4:icmp",
        "socket_type \"ip4:icmp\" is not supported; it is \"tcp\", \"udp\" (or with 4 or 6), \"unix\", \"unixgram\" or \"unixpacket\"",
    ),
    ("socket_type", "foo", "$TWICEdial foo: unknown network foo"),
    ("socket_type", "TCP", "$TWICEdial TCP: unknown network TCP"),
    ("socket_type", "tcp6", "$TWICEdial tcp6: address 127.0.0.1: no suitable address found"),
    ("address", "127.0.0.1", "$TWICEdial tcp: address 127.0.0.1: missing port in address"),
    ("address", "", "$TWICEdial tcp: missing address"),
    ("address", "127.0.0.1:no-such", "$TWICEdial tcp: lookup tcp/no-such: unknown port"),
    ("address", "127.0.0.1:1", "$TWICEdial tcp 127.0.0.1:1: connect: connection refused"),
    (
        "address",
        "169.254.169.254:80",
        "$TWICEdial tcp 169.254.169.254:80: a device made through the API may not talk to a link-local address",
    ),
];
const SOCKET_GOOD: &[(&str, &str)] = &[
    ("write_timeout", "2"),
    ("write_timeout", "1d"),
    ("write_timeout", "500ms"),
    ("write_timeout", "1m30s"),
    ("write_timeout", ".5s"),
    ("write_timeout", "0"),
    ("write_timeout", ""),
    ("socket_type", "tcp"),
    ("socket_type", "tcp4"),
    ("oversize", "split"),
    ("resend_buffer", "0"),
    ("resend_buffer", "8MiB"),
];

/// A kind of device, and where its lines end up.
struct Kind {
    name: &'static str,
    base: Value,
    sink: Sink,
}

enum Sink {
    File(PathBuf),
    Peer(Peer),
    Syslog(Arc<Mutex<String>>),
}

impl Sink {
    fn text(&self) -> String {
        match self {
            Self::File(path) => std::fs::read_to_string(path).unwrap_or_default(),
            Self::Peer(peer) => String::from_utf8(peer.lines()).expect("text"),
            Self::Syslog(text) => text.lock().expect("no panic while held").clone(),
        }
    }
}

fn kinds(dir: &Path) -> [Kind; 3] {
    let file = dir.join("logs/audit.log");
    let daemon = UnixDatagram::bind(dir.join("syslog")).expect("a socket");
    let (text, peer) = (Arc::new(Mutex::new(String::new())), Peer::tcp());
    let keep = Arc::clone(&text);
    std::thread::spawn(move || {
        let mut message = vec![0; 300_000];
        while let Ok(length) = daemon.recv(&mut message) {
            keep.lock().expect("no panic while held").push_str(&String::from_utf8_lossy(&message[..length]));
        }
    });
    let address = peer.options()["address"].clone();
    [
        Kind { name: "file", base: json!({"file_path": file}), sink: Sink::File(file) },
        Kind { name: "syslog", base: json!({}), sink: Sink::Syslog(text) },
        Kind { name: "socket", base: json!({"address": address}), sink: Sink::Peer(peer) },
    ]
}

fn server(place: &Place) -> Server {
    let socket = place.path("syslog");
    let server = place.in_memory(&format!(
        "audit {{
  syslog_socket = \"{}\"
}}",
        socket.display()
    ));
    server.mount_kv(1);
    server
}

fn with(base: &Value, option: &str, value: &str) -> Value {
    let mut options = base.clone();
    options[option] = value.into();
    options
}

/// The line of the command line that enables it.
fn line(kind: &str, options: &Value) -> String {
    let mut line = format!("onrecord audit enable -path=x {kind}");
    for (option, value) in options.as_object().expect("options") {
        let value = value.as_str().expect("a text");
        let value = value.strip_prefix('@').map_or_else(|| value.to_owned(), |rest| format!("\\@{rest}"));
        line.extend([" '", option, "=", &value.replace('\'', "'\\''"), "'"]);
    }
    line
}

fn refuses(server: &Server, shell: &Shell, kind: &Kind, (option, value, error): (&str, &str, &str)) {
    let what = format!("{} {option}={value:?}", kind.name);
    let error = match error.strip_prefix("$TWICE") {
        Some(error) => {
            format!("audit backend failed test message: 2 errors occurred:\n\t* {error}\n\t* {error}\n\n")
        }
        None => error.to_owned(),
    };
    let options = with(&kind.base, option, value);
    let answer = server.call("PUT", "sys/audit/x", Some(json!({"type": kind.name, "options": options})));
    assert_eq!((answer.status, answer.error()), (400, error.clone()), "{what}");
    let output = shell.refuses(2, &line(kind.name, &options));
    assert!(output.contains(error.lines().next().expect("a line")), "{what}: {output}");
    if let Some((_, ours)) = EXPLAINED.iter().find(|(part, _)| error.contains(part)) {
        let ours = format!("\n{option}={value:?}{ours}");
        assert!(output.contains(&ours), "{what}: nothing of {ours:?} in {output}");
    }
    assert_eq!(server.devices(), json!({}), "{what}");
}

/// How many secrets were written.
static WRITES: AtomicUsize = AtomicUsize::new(0);

fn takes(server: &Server, shell: &Shell, kind: &Kind, (option, value): (&str, &str)) {
    for through_shell in [false, true] {
        // Each write has a path of its own: lines of the device before may still be on their way to the sink.
        let path = format!("kv/{}", WRITES.fetch_add(1, Ordering::Relaxed));
        let what = format!("{} {option}={value:?}, shell: {through_shell}", kind.name);
        let options = with(&kind.base, option, value);
        let before = kind.sink.text().len();
        if through_shell {
            shell.does(&line(kind.name, &options));
        } else {
            let body = json!({"type": kind.name, "options": options});
            let answer = server.call("PUT", "sys/audit/x", Some(body));
            // An unknown option is warned about, which takes a body.
            let status = if option == "something_else" { 200 } else { 204 };
            assert_eq!((answer.status, answer.error()), (status, String::new()), "{what}");
        }
        let listed = server.call("GET", "sys/audit", None).json();
        assert_eq!(listed["data"]["x/"]["options"], options, "{what}");
        assert_eq!(server.call("POST", &path, Some(json!({"k": "a-secret"}))).status, 204, "{what}");
        assert_eq!(server.call("DELETE", "sys/audit/x", None).status, 204, "{what}");
        let raw = option == "log_raw" && ["1", "True"].contains(&value);
        let entry = wait::until(|| {
            let text = kind.sink.text();
            let fresh = text[before.min(text.len())..]
                .lines()
                .find(|line| line.contains(&format!("{path}\"")) || line.contains(&format!("{path}<")))
                .map(str::to_owned);
            fresh.ok_or_else(|| format!("{what}: no entry has come"))
        });
        assert_eq!(entry.contains("a-secret"), raw, "{what}: {entry}");
        let message =
            if kind.name == "syslog" { entry.split_once("]: ").expect("a header").1 } else { &entry };
        let prefix = if option == "prefix" { value } else { "" };
        let body = message.strip_prefix(prefix).expect("the prefix");
        let begins = if value == "jsonx" { "<json:object" } else { "{\"time\"" };
        assert!(body.starts_with(begins), "{what}: {entry}");
    }
}

#[test]
fn r_options_matrix_every_option_on_every_device() {
    let place = Place::new();
    let kinds = kinds(place.dir());
    let server = server(&place);
    let shell = Shell::of(&server);
    for kind in &kinds {
        let (bad, good): (&[_], &[_]) = match kind.name {
            "syslog" => (SYSLOG_BAD, SYSLOG_GOOD),
            "socket" => (SOCKET_BAD, SOCKET_GOOD),
            _ => (
                &[],
                &[("durability", "fsync"), ("durability", "os"), ("evidence", "off"), ("evidence", "on")],
            ),
        };
        BAD.iter().chain(bad).for_each(|row| refuses(&server, &shell, kind, *row));
        GOOD.iter().chain(good).for_each(|row| takes(&server, &shell, kind, *row));
    }
    let answer = server.call("PUT", "sys/audit/x", Some(json!({"type": "socket"})));
    assert_eq!((answer.status, answer.error()), (400, "address is required".to_owned()));
    let discard = json!({"type": "file", "options": {"file_path": "discard", "required": "true"}});
    let refused = "a device that discards everything cannot be required";
    assert_eq!(server.call("PUT", "sys/audit/x", Some(discard)).error(), refused);
}
