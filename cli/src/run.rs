//! Runs a command line: find the command, print help or parse the flags, run, print the error, return the exit code.
//! Never in it: what a command does.

use crate::command::table::{self, Lookup};
use crate::command::{Command, Group, status};
use crate::failure::{CommandResult, Failure, USAGE};
use crate::help;
use crate::invocation::{Invocation, requests_help};
use crate::printer::{Format, wrap};
use crate::process::Process;
use crate::session::Session;
use crate::{suggestion, variables};
use onrecord_client::{Method, PreparedRequest, needs_sudo};

const UNKNOWN: u8 = 127;

/// Runs the command that the words behind the program's name describe, and returns the exit code.
pub fn run(process: &mut Process, words: &[String]) -> u8 {
    let mut session = Session::new(process);
    let done = dispatch(&mut session, words);
    let code = finish(&mut session, done);
    match session.flush() {
        Ok(()) => code,
        Err(_) => code.max(USAGE),
    }
}

fn dispatch(session: &mut Session<'_>, words: &[String]) -> CommandResult {
    let program = session.process.program.clone();
    match words.first().map(String::as_str) {
        Some("-h" | "-help" | "--help") => {
            session.print(&help::main(&program))?;
            return Ok(0);
        }
        Some("-v" | "-version" | "--version") => return status::version(session),
        _ => {}
    }
    match table::find(words) {
        Lookup::Command(command, count) => {
            let rest = words.get(count..).unwrap_or_default();
            if command.words == "version" {
                return status::version(session);
            }
            if requests_help(rest) {
                session.print(&help::command(&program, command, &session.process.kinds))?;
                return Ok(0);
            }
            run_command(session, command, rest)
        }
        Lookup::Group(group, unknown) => {
            let text = help::group(&program, group);
            if requests_help(words) {
                session.print(&text)?;
                return Ok(0);
            }
            let unknown = unknown.map(|word| unknown_in_group(&program, group, &word)).unwrap_or_default();
            Err(Failure::usage(format!("{unknown}{}", text.trim_end())))
        }
        Lookup::Unsupported(row) => Err(Failure::usage(row.message(&program))),
        Lookup::Unknown(word) => Err(unknown(&program, &word)),
        Lookup::Empty => Err(Failure::Message(UNKNOWN, help::main(&program).trim_end().to_owned())),
    }
}

fn unknown(program: &str, word: &str) -> Failure {
    let message = if word == "help" {
        format!("For help, use {program} -help, or {program} COMMAND -help.")
    } else if word.starts_with('-') {
        format!(
            "The first word must be a command, not the flag {word}: {program} COMMAND [flags] [arguments]."
        )
    } else {
        let near = suggestion::first_words(word);
        format!("{program} has no command {word:?}. The nearest is {near:?}.")
    };
    Failure::Message(UNKNOWN, format!("{message}\n\n{}", help::main(program).trim_end()))
}

fn unknown_in_group(program: &str, group: &Group, word: &str) -> String {
    let near = suggestion::within(group, word);
    let group = group.words;
    format!("{program} has no command \"{group} {word}\". The nearest is \"{group} {near}\".\n\n")
}

fn run_command(session: &mut Session<'_>, command: &'static Command, words: &[String]) -> CommandResult {
    let invocation =
        command.parse(words).map_err(|error| Failure::Message(command.usage_code(), error.to_string()))?;
    session.prepare(&invocation, command.output)?;
    variables::warn_misspelt(session)?;
    if table::is_alias(command.words) && session.format == Format::Table {
        let (program, old, new) = (&session.process.program, command.words, command.words.replace('-', " "));
        let text = format!(
            "WARNING! The \"{program} {old}\" command is deprecated. Please use \"{program} {new}\" instead."
        );
        session.warn(&format!("{}\n", wrap(&text, 78).join("\n")))?;
    }
    if let Some(flag) = command.refused_flag(&invocation) {
        let (program, words, name, why) = (&session.process.program, command.words, flag.name, flag.refused);
        return Err(Failure::usage(format!(
            "-{name} of \"{program} {words}\" is not supported by OnRecord: {why}."
        )));
    }
    match (command.run)(session, &invocation) {
        Err(Failure::DryRun(request)) => {
            let text = if invocation.is_set("output-policy") {
                as_policy(&request)
            } else {
                as_curl(&session.process.program, &request, &invocation)
            };
            session.print(&format!("{text}\n"))?;
            Ok(0)
        }
        Ok(code) if code == 0 && is_dry_run(&invocation) => {
            Err(Failure::usage("Unable to generate cURL string from command"))
        }
        done => done,
    }
}

fn is_dry_run(invocation: &Invocation) -> bool {
    invocation.is_set("output-curl-string") || invocation.is_set("output-policy")
}

fn finish(session: &mut Session<'_>, done: CommandResult) -> u8 {
    match done {
        Ok(code) => code,
        Err(Failure::Message(code, text)) if text.is_empty() || session.error(&text).is_ok() => code,
        Err(Failure::Message(code, _)) => code.max(USAGE),
        Err(Failure::DryRun(_) | Failure::OutputClosed) => USAGE,
    }
}

fn as_curl(program: &str, request: &PreparedRequest, invocation: &Invocation) -> String {
    let mut words = vec!["curl".to_owned()];
    if request.method != Method::GET {
        words.push(format!("-X {}", request.method));
    }
    if invocation.is_set("tls-skip-verify") {
        words.push("--insecure".to_owned());
    }
    for (flag, option) in
        [("ca-cert", "--cacert"), ("ca-path", "--capath"), ("client-cert", "--cert"), ("client-key", "--key")]
    {
        words.extend(invocation.text(flag).map(|path| format!("{option} {}", quoted(path))));
    }
    let mut headers: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("-H {}", header(name, value))).collect();
    if request.has_token {
        headers.push(format!("-H \"X-Vault-Token: $({program} print token)\""));
    }
    headers.sort();
    words.extend(headers);
    words.extend(request.body.as_ref().map(|body| format!("-d {}", quoted(&String::from_utf8_lossy(body)))));
    // A URL is escaped, so `$` is the only character in it that a shell expands between double quotes.
    let url = &request.url;
    words.push(if url.contains('$') { quoted(url) } else { format!("\"{url}\"") });
    words.join(" ")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

fn header(name: &str, value: &str) -> String {
    let plain = |c: char| !matches!(c, '"' | '$' | '`' | '\\' | '!');
    if value.chars().all(plain) {
        format!("\"{name}: {value}\"")
    } else {
        quoted(&format!("{name}: {value}"))
    }
}

fn as_policy(request: &PreparedRequest) -> String {
    let capabilities = match request.method {
        Method::PUT | Method::POST => "\"create\", \"update\"",
        Method::PATCH => "\"patch\"",
        Method::DELETE => "\"delete\"",
        _ if request.list => "\"list\"",
        _ => "\"read\"",
    };
    let sudo = if needs_sudo(&request.path) { ", \"sudo\"" } else { "" };
    format!("path \"{}\" {{\n  capabilities = [{capabilities}{sudo}]\n}}", request.path)
}
