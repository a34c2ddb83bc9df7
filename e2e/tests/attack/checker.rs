//! The checker calls complete only what is a log, and names what is damaged, in each format and with prefixes.
//! Never in it: logs with losses that gap entries declare.

use std::fs;
use std::path::Path;

use onrecord_e2e::place::Place;
use onrecord_e2e::shell::{Ran, Shell};
use serde_json::json;

fn check(file: &Path) -> Ran {
    Shell::new().run(&format!("onrecord log check '{}'", file.display()))
}

#[test]
fn what_is_no_log_is_not_called_complete() {
    let place = Place::new();
    let mut wrong = Vec::new();
    let texts: [(&str, &[u8]); 6] = [
        ("empty.log", b""),
        ("blank.log", b"\n\n\n"),
        ("text.log", b"This is not a log.\nIt has two lines.\n"),
        ("json.log", b"{\"a\":1}\n{\"time\":\"x\"}\n"),
        ("zeros.log", &[0; 4096]),
        ("list.log", b"[]\n"),
    ];
    let mut files = vec!["/etc/passwd".into()];
    for (name, text) in texts {
        fs::write(place.path(name), text).expect("written");
        files.push(place.path(name));
    }
    for file in files {
        let ran = check(&file);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        if ran.code != Some(2) || !told.contains(&file.display().to_string()) {
            wrong.push(format!(
                "{}: exit {:?}: {}",
                file.display(),
                ran.code,
                told.lines().next().unwrap_or_default()
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn damage_of_a_log_is_named_in_each_format() {
    let place = Place::new();
    let server = place.in_memory("");
    server.mount_kv(1);
    let forms = [
        ("json", json!({})),
        ("jsonx", json!({"format": "jsonx"})),
        ("prefix", json!({"prefix": "@cee: "})),
        ("jsonx-prefix", json!({"format": "jsonx", "prefix": "audit: "})),
    ];
    for (name, options) in &forms {
        let mut options = options.clone();
        options["file_path"] = json!(place.path(format!("{name}.log")));
        server.enable(name, "file", &options);
    }
    for number in 0..10 {
        assert_eq!(server.call("POST", &format!("kv/{number}"), Some(json!({"a": number}))).status, 204);
    }
    let mut unnamed = Vec::new();
    for (name, _) in &forms {
        let text = fs::read(place.path(format!("{name}.log"))).expect("the log");
        let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
        let mut swapped = lines.clone();
        swapped.swap(lines.len() - 4, lines.len() - 7);
        let damages = [
            ("torn", text[..text.len() - 40].to_vec(), "torn"),
            ("swapped", swapped.concat(), "order"),
            ("cut", lines[..lines.len() - 1].concat(), "without response:"),
        ];
        let whole = check(&place.path(format!("{name}.log")));
        if whole.code != Some(0) {
            unnamed.push(format!("{name}: whole: exit {:?}: {}", whole.code, whole.stdout));
        }
        for (damage, text, word) in damages {
            let file = place.path(format!("{name}-{damage}.log"));
            fs::write(&file, text).expect("written");
            let ran = check(&file);
            let told = format!("{}{}", ran.stdout, ran.stderr);
            if !told.contains(word) {
                unnamed.push(format!("{name}: {damage}: exit {:?}, nothing of {word:?}: {told}", ran.code));
            }
        }
    }
    assert!(unnamed.is_empty(), "{unnamed:#?}");
}
