//! How the answers of ceremonies are printed: a table, JSON and YAML in the order that users of this family of command lines
//! know, or one field.
//! Never in it: which rows a table has.

use crate::command::{CommandResult, Session};
use crate::print_response;
use crate::printer::{Node, plain};
use onrecord_value::{Object, Value};

fn node(answer: &Object, order: &[&str]) -> Node {
    let mut node = Node::record([]);
    for key in order {
        if let Some(value) = answer.get(key) {
            node.push(key, value.clone());
        }
    }
    for (key, value) in answer.iter().filter(|(key, _)| !order.contains(key)) {
        node.push(key, value.clone());
    }
    node
}

/// Whether the ceremony of a status is in progress.
pub(super) fn is_started(status: &Object) -> bool {
    status.get("started").and_then(Value::as_bool) == Some(true)
}

pub(super) fn text(answer: &Object, key: &str) -> String {
    answer.get(key).map(plain).unwrap_or_default()
}

/// Prints an answer: one field of it, or a table of these rows, or JSON or YAML with its keys in this order.
pub(super) fn print(
    session: &mut Session<'_>,
    answer: &Object,
    order: &[&str],
    table: impl FnOnce() -> String,
) -> CommandResult {
    if let Some(name) = session.field.clone() {
        return print_response::print_field(session, answer.get(&name).cloned(), &name);
    }
    session.show(&table(), node(answer, order))
}
