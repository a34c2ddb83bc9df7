//! Every option of the file device with good and bad values, through HTTP and through the command line: each bad value
//! has its own clear error, and a refused device leaves nothing behind.

use std::fs;
use std::path::Path;

use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::shell::{self, Shell};
use serde_json::{Value, json};

/// Bad values: option, value, the error. `$FILE` in the error is the file that the device would have had.
const BAD: &[(&str, &str, &str)] = &[
    ("log_raw", "maybe", "strconv.ParseBool: parsing \"maybe\": invalid syntax"),
    ("log_raw", "yes", "strconv.ParseBool: parsing \"yes\": invalid syntax"),
    ("log_raw", "on", "strconv.ParseBool: parsing \"on\": invalid syntax"),
    ("log_raw", "", "strconv.ParseBool: parsing \"\": invalid syntax"),
    ("log_raw", "tRUE", "strconv.ParseBool: parsing \"tRUE\": invalid syntax"),
    ("log_raw", " true", "strconv.ParseBool: parsing \" true\": invalid syntax"),
    ("hmac_accessor", "no", "strconv.ParseBool: parsing \"no\": invalid syntax"),
    ("hmac_accessor", "", "strconv.ParseBool: parsing \"\": invalid syntax"),
    ("hmac_accessor", "2", "strconv.ParseBool: parsing \"2\": invalid syntax"),
    ("elide_list_responses", "off", "strconv.ParseBool: parsing \"off\": invalid syntax"),
    ("elide_list_responses", "", "strconv.ParseBool: parsing \"\": invalid syntax"),
    ("mode", "", "strconv.ParseUint: parsing \"\": invalid syntax"),
    ("mode", "abc", "strconv.ParseUint: parsing \"abc\": invalid syntax"),
    ("mode", "0o600", "strconv.ParseUint: parsing \"0o600\": invalid syntax"),
    ("mode", "-1", "strconv.ParseUint: parsing \"-1\": invalid syntax"),
    ("mode", "+600", "strconv.ParseUint: parsing \"+600\": invalid syntax"),
    ("mode", "9", "strconv.ParseUint: parsing \"9\": invalid syntax"),
    ("mode", "0x1ff", "strconv.ParseUint: parsing \"0x1ff\": invalid syntax"),
    ("mode", "u=rw", "strconv.ParseUint: parsing \"u=rw\": invalid syntax"),
    ("mode", "777777777777", "strconv.ParseUint: parsing \"777777777777\": value out of range"),
    ("mode", "20000000644", "file mode does not represent a regular file"),
    ("mode", "1000000644", "file mode does not represent a regular file"),
    ("mode", "0000", "stat $FILE: no such file or directory"),
    ("mode", "0", "stat $FILE: no such file or directory"),
    ("format", "", "unknown format type \"\""),
    ("format", "xml", "unknown format type \"xml\""),
    ("format", "JSON", "unknown format type \"JSON\""),
    ("prefix", "a\nb", "prefix must be printable, without a newline, and at most 256 bytes"),
    ("prefix", "a\r", "prefix must be printable, without a newline, and at most 256 bytes"),
    ("prefix", "a\tb", "prefix must be printable, without a newline, and at most 256 bytes"),
    ("prefix", "\u{1b}[31m", "prefix must be printable, without a newline, and at most 256 bytes"),
    ("prefix", "\u{7f}", "prefix must be printable, without a newline, and at most 256 bytes"),
    ("prefix", "\u{85}", "prefix must be printable, without a newline, and at most 256 bytes"),
    ("prefix", "\u{2028}", "prefix must be printable, without a newline, and at most 256 bytes"),
    (
        "file_path",
        "",
        "sanity check failed; unable to open \"\" for writing: open : no such file or directory",
    ),
];

/// Good values: option, value, how it lists.
const GOOD: &[(&str, &str)] = &[
    ("log_raw", "1"),
    ("log_raw", "t"),
    ("log_raw", "T"),
    ("log_raw", "TRUE"),
    ("log_raw", "true"),
    ("log_raw", "True"),
    ("log_raw", "0"),
    ("log_raw", "f"),
    ("log_raw", "F"),
    ("log_raw", "FALSE"),
    ("log_raw", "false"),
    ("log_raw", "False"),
    ("hmac_accessor", "false"),
    ("hmac_accessor", "true"),
    ("elide_list_responses", "true"),
    ("elide_list_responses", "0"),
    ("mode", "0600"),
    ("mode", "600"),
    ("mode", "0640"),
    ("mode", "4755"),
    ("format", "json"),
    ("format", "jsonx"),
    ("prefix", ""),
    ("prefix", " "),
    ("prefix", "@cee: "),
    ("prefix", "größer: "),
    ("skip_test", "true"),
    ("skip_test", "1"),
    ("skip_test", "nonsense"),
    ("description_unknown", "kept"),
];

