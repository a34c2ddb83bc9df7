//! `audit explain`: what a line may hold, field by field, out of the register itself. It asks no server.

use crate::failure::{Done, Failure, too_many};
use crate::grammar::{Command, Invocation, Output, nearest};
use crate::printer::{Format, Node, table};
use crate::session::Session;
use onrecord_entry::{LineField, line_fields};

pub(crate) const COMMANDS: &[Command] = &[Command {
    words: "audit explain",
    synopsis: "Explain the fields of audit entries: clear or hashed, and why",
    arguments: "[options] [FIELD | PATTERN]",
    about: "Prints the register of fields: each field that a line can have, whether its content is clear or hashed on a \
            device that is not raw, what that means, and why. What is not in the register cannot be written. FIELD is a \
            path such as auth.metadata, its last part, or the object above it; PATTERN has a * for any characters. No \
            server is asked.",
    examples: &[
        ("What becomes of a token's accessor:", "audit explain accessor"),
        ("All fields of the answer:", "audit explain response"),
        ("The whole register, for programs:", "audit explain -format=json"),
    ],
    http: false,
    output: Output::Format,
    flags: &[],
    run: explain,
}];

fn explain(session: &mut Session<'_>, invocation: &Invocation) -> Done {
    let all = line_fields();
    let fields: Vec<&LineField> = match invocation.arguments.as_slice() {
        [] => all.iter().collect(),
        [wanted] => all.iter().filter(|field| is_meant(&field.path, wanted.trim())).collect(),
        more => return Err(too_many("0-1", more.len())),
    };
    if fields.is_empty() {
        let wanted = invocation.arguments.first().map(String::as_str).unwrap_or_default();
        let near = nearest::closest(wanted, all.iter().map(|field| field.row.key)).unwrap_or_default();
        return Err(Failure::server(format!(
            "No field of an entry is called {wanted:?}; the nearest is {near:?}."
        )));
    }
    if session.format != Format::Table {
        session.say_node(&Node::Value(fields.iter().map(|field| record(field)).collect()))?;
        return Ok(0);
    }
    let rows: Vec<Vec<String>> = fields
        .iter()
        .map(|field| {
            let LineField { path, row } = field;
            let shown = row.treatment.visibility().as_str();
            vec![path.clone(), shown.to_owned(), row.treatment.about().to_owned(), row.reason.to_owned()]
        })
        .collect();
    session.say(&table::table(&["Field", "Shown", "As", "Because"], &rows))?;
    Ok(0)
}

fn record(field: &LineField) -> onrecord_value::Value {
    let LineField { path, row } = field;
    onrecord_value::Value::Object(onrecord_value::object! {
        "always" => row.always,
        "as" => row.treatment.about(),
        "because" => row.reason,
        "field" => path.as_str(),
        "shown" => row.treatment.visibility().as_str(),
        "words" => row.words,
    })
}

/// Whether a word means a field: its path, an end or a beginning of it in whole parts, or a pattern of the whole path.
fn is_meant(path: &str, wanted: &str) -> bool {
    if wanted.contains('*') {
        return fits(path, wanted);
    }
    let plain = path.replace("[]", "");
    let within = format!(".{plain}.");
    within.contains(&format!(".{}.", wanted.replace("[]", "").trim_matches('.')))
}

/// Whether a text fits a pattern in which `*` stands for any characters.
fn fits(text: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return text == pattern };
    let Some(rest) = text.strip_prefix(before) else { return false };
    if !after.contains('*') {
        return rest.ends_with(after);
    }
    rest.char_indices()
        .map(|(at, _)| at)
        .chain([rest.len()])
        .any(|at| rest.get(at..).is_some_and(|rest| fits(rest, after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_meant_by_its_path_its_parts_or_a_pattern() {
        let path = "auth.policy_results.granting_policies[].name";
        for wanted in [
            path,
            "name",
            "auth",
            "policy_results.granting_policies",
            "granting_policies.name",
            "auth.*",
            "*.name",
            "*policies*",
            "*",
        ] {
            assert!(is_meant(path, wanted), "{wanted}");
        }
        for wanted in ["nam", "results", "auth.name", "*.nam", "a*x", ""] {
            assert!(!is_meant(path, wanted), "{wanted}");
        }
    }
}
