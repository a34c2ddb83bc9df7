//! `login` and `print token`.
//! Never in it: what a login method takes (`login::method`).

pub(crate) mod method;

use crate::command::{Command, CommandResult, Failure, Flag, Invocation, Output, Session, exactly, sanitize};
use crate::data_arguments;
use crate::print_response;
use crate::printer::{Format, wrap};
use method::{FieldKind, LoginMethod};
use onrecord_client::environment::{self, Variables};
use onrecord_client::{Auth, Secret, Token, TokenRef, os_text};
use onrecord_value::{Object, Value};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

pub(crate) const COMMANDS: &[Command] = &[
    Command::new("login", "[TOKEN | - | K=V...]", "Authenticate locally", login)
        .about(
            "Logs in and stores the token in the token file (~/.vault-token), which later commands read. With the method \
             token, the server verifies TOKEN. Without it, you are prompted; if TOKEN is \"-\", it is read from standard \
             input. In both cases the token does not appear in the shell's history.\n\nThe other methods take K=V \
             arguments, and give a new token. \"auth help METHOD\" says which arguments a method takes.",
        )
        .examples(&[
            ("Log in with a prompt for the token:", "login"),
            ("Read the token from a file:", "login - < token.txt"),
            ("Log in with a prompt for the password:", "login -method=userpass username=ann"),
            (
                "Log in at auth/apps/ with a secret id from standard input:",
                "login -method=approle -path=apps role_id=ROLE_ID secret_id=- < secret-id.txt",
            ),
        ])
        .output(Output::Field)
        .flags(&[
            Flag::text("method", "Login method: approle, cert, jwt, token or userpass.").default("token"),
            Flag::bool("no-print", "Do not print the token. It is still stored."),
            Flag::bool("no-store", "Do not store the token."),
            Flag::text(
                "path",
                "Path where the login method is enabled, below auth/. The token method has only one.",
            )
            .default("the method"),
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
    let name = invocation.text("method").unwrap_or("token").trim().to_lowercase();
    let (token, response) = if matches!(name.as_str(), "" | "token") {
        with_token(session, invocation)?
    } else {
        let response = with_method(session, invocation, &name)?;
        if response.wrap_info.is_some() {
            session
                .warn("The login is wrapped, so its token is not stored: \"unwrap\" gives it out once.\n")?;
            return print_response::print(session, &response);
        }
        (token_of(&response)?, response)
    };
    let token_only = invocation.is_set("token-only");
    let store = !invocation.is_set("no-store") && !token_only;
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

/// Verifies a token with the server.
fn with_token(session: &mut Session<'_>, invocation: &Invocation) -> Result<(Token, Secret), Failure> {
    let token = read_token(session, invocation)?;
    if token.is_empty() {
        return Err(Failure::server(
            "Error authenticating: a token must be passed to auth, please view the help for more information",
        ));
    }
    let client = session.client_without_token(invocation)?.with_token(token.clone());
    let found = session.call(client.token_lookup(TokenRef::Own), "Error authenticating: ")?;
    let response = login_response(&token, &found);
    Ok((token, response))
}

/// Logs in with another method.
fn with_method(session: &mut Session<'_>, invocation: &Invocation, name: &str) -> Result<Secret, Failure> {
    let Some(found) = method::find(name) else {
        return Err(method::unknown(&session.process.program, name));
    };
    let interactive = !invocation.is_set("non-interactive");
    let pairs = data_arguments::parse(session.process, &invocation.arguments, interactive)
        .and_then(data_arguments::texts)
        .map_err(|error| Failure::usage(format!("Error parsing configuration: {error}")))?;
    let mut given: Vec<(String, Zeroizing<String>)> =
        pairs.into_iter().map(|(key, value)| (key, Zeroizing::new(value))).collect();
    // `mount` is an older spelling of -path.
    let mount = given.iter().position(|(key, _)| key == "mount").map(|at| given.remove(at).1);
    let path = invocation.text("path").or(mount.as_deref().map(String::as_str)).unwrap_or(name);
    let path = sanitize(path)?;
    let path = path.strip_prefix("auth/").unwrap_or(&path);
    let values = values(session, found, &mut given, interactive)?;
    let (below, body) = method::request(found, &values);
    let client = session.client_without_token(invocation)?;
    session.call(client.login(&format!("auth/{path}/{below}"), body), "Error authenticating: ")
}

/// What a method takes: the given pairs, and prompts for secrets that are not among them.
fn values(
    session: &mut Session<'_>,
    found: &LoginMethod,
    given: &mut Vec<(String, Zeroizing<String>)>,
    interactive: bool,
) -> Result<Vec<(&'static str, Zeroizing<String>)>, Failure> {
    let mut values = Vec::new();
    for field in found.fields {
        let value = given.iter().position(|(key, _)| key == field.name).map(|at| given.remove(at).1);
        let value = match (value, field.kind) {
            // A newline at the end belongs to the file that it comes from.
            (Some(value), _) => Zeroizing::new(value.trim_end_matches(['\r', '\n']).to_owned()),
            (None, FieldKind::Optional) => continue,
            (None, FieldKind::Secret(question)) if interactive => prompt(session, question, field.name)?,
            (None, _) => Zeroizing::default(),
        };
        let is_needed = matches!(field.kind, FieldKind::Required | FieldKind::Segment);
        if is_needed && value.is_empty() {
            return Err(Failure::server(format!("Error authenticating: '{}' must be specified", field.name)));
        }
        values.push((field.name, value));
    }
    if let Some((unknown, _)) = given.first() {
        let known = found.fields.iter().map(|field| field.name).collect::<Vec<_>>().join(", ");
        return Err(Failure::usage(format!(
            "Error parsing configuration: the method {} has no field {unknown:?}. Its fields are {known}.",
            found.name
        )));
    }
    Ok(values)
}

fn prompt(session: &mut Session<'_>, question: &str, field: &str) -> Result<Zeroizing<String>, Failure> {
    let typed = session.prompt_hidden(question, false).map_err(|error| {
        Failure::server(format!(
            "Error authenticating: failed to read {field}: {error}. Give {field}=VALUE, or {field}=- to read it from \
             standard input."
        ))
    })?;
    Ok(Zeroizing::new(typed.expose().to_owned()))
}

/// The token that a login gave.
fn token_of(response: &Secret) -> Result<Token, Failure> {
    let auth = response.auth.as_ref();
    if auth.is_some_and(|auth| auth.mfa_requirement.is_some()) {
        return Err(Failure::server(
            "Error authenticating: the server wants a second factor, which this program cannot give",
        ));
    }
    match auth.and_then(|auth| auth.client_token.as_str()).filter(|token| !token.is_empty()) {
        Some(token) => Ok(Token::new(token)),
        None => Err(Failure::server("Error authenticating: the server's answer has no token")),
    }
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
