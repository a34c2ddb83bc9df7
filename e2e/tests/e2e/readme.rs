//! The README's lasting server, set up as it says, word for word but for the folder, the port and what is asked at a terminal.
//! Never in it: a second copy of the README's lines.

use std::process::Command;

use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Launch, Server};
use onrecord_e2e::shell::Shell;

const README: &str = include_str!("../../../README.md");

/// What the section on the lasting server has as examples, in a folder of the test's own.
struct Examples {
    config: String,
    /// Until the server runs.
    prepare: String,
    /// In the second terminal.
    operate: String,
}

impl Examples {
    fn read(place: &Place) -> Self {
        let (_, section) = README.split_once("\n## A lasting server\n").expect("the section");
        let own = section.replace("/srv/onrecord", place.dir().to_str().expect("UTF-8"));
        let mut blocks = own.split("\n```").skip(1).step_by(2);
        let mut block = |language: &str| {
            let block = blocks.next().and_then(|block| block.strip_prefix(language));
            block.unwrap_or_else(|| panic!("a block of {language}")).to_owned()
        };
        Self { config: block("hcl\n"), prepare: block("sh\n"), operate: block("sh\n") }
    }
}

#[test]
fn the_lasting_server_of_the_readme_works_word_for_word() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("no openssl: the README's lasting server is not tried");
        return;
    }
    let place = Place::new();
    let examples = Examples::read(&place);
    let file = place.path("onrecord.hcl");
    std::fs::write(&file, examples.config.replace("127.0.0.1:8200", "127.0.0.1:0"))
        .expect("the configuration");
    let (prepare, start) = examples.prepare.trim_end().rsplit_once('\n').expect("two lines");
    Shell::new().does(prepare);
    let argument = format!("-config={}", file.display());
    assert_eq!(start, format!("onrecord server {argument}"));
    let server = Launch::new(&[&argument]).start();
    let output = operate(&server, &examples.operate);
    assert!(output.contains("\nComplete: every entry is present"), "{output}");
    assert!(!output.contains("without request"), "this device has been there from the start: {output}");
}

/// Runs the lines of the second terminal; what the last one prints.
fn operate(server: &Server, lines: &str) -> String {
    let lines = lines.replace("127.0.0.1:8200", &server.addr.to_string());
    let mut lines = lines.lines().filter(|line| !line.is_empty());
    let variables = lines.next().and_then(|line| line.strip_prefix("export ")).expect("variables");
    let shell = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
    let shell = shell.fold(Shell::new(), |shell, (name, value)| shell.with(name, value));
    let (mut keys, mut token, mut last) = (Vec::new(), String::new(), String::new());
    for line in lines {
        let command = line.split("  #").next().unwrap_or_default().trim_end();
        match command {
            "onrecord operator unseal" => {
                for key in &keys {
                    shell.does(&format!("{command} {key}"));
                }
            }
            "onrecord login" => drop(shell.does(&format!("{command} {token}"))),
            _ => last = shell.does(command),
        }
        if command == "onrecord operator init" {
            let after = |label: &str| -> Vec<String> {
                let said = last.lines().filter(|line| line.starts_with(label));
                said.filter_map(|line| line.split_once(": ")).map(|(_, value)| value.to_owned()).collect()
            };
            keys = after("Unseal Key");
            keys.truncate(3);
            token = after("Initial Root Token").pop().expect("a token");
        }
    }
    last
}
