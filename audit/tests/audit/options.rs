//! Options of a device: each option with its values, good and bad, and the documented text of each refusal.

use crate::kit::file::{mode_of, open_with, options, refusal, set_mode};
use std::time::Duration;

use onrecord_audit::device::{FileMode, FileOptions, Network, SocketOptions, SyslogOptions};
use onrecord_audit::{DeviceKinds, DeviceOptions, Placement};
use onrecord_entry::FormatOptions;
use onrecord_entry::format::Format;
use onrecord_entry::oversize::Oversize;

fn parse(pairs: &[(&str, &str)]) -> Result<DeviceOptions, String> {
    let mut all = options(pairs);
    all.entry("file_path".to_owned()).or_insert_with(|| "/p.log".to_owned());
    DeviceOptions::parse("file", &all).map_err(|error| error.to_string())
}

#[test]
fn every_option_with_every_kind_of_value() {
    let syntax = |text: &str| Err(format!("strconv.ParseBool: parsing \"{text}\": invalid syntax"));
    for text in ["1", "t", "T", "TRUE", "true", "True"] {
        assert!(parse(&[("log_raw", text)]).unwrap().form.log_raw);
        assert!(parse(&[("skip_test", text)]).unwrap().skip_test);
        assert!(parse(&[("elide_list_responses", text)]).unwrap().form.elide_list_responses);
    }
    for text in ["0", "f", "F", "FALSE", "false", "False"] {
        assert!(!parse(&[("hmac_accessor", text)]).unwrap().form.hmac_accessor);
        assert!(!parse(&[("skip_test", text)]).unwrap().skip_test);
    }
    for option in ["log_raw", "hmac_accessor", "elide_list_responses"] {
        for text in ["maybe", "", "yes", "on", "2", " true"] {
            assert_eq!(parse(&[(option, text)]).map(drop), syntax(text), "{option}={text}");
        }
    }
    let mode = |text: &str| {
        parse(&[("mode", text)]).map(|options| options.target::<FileOptions>().expect("a file").mode)
    };
    for (text, expected) in
        [("0600", 0o600), ("0644", 0o644), ("777", 0o666), ("755", 0o644), ("7", 0o006), ("4755", 0o644)]
    {
        assert_eq!(mode(text), Ok(FileMode::Exact(expected)), "{text}");
    }
    for text in ["0000", "0", "00000000000000000000000000"] {
        assert_eq!(mode(text), Ok(FileMode::Keep), "{text}");
    }
    for text in ["abc", "", "0o600", "-1", "9", "0x1ff", "6_0"] {
        assert_eq!(mode(text), Err(format!("strconv.ParseUint: parsing \"{text}\": invalid syntax")));
    }
    let range = "strconv.ParseUint: parsing \"777777777777\": value out of range".to_owned();
    assert_eq!(mode("777777777777"), Err(range));
    for text in ["20000000644", "1000000644"] {
        assert_eq!(mode(text), Err("file mode does not represent a regular file".to_owned()));
    }
    let format = |text: &str| parse(&[("format", text)]).map(drop);
    assert_eq!(format("json"), Ok(()));
    assert_eq!(format("xml"), Err("unknown format type \"xml\"".to_owned()));
    assert_eq!(format("JSON"), Err("unknown format type \"JSON\"".to_owned()));
    assert_eq!(format(""), Err("unknown format type \"\"".to_owned()));
    assert_eq!(parse(&[("format", "jsonx")]).unwrap().form.format, Format::Jsonx);
    let durability = |text: &str| parse(&[("durability", text)]).map(drop);
    assert_eq!((durability("fsync"), durability("os")), (Ok(()), Ok(())));
    assert_eq!(durability("x"), Err("unknown durability \"x\"; it is \"os\" or \"fsync\"".to_owned()));
    let evidence = |text: &str| parse(&[("evidence", text)]).map(drop);
    assert_eq!((evidence("on"), evidence("off")), (Ok(()), Ok(())));
    assert_eq!(evidence("x"), Err("unknown evidence \"x\"; it is \"on\" or \"off\"".to_owned()));
}

#[test]
fn defaults_are_those_of_the_documents() {
    let parsed = parse(&[]).unwrap();
    assert_eq!(parsed.form, FormatOptions::default());
    assert!(
        parsed.form.hmac_accessor && !parsed.form.log_raw && !parsed.skip_test && parsed.unknown.is_empty()
    );
    let file: &FileOptions = parsed.target().expect("a file");
    assert!(file.mode == FileMode::Exact(0o600) && !file.fsync);
}

