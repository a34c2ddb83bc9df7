//! A misspelt key or stanza of what decides about auditing, sealing and storage refuses the start and a reload; a misspelt
//! option of a device is named in the answer and on the command line.
//! Never in it: each misspelt key (`server/src/config/tests/misspelt.rs`).

use std::fs;
use std::process::{Command, Stdio};

use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Server, binary};
use onrecord_e2e::shell::Shell;
use onrecord_e2e::wait;
use serde_json::json;

/// Starts a server with the configuration written last: whether it refused, and its output.
fn start(place: &Place) -> (bool, String) {
    let (stdout, stderr) = (place.path("stdout"), place.path("stderr"));
    let mut child = Command::new(binary())
        .args(["server", &format!("-config={}", place.config().display())])
        .stdin(Stdio::null())
        .stdout(fs::File::create(&stdout).expect("a file"))
        .stderr(fs::File::create(&stderr).expect("a file"))
        .spawn()
        .expect("the server starts");
    let mut ended = None;
    wait::eventually("it starts or refuses to", || {
        ended = child.try_wait().expect("its state");
        ended.is_some() || fs::read_to_string(&stdout).is_ok_and(|text| text.contains("server started"))
    });
    drop(child.kill());
    drop(child.wait());
    if let Some(status) = ended {
        assert_eq!(status.code(), Some(1), "a refusal is a failure");
    }
    let text = fs::read_to_string(&stderr).expect("text") + &fs::read_to_string(&stdout).expect("text");
    (ended.is_some(), text)
}

