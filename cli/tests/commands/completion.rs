//! Completion scripts: a real shell offers the commands and flags of the table; and the pages of the manual.

use super::kit::cli;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// What a program says to a script on its standard input; `None` where it is not installed.
fn run(program: &str, arguments: &[&str], script: &str) -> Option<String> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_remove("BASH_ENV")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let mut input = child.stdin.take().unwrap();
    input.write_all(script.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && errors.is_empty(), "{program}: {errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

fn script(shell: &str) -> String {
    let outcome = cli().run(&["completion", shell]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    outcome.stdout
}

#[test]
fn bash_completes_commands_subcommands_and_flags() {
    let cases = [
        ("(onrecord au)", 1, "audit auth"),
        ("(onrecord auth '')", 2, "disable enable help list move tune"),
        ("(onrecord operator rekey -key)", 3, "-key-shares= -key-threshold="),
        ("(onrecord operator generate-root -de)", 3, "-decode="),
        ("(onrecord agen)", 1, ""),
        ("(onrecord kv meta)", 2, "metadata"),
        ("(onrecord kv metadata '')", 3, "delete get patch put"),
        ("(onrecord audit enable -desc)", 3, "-description="),
        ("(onrecord -unknown operator snapshot s)", 4, "save"),
        ("(onrecord nonsense '')", 2, ""),
    ];
    for (words, at, wanted) in cases {
        let test = format!(
            "{}\ncompopt() {{ :; }}\nCOMP_WORDS={words} COMP_CWORD={at}\n_onrecord\necho \"${{COMPREPLY[*]-}}\"\n",
            script("bash")
        );
        let offered = run("bash", &["--norc", "--noprofile"], &test).expect("bash is part of every Debian");
        if words.contains("nonsense") {
            assert!(offered.contains("audit") || offered.trim().is_empty(), "{offered}");
        } else {
            assert_eq!(offered.trim(), wanted, "{words}");
        }
    }
}

#[test]
fn fish_completes_commands_and_flags() {
    let test = format!(
        "{}\ncomplete -C 'onrecord audit en'\ncomplete -C 'onrecord audit enable -desc'\n",
        script("fish")
    );
    match run("fish", &["--no-config"], &test) {
        Some(offered) => {
            assert!(offered.lines().any(|line| line.starts_with("enable\tEnable")), "{offered}");
            assert!(offered.lines().any(|line| line.starts_with("-description")), "{offered}");
        }
        None => println!("no fish on this machine: its script is not tried"),
    }
}

#[test]
fn zsh_takes_the_script() {
    match run("zsh", &["-f", "-n"], &script("zsh")) {
        Some(said) => assert_eq!(said, ""),
        None => println!("no zsh on this machine: its script is not tried"),
    }
}

#[test]
fn an_unknown_shell_is_refused_with_those_that_there_are() {
    let outcome = cli().run(&["completion", "tcsh"]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.contains("\"tcsh\"") && outcome.stderr.contains("bash, fish, zsh"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn there_is_a_page_of_the_manual_for_each_command_and_roff_takes_it() {
    let pages = onrecord_cli::man_pages();
    for command in onrecord_cli::commands().filter(|command| !command.words.starts_with("audit-")) {
        let file = format!("onrecord-{}.1", command.words.replace(' ', "-"));
        let (_, text) = pages.iter().find(|(name, _)| *name == file).unwrap_or_else(|| panic!("no {file}"));
        assert!(text.contains(".SH SYNOPSIS") && text.contains(".SH EXAMPLES"), "{file}");
    }
    let whole: String = pages.iter().map(|(_, text)| text.as_str()).collect();
    match run("groff", &["-man", "-Tascii", "-ww", "-z"], &whole) {
        Some(_) => {}
        None => println!("no groff on this machine: the pages are not tried"),
    }
}
