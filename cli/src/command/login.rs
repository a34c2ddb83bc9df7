//! `login` (token method) and `print token`.
//! Never in it: other login methods.

use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session, exactly};
use crate::data_arguments;
use crate::print_response;
use crate::printer::{Format, wrap};
use onrecord_client::environment::{self, Variables};
use onrecord_client::{Auth, Secret, Token, TokenRef, os_text};
use onrecord_value::{Object, Value};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("login", "[TOKEN | -]", "Authenticate locally", login)
        .about(
            "Verifies a token with the server and stores it in the token file (~/.vault-token), which later \
             commands read. Without TOKEN, you are prompted; if TOKEN is \"-\", it is read from standard \
             input. In both cases the token does not appear in the shell's history.",
        )
        .examples(&[
            ("Log in with a prompt for the token:", "login"),
            ("Read the token from a file:", "login - < token.txt"),
        ])
        .output(Output::Field)
        .flags(&[
            Flag::text("method", "Login method. Only token is supported.").default("token"),
            Flag::bool("no-print", "Do not print the token. It is still stored."),
            Flag::bool("no-store", "Do not store the token."),
            Flag::text("path", "Path of the login method. The token method has only this one.")
                .default("token/"),
            Flag::bool("token-only", "Print only the token and do not store it."),
        ]),
    Command::new("print token", "", "Print the token in use", print_token)
        .about(
            "Prints the token that other commands send: that of the environment, else that of the token \
             file. Without a token, prints an empty line.",
        )
        .examples(&[("Print the token in use:", "print token")])
        .offline(),
];

fn print_token(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    exactly::<0>(&invocation.arguments)?;
    let token = environment::token(session.process)
        .map_err(|error| Failure::server(format!("failed to read the token file: {}", os_text(&error))))?;
    session.done(token.as_ref().map_or("", Token::expose))
}

fn login(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let method = invocation.text("method").unwrap_or("token").trim().to_lowercase();
    if !matches!(method.as_str(), "" | "token") {
        return Err(Failure::usage(format!(
            "Unknown auth method: {method}. Only \"token\" is supported: {} login [TOKEN].",
            session.process.program
        )));
    }
    let token_only = invocation.is_set("token-only");
    let store = !invocation.is_set("no-store") && !token_only;
    let token = read_token(session, invocation)?;
    if token.is_empty() {
        return Err(Failure::server(
            "Error authenticating: a token must be passed to auth, please view the help for more information",
        ));
    }
    let client = session.client_without_token(invocation)?.with_token(token.clone());
    let found = session.call(client.token_lookup(TokenRef::Own), "Error authenticating: ")?;
    let response = login_response(&token, &found);
    if store {
        store_token(session, &token)?;
    }
    if invocation.is_set("no-print") && !token_only {
        return Ok(0);
    }
    if token_only {
        return print_response::print_field(session, Some(Value::from(token.expose())), "token");
    }
    if session.field.is_none() && session.format == Format::Table {
        print_success(session, store)?;
    }
    print_response::print(session, &response)
}

/// The token: an argument, `token=…`, from standard input, or from a prompt.
fn read_token(session: &mut Session<'_>, invocation: &Invocation) -> Result<Token, Failure> {
    let interactive = !invocation.is_set("non-interactive");
    match invocation.arguments.as_slice() {
        [] if !interactive => Ok(Token::new("")),
        [] => session
            .prompt_hidden("Token (will be hidden): ", false)
            .map(|token| Token::new(token.expose().trim()))
            .map_err(|error| {
                Failure::server(format!(
                    "Error authenticating: failed to read the token: {error}. Give the token as an argument, or as \"-\" \
                     to read it from standard input."
                ))
            }),
        [word] if word == "-" => {
            let text = if interactive { session.process.read_stdin() } else { Ok(Zeroizing::default()) };
            let text = text.map_err(|error| {
                Failure::server(format!("Error reading the token from standard input: {}", os_text(&error)))
            })?;
            Ok(Token::new(text.trim()))
        }
        [word] if !word.contains('=') => Ok(Token::new(word.as_str())),
        words => {
            let pairs = data_arguments::parse(session.process, words, interactive)
                .and_then(data_arguments::texts)
                .map(Zeroizing::new)
                .map_err(|error| Failure::usage(format!("Error parsing configuration: {error}")))?;
            Ok(Token::new(pairs.iter().find(|(key, _)| key == "token").map_or("", |(_, value)| value.as_str())))
        }
    }
}

fn login_response(token: &Token, found: &Secret) -> Secret {
    let empty = Object::new();
    let data = found.data.as_ref().unwrap_or(&empty);
    let texts = |key: &str| -> Vec<String> {
        let list = data.get(key).and_then(Value::as_array).unwrap_or_default();
        list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let policies = texts("policies");
    let mut all = policies.clone();
    let identity = texts("identity_policies");
    all.extend(identity.iter().filter(|name| !policies.contains(name)).cloned());
    Secret {
        warnings: found.warnings.clone(),
        auth: Some(Auth {
            client_token: Value::from(token.expose()),
            accessor: data.str("accessor").unwrap_or_default().to_owned(),
            policies: all,
            token_policies: policies,
            identity_policies: Some(identity),
            metadata: data.object("meta").cloned(),
            orphan: data.get("orphan").and_then(Value::as_bool).unwrap_or_default(),
            entity_id: data.str("entity_id").unwrap_or_default().to_owned(),
            lease_duration: data.get("ttl").and_then(Value::as_i64).unwrap_or_default(),
            renewable: data.get("renewable").and_then(Value::as_bool).unwrap_or_default(),
            mfa_requirement: None,
        }),
        ..Secret::default()
    }
}

fn print_success(session: &mut Session<'_>, stored: bool) -> Result<(), Failure> {
    let program = session.process.program.clone();
    if let Some((name, _)) = session.process.setting_filled("TOKEN") {
        let text = format!(
            "WARNING! The {name} environment variable is set! The value of this variable will take precedence; if \
             this is unwanted please unset {name} or update its value accordingly."
        );
        session.warn(&format!("{}\n", wrap(&text, 78).join("\n")))?;
    }
    if !stored {
        session.warn("The token was not stored in the token file. To use it, set VAULT_TOKEN.\n")?;
    }
    let text = format!(
        "Success! You are now authenticated. The token information displayed below is already stored in the token \
         file. \"{program} login\" is not needed again: later commands send this token."
    );
    let unstored =
        "Success! You are now authenticated. The token information displayed below is not stored anywhere.";
    session.print_line(&wrap(if stored { &text } else { unstored }, 78).join("\n"))?;
    session.print_line("")
}

fn store_token(session: &mut Session<'_>, token: &Token) -> Result<(), Failure> {
    let failed = |reason: &str| {
        Failure::server(format!(
            "Error storing token: {reason}\nThe login worked, but the token is not in the token file. To use it, set VAULT_TOKEN."
        ))
    };
    let path = environment::token_file(session.process).ok_or_else(|| {
        failed("neither HOME nor VAULT_TOKEN_PATH is set, so the path of the token file is unknown")
    })?;
    write_private(&path, token)
        .map_err(|error| failed(&format!("open {}: {}", path.display(), os_text(&error))))
}

/// Writes a file that only its owner can read, as a whole or not at all.
fn write_private(path: &Path, token: &Token) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".new-{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
    let written = file.write_all(token.expose().as_bytes()).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        fs::remove_file(&beside)?;
    }
    written
}
