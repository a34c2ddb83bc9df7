//! `auth help`: how to log in with a method, named by its type or by the path where it is enabled.
//! Never in it: logins.

use crate::command::login::method::{self, LoginMethod};
use crate::command::{Command, CommandResult, Failure, Invocation, Session, exactly, sanitize, with_slash};
use crate::printer::wrap;
use onrecord_value::Value;

pub(crate) const COMMAND: Command = Command::new(
    "auth help",
    "TYPE | PATH",
    "Print how to log in with a login method",
    help,
)
.about(
    "Prints what \"login\" takes for a login method. It is named by its type, or by the path below auth/ where it is \
     enabled; for a path the server is asked for the type.",
)
.examples(&[
    ("How to log in with a password:", "auth help userpass"),
    ("How to log in with the method at auth/people/:", "auth help people/"),
]);

fn help(session: &mut Session<'_>, invocation: &Invocation) -> CommandResult {
    let [name] = exactly(&invocation.arguments)?;
    let name = sanitize(name)?;
    let found = match method::find(&name) {
        Some(found) => found,
        None => at_path(session, invocation, &name)?,
    };
    let text = usage(&session.process.program, found);
    session.done(text)
}

fn at_path(
    session: &mut Session<'_>,
    invocation: &Invocation,
    path: &str,
) -> Result<&'static LoginMethod, Failure> {
    let client = session.client(invocation)?;
    let methods = session.call(client.auth_methods(), "Error listing enabled authentications: ")?;
    let path = with_slash(path.strip_prefix("auth/").unwrap_or(path));
    let program = &session.process.program;
    let Some(enabled) = methods.get(&path).and_then(Value::as_object) else {
        let known = method::names();
        return Err(Failure::usage(format!(
            "No login method is called {:?} or enabled at auth/{path}. The types are {known}; \"{program} auth list\" lists \
             the enabled ones.",
            path.trim_end_matches('/')
        )));
    };
    let kind = enabled.str("type").unwrap_or_default();
    method::find(kind).ok_or_else(|| {
        Failure::usage(format!(
            "\"{program} login\" has no method {kind:?}, which is enabled at auth/{path}. See \"{program} path-help \
             auth/{path}\"."
        ))
    })
}

fn usage(program: &str, method: &LoginMethod) -> String {
    let mut text = format!("Usage: {program} login -method={}", method.name);
    text.push_str(if method.fields.is_empty() { " [TOKEN | -]\n\n" } else { " [-path=PATH] [K=V...]\n\n" });
    let mut paragraph = |lines: &str, indent: usize, end: &str| {
        for line in wrap(lines, 78 - indent) {
            text.extend([" ".repeat(indent).as_str(), line.as_str(), "\n"]);
        }
        text.push_str(end);
    };
    paragraph(method.about, 2, "\n");
    paragraph("Log in:", 2, "\n");
    paragraph(&format!("$ {program} login -method={} {}", method.name, method.example), 6, "\n");
    for field in method.fields {
        paragraph(&format!("{}=<string>", field.name), 2, "");
        paragraph(field.about, 6, "\n");
    }
    text.trim_end().to_owned()
}
