//! Every option of the syslog device with good and bad values, through HTTP and through the command line, the examples of
//! the documents among them: each bad value has its own clear error, and a refused device leaves nothing behind.

use std::os::unix::net::UnixDatagram;

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::shell::{self, Shell};
use serde_json::json;

/// Bad values: option, value, the error.
const BAD: &[(&str, &str, &str)] = &[
    ("facility", "foo", "invalid syslog facility: FOO"),
    ("facility", "", "invalid syslog facility: "),
    ("facility", "4", "invalid syslog facility: 4"),
    ("facility", "SECURITY", "invalid syslog facility: SECURITY"),
    ("facility", "local8", "invalid syslog facility: LOCAL8"),
    ("tag", "a\nb", "tag must be printable, without a newline, and at most 256 bytes"),
    ("tag", "\u{1b}[31m", "tag must be printable, without a newline, and at most 256 bytes"),
    ("oversize", "cut", "unknown oversize \"cut\"; it is \"elide\", \"split\" or \"fail\""),
    ("oversize", "ELIDE", "unknown oversize \"ELIDE\"; it is \"elide\", \"split\" or \"fail\""),
    ("oversize", "", "unknown oversize \"\"; it is \"elide\", \"split\" or \"fail\""),
    ("max_bytes", "2047", "bad max_bytes \"2047\"; it is a size such as \"8KiB\", at least \"2KiB\""),
    ("max_bytes", "much", "bad max_bytes \"much\"; it is a size such as \"8KiB\", at least \"2KiB\""),
    ("required", "maybe", "strconv.ParseBool: parsing \"maybe\": invalid syntax"),
    ("format", "", "unknown format type \"\""),
    ("format", "xml", "unknown format type \"xml\""),
    ("log_raw", "maybe", "strconv.ParseBool: parsing \"maybe\": invalid syntax"),
    ("log_raw", "", "strconv.ParseBool: parsing \"\": invalid syntax"),
    ("hmac_accessor", "2", "strconv.ParseBool: parsing \"2\": invalid syntax"),
    ("elide_list_responses", "off", "strconv.ParseBool: parsing \"off\": invalid syntax"),
    ("mode", "abc", "strconv.ParseUint: parsing \"abc\": invalid syntax"),
    ("mode", "", "strconv.ParseUint: parsing \"\": invalid syntax"),
    ("mode", "777777777777", "strconv.ParseUint: parsing \"777777777777\": value out of range"),
    ("mode", "20000000644", "file mode does not represent a regular file"),
    ("prefix", "a\nb", "prefix must be printable, without a newline, and at most 256 bytes"),
];

/// Good values: option, value, and how a message then begins, after which the line begins.
const GOOD: &[(&str, &str, &str, &str)] = &[
    ("facility", "AUTH", "<38>", "vault"),
    ("facility", "kern", "<6>", "vault"),
    ("facility", "User", "<14>", "vault"),
    ("facility", "MAIL", "<22>", "vault"),
    ("facility", "daemon", "<30>", "vault"),
    ("facility", "syslog", "<46>", "vault"),
    ("facility", "lpr", "<54>", "vault"),
    ("facility", "news", "<62>", "vault"),
    ("facility", "uucp", "<70>", "vault"),
    ("facility", "cron", "<78>", "vault"),
    ("facility", "authpriv", "<86>", "vault"),
    ("facility", "ftp", "<94>", "vault"),
    ("facility", "local0", "<134>", "vault"),
    ("facility", "LOCAL7", "<190>", "vault"),
    ("tag", "onrecord", "<38>", "onrecord"),
    ("tag", "größe 1", "<38>", "größe 1"),
    ("oversize", "elide", "<38>", "vault"),
    ("oversize", "split", "<38>", "vault"),
    ("oversize", "fail", "<38>", "vault"),
    ("max_bytes", "8KiB", "<38>", "vault"),
    ("max_bytes", "2048", "<38>", "vault"),
    ("required", "true", "<38>", "vault"),
    ("format", "json", "<38>", "vault"),
    ("format", "jsonx", "<38>", "vault"),
    ("log_raw", "true", "<38>", "vault"),
    ("hmac_accessor", "false", "<38>", "vault"),
    ("elide_list_responses", "1", "<38>", "vault"),
    ("mode", "0600", "<38>", "vault"),
    ("prefix", "@cee: ", "<38>", "vault"),
    ("odd_unknown", "kept", "<38>", "vault"),
];

