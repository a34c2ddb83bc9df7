//! From words to an exit code: find the command, give help, read the flags, run, tell what went wrong.

use crate::failure::{Done, Failure, USAGE};
use crate::grammar::parse::{self, Found};
use crate::grammar::table::first_words;
use crate::grammar::{Command, Group, Invocation, nearest, table};
use crate::help;
use crate::session::Session;
use crate::world::World;
use onrecord_client::{Method, Prepared, needs_sudo};

/// Exit code of an unknown first word.
const UNKNOWN: u8 = 127;

/// Runs what the words (behind the program's name) say, and gives the exit code.
pub fn run(world: &mut World, words: &[String]) -> u8 {
    let mut session = Session::new(world);
    let done = dispatch(&mut session, words);
    let code = finish(&mut session, done);
    match session.flush() {
        Ok(()) => code,
        Err(_) => code.max(USAGE),
    }
}

fn dispatch(session: &mut Session<'_>, words: &[String]) -> Done {
    let program = session.world.program.clone();
    match words.first().map(String::as_str) {
        Some("-h" | "-help" | "--help") => {
            session.print(&help::main(&program))?;
            return Ok(0);
        }
        Some("-v" | "-version" | "--version") => return crate::command::status::version(session),
        _ => {}
    }
    match parse::find(words) {
        Found::Command(command, count) => {
            let rest = words.get(count..).unwrap_or_default();
            if command.words == "version" {
                return crate::command::status::version(session);
            }
            if parse::asks_for_help(rest) {
                session.print(&help::command(&program, command, &session.world.device_kinds))?;
                return Ok(0);
            }
            run_command(session, command, rest)
        }
        Found::Group(group) => {
            let text = help::group(&program, group);
            if parse::asks_for_help(words) {
                session.print(&text)?;
                return Ok(0);
            }
            Err(Failure::Told(USAGE, text.trim_end().to_owned()))
        }
        Found::NotInGroup(group, word) => {
            let text = help::group(&program, group);
            if parse::asks_for_help(words) {
                session.print(&text)?;
                return Ok(0);
            }
            Err(not_in_group(&program, group, &word, &text))
        }
        Found::Unknown(word) => Err(unknown(&program, &word)),
        Found::Nothing => Err(Failure::Told(UNKNOWN, help::main(&program).trim_end().to_owned())),
    }
}

fn unknown(program: &str, word: &str) -> Failure {
    let words = first_words();
    let help = help::main(program);
    let help = help.trim_end();
    let near = nearest::closest(word, words.iter().copied()).unwrap_or("status");
    let said = if word == "help" {
        format!("Help is a flag: {program} -help, or {program} COMMAND -help.")
    } else if word.starts_with('-') {
        format!(
            "{word} stands where a command is expected; flags come after it: {program} COMMAND [flags] [arguments]."
        )
    } else {
        format!("There is no command {word:?} in {program}; the nearest is {near:?}.")
    };
    Failure::Told(UNKNOWN, format!("{said}\n\n{help}"))
}

fn not_in_group(program: &str, group: &Group, word: &str, help: &str) -> Failure {
    let below = table::below(group.words);
    let near = nearest::closest(word, below.iter().map(|(name, _)| *name)).unwrap_or_default();
    Failure::Told(
        USAGE,
        format!(
            "There is no command \"{0} {word}\" in {program}; the nearest is \"{0} {near}\".\n\n{1}",
            group.words,
            help.trim_end()
        ),
    )
}

fn run_command(session: &mut Session<'_>, command: &'static Command, words: &[String]) -> Done {
    let invocation = parse::parse(command, words)
        .map_err(|error| Failure::Told(command.usage_code(), error.to_string()))?;
    session.prepare(&invocation)?;
    match (command.run)(session, &invocation) {
        Err(Failure::NotSent(request)) => {
            let text = if invocation.is_set("output-policy") {
                as_policy(&request)
            } else {
                as_curl(&session.world.program, &request, &invocation)
            };
            session.print(&format!("{text}\n"))?;
            Ok(0)
        }
        Ok(code) if code == 0 && describes(&invocation) => {
            Err(Failure::usage("Unable to generate cURL string from command"))
        }
        done => done,
    }
}

fn describes(invocation: &Invocation) -> bool {
    invocation.is_set("output-curl-string") || invocation.is_set("output-policy")
}

fn finish(session: &mut Session<'_>, done: Done) -> u8 {
    match done {
        Ok(code) => code,
        Err(Failure::Told(code, text)) => {
            if text.is_empty() || session.error(&text).is_ok() {
                code
            } else {
                code.max(USAGE)
            }
        }
        Err(Failure::NotSent(_) | Failure::Output) => USAGE,
    }
}

/// The request as a line for a POSIX shell.
fn as_curl(program: &str, request: &Prepared, invocation: &Invocation) -> String {
    let mut line = String::from("curl");
    let mut add = |text: &str| {
        line.push(' ');
        line.push_str(text);
    };
    if request.method != Method::Get {
        add(&format!("-X {}", request.method));
    }
    if invocation.is_set("tls-skip-verify") {
        add("--insecure");
    }
    for (flag, option) in
        [("ca-cert", "--cacert"), ("ca-path", "--capath"), ("client-cert", "--cert"), ("client-key", "--key")]
    {
        if let Some(path) = invocation.text(flag) {
            add(&format!("{option} {}", quoted(path)));
        }
    }
    let mut headers: Vec<String> =
        request.headers.iter().map(|(name, value)| format!("-H {}", header(name, value))).collect();
    if request.has_token {
        headers.push(format!("-H \"X-Vault-Token: $({program} print token)\""));
    }
    headers.sort();
    for header in &headers {
        add(header);
    }
    if let Some(body) = &request.body {
        add(&format!("-d {}", quoted(&String::from_utf8_lossy(body))));
    }
    // Of what a shell expands between double quotes only this can stand in a URL.
    add(&if request.url.contains('$') { quoted(&request.url) } else { format!("\"{}\"", request.url) });
    line
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

/// A policy that allows the request.
fn as_policy(request: &Prepared) -> String {
    let mut capabilities = match request.method {
        Method::Get | Method::Head if request.list => vec!["list"],
        Method::Get | Method::Head => vec!["read"],
        Method::Put | Method::Post => vec!["create", "update"],
        Method::Patch => vec!["patch"],
        Method::Delete => vec!["delete"],
    };
    if needs_sudo(&request.path) {
        capabilities.push("sudo");
    }
    let list: Vec<String> = capabilities.iter().map(|name| format!("\"{name}\"")).collect();
    format!("path \"{}\" {{\n  capabilities = [{}]\n}}", request.path, list.join(", "))
}