fn server() -> Server {
    let server = Server::dev(&["-dev-audit=off"]);
    assert_eq!(server.devices(), json!({}));
    server
}

fn enable(server: &Server, name: &str, body: Value) -> (u16, String) {
    let answer = server.call("PUT", &format!("sys/audit/{name}"), Some(body));
    (answer.status, answer.error())
}

/// A refused device is in no table, and made no file.
fn assert_nothing_came_of_it(server: &Server, dir: &Path, what: &str) {
    assert_eq!(server.devices(), json!({}), "{what}");
    let left: Vec<_> =
        fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    assert!(left.is_empty(), "{what} left {left:?}");
}

#[test]
fn r_config_each_bad_value_has_its_clear_error_and_leaves_nothing() {
    let (server, place) = (server(), Place::new());
    let shell = Shell::of(&server);
    let file = place.path("audit.log");
    let long = "x".repeat(257);
    let long =
        ("prefix", long.as_str(), "prefix must be printable, without a newline, and at most 256 bytes");
    for (option, value, error) in BAD.iter().chain([&long]) {
        let what = format!("{option}={value:?}");
        let error = error.replace("$FILE", &file.display().to_string());
        let mut options = json!({"file_path": file});
        options[*option] = (*value).into();
        assert_eq!(
            enable(&server, "x", json!({"type": "file", "options": options})),
            (400, error.clone()),
            "{what}"
        );
        assert_nothing_came_of_it(&server, place.dir(), &what);
        // `file_path` would be a repeated key of the command line.
        if *option == "file_path" {
            continue;
        }
        let line = format!(
            "onrecord audit enable file file_path={} {}",
            file.display(),
            shell::option_word(option, value)
        );
        let output = shell.refuses(2, &line);
        assert!(
            output.starts_with("Error enabling audit device: Error making API request."),
            "{what}: {output}"
        );
        assert!(output.contains("Code: 400. Errors:"), "{what}: {output}");
        assert!(output.contains(&format!("* {error}")), "{what}: {output}");
        assert_nothing_came_of_it(&server, place.dir(), &what);
    }
}

#[test]
fn each_good_value_is_taken_and_listed_as_given() {
    let (server, place) = (server(), Place::new());
    let shell = Shell::of(&server);
    for (number, (option, value)) in GOOD.iter().enumerate() {
        let what = format!("{option}={value:?}");
        for through_shell in [false, true] {
            let file = place.path(format!("{number}-{through_shell}.log"));
            let expected = json!({"file_path": file, *option: value});
            if through_shell {
                let line = format!(
                    "onrecord audit enable -path=x file file_path={} {}",
                    file.display(),
                    shell::option_word(option, value)
                );
                shell.does(&line);
            } else {
                let body = json!({"type": "file", "options": expected});
                // An unknown option is warned about, which takes a body.
                let status = if *option == "description_unknown" { 200 } else { 204 };
                assert_eq!(enable(&server, "x", body), (status, String::new()), "{what}");
            }
            let listed = server.call("GET", "sys/audit", None).json();
            assert_eq!(listed["data"]["x/"]["options"], expected, "{what}");
            assert!(fs::metadata(&file).expect("its file").len() > 0, "{what}");
            server.disable("x");
        }
    }
    let warned = server.wait_for_log("description_unknown");
    assert!(!warned.contains("kept"), "its value is not: {warned}");
}

#[test]
fn values_of_other_json_types_become_texts() {
    let (server, place) = (server(), Place::new());
    let shell = Shell::of(&server);
    let file = place.path("audit.log");
    let given = json!({"file_path": file, "log_raw": true, "hmac_accessor": false, "mode": 640, "odd": null, "n": 2.50});
    let text = given.to_string().replace("2.5}", "2.50}").replace("2.5,", "2.50,");
    let expected = json!({"file_path": file, "log_raw": "1", "hmac_accessor": "0", "mode": "640", "odd": "", "n": "2.50"});
    let body = format!("{{\"type\":\"file\",\"options\":{text}}}");
    let headers = [("X-Vault-Token", server.token.as_str())];
    let answer =
        onrecord_e2e::http::send(server.addr, "POST", "/v1/sys/audit/x", &headers, Some(body.as_bytes()))
            .expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.error());
    assert_eq!(answer.json()["warnings"].as_array().map(Vec::len), Some(2), "of n and odd");
    assert_eq!(server.call("GET", "sys/audit", None).json()["data"]["x/"]["options"], expected);
    server.disable("x");
    // The command line converts in the same way.
    let ran = shell.feed("onrecord audit enable -path=x file -", &text).exits(0);
    assert_eq!(ran.stdout, "Success! Enabled the file audit device at: x/\n");
    assert_eq!(server.call("GET", "sys/audit", None).json()["data"]["x/"]["options"], expected);
    server.disable("x");
    for pairs in [
        json!([format!("file_path={}", file.display()), "log_raw=true"]),
        json!(format!("file_path={}", file.display())),
    ] {
        assert_eq!(enable(&server, "x", json!({"type": "file", "options": pairs})), (204, String::new()));
        server.disable("x");
    }
}

