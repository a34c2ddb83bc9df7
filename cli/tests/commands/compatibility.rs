//! docs/COMPATIBILITY.md says what the table of commands says about each command of a compatible program, and those that are
//! refused say so. `ONRECORD_REGENERATE=1` writes the table of commands again.
//! Never in it: the list of commands (`compatibility/commands.txt`), and the table of routes, which onrecord-core writes.

use super::kit::cli;
use onrecord_cli::{Command, Lookup, UNSUPPORTED, Unsupported, commands, find};
use onrecord_schema::documents;
use std::fmt::Write as _;

const LIST: &str = include_str!("compatibility/commands.txt");
const BEGIN: &str =
    "<!-- generated: ONRECORD_REGENERATE=1 cargo test -p onrecord-cli --test commands compatibility -->\n";
const END: &str = "<!-- end of the commands -->\n";

/// A command of a compatible program.
struct Upstream {
    section: &'static str,
    words: &'static str,
    flags: Vec<&'static str>,
    /// How this program's differs, beside its flags.
    how: Option<&'static str>,
}

fn upstream() -> Vec<Upstream> {
    let mut section = "";
    let mut list = Vec::new();
    for line in LIST.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title;
        } else if !line.is_empty() && !line.starts_with('#') {
            let (row, how) = line.split_once(" ~ ").map_or((line, None), |(row, how)| (row, Some(how)));
            let (words, flags) = row.split_once(':').expect("words and flags");
            list.push(Upstream { section, words, flags: flags.split_whitespace().collect(), how });
        }
    }
    list
}

enum Verdict {
    Has(&'static Command),
    Refused(&'static Unsupported),
}

fn split(words: &str) -> Vec<String> {
    words.split(' ').map(str::to_owned).collect()
}

fn verdict(words: &str) -> Verdict {
    match find(&split(words)) {
        Lookup::Command(command, count) if count == words.split(' ').count() => Verdict::Has(command),
        Lookup::Unsupported(row) => Verdict::Refused(row),
        other => panic!("{words}: {other:?}"),
    }
}

/// How a command differs: what the list says, and the flags that it lacks or refuses.
fn differences(command: &Command, row: &Upstream) -> Vec<String> {
    let mut refused: Vec<(&str, Vec<String>)> = Vec::new();
    for name in &row.flags {
        let flag = command.all_flags().find(|flag| flag.name == *name || flag.alias == *name);
        let why = flag.map_or("there is no such flag", |flag| flag.refused);
        if why.is_empty() {
            continue;
        }
        let shown = format!("`-{name}`");
        match refused.iter_mut().find(|(other, _)| *other == why) {
            Some((_, names)) => names.push(shown),
            None => refused.push((why, vec![shown])),
        }
    }
    let how = row.how.map(str::to_owned).into_iter();
    how.chain(refused.into_iter().map(|(why, names)| format!("without {} ({why})", names.join(", "))))
        .collect()
}

fn table() -> String {
    let mut text = String::new();
    let (mut same, mut differs, mut refused) = (0, 0, 0);
    let mut section = "";
    for row in upstream() {
        if row.section != section {
            section = row.section;
            write!(text, "\n### {section}\n\n| command | OnRecord |\n|---|---|\n").unwrap();
        }
        let shown = match verdict(row.words) {
            Verdict::Refused(row) => {
                refused += 1;
                format!("refused: {}", row.why)
            }
            Verdict::Has(command) => {
                let how = differences(command, &row);
                if how.is_empty() {
                    same += 1;
                    "same".to_owned()
                } else {
                    differs += 1;
                    format!("differs: {}", how.join("; "))
                }
            }
        };
        writeln!(text, "| `{}` | {} |", row.words, shown.replace('|', "\\|")).unwrap();
    }
    let list = upstream();
    let own = commands().filter(|command| list.iter().all(|row| row.words != command.words));
    let own: Vec<String> = own.map(|command| format!("`{}`", command.words)).collect();
    let count = same + differs + refused;
    format!(
        "\nOf {count} commands: {same} same, {differs} that differ, {refused} refused.\n\nCommands of OnRecord alone: {}.\n{text}\n",
        own.join(", ")
    )
}

#[test]
fn the_compatibility_document_says_what_the_table_of_commands_says() {
    documents::check_part("COMPATIBILITY.md", BEGIN, END, &table());
}

#[test]
fn every_refused_command_says_why_on_one_line() {
    let list = upstream();
    for row in &list {
        let Verdict::Refused(refused) = verdict(row.words) else { continue };
        let words: Vec<&str> = row.words.split(' ').collect();
        for more in [&[][..], &["-x"], &["-h"], &["word"], &["word", "-format=json"]] {
            let outcome = cli().run(&[&words[..], more].concat());
            let line =
                format!("\"onrecord {}\" is not supported by OnRecord: {}.\n", refused.words, refused.why);
            outcome.is(1, "", &line).sent(&[]);
        }
        assert!(!refused.why.contains('\n') && !refused.why.ends_with('.'), "{}", refused.words);
    }
    for refused in UNSUPPORTED {
        let is_below =
            |words: &str| words == refused.words || words.starts_with(&format!("{} ", refused.words));
        assert!(list.iter().any(|row| is_below(row.words)), "{} is no command of others", refused.words);
    }
}

/// A command that a reason names in quotes is there.
#[test]
fn the_commands_that_a_reason_names_exist() {
    let flags = commands().flat_map(|command| command.all_flags().map(|flag| flag.refused));
    for why in UNSUPPORTED.iter().map(|row| row.why).chain(flags) {
        for quoted in why.split('"').skip(1).step_by(2) {
            let found = find(&split(quoted));
            assert!(matches!(found, Lookup::Command(..) | Lookup::Group(_, None)), "{quoted} in {why:?}");
        }
    }
}
