//! Help texts, made from the table of commands: usage, description, examples, flags by group. 78 columns.
//! Never in it: a text about one command.

use crate::command::{Command, Group, table, unsupported};
use crate::flag::{Flag, HTTP_FLAGS, Output};
use crate::printer::wrap;
use onrecord_audit::device::{COMMON_OPTIONS, DeviceOption};
use onrecord_server::Kinds;

const WIDTH: usize = 78;

pub(crate) fn main(program: &str) -> String {
    const COMMON: [&str; 8] = ["read", "write", "delete", "list", "login", "server", "status", "unwrap"];
    let all = table::below("");
    let synopsis =
        |name: &str| all.iter().find(|(other, _)| *other == name).map_or("", |(_, synopsis)| *synopsis);
    let common: Vec<_> = COMMON.iter().map(|name| (*name, synopsis(name))).collect();
    let other: Vec<_> = all.iter().copied().filter(|(name, _)| !COMMON.contains(name)).collect();
    let wide = widest(&all);
    let mut out = format!("Usage: {program} <command> [args]\n\nCommon commands:\n");
    list(&mut out, &common, wide);
    out.push_str("\nOther commands:\n");
    list(&mut out, &other, wide);
    out.push('\n');
    let names = unsupported::NAMES.iter().map(|row| row.words).filter(|words| !words.contains(' '));
    let names = names.collect::<Vec<_>>().join(", ");
    paragraph(
        &mut out,
        &format!(
            "Not supported by OnRecord: {names}. Each of these commands says why, and what to do instead."
        ),
        0,
    );
    out
}

pub(crate) fn group(program: &str, group: &Group) -> String {
    let below = table::below(group.words);
    let mut out = format!("Usage: {program} {} <subcommand> [options] [args]\n\n", group.words);
    about(&mut out, group.about);
    examples(&mut out, program, group.examples);
    push_line(
        &mut out,
        &format!(
            "  For the options of a subcommand: {program} {} {} -help\n",
            group.words,
            below.first().map_or("", |(name, _)| *name)
        ),
    );
    out.push_str("Subcommands:\n");
    list(&mut out, &below, widest(&below));
    out
}

pub(crate) fn command(program: &str, command: &Command, kinds: &Kinds) -> String {
    let options = if command.all_flags().next().is_some() { "[options] " } else { "" };
    let usage = format!("Usage: {program} {} {options}{}", command.words, command.arguments);
    let mut out = usage.trim_end().to_owned();
    out.push_str("\n\n");
    about(&mut out, command.about);
    examples(&mut out, program, command.examples);
    let own = if command.words.starts_with("kv ") { "Common Options" } else { "Command Options" };
    flags(&mut out, command, own, command.flags);
    if command.takes_device_options() {
        device_options(&mut out, kinds);
    }
    if command.words == "server" {
        storage_options(&mut out, kinds);
    }
    if command.output != Output::Text {
        flags(&mut out, command, "Output Options", command.output.flags());
    }
    if command.http {
        flags(&mut out, command, "HTTP Options", HTTP_FLAGS);
    }
    format!("{}\n", out.trim_end())
}

fn push_line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// A paragraph of lines behind `indent` blanks.
fn paragraph(out: &mut String, text: &str, indent: usize) {
    for line in wrap(text, WIDTH - indent) {
        push_line(out, &format!("{:indent$}{line}", ""));
    }
}

fn about(out: &mut String, text: &str) {
    for text in text.split("\n\n").filter(|text| !text.is_empty()) {
        paragraph(out, text, 2);
        out.push('\n');
    }
}

fn examples(out: &mut String, program: &str, list: &[(&str, &str)]) {
    for (what, words) in list {
        paragraph(out, what, 2);
        push_line(out, &format!("\n      $ {program} {words}\n"));
    }
}

fn entry(out: &mut String, name: &str, text: &str) {
    push_line(out, &format!("  {name}"));
    paragraph(out, text, 6);
    out.push('\n');
}

fn flags(out: &mut String, command: &Command, title: &str, flags: &[Flag]) {
    if flags.is_empty() {
        return;
    }
    push_line(out, &format!("{title}:\n"));
    let raw = command.output == Output::Raw;
    let mut sorted: Vec<&Flag> = flags.iter().filter(|flag| command.lists(flag)).collect();
    sorted.sort_by_key(|flag| flag.name);
    for flag in sorted {
        let value = match flag.kind.name() {
            "" => String::new(),
            kind => format!("=<{kind}>"),
        };
        entry(out, &format!("-{}{value}", flag.name), &describe(flag, raw));
    }
}

fn device_options(out: &mut String, kinds: &Kinds) {
    let described = |option: &DeviceOption| match option.default {
        "" => (option.key, option.about.to_owned()),
        default => (option.key, format!("{} The default is {default}.", option.about)),
    };
    for kind in kinds.devices.iter() {
        let (name, options) = (kind.name(), kind.options().iter().map(described));
        let about = format!("A {name} device {}.", kind.about());
        options_of(out, &format!("Options of TYPE {name}"), &about, options);
    }
    let common = COMMON_OPTIONS.iter().map(described);
    options_of(out, "Options of every TYPE", "These options work with every TYPE.", common);
}

fn storage_options(out: &mut String, kinds: &Kinds) {
    for kind in kinds.backends.iter() {
        let options = kind.options.iter().map(|option| {
            let need = if option.required { "Required" } else { "Optional" };
            (option.key, format!("{need}: {}.", option.about))
        });
        let title = format!("Options of storage {:?} in a configuration", kind.name);
        options_of(out, &title, kind.about, options);
    }
}

/// A section about one kind: each option with its key and what it says.
fn options_of(
    out: &mut String,
    title: &str,
    about: &str,
    options: impl Iterator<Item = (&'static str, String)>,
) {
    push_line(out, &format!("{title}:\n"));
    paragraph(out, about, 2);
    out.push('\n');
    for (key, about) in options {
        entry(out, &format!("{key}=<value>"), &about);
    }
}

/// What a flag does, with its other names. `raw`: whether the command can print bodies unchanged.
pub(crate) fn describe(flag: &Flag, raw: bool) -> String {
    let mut sentences = vec![flag.about.to_owned()];
    if raw && flag.name == "format" {
        sentences.push("\"raw\" prints the body of the response unchanged.".to_owned());
    }
    if !flag.alias.is_empty() {
        sentences.push(format!("This is aliased as \"-{}\".", flag.alias));
    }
    if !flag.refused.is_empty() {
        sentences.push(format!("Not supported by OnRecord: {}.", flag.refused));
    }
    if !flag.default.is_empty() && flag.refused.is_empty() {
        sentences.push(format!("The default is {}.", flag.default));
    }
    if !flag.variable.is_empty() {
        let name = flag.variable;
        sentences.push(format!(
            "This can also be specified via the ONRECORD_{name} or VAULT_{name} environment variable."
        ));
    }
    sentences.join(" ")
}

fn widest(list: &[(&str, &str)]) -> usize {
    list.iter().map(|(name, _)| name.len()).max().unwrap_or(0)
}

fn list(out: &mut String, rows: &[(&str, &str)], wide: usize) {
    for (name, synopsis) in rows {
        push_line(out, &format!("    {name:wide$}    {synopsis}"));
    }
}