#[test]
fn each_bad_body_has_its_clear_error_and_leaves_nothing() {
    let (server, place) = (server(), Place::new());
    let file = place.path("audit.log");
    let below = place.path("plain.txt");
    for (body, error) in [
        (json!({"type": "file", "options": {}}), "file_path is required"),
        (json!({"type": "file"}), "file_path is required"),
        (json!({"type": "", "options": {"file_path": file}}), "unknown backend type: \"\""),
        (json!({"options": {"file_path": file}}), "unknown backend type: \"\""),
        (json!({"type": "FILE", "options": {"file_path": file}}), "unknown backend type: \"FILE\""),
        (json!({"type": "nope", "options": {"file_path": file}}), "unknown backend type: \"nope\""),
        (
            json!({"type": "file", "options": ["file_path"]}),
            "Field validation failed: error converting input for field \"options\": invalid key pair \"file_path\"",
        ),
        (
            json!({"type": "file", "options": ["=x"]}),
            "Field validation failed: error converting input for field \"options\": invalid key pair \"=x\"",
        ),
    ] {
        assert_eq!(enable(&server, "x", body.clone()), (400, error.to_owned()), "{body}");
        assert_nothing_came_of_it(&server, place.dir(), &body.to_string());
    }
    for nested in
        [json!({"file_path": file, "log_raw": {}}), json!({"file_path": [file]}), json!(7), json!(true)]
    {
        let (status, error) = enable(&server, "x", json!({"type": "file", "options": nested}));
        assert_eq!(status, 400, "{nested}");
        assert!(
            error.starts_with("Field validation failed: error converting input for field \"options\": "),
            "{error}"
        );
        assert_nothing_came_of_it(&server, place.dir(), &nested.to_string());
    }
    fs::write(&below, "").expect("a file");
    let inside = below.join("deep/audit.log");
    let (status, error) = enable(&server, "x", json!({"type": "file", "options": {"file_path": inside}}));
    assert_eq!(
        (status, error),
        (
            400,
            format!(
                "sanity check failed; unable to open \"{}\" for writing: mkdir {}: not a directory",
                inside.display(),
                below.display()
            )
        )
    );
    fs::remove_file(&below).expect("removed");
    fs::create_dir(&file).expect("a folder");
    let (status, error) = enable(&server, "x", json!({"type": "file", "options": {"file_path": file}}));
    let expected = format!(
        "sanity check failed; unable to open \"{0}\" for writing: open {0}: is a directory",
        file.display()
    );
    assert_eq!((status, error), (400, expected));
    fs::remove_dir(&file).expect("still empty");
    let long = place.path("new/er").join(format!("{}.log", "x".repeat(300)));
    let (status, error) = enable(&server, "x", json!({"type": "file", "options": {"file_path": long}}));
    assert_eq!(status, 400);
    assert!(error.ends_with(": file name too long"), "{error}");
    assert_nothing_came_of_it(&server, place.dir(), "a name that is too long");
}

#[test]
fn a_path_is_used_once_and_not_inside_another() {
    let (server, place) = (server(), Place::new());
    let file = |n: u32| place.path(format!("{n}.log"));
    let body = |n: u32| json!({"type": "file", "options": {"file_path": file(n)}});
    assert_eq!(enable(&server, "a/b", body(0)), (204, String::new()));
    for name in ["a/b", "a", "a/b/c"] {
        assert_eq!(enable(&server, name, body(1)), (400, "path already in use".to_owned()), "{name}");
        assert!(!file(1).exists(), "{name}");
    }
    for (number, name) in ["a/bc", "b", "a/c"].iter().enumerate() {
        assert_eq!(
            enable(&server, name, body(2 + u32::try_from(number).expect("few"))),
            (204, String::new()),
            "{name}"
        );
    }
    let shell = Shell::of(&server);
    let line = format!("onrecord audit enable -path=a/b file file_path={}", file(9).display());
    assert!(shell.refuses(2, &line).contains("* path already in use"));
    for path in ["../up", "a/../b", "./x"] {
        let line = format!("onrecord audit enable -path={path} file file_path={}", file(9).display());
        assert!(!shell.refuses(1, &line).is_empty(), "{path}");
    }
    assert!(!file(9).exists());
    assert_eq!(server.devices().as_object().map(serde_json::Map::len), Some(4));
}