#[test]
fn targets_are_words_or_paths() {
    let target = |key: &str, word: &str| DeviceOptions::parse("file", &options(&[(key, word)])).unwrap();
    for word in ["stdout", "STDOUT", "StdOut", "/dev/stdout"] {
        let stdout = target("file_path", word);
        assert!(stdout.file().is_none() && !stdout.discards(), "{word}");
    }
    for word in ["discard", "Discard", "/dev/null"] {
        let discard = target("path", word);
        assert!(discard.file().is_none() && discard.discards(), "{word}");
    }
    let both =
        DeviceOptions::parse("file", &options(&[("path", "/b.log"), ("file_path", "/a.log")])).unwrap();
    assert_eq!(both.file().and_then(std::path::Path::to_str), Some("/a.log"));
    let none = DeviceOptions::parse("file", &options(&[])).unwrap_err();
    assert_eq!(none.to_string(), "file_path is required");
}

#[test]
fn the_first_wrong_option_in_the_documented_order_is_named() {
    let wrong = [
        ("elide_list_responses", "e"),
        ("hmac_accessor", "h"),
        ("log_raw", "l"),
        ("mode", "m"),
        ("format", "f"),
    ];
    let refused = |from: usize| {
        let order = ["format", "hmac_accessor", "log_raw", "elide_list_responses", "mode"];
        let pairs: Vec<_> = wrong.iter().copied().filter(|(key, _)| order[from..].contains(key)).collect();
        parse(&pairs).unwrap_err()
    };
    let named = ["\"f\"", "\"h\"", "\"l\"", "\"e\"", "\"m\""];
    for (from, text) in named.into_iter().enumerate() {
        assert!(refused(from).contains(text), "{}", refused(from));
    }
    let no_path = options(&[("format", "xml")]);
    assert_eq!(DeviceOptions::parse("file", &no_path).unwrap_err().to_string(), "file_path is required");
}

#[test]
fn types_that_are_not_there_are_named() {
    let refused = |kind: &str| DeviceOptions::parse(kind, &options(&[])).unwrap_err().to_string();
    assert_eq!(refused("nope"), "unknown backend type: \"nope\"");
    assert_eq!(refused(""), "unknown backend type: \"\"");
}

/// A socket device's options; with an address, if none is given.
fn socket(pairs: &[(&str, &str)]) -> Result<SocketOptions, String> {
    let mut all = options(pairs);
    all.entry("address".to_owned()).or_insert_with(|| "127.0.0.1:1".to_owned());
    let parsed = DeviceOptions::parse("socket", &all).map_err(|error| error.to_string())?;
    Ok(parsed.target::<SocketOptions>().expect("a socket device").clone())
}

fn syslog(pairs: &[(&str, &str)]) -> Result<SyslogOptions, String> {
    let parsed = DeviceOptions::parse("syslog", &options(pairs)).map_err(|error| error.to_string())?;
    Ok(parsed.target::<SyslogOptions>().expect("a syslog device").clone())
}

#[test]
fn a_write_timeout_in_every_form() {
    let timeout = |text: &str| socket(&[("write_timeout", text)]).map(|socket| socket.write_timeout);
    assert_eq!(socket(&[]).unwrap().write_timeout, Some(Duration::from_secs(2)));
    for (text, millis) in [
        ("2", 2000),
        ("2s", 2000),
        ("1d", 86_400_000),
        ("500ms", 500),
        ("1m30s", 90_000),
        (".5s", 500),
        ("+1h", 3_600_000),
    ] {
        assert_eq!(timeout(text), Ok(Some(Duration::from_millis(millis))), "{text}");
    }
    for text in ["", "0", "0s", "0d", "0ms"] {
        assert_eq!(timeout(text), Ok(None), "{text:?}");
    }
    for (text, refused) in [
        ("abc", "time: invalid duration \"abc\""),
        ("2.5", "time: missing unit in duration \"2.5\""),
        ("5x", "time: unknown unit \"x\" in duration \"5x\""),
        ("xd", "strconv.ParseInt: parsing \"x\": invalid syntax"),
        ("-1", "write_timeout \"-1\" is negative; \"0\" is no time-out"),
        ("-2s", "write_timeout \"-2s\" is negative; \"0\" is no time-out"),
    ] {
        assert_eq!(timeout(text), Err(refused.to_owned()), "{text}");
    }
}

