//! `?help=1`: what a mount is for and which paths it has, or what one path is for, from the rows of its engine.
//! Never in it: the texts (they stand in the rows).

use onrecord_value::{Value, object};

use crate::engine::mount::Mount;
use crate::operation::Operation;
use crate::outcome::{Outcome, Refusal, Reply, ReplyShape};
use crate::routes::{Access, Route};

pub(crate) fn answer(mount: &Mount, path: &str, row: Option<&Route>) -> Outcome {
    let (help, see_also) = match row {
        _ if path.is_empty() => of_mount(mount),
        Some(row) => (of_path(mount, row), Value::Array(Vec::new())),
        None => return Refusal::unsupported_path().into(),
    };
    let data = object! { "help" => help, "see_also" => see_also };
    Outcome::Reply(Box::new(Reply { data: Some(data), shape: ReplyShape::Bare, ..Reply::default() }))
}

fn of_mount(mount: &Mount) -> (String, Value) {
    let mut help = format!("{}: {}.\n\nPaths:\n", mount.path, mount.kind.synopsis);
    let mut see_also = Vec::new();
    for row in mount.kind.routes() {
        let path = format!("{}{}", mount.path, row.template().0);
        help.extend(["\n    ", &path, "\n        ", row.synopsis, "\n"]);
        see_also.push(Value::from(path));
    }
    (help, Value::Array(see_also))
}

fn of_path(mount: &Mount, row: &Route) -> String {
    let operations: Vec<&str> = row.operations().map(Operation::as_str).collect();
    let needs = match row.access {
        Access::Anybody => "no token",
        Access::Sudo => "a policy that allows it with sudo",
        Access::Policy => "a policy that allows it",
    };
    let mut help = format!(
        "{}{}: {}\n\nOperations: {}\nNeeds: {needs}\n",
        mount.path,
        row.template().0,
        row.synopsis,
        operations.join(", ")
    );
    if !row.description.is_empty() {
        help.extend(["\n", row.description, "\n"]);
    }
    help
}
