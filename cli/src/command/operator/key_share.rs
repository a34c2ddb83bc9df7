//! Where a key share comes from: an argument, standard input, or a prompt; and the nonce of the ceremony that it is given to.
//! Never in it: what becomes of it.

use crate::command::{Failure, Invocation, Session, at_most_one, secret_from_stdin};
use onrecord_client::Token;

/// A key share for a server that is sealed.
pub(super) fn read(
    session: &mut Session<'_>,
    invocation: &Invocation,
    key: Option<&str>,
) -> Result<Token, Failure> {
    match key {
        Some("-") => secret_from_stdin(session, invocation, "the key share", "the argument KEY"),
        Some(key) => Ok(Token::new(key.trim())),
        None if invocation.is_set("non-interactive") => {
            Err(Failure::usage("-non-interactive is given, so there is no prompt for the key share: give it as the argument KEY"))
        }
        None => session.prompt_hidden("Unseal Key (will be hidden): ", true).map_err(|error| {
            Failure::usage(format!(
                "An error occurred attempting to ask for an unseal key: {error}. Give the key as an argument, or as \
                 \"-\" to read it from standard input."
            ))
        }),
    }
}

/// A key share and the nonce of the ceremony that it is given to. Without a prompt the nonce must be given: who gives a share
/// says to what.
pub(super) fn read_for_ceremony(
    session: &mut Session<'_>,
    invocation: &Invocation,
    current: &str,
) -> Result<(Token, String), Failure> {
    let key = at_most_one(&invocation.arguments)?;
    let given = invocation.text("nonce").map(str::trim).filter(|nonce| !nonce.is_empty());
    if key.is_some() && given.is_none() {
        return Err(Failure::usage("Missing nonce value: specify it via the -nonce flag. -status shows it."));
    }
    let nonce = given.unwrap_or(current).to_owned();
    if key.is_none() {
        session.print_line(&format!("Operation nonce: {nonce}"))?;
    }
    Ok((read(session, invocation, key)?, nonce))
}

/// Refuses a command line with more than one of these flags.
pub(super) fn only_one_of(invocation: &Invocation, flags: &[&str]) -> Result<(), Failure> {
    let given: Vec<String> =
        flags.iter().filter(|name| invocation.has(name)).map(|name| format!("-{name}")).collect();
    if given.len() > 1 {
        return Err(Failure::usage(format!("Give only one of {}.", given.join(" and "))));
    }
    Ok(())
}
