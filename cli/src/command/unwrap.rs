//! `unwrap`.
//! Never in it: how a response is wrapped.

use crate::command::{
    Command, CommandResult, Failure, Invocation, Output, Session, at_most_one, secret_from_stdin,
};
use crate::print_response;
use onrecord_client::Token;

pub(crate) const COMMAND: Command =
    Command::new("unwrap", "[TOKEN]", "Unwrap a wrapped secret", unwrap)
        .about(
            "Exchanges the wrapping token TOKEN for the response that is wrapped in it, once: afterwards the token is \
             refused. Without TOKEN, the token in use is taken for the wrapping token; if TOKEN is \"-\", it is read from \
             standard input.",
        )
        .examples(&[
            ("Unwrap a response:", "unwrap hvs.CAESIKwwbNCyzTs"),
            ("Print one field of what is wrapped:", "unwrap -field=password hvs.CAESIKwwbNCyzTs"),
        ])
        .output(Output::Field);

fn unwrap(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let token = match at_most_one(&invocation.arguments)? {
        Some("-") => {
            Some(secret_from_stdin(session, invocation, "the wrapping token", "the argument TOKEN")?)
        }
        Some(word) => Some(Token::new(word.trim())),
        None => None,
    };
    let token = token.filter(|token| !token.is_empty());
    let client = session.client(invocation)?;
    // A wrapping token is taken in place of a caller's token too.
    let (client, token) = match (client.token().filter(|own| !own.is_empty()), token) {
        (None, Some(token)) => (client.with_token(token), None),
        (Some(own), Some(token)) if *own == token => (client, None),
        (_, token) => (client, token),
    };
    let work = client.unwrap(token.as_ref().map(Token::expose));
    match session.call(work, "Error unwrapping: ")? {
        Some(found) => print_response::print(session, &found),
        None => Err(Failure::server("Could not find wrapped response")),
    }
}
