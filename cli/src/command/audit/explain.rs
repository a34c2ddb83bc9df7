//! `audit explain`: prints the register of fields.
//! Never in it: a call of a server.

use crate::command::{Command, CommandResult, Failure, Invocation, Output, Session, at_most_one};
use crate::printer::table;
use onrecord_entry::register::{LineField, line_fields};
use onrecord_value::{Value, object, suggest};

pub(crate) const COMMAND: Command = Command::new(
    "audit explain",
    "[FIELD | PATTERN]",
    "Show which fields of audit entries are hashed, and why",
    explain,
)
.about(
    "Prints the register of fields: every field that a line of an audit log can have, whether its content is \
     clear or hashed, in which form it is written, and why. It applies to devices without log_raw=true. \
     Fields that are not in the register are never written.\n\nFIELD is a path such as auth.metadata, the \
     last part of a path, or an object, which selects all its fields. In PATTERN, * stands for any \
     characters. No server is needed.",
)
.examples(&[
    ("How is a token's accessor written?", "audit explain accessor"),
    ("All fields of the response:", "audit explain response"),
    ("The whole register as JSON:", "audit explain -format=json"),
])
.offline()
.output(Output::Format);

fn explain(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let all = line_fields();
    let wanted = at_most_one(&invocation.arguments)?;
    let is_wanted = |field: &&LineField| wanted.is_none_or(|wanted| matches_path(&field.path, wanted.trim()));
    let fields: Vec<&LineField> = all.iter().filter(is_wanted).collect();
    if fields.is_empty() {
        let wanted = wanted.unwrap_or_default();
        let near = suggest::closest(wanted, all.iter().map(|field| field.row.key)).unwrap_or_default();
        return Err(Failure::server(format!(
            "No field of an entry matches {wanted:?}. The nearest is {near:?}."
        )));
    }
    let rows: Vec<Vec<String>> = fields
        .iter()
        .map(|field| {
            let LineField { path, row } = field;
            let shown = row.treatment.visibility().as_str();
            vec![path.clone(), shown.to_owned(), row.treatment.about().to_owned(), row.reason.to_owned()]
        })
        .collect();
    let records: Value = fields.iter().map(|field| record(field)).collect();
    session.show(&table::table("Field | Shown | As | Because", &rows), records)
}

fn record(field: &LineField) -> Value {
    let LineField { path, row } = field;
    Value::Object(object! {
        "always" => row.always,
        "as" => row.treatment.about(),
        "because" => row.reason,
        "field" => path.as_str(),
        "shown" => row.treatment.visibility().as_str(),
        "words" => row.words,
    })
}

/// Whether a word selects a field: consecutive whole parts of its path, or a pattern of the whole path.
fn matches_path(path: &str, wanted: &str) -> bool {
    if wanted.contains('*') {
        return matches_pattern(path, wanted);
    }
    let plain = path.replace("[]", "");
    let within = format!(".{plain}.");
    within.contains(&format!(".{}.", wanted.replace("[]", "").trim_matches('.')))
}

fn matches_pattern(text: &str, pattern: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return text == pattern };
    let Some(rest) = text.strip_prefix(before) else { return false };
    if !after.contains('*') {
        return rest.ends_with(after);
    }
    rest.char_indices()
        .map(|(at, _)| at)
        .chain([rest.len()])
        .any(|at| rest.get(at..).is_some_and(|rest| matches_pattern(rest, after)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_selected_by_its_path_parts_of_it_or_a_pattern() {
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
            assert!(matches_path(path, wanted), "{wanted}");
        }
        for wanted in ["nam", "results", "auth.name", "*.nam", "a*x", ""] {
            assert!(!matches_path(path, wanted), "{wanted}");
        }
    }
}