#[test]
fn a_misspelt_key_or_stanza_refuses_the_start() {
    // The configuration, its line, what is wrong in it, and the near name.
    let cases = [
        ("storage \"inmem\" {}\naudit {\n  minimun = 1\n}", 8, "minimun", "minimum"),
        ("storage \"inmem\" {}\naudit {\n  settle_graze = \"5ms\"\n}", 8, "settle_graze", "settle_grace"),
        ("storage \"inmem\" {}\naudits {\n  minimum = 1\n}", 7, "audits", "audit"),
        ("storage \"inmem\" {}\nseal \"awskms\" {\n}", 7, "seal", "shamir"),
        ("storage \"file\" {\n  path = \"DATA\"\n  paht = \"x\"\n}", 8, "paht", "path"),
        (
            "storage \"inmem\" {}\naudit \"file\" \"a\" {\n  descripton = \"x\"\n  options {\n    file_path = \"DATA/a.log\"\n  }\n}",
            8,
            "descripton",
            "description",
        ),
        (
            "storage \"inmem\" {}\naudit \"file\" \"a\" {\n  options {\n    file_path = \"DATA/a.log\"\n    durabilty = \"fsync\"\n  }\n}",
            10,
            "durabilty",
            "durability",
        ),
    ];
    let mut wrong = Vec::new();
    for (config, line, name, near) in cases {
        let place = Place::new();
        place.write_config(&config.replace("DATA", &place.folder("data").display().to_string()));
        let (refused, output) = start(&place);
        if !refused {
            wrong.push(format!("{name}: the server starts"));
            continue;
        }
        let at = format!("{}:{line}: ", place.config().display());
        // The check says the same as the start.
        let checked =
            Shell::new().run(&format!("onrecord operator diagnose -config={}", place.config().display()));
        if checked.code != Some(1) {
            wrong.push(format!("{name}: the check exits with {:?}", checked.code));
        }
        for part in [at.as_str(), name, near] {
            if !output.contains(part) || !checked.stdout.contains(part) {
                wrong.push(format!("{name}: nothing of {part:?} in {output}\n{}", checked.stdout));
            }
        }
        let store = place.path("data/store.redb");
        assert!(!store.exists(), "{name}: nothing is made before the configuration is understood");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_json_form_and_a_folder_of_files_are_refused_alike() {
    let place = Place::new();
    let folder = place.folder("config");
    let listener =
        r#"{"disable_mlock": true, "listener": {"tcp": {"address": "127.0.0.1:0", "tls_disable": true}}}"#;
    fs::write(folder.join("1.json"), listener).expect("a file");
    let diagnose = |second: &str| {
        fs::write(folder.join("2.json"), second).expect("a file");
        Shell::new().run(&format!("onrecord operator diagnose -config={}", folder.display())).exits(1).stdout
    };
    let second = folder.join("2.json").display().to_string();
    for (text, parts) in [
        ("{\"storage\": {\"inmem\": {}},\n\"audit\": {\"minimun\": 1}}", [":2: ", "minimun", "minimum"]),
        (
            "{\"storage\": {\"inmem\": {}},\n\"storage\": {\"inmem\": {}}}",
            [":2: ", "storage is given twice", "2.json:1"],
        ),
        ("{\"seal\": [{\"gcpckms\": {}}]}", [":1: ", "unknown seal \"gcpckms\"", "shamir"]),
    ] {
        let output = diagnose(text);
        assert!(output.contains(&second), "{output}");
        for part in parts {
            assert!(output.contains(part), "nothing of {part:?} in {output}");
        }
    }
}

#[test]
fn a_reload_with_a_misspelt_key_is_refused_and_the_running_configuration_stays() {
    let place = Place::new();
    let log = place.path("audit.log");
    let device = |more: &str| {
        format!(
            "audit \"file\" \"main\" {{\n  options {{\n    file_path = \"{}\"\n{more}  }}\n}}\n",
            log.display()
        )
    };
    let storage = "storage \"inmem\" {}\n";
    let server = place.in_memory(&device(""));
    let options = |server: &Server| server.devices()["main/"]["options"].clone();
    let before = options(&server);
    let cases = [
        (device("    durabilty = \"fsync\"\n"), "unknown option \"durabilty\": did you mean \"durability\"?"),
        (device("") + "audit {\n  minimun = 1\n}", "unknown key \"minimun\": did you mean \"minimum\"?"),
        (device("") + "seal \"awskms\" {}", "unknown seal \"awskms\""),
    ];
    for (config, wrong) in cases {
        place.write_config(&format!("{storage}{config}"));
        server.hang_up("THE CONFIGURATION IS NOT APPLIED");
        let stderr = server.stderr();
        let line =
            stderr.lines().rfind(|line| line.contains("THE CONFIGURATION IS NOT APPLIED")).expect("a line");
        // The log writes a quotation mark with a backslash before it.
        let line = line.replace("\\\"", "\"");
        for part in [place.config().display().to_string().as_str(), wrong] {
            assert!(line.contains(part), "nothing of {part:?} in {line}");
        }
        assert_eq!(options(&server), before, "the devices stay");
    }
    place.write_config(&format!("{storage}{}", device("    durability = \"fsync\"\n")));
    server.hang_up("the audit stanzas of the configuration are in force");
    assert_eq!(options(&server)["durability"], "fsync");
}

#[test]
fn a_misspelt_key_elsewhere_is_named_with_the_near_name() {
    let place = Place::new();
    place.write_config(
        "storage \"inmem\" {}\nlog_levle = \"warn\"\nlistener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  tls_disable = \
         true\n  max_request_siz = 5\n}",
    );
    let (refused, output) = start(&place);
    assert!(!refused, "{output}");
    for near in ["log_level", "max_request_size"] {
        assert!(output.contains(near), "nothing of {near:?} in {output}");
    }
}

#[test]
fn a_misspelt_option_of_a_device_is_named_in_the_answer_and_on_the_command_line() {
    let place = Place::new();
    let server = place.in_memory("");
    let options = json!({"file_path": place.path("audit.log"), "lograw": "true", "durabilty": "fsync"});
    let answer = server.try_enable("log", "file", &options);
    assert!(matches!(answer.status, 200 | 204), "{}", answer.error());
    let warnings = answer.json()["warnings"].to_string();
    for part in ["lograw", "log_raw", "durabilty", "durability"] {
        assert!(warnings.contains(part), "nothing of {part:?} in {warnings}");
    }
    let line = format!(
        "onrecord audit enable -path=other file file_path={}/other.log lograw=true",
        place.dir().display()
    );
    let ran = Shell::of(&server).run(&line).exits(0);
    assert!(ran.stderr.contains("lograw") && ran.stderr.contains("log_raw"), "{}", ran.stderr);
    assert_eq!(ran.stdout, "Success! Enabled the file audit device at: other/\n");
    // They are stored and listed, as they always were.
    assert_eq!(server.devices()["log/"]["options"], options);
    // Its entry has a fixed text, without the client's.
    let lines = fs::read_to_string(place.path("audit.log")).expect("the log");
    assert!(lines.contains("An option of the audit device is not known and has no effect"), "{lines}");
    assert!(!lines.contains("did you mean"), "{lines}");
}

#[test]
fn many_unknown_options_are_warned_about_in_nine_lines() {
    let place = Place::new();
    let server = place.in_memory("");
    let mut options = json!({"file_path": place.path("audit.log")});
    for number in 0..20_000 {
        options[format!("unknown-option-{number}")] = "x".into();
    }
    let answer = server.try_enable("log", "file", &options);
    assert_eq!(answer.status, 200, "{}", answer.error());
    let warnings = answer.json()["warnings"].as_array().expect("warnings").len();
    assert_eq!(warnings, 9, "eight of them, and the number of the others");
}
