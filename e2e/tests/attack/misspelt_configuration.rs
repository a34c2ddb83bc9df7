//! A misspelt key or stanza of what decides about auditing, sealing and storage refuses the start; a misspelt option of a
//! device is named in the answer and on the command line.
//! Never in it: values that are out of range.

use std::fs;
use std::process::{Command, Stdio};

use onrecord_e2e::place::Place;
use onrecord_e2e::process::binary;
use onrecord_e2e::shell::Shell;
use onrecord_e2e::wait;
use serde_json::json;

/// Starts a server with the configuration written last: whether it refused, and all that it said.
fn start(place: &Place) -> (bool, String) {
    let (said, told) = (place.path("stdout"), place.path("stderr"));
    let mut child = Command::new(binary())
        .args(["server", &format!("-config={}", place.config().display())])
        .stdin(Stdio::null())
        .stdout(fs::File::create(&said).expect("a file"))
        .stderr(fs::File::create(&told).expect("a file"))
        .spawn()
        .expect("the server starts");
    let mut ended = None;
    wait::eventually("it starts or refuses to", || {
        ended = child.try_wait().expect("its state");
        ended.is_some() || fs::read_to_string(&said).is_ok_and(|text| text.contains("server started"))
    });
    drop(child.kill());
    drop(child.wait());
    if let Some(status) = ended {
        assert!(!status.success(), "a refusal is a failure");
    }
    let text = fs::read_to_string(&told).expect("text") + &fs::read_to_string(&said).expect("text");
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
        let (refused, told) = start(&place);
        if !refused {
            wrong.push(format!("{name}: the server starts"));
            continue;
        }
        let at = format!("{}:{line}", place.config().display());
        for part in [at.as_str(), name, near] {
            if !told.contains(part) {
                wrong.push(format!("{name}: nothing of {part:?} in {told}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_misspelt_key_elsewhere_is_named_with_the_near_name() {
    let place = Place::new();
    place.write_config(
        "storage \"inmem\" {}\nlog_levle = \"warn\"\nlistener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  tls_disable = \
         true\n  max_request_siz = 5\n}",
    );
    let (refused, told) = start(&place);
    assert!(!refused, "{told}");
    for near in ["log_level", "max_request_size"] {
        assert!(told.contains(near), "nothing of {near:?} in {told}");
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
    let told = format!("{}{}", ran.stdout, ran.stderr);
    assert!(told.contains("lograw") && told.contains("log_raw"), "{told}");
}
