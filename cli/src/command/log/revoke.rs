//! The command that ends a token that an answer names: by its accessor, or, where the log has only the hash of the accessor, the
//! command that finds it.
//! Never in it: running them.

use onrecord_entry::HASH_PREFIX;
use onrecord_value::printable::printable;

use super::row_cells::short;
use super::shell::{on_files, word};
use crate::printer::sheet::Cell;

/// At most this many commands are printed below an answer; JSON has that of each token.
pub(super) const COMMANDS_MAX: usize = 10;

/// What to do to end a token.
pub(super) enum ToRevoke {
    /// The command revokes it.
    Revoke(String),
    /// The command finds its accessor, and changes nothing.
    FindAccessor(String),
}

/// What to do to end the token of an accessor as a log has it. `clear` is that accessor, if the server found it.
pub(super) fn to_revoke(accessor: &str, clear: Option<&str>, files: &[String]) -> Option<ToRevoke> {
    let is_hash = accessor.starts_with(HASH_PREFIX);
    match clear.or_else(|| Some(accessor).filter(|text| !text.is_empty() && !is_hash)) {
        Some(clear) => Some(ToRevoke::Revoke(format!("onrecord token revoke -accessor {}", word(clear)))),
        None if is_hash => {
            let command = format!("onrecord log token -find-accessor {}", short(accessor));
            Some(ToRevoke::FindAccessor(on_files(&command, files)))
        }
        None => None,
    }
}

/// The columns of [`cells`]: programs run what is under `revoke`, so nothing else may be there.
pub(super) const COLUMNS: [(&str, &str); 2] = [("revoke", ""), ("find_accessor", "")];

pub(super) fn cells(to_revoke: Option<&ToRevoke>) -> [Cell; 2] {
    match to_revoke {
        Some(ToRevoke::Revoke(command)) => [Cell::text(command), Cell::empty()],
        Some(ToRevoke::FindAccessor(command)) => [Cell::empty(), Cell::text(command)],
        None => [Cell::empty(), Cell::empty()],
    }
}

/// A line below an answer. `what` is the token in words.
pub(super) fn hint(to_revoke: &ToRevoke, what: &str) -> String {
    printable(&match to_revoke {
        ToRevoke::Revoke(command) => format!("To revoke {what}: {command}"),
        ToRevoke::FindAccessor(command) => {
            format!("To revoke {what}, first find its accessor: {command}")
        }
    })
}

/// Said below the first [`COMMANDS_MAX`] commands, if there are more.
pub(super) fn more(commands: usize) -> Option<String> {
    let more = commands.checked_sub(COMMANDS_MAX).filter(|more| *more > 0)?;
    Some(format!("{more} further tokens: -format=json has the command of each."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_revokes_is_called_so() {
        let hash = format!("{HASH_PREFIX}{}", "a".repeat(64));
        let files = ["my log".to_owned()];
        let texts = |found: Option<ToRevoke>| cells(found.as_ref()).map(|cell| cell.shown);
        let finds = "onrecord log token -find-accessor aaaaaaaaaaaa 'my log'";
        assert_eq!(texts(to_revoke(&hash, None, &files)), [String::new(), finds.to_owned()]);
        let revokes = |accessor: &str| [format!("onrecord token revoke -accessor {accessor}"), String::new()];
        assert_eq!(texts(to_revoke(&hash, Some("abc"), &files)), revokes("abc"));
        assert_eq!(texts(to_revoke("raw", None, &files)), revokes("raw"));
        assert_eq!(texts(to_revoke("", None, &files)), [String::new(), String::new()]);
    }
}