#[test]
fn the_options_of_a_socket() {
    let defaults = socket(&[]).unwrap();
    assert_eq!((defaults.network, defaults.oversize), (Network::parse("tcp"), Oversize::Elide));
    assert_eq!(defaults.resend_buffer, 1024 * 1024);
    let network =
        |name: &str| socket(&[("socket_type", name)]).map(|socket| socket.network.name().to_string());
    for name in
        ["tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "unix", "unixgram", "unixpacket", "TCP", "", "x"]
    {
        assert_eq!(network(name), Ok(name.to_owned()));
    }
    for name in ["ip", "ip4:icmp", "ip6:1"] {
        let refused = format!("socket_type \"{name}\" is not supported; it is ");
        assert!(network(name).unwrap_err().starts_with(&refused));
    }
    let buffer = |text: &str| socket(&[("resend_buffer", text)]).map(|socket| socket.resend_buffer);
    assert_eq!((buffer("0"), buffer("64KiB"), buffer("1mb")), (Ok(0), Ok(65536), Ok(1_000_000)));
    for text in ["x", "-1", "257MiB"] {
        let refused =
            format!("bad resend_buffer \"{text}\"; it is a size such as \"1MiB\", at most \"256MiB\"");
        assert_eq!(buffer(text), Err(refused));
    }
    assert_eq!(
        DeviceOptions::parse("socket", &options(&[("mode", "m"), ("format", "f")])).unwrap_err().to_string(),
        "address is required"
    );
    let order =
        ["write_timeout", "format", "hmac_accessor", "log_raw", "elide_list_responses", "mode", "oversize"];
    for from in 0..order.len() {
        let pairs: Vec<_> = order[from..].iter().rev().map(|key| (*key, *key)).collect();
        let refused = socket(&pairs).unwrap_err();
        assert!(refused.contains(&format!("\"{}\"", order[from])), "{refused}");
    }
}

#[test]
fn the_options_of_syslog() {
    let defaults = syslog(&[]).unwrap();
    assert_eq!((defaults.facility.code(), &*defaults.tag, defaults.oversize), (4, "vault", Oversize::Elide));
    let facility = |name: &str| syslog(&[("facility", name)]).map(|syslog| syslog.facility.code());
    for (name, code) in
        [("KERN", 0), ("user", 1), ("AuthPriv", 10), ("ftp", 11), ("LOCAL0", 16), ("local7", 23)]
    {
        assert_eq!(facility(name), Ok(code), "{name}");
    }
    for name in ["foo", "", "security", "ntp", "4", "local8"] {
        assert_eq!(facility(name), Err(format!("invalid syslog facility: {}", name.to_uppercase())));
    }
    let oversize = |text: &str| syslog(&[("oversize", text)]).map(|syslog| syslog.oversize);
    assert_eq!((oversize("split"), oversize("fail")), (Ok(Oversize::Split), Ok(Oversize::Fail)));
    let refused = "unknown oversize \"Elide\"; it is \"elide\", \"split\" or \"fail\"".to_owned();
    assert_eq!(oversize("Elide"), Err(refused));
    assert_eq!(syslog(&[("tag", "")]).unwrap().tag, "");
    let bad_tag = "tag must be printable, without a newline, and at most 256 bytes".to_owned();
    assert_eq!(syslog(&[("tag", "a\n<0>b")]), Err(bad_tag.clone()));
    assert_eq!(syslog(&[("tag", &"t".repeat(257))]), Err(bad_tag));
    let max_bytes = |text: &str| syslog(&[("max_bytes", text)]).map(|syslog| syslog.max_bytes);
    assert_eq!((defaults.max_bytes, max_bytes("2KiB"), max_bytes("8192")), (usize::MAX, Ok(2048), Ok(8192)));
    for text in ["2047", "", "many", "-1"] {
        let refused = format!("bad max_bytes \"{text}\"; it is a size such as \"8KiB\", at least \"2KiB\"");
        assert_eq!(max_bytes(text), Err(refused));
    }
    let order = ["format", "hmac_accessor", "log_raw", "elide_list_responses", "mode", "facility"];
    for from in 0..order.len() {
        let pairs: Vec<_> = order[from..].iter().rev().map(|key| (*key, *key)).collect();
        let refused = syslog(&pairs).unwrap_err().to_lowercase();
        assert!(refused.contains(order[from]), "{refused}");
    }
}

#[test]
fn a_device_may_be_required_but_not_discard() {
    assert!(!parse(&[]).unwrap().required);
    assert!(parse(&[("required", "true")]).unwrap().required);
    let discard = |required: &str| parse(&[("file_path", "discard"), ("required", required)]).map(drop);
    assert_eq!(discard("false"), Ok(()));
    assert_eq!(discard("1"), Err("a device that discards everything cannot be required".to_owned()));
    assert_eq!(discard("x"), Err("strconv.ParseBool: parsing \"x\": invalid syntax".to_owned()));
}

#[test]
fn a_prefix_is_printable_and_short() {
    for good in ["", "@cee: ", "é ", &"x".repeat(256)] {
        assert_eq!(parse(&[("prefix", good)]).unwrap().form.prefix, good);
    }
    for bad in ["a\nb", "\u{1b}[31m", "\0", "\u{2028}", "\u{85}", &"x".repeat(257)] {
        let text = "prefix must be printable, without a newline, and at most 256 bytes";
        assert_eq!(parse(&[("prefix", bad)]).unwrap_err(), text);
    }
}

#[test]
fn unknown_keys_are_handed_back() {
    let parsed =
        parse(&[("colour", "red"), ("mode", "0640"), ("address", "x"), ("skip_test", "no idea")]).unwrap();
    assert_eq!(parsed.unknown, ["address", "colour"]);
    assert!(!parsed.skip_test);
}

#[test]
fn the_file_gets_the_mode_that_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let placement = Placement::api();
    let open = |name: &str, mode: Option<&str>| {
        let path = dir.path().join(name);
        let mut pairs = vec![("file_path", path.to_str().unwrap())];
        pairs.extend(mode.map(|mode| ("mode", mode)));
        open_with(&pairs, &placement).map(|_| mode_of(&path))
    };
    for (mode, expected) in [("0644", 0o644), ("777", 0o666), ("755", 0o644), ("7", 0o006), ("0640", 0o640)] {
        assert_eq!(open(&format!("new-{mode}.log"), Some(mode)).unwrap(), expected);
    }
    let existing = dir.path().join("existing.log");
    std::fs::write(&existing, "").unwrap();
    set_mode(&existing, 0o644);
    assert_eq!(open("existing.log", Some("0000")).unwrap(), 0o644, "left as it is");
    assert_eq!(open("existing.log", None).unwrap(), 0o600);
    let absent = dir.path().join("absent.log");
    let pairs = [("file_path", absent.to_str().unwrap()), ("mode", "0000")];
    let text = format!("stat {}: no such file or directory", absent.display());
    assert_eq!(refusal(open_with(&pairs, &placement)), text);
}

