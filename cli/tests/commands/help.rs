//! Help: every command and group has it, with an example that the grammar takes.

use super::kit::cli;
use onrecord_cli::{GROUPS, commands};
use onrecord_cli::{Lookup, find};

#[test]
fn every_command_has_help_with_an_example() {
    for command in commands() {
        assert!(!command.examples.is_empty(), "{} has no example", command.words);
        if command.words == "version" {
            continue;
        }
        let mut words: Vec<&str> = command.words.split(' ').collect();
        words.push("--help");
        let outcome = cli().run(&words);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{}", command.words);
        let usage = format!("Usage: onrecord {}", command.words);
        assert!(outcome.stdout.starts_with(&usage), "{}", outcome.stdout);
        assert!(outcome.stdout.contains("      $ onrecord "), "{} shows no example", command.words);
        for flag in command.listed_flags() {
            assert!(
                outcome.stdout.contains(&format!("\n  -{}", flag.name)),
                "{} lacks -{}",
                command.words,
                flag.name
            );
        }
        for line in outcome.stdout.lines().filter(|line| !line.trim_start().starts_with('$')) {
            assert!(line.chars().count() <= 78, "{}: {line}", command.words);
        }
    }
}

#[test]
fn every_example_is_taken_by_the_grammar() {
    let examples = commands()
        .map(|command| (command.words, command.examples))
        .chain(GROUPS.iter().map(|group| (group.words, group.examples)));
    for (owner, list) in examples {
        for (_, line) in list {
            let words: Vec<String> = line
                .split(" < ")
                .next()
                .unwrap()
                .split_whitespace()
                .map(|word| word.trim_matches('\'').to_owned())
                .collect();
            match find(&words) {
                Lookup::Command(command, count) => {
                    assert!(command.words.starts_with(owner), "{owner} shows {line}");
                    command.parse(&words[count..]).unwrap_or_else(|error| panic!("{line}: {error}"));
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }
}

#[test]
fn groups_without_a_subcommand_show_help_and_fail() {
    for group in GROUPS {
        let words: Vec<&str> = group.words.split(' ').collect();
        let outcome = cli().run(&words);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{}", group.words);
        assert!(outcome.stderr.contains("Subcommands:"), "{}", outcome.stderr);
        let asked: Vec<&str> = words.iter().copied().chain(["-h"]).collect();
        let outcome = cli().run(&asked);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
        assert!(outcome.stdout.contains("      $ onrecord "), "{} shows no example", group.words);
    }
}

#[test]
fn help_is_asked_for_anywhere_before_two_dashes() {
    for words in
        [&["audit", "enable", "file", "-h"][..], &["kv", "put", "-mount", "--help"], &["-help"], &["--help"]]
    {
        let outcome = cli().run(words);
        assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""), "{words:?}");
        assert!(outcome.stdout.starts_with("Usage: onrecord"), "{words:?}");
    }
}

#[test]
fn the_main_help_lists_what_there_is() {
    let outcome = cli().run(&["-h"]);
    let text = outcome.stdout;
    let (common, other) = text.split_once("Other commands:").unwrap();
    for word in ["read", "write", "delete", "list", "login", "server", "status"] {
        assert!(common.contains(&format!("\n    {word} ")), "{word}");
    }
    for word in ["audit", "kv", "operator", "policy", "print", "secrets", "token", "version"] {
        assert!(other.contains(&format!("\n    {word} ")), "{word}");
    }
    assert!(!text.contains("audit-enable"), "old spellings are not listed");
}

#[test]
fn called_as_vault_the_texts_say_vault() {
    let outcome = cli().called("vault").run(&["audit", "-h"]);
    assert!(outcome.stdout.starts_with("Usage: vault audit"), "{}", outcome.stdout);
}

#[test]
fn flags_that_nothing_here_heeds_are_taken_and_not_advertised() {
    for words in [["audit", "list", "-h"], ["kv", "put", "-h"], ["token", "create", "-h"]] {
        let help = cli().run(&words);
        for flag in ["-mfa", "-namespace", "-policy-override"] {
            assert!(!help.stdout.contains(flag), "{words:?}: {flag}");
        }
        assert!(help.stdout.contains("-wrap-ttl=<duration>"), "{words:?}");
    }
}

#[test]
fn wrapping_is_advertised_where_an_answer_can_be_wrapped_and_taken_everywhere() {
    for words in [
        &["operator", "seal", "-h"][..],
        &["unwrap", "-h"],
        &["token", "revoke", "-h"],
        &["policy", "write", "-h"],
        &["status", "-h"],
    ] {
        assert!(!cli().run(words).stdout.contains("-wrap-ttl"), "{words:?}");
    }
    let all: Vec<&str> = onrecord_cli::commands().map(|command| command.words).collect();
    for command in onrecord_cli::commands().filter(|command| command.http) {
        assert!(command.all_flags().any(|flag| flag.name == "wrap-ttl"), "{}", command.words);
    }
    let listed =
        onrecord_cli::commands().filter(|command| command.listed_flags().any(|flag| flag.name == "wrap-ttl"));
    assert_eq!(listed.count(), 22, "each of the list is a command: {all:?}");
}