/// A server, and the socket of its syslog daemon, which is this test.
struct Scene {
    _place: Place,
    daemon: UnixDatagram,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        let place = Place::new();
        let socket = place.path("log");
        let daemon = UnixDatagram::bind(&socket).expect("a socket");
        let config = format!("audit {{\n  syslog_socket = \"{}\"\n}}", socket.display());
        let server = place.in_memory(&config);
        Self { _place: place, daemon, server }
    }

    /// The next message.
    fn heard(&self) -> String {
        let mut buffer = vec![0; 1 << 16];
        let length = self.daemon.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    fn hears_nothing(&self) {
        self.daemon.set_nonblocking(true).expect("a socket");
        assert!(self.daemon.recv(&mut [0; 1]).is_err());
        self.daemon.set_nonblocking(false).expect("a socket");
    }

    /// Disables the device, and forgets what is heard until it says that it has ended.
    fn disable(&self, path: &str) {
        self.server.disable(path);
        loop {
            let message = self.heard();
            if message.contains("sys/audit/gap") && message.contains("\"ended\"") {
                return;
            }
        }
    }

    fn assert_no_device(&self, what: &str) {
        assert_eq!(self.server.devices(), json!({}), "{what}");
    }
}

#[test]
fn each_bad_value_has_its_clear_error_and_leaves_nothing() {
    let place = Scene::new();
    let shell = Shell::of(&place.server);
    for (option, value, error) in BAD {
        let what = format!("{option}={value:?}");
        let body = json!({"type": "syslog", "options": {*option: value}});
        let answer = place.server.call("PUT", "sys/audit/x", Some(body));
        assert_eq!((answer.status, answer.error().as_str()), (400, *error), "{what}");
        place.assert_no_device(&what);
        let output =
            shell.refuses(2, &format!("onrecord audit enable syslog {}", shell::option_word(option, value)));
        assert!(output.contains(&format!("* {error}")), "{what}: {output}");
        place.assert_no_device(&what);
    }
    place.hears_nothing();
}

#[test]
fn each_good_value_is_taken_listed_as_given_and_does_what_it_says() {
    let place = Scene::new();
    let shell = Shell::of(&place.server);
    let pid = place.server.pid();
    for (option, value, priority, tag) in GOOD {
        let what = format!("{option}={value:?}");
        for through_shell in [false, true] {
            let expected = json!({*option: value});
            if through_shell {
                shell.does(&format!(
                    "onrecord audit enable -path=x syslog {}",
                    shell::option_word(option, value)
                ));
            } else {
                let body = json!({"type": "syslog", "options": expected});
                let answer = place.server.call("PUT", "sys/audit/x", Some(body));
                // An unknown option is warned about, which takes a body.
                let status = if *option == "odd_unknown" { 200 } else { 204 };
                assert_eq!((answer.status, answer.error().as_str()), (status, ""), "{what}");
            }
            let listed = place.server.call("GET", "sys/audit", None).json();
            assert_eq!(listed["data"]["x/"]["options"], expected, "{what}");
            let probe = place.heard();
            let rest = probe.strip_prefix(priority).unwrap_or_else(|| panic!("{what}: {probe}"));
            // `Jan  2 03:04:05`, then tag and process, then the line.
            let (time, rest) = rest.split_at(15);
            assert_eq!(time.matches(':').count(), 2, "{what}: {probe}");
            let line =
                rest.strip_prefix(&format!(" {tag}[{pid}]: ")).unwrap_or_else(|| panic!("{what}: {probe}"));
            let begins = match (*option, *value) {
                ("prefix", prefix) => format!("{prefix}{{\"time\":\""),
                ("format", "jsonx") => "<json:object name=\"auth\">".to_owned(),
                _ => "{\"time\":\"".to_owned(),
            };
            assert!(line.starts_with(&begins) && line.ends_with('\n'), "{what}: {line}");
            assert!(line.contains("sys/audit/test"), "{what}: {line}");
            place.disable("x");
        }
    }
    let warned = place.server.wait_for_log("odd_unknown");
    assert!(!warned.contains("kept"), "{warned}");
}

#[test]
fn the_examples_of_the_documents_work() {
    let place = Scene::new();
    let shell = Shell::of(&place.server);
    for (line, path, begins) in [
        ("onrecord audit enable syslog", "syslog/", "<38>"),
        ("onrecord audit enable syslog tag=\"vault\" facility=\"AUTH\"", "syslog/", "<38>"),
        (
            "onrecord audit enable -path=other -description=\"to the agent\" syslog facility=LOCAL3",
            "other/",
            "<158>",
        ),
        ("onrecord audit-enable syslog tag=vault facility=AUTH", "syslog/", "<38>"),
    ] {
        shell.does(line);
        let listed = place.server.call("GET", "sys/audit", None).json();
        assert_eq!(listed["data"][path]["type"], "syslog", "{line}");
        assert!(place.heard().starts_with(begins), "{line}");
        place.disable(path.trim_end_matches('/'));
    }
}

#[test]
fn an_empty_tag_is_the_name_of_the_program() {
    let place = Scene::new();
    let body = json!({"type": "syslog", "options": {"tag": ""}});
    assert_eq!(place.server.call("PUT", "sys/audit/x", Some(body)).status, 204);
    let program = onrecord_e2e::process::binary().display();
    let heard = place.heard();
    assert!(heard.contains(&format!(" {program}[{}]: {{", place.server.pid())), "{heard}");
}