#[test]
fn the_words_of_the_command_line_are_checked_before_anything_is_sent() {
    let server = server();
    let shell = Shell::of(&server);
    let missing = "Error enabling audit device: audit type missing. Valid types include 'file', 'socket' and 'syslog'.\n";
    assert_eq!(shell.refuses(1, "onrecord audit enable"), missing);
    for (line, error) in [
        (
            "onrecord audit enable file foo",
            "Failed to parse K=V data: invalid key/value pair \"foo\": format must be key=value\n",
        ),
        (
            "onrecord audit enable file k=@nofile",
            "Failed to parse K=V data: invalid key/value pair \"k=@nofile\": error reading file: open nofile: no such file or directory\n",
        ),
        (
            "onrecord audit enable file @missing.json",
            "Failed to parse K=V data: invalid key/value pair \"@missing.json\": open missing.json: no such file or directory\n",
        ),
        (
            "onrecord audit enable file a=- b=-",
            "Failed to parse K=V data: invalid key/value pair \"b=-\": stdin already consumed\n",
        ),
        ("onrecord audit enable -nope file", "flag provided but not defined: -nope\n"),
        ("onrecord audit enable -path", "flag needs an argument: -path\n"),
        (
            "onrecord audit enable -local=maybe file",
            "invalid boolean value \"maybe\" for -local: strconv.ParseBool: parsing \"maybe\": invalid syntax\nAccepted: true or false, as in -local=true.\n",
        ),
        ("onrecord audit disable", "Not enough arguments (expected 1, got 0)\n"),
        ("onrecord audit disable a b c", "Too many arguments (expected 1, got 3)\n"),
        ("onrecord audit list file", "Too many arguments (expected 0, got 1)\n"),
        ("onrecord audit list -format=foo", "Invalid output format: foo\nAccepted: table, json or yaml.\n"),
        ("onrecord audit list -format=raw", "This command does not support the -format=raw option.\n"),
    ] {
        assert_eq!(shell.refuses(1, line), error, "{line}");
    }
    let twice = shell.refuses(1, "onrecord audit enable file file_path=a.log file_path=b.log");
    assert!(
        twice.starts_with("Failed to parse K=V data: failed to convert values to strings: decoding failed due to the following error(s):\n\n'[file_path]'"),
        "{twice}"
    );
    // Flags behind an argument are refused with the documented warning, not taken for options.
    let late = shell.refuses(1, "onrecord audit enable file file_path=/tmp/late.log -path=late -local");
    assert!(late.contains("Command flags must be provided before positional arguments."), "{late}");
    assert!(late.contains("[-path=late,-local]"), "{late}");
    assert_eq!(server.devices(), json!({}));
}

#[test]
fn options_of_one_device_do_not_reach_another() {
    let (server, place) = (server(), Place::new());
    let file = |name: &str| place.path(name);
    for (name, options) in [
        ("plain", json!({"file_path": file("plain.log")})),
        ("raw", json!({"file_path": file("raw.log"), "log_raw": "true", "prefix": ""})),
        ("open", json!({"file_path": file("open.log"), "hmac_accessor": "false"})),
        ("last", json!({"file_path": file("last.log")})),
    ] {
        assert_eq!(enable(&server, name, json!({"type": "file", "options": options})), (204, String::new()));
    }
    let put = json!({"data": {"k": "one-secret"}});
    let answer = server.call("PUT", "secret/data/one", Some(put));
    assert_eq!(answer.status, 200);
    log::wait_for(&["plain.log", "raw.log", "open.log", "last.log"].map(file), &answer.request_id());
    for (name, raw, accessor) in [
        ("plain.log", false, false),
        ("raw.log", true, true),
        ("open.log", false, true),
        ("last.log", false, false),
    ] {
        let entries = log::lines(&file(name));
        let entry = entries.iter().rfind(|e| e["request"]["path"] == "secret/data/one").expect("an entry");
        let hashed = |value: &Value| value.as_str().expect("a text").starts_with("hmac-sha256:");
        assert_eq!(!hashed(&entry["request"]["data"]["data"]["k"]), raw, "{name}");
        assert_eq!(!hashed(&entry["request"]["client_token"]), raw, "{name}");
        assert_eq!(!hashed(&entry["auth"]["accessor"]), accessor, "{name}");
    }
}