#[test]
fn r_mode_no_mode_of_all_gives_an_execute_or_special_bit() {
    let mode = |text: &str| {
        parse(&[("mode", text)]).map(|options| options.target::<FileOptions>().expect("a file").mode)
    };
    for given in 0..=0o17_7777_u32 {
        for text in [format!("{given:o}"), format!("{given:04o}"), format!("{given:o}00")] {
            match mode(&text) {
                Ok(FileMode::Exact(bits)) => assert_eq!(bits & !0o666, 0, "mode={text} became {bits:o}"),
                Ok(FileMode::Keep) => assert_eq!(text.trim_matches('0'), "", "mode={text}"),
                Err(error) => assert_eq!(error, "file mode does not represent a regular file", "mode={text}"),
            }
        }
    }
    // All that a file can have, given to a new file and to one that is there.
    let dir = tempfile::tempdir().unwrap();
    for given in (0..=0o7777_u32).step_by(0o111) {
        let (path, text) = (dir.path().join(format!("{given}.log")), format!("{given:04o}"));
        let pairs = [("file_path", path.to_str().unwrap()), ("mode", &text)];
        for _ in 0..2 {
            if open_with(&pairs, &Placement::api()).is_ok() {
                assert_eq!(mode_of(&path), given & 0o666, "mode={text}");
            } else {
                assert!(given == 0 && !path.exists(), "mode={text}");
            }
        }
    }
}

#[test]
fn missing_directories_are_made_so_that_they_can_be_entered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made/by/device.log");
    let pairs = [("file_path", path.to_str().unwrap()), ("mode", "0640")];
    open_with(&pairs, &Placement::api()).unwrap();
    assert_eq!(mode_of(&path), 0o640);
    let expected = 0o750 & !umask(dir.path());
    for made in ["made", "made/by"] {
        assert_eq!(mode_of(&dir.path().join(made)), expected, "{made}");
    }
}

