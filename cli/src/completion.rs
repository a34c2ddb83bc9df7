//! Scripts with which shells complete command lines, made from the table of commands. One file for each shell.
//! Never in it: words that stand in the table.

mod bash;
mod fish;
mod zsh;

use crate::command::table;
use crate::flag::FlagKind;

/// Makes the script of a shell for the program `name`.
type Script = fn(name: &str) -> String;

/// The shells, with what makes their scripts.
pub(crate) const SHELLS: [(&str, Script); 3] =
    [("bash", bash::script), ("fish", fish::script), ("zsh", zsh::script)];

/// What can follow some words of a command line.
struct Place {
    /// The words of a command or a group; empty for the program itself.
    words: &'static str,
    choices: Vec<Choice>,
}

/// One word that can follow.
struct Choice {
    /// With the dash of a flag.
    text: String,
    about: &'static str,
    kind: ChoiceKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ChoiceKind {
    /// A command or a group.
    Word,
    /// A flag that stands alone.
    Switch,
    /// A flag with a value.
    Valued,
}

impl Choice {
    /// As it is typed: a value follows the `=` of a flag.
    fn typed(&self) -> String {
        let end = if self.kind == ChoiceKind::Valued { "=" } else { "" };
        format!("{}{end}", self.text)
    }
}

/// How bash and zsh write a quote within single quotes.
const POSIX_QUOTE: &str = r"'\''";

/// All places at which something can be completed, those of groups first.
fn places() -> Vec<Place> {
    let groups = std::iter::once("").chain(table::GROUPS.iter().map(|group| group.words));
    let of_groups = groups.map(|words| {
        let below = table::below(words).into_iter();
        let choices =
            below.map(|(text, about)| Choice { text: text.to_owned(), about, kind: ChoiceKind::Word });
        Place { words, choices: choices.collect() }
    });
    let of_commands = table::listed().map(|command| {
        let choices = command.listed_flags().map(|flag| {
            let kind = if flag.kind == FlagKind::Bool { ChoiceKind::Switch } else { ChoiceKind::Valued };
            Choice { text: format!("-{}", flag.name), about: flag.about, kind }
        });
        Place { words: command.words, choices: choices.collect() }
    });
    of_groups.chain(of_commands).collect()
}

/// The words of all commands and groups, those of each in quotes.
fn known(places: &[Place], escaped: &str, separator: &str) -> String {
    let words = places.iter().map(|place| place.words).filter(|words| !words.is_empty());
    words.map(|words| quoted(words, escaped)).collect::<Vec<_>>().join(separator)
}

/// A text in single quotes. `escaped` is how the shell writes a quote inside of them.
fn quoted(text: &str, escaped: &str) -> String {
    format!("'{}'", text.replace('\'', escaped))
}

/// A function name of a shell, for a program of any name.
fn function(name: &str) -> String {
    let safe = name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' });
    std::iter::once('_').chain(safe).collect()
}
