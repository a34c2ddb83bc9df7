//! The passphrase of a salt file: from the terminal without echo, or from a file.
//! Never in it: an argument or an environment variable, which others can read.

use crate::command::{Failure, Flag, Invocation, Session};
use onrecord_client::os_text;
use onrecord_value::printable::printable;
use zeroize::Zeroizing;

/// A shorter one can be guessed by anyone who has the file.
const LEAST: usize = 12;
/// Longer files are something else.
const MOST: u64 = 64 * 1024;

pub(crate) const FLAG: Flag = Flag::text(
    "passphrase-file",
    "File with the passphrase of the salt file, on its first line. Without it you are asked.",
);

/// The passphrase that opens a salt file.
pub(crate) fn existing(
    session: &mut Session<'_>,
    invocation: &Invocation,
    file: &str,
) -> Result<Zeroizing<String>, Failure> {
    if let Some(given) = from_file(invocation)? {
        return Ok(given);
    }
    ask(session, &format!("Passphrase of {} (will be hidden): ", printable(file)))
}

/// The passphrase for a new salt file, asked for twice.
pub(crate) fn new(session: &mut Session<'_>, invocation: &Invocation) -> Result<Zeroizing<String>, Failure> {
    let given = match from_file(invocation)? {
        Some(given) => given,
        None => {
            let given = ask(session, "Passphrase for the salts (will be hidden): ")?;
            let again = ask(session, "The same once more (will be hidden): ")?;
            if given != again {
                return Err(Failure::usage("The two passphrases differ. Nothing was exported."));
            }
            given
        }
    };
    if given.chars().count() < LEAST {
        return Err(Failure::usage(format!(
            "The passphrase has fewer than {LEAST} characters: anyone who gets the file could guess it. Nothing was exported."
        )));
    }
    Ok(given)
}

fn ask(session: &mut Session<'_>, question: &str) -> Result<Zeroizing<String>, Failure> {
    let answer = session.prompt_hidden(question, false).map_err(|error| {
        Failure::usage(format!("Cannot ask for the passphrase: {error}. Give it with -passphrase-file=FILE."))
    })?;
    Ok(Zeroizing::new(answer.expose().to_owned()))
}

fn from_file(invocation: &Invocation) -> Result<Option<Zeroizing<String>>, Failure> {
    let Some(name) = invocation.text("passphrase-file").filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let text = super::read_limited(name, MOST).map_err(|error| {
        Failure::usage(format!(
            "Cannot read the file of -passphrase-file, {}: {}",
            printable(name),
            os_text(&error)
        ))
    })?;
    let first = text.split(['\n', '\r']).next().unwrap_or_default();
    if first.is_empty() {
        return Err(Failure::usage(format!(
            "The first line of {} is empty: the passphrase must be there.",
            printable(name)
        )));
    }
    Ok(Some(Zeroizing::new(first.to_owned())))
}