/// What the process's umask takes away from directories.
fn umask(dir: &std::path::Path) -> u32 {
    let probe = dir.join("probe");
    std::fs::create_dir(&probe).unwrap();
    0o777 & !mode_of(&probe)
}

#[test]
fn what_cannot_be_opened_is_reported_with_path_and_errno() {
    let dir = tempfile::tempdir().unwrap();
    let (file, inside) = (dir.path().join("file.log"), dir.path().join("file.log/inside.log"));
    std::fs::write(&file, "").unwrap();
    let refused = |path: &std::path::Path| refusal(crate::kit::file::open(path, &Placement::api()));
    let text = format!(
        "sanity check failed; unable to open \"{}\" for writing: mkdir {}: not a directory",
        inside.display(),
        file.display()
    );
    assert_eq!(refused(&inside), text);
    let directory = dir.path().join("directory.log");
    std::fs::create_dir(&directory).unwrap();
    let text = format!(
        "sanity check failed; unable to open \"{0}\" for writing: open {0}: is a directory",
        directory.display()
    );
    assert_eq!(refused(&directory), text);
}

#[test]
fn the_debug_text_of_a_refusal_does_not_show_what_was_given() {
    for (kind, key) in [
        ("canary", "x"),
        ("file", "format"),
        ("file", "log_raw"),
        ("file", "mode"),
        ("file", "durability"),
        ("file", "evidence"),
        ("syslog", "oversize"),
    ] {
        let options =
            [("file_path".to_owned(), "a.log".to_owned()), (key.to_owned(), "canary".to_owned())].into();
        let refused = DeviceOptions::parse(kind, &options).unwrap_err();
        assert!(refused.to_string().contains("canary"));
        assert!(!format!("{refused:?}").contains("canary"), "{kind} {key}");
    }
}

#[test]
fn what_is_wrong_is_said_with_the_option_its_value_and_what_is_accepted() {
    let kinds = DeviceKinds::default();
    let problems = |kind: &str, given: &[(&str, &str)]| -> Vec<(Option<String>, String)> {
        let given = given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        kinds.problems(kind, &given).into_iter().map(|problem| (problem.option, problem.text)).collect()
    };
    let file = ("file_path", "/a.log");
    let one = |option: &str, text: &str| vec![(Some(option.to_owned()), text.to_owned())];
    assert_eq!(problems("file", &[file, ("log_raw", "true")]), []);
    for (kind, given, wanted) in [
        (
            "file",
            &[file, ("lograw", "1")][..],
            one("lograw", "unknown option \"lograw\": did you mean \"log_raw\"?"),
        ),
        (
            "file",
            &[file, ("mode", "8")],
            one("mode", "mode=\"8\": it must be permissions in octal, such as 0640"),
        ),
        (
            "file",
            &[file, ("skip_test", "yes")],
            one("skip_test", "skip_test=\"yes\": it must be true or false"),
        ),
        (
            "file",
            &[("file_path", "discard"), ("required", "1")],
            one("required", "a device that discards everything cannot be required"),
        ),
        (
            "file",
            &[file, ("durability", "x")],
            one("durability", "unknown durability \"x\"; it is \"os\" or \"fsync\""),
        ),
        (
            "socket",
            &[("address", "h:1"), ("socket_type", "foo")],
            one(
                "socket_type",
                "socket_type=\"foo\": it must be tcp, tcp4, tcp6, udp, udp4, udp6, unix, unixgram or unixpacket",
            ),
        ),
        (
            "nope",
            &[],
            vec![(
                None,
                "unknown type \"nope\": the types of audit devices are file, socket, syslog".to_owned(),
            )],
        ),
    ] {
        assert_eq!(problems(kind, given), wanted, "{kind} {given:?}");
    }
    let [(None, missing)] = &problems("socket", &[])[..] else { panic!("one problem") };
    assert!(missing.starts_with("a socket device needs address: Where the peer listens"), "{missing}");
    let unknown: Vec<(String, &str)> = (0..100).map(|number| (format!("unknown-{number}"), "x")).collect();
    let unknown: Vec<(&str, &str)> =
        unknown.iter().map(|(key, value)| (key.as_str(), *value)).chain([file]).collect();
    assert_eq!(problems("file", &unknown).len(), 8, "not one for each of a hundred");
    assert!(
        kinds.hint("file", "zzz").starts_with("a file device has durability, "),
        "{}",
        kinds.hint("file", "zzz")
    );
}
