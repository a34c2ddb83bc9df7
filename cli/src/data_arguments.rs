//! Parses `K=V` arguments: `k=v`, `k=@file`, `k=-`, `k=\@text`, `@file.json`, `-`.
//! Never in it: what the pairs mean.

use crate::process::Process;
use onrecord_client::os_text;
use onrecord_value::quote::Quoted;
use onrecord_value::{Object, Value, json};
use std::{io, mem};
use thiserror::Error;
use zeroize::Zeroizing;

#[derive(Debug, Error)]
pub(crate) enum PairsError {
    #[error("invalid key/value pair {}: {reason}", Quoted(argument))]
    Argument { argument: String, reason: String },
    /// Keys whose values must be texts, with Go's name of the type that they have.
    #[error(
        "failed to convert values to strings: decoding failed due to the following error(s):\n{}",
        type_errors(.0)
    )]
    NotText(Vec<(String, &'static str)>),
}

fn type_errors(list: &[(String, &'static str)]) -> String {
    let error = |(key, kind): &(String, &'static str)| {
        format!("\n'[{key}]' expected type 'string', got unconvertible type '{kind}'")
    };
    list.iter().map(error).collect()
}

/// Parses pairs. A key that is given twice becomes a list. If `interactive` is false, standard input counts as empty.
pub(crate) fn parse(
    process: &mut Process,
    arguments: &[String],
    interactive: bool,
) -> Result<Object, PairsError> {
    let mut builder = Builder { process, interactive, consumed: false, pairs: Object::new() };
    for argument in arguments.iter().filter(|argument| !argument.is_empty()) {
        builder
            .argument(argument)
            .map_err(|reason| PairsError::Argument { argument: argument.clone(), reason })?;
    }
    Ok(builder.pairs)
}

struct Builder<'w> {
    process: &'w mut Process,
    interactive: bool,
    consumed: bool,
    pairs: Object,
}

impl Builder<'_> {
    fn argument(&mut self, argument: &str) -> Result<(), String> {
        if argument == "-" {
            let text = self.stdin()?;
            return self.merge(&text);
        }
        let Some((key, value)) = argument.split_once('=') else {
            if let Some(path) = argument.strip_prefix('@') {
                let text = read_file(path)?;
                return self.merge(&text);
            }
            return Err("format must be key=value".to_owned());
        };
        let value = if value == "-" {
            mem::take(&mut *self.stdin()?)
        } else if let Some(path) = value.strip_prefix('@') {
            let text = read_file(path).map_err(|reason| format!("error reading file: {reason}"));
            mem::take(&mut *text?)
        } else if let Some(text) = value.strip_prefix('\\').filter(|text| text.starts_with('@')) {
            text.to_owned()
        } else {
            value.to_owned()
        };
        self.add(key, Value::String(value));
        Ok(())
    }

    /// All of standard input. It may be a secret, so the text is wiped when it is dropped.
    fn stdin(&mut self) -> Result<Zeroizing<String>, String> {
        if mem::replace(&mut self.consumed, true) {
            return Err("stdin already consumed".to_owned());
        }
        if !self.interactive {
            return Ok(Zeroizing::default());
        }
        self.process.read_stdin().map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => "standard input is not UTF-8 text".to_owned(),
            _ => os_text(&error),
        })
    }

    fn merge(&mut self, text: &str) -> Result<(), String> {
        if text.trim().is_empty() {
            return Err("EOF".to_owned());
        }
        let object = json::parse_object(text.as_bytes(), json::Limits::default())
            .map_err(|error| error.to_string())?;
        for (key, value) in object {
            self.add(&key, value);
        }
        Ok(())
    }

    fn add(&mut self, key: &str, value: Value) {
        match self.pairs.get_mut(key) {
            None => {
                self.pairs.insert(key, value);
            }
            Some(Value::Array(list)) => list.push(value),
            Some(first) => {
                let before = mem::take(first);
                *first = Value::Array(vec![before, value]);
            }
        }
    }
}

fn read_file(path: &str) -> Result<Zeroizing<String>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => format!("{path} is not UTF-8 text"),
        _ => format!("open {path}: {}", os_text(&error)),
    });
    text.map(Zeroizing::new)
}

/// Pairs whose values are all texts: numbers keep their digits, `true` is `1`, `false` is `0`, `null` is empty.
pub(crate) fn texts(pairs: Object) -> Result<Vec<(String, String)>, PairsError> {
    let mut list = Vec::new();
    let mut wrong = Vec::new();
    for (key, value) in pairs {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.text().to_owned(),
            Value::Bool(truth) => u8::from(truth).to_string(),
            Value::Array(_) => {
                wrong.push((key, "[]interface {}"));
                continue;
            }
            Value::Object(_) => {
                wrong.push((key, "map[string]interface {}"));
                continue;
            }
            Value::Null | Value::Time(_) => String::new(),
        };
        list.push((key, text));
    }
    if wrong.is_empty() { Ok(list) } else { Err(PairsError::NotText(wrong)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_server::Kinds;
    use std::collections::BTreeMap;
    use std::io::Cursor;

    fn process(stdin: impl AsRef<[u8]>) -> Process {
        Process {
            kinds: Kinds::default(),
            program: "onrecord".to_owned(),
            variables: BTreeMap::new(),
            stdin: Box::new(Cursor::new(stdin.as_ref().to_owned())),
            stdout: Box::new(std::io::sink()),
            stderr: Box::new(std::io::sink()),
            stdin_is_terminal: false,
            stdout_is_terminal: false,
            stderr_is_terminal: false,
        }
    }

    fn built(stdin: &str, arguments: &[&str]) -> Result<String, String> {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        parse(&mut process(stdin), &arguments, true)
            .map(|pairs| String::from_utf8(Value::from(pairs).to_json()).unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_become_pairs() {
        for (stdin, arguments, expected) in [
            ("", &["foo=bar", "bar=baz", "baz="][..], r#"{"bar":"baz","baz":"","foo":"bar"}"#),
            ("", &["bar=\\@baz"], r#"{"bar":"@baz"}"#),
            ("", &["bar=\\"], r#"{"bar":"\\"}"#),
            ("baz", &["bar=-"], r#"{"bar":"baz"}"#),
            (r#"{"foo":"bar"}"#, &["-", "bar=baz"], r#"{"bar":"baz","foo":"bar"}"#),
            ("", &["foo=bar", "foo=baz"], r#"{"foo":["bar","baz"]}"#),
            (r#"{"a":1}"#, &["@foo=bar", "-foo=baz", "-"], r#"{"-foo":"baz","@foo":"bar","a":1}"#),
            ("", &["", "=x", "a=b=c"], r#"{"":"x","a":"b=c"}"#),
            (r#"{"n":2.50,"big":12345678901234567890}"#, &["-"], r#"{"big":12345678901234567890,"n":2.50}"#),
        ] {
            assert_eq!(built(stdin, arguments).unwrap(), expected, "{arguments:?}");
        }
    }

    #[test]
    fn an_error_names_the_argument_and_the_reason() {
        for (stdin, arguments, expected) in [
            ("", &["foo"][..], "invalid key/value pair \"foo\": format must be key=value"),
            (
                "",
                &["k=@nofile"],
                "invalid key/value pair \"k=@nofile\": error reading file: open nofile: no such file or directory",
            ),
            (
                "",
                &["@missing.json"],
                "invalid key/value pair \"@missing.json\": open missing.json: no such file or directory",
            ),
            ("{}", &["-", "-"], "invalid key/value pair \"-\": stdin already consumed"),
            ("", &["-"], "invalid key/value pair \"-\": EOF"),
            (
                "fil",
                &["-"],
                "invalid key/value pair \"-\": invalid character 'i' in literal false (expecting 'a')",
            ),
        ] {
            assert_eq!(built(stdin, arguments).unwrap_err(), expected, "{arguments:?}");
        }
    }

    #[test]
    fn input_that_is_not_text_is_refused_without_being_shown() {
        let parsed = |argument: String| {
            parse(&mut process(b"secret\xff"), &[argument], true).map_err(|error| error.to_string())
        };
        assert_eq!(
            parsed("k=-".to_owned()).unwrap_err(),
            "invalid key/value pair \"k=-\": standard input is not UTF-8 text"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"secret\xff").unwrap();
        let name = file.path().display();
        assert_eq!(
            parsed(format!("k=@{name}")).unwrap_err(),
            format!("invalid key/value pair \"k=@{name}\": error reading file: {name} is not UTF-8 text")
        );
    }

    #[test]
    fn the_content_of_a_file_is_not_trimmed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), " x\n").unwrap();
        let argument = format!("k=@{}", file.path().display());
        assert_eq!(built("", &[&argument]).unwrap(), r#"{"k":" x\n"}"#);
    }

    #[test]
    fn options_are_texts_or_say_why_not() {
        let pairs = parse(&mut process(r#"{"t":true,"n":2.50,"z":null}"#), &["-".to_owned()], true).unwrap();
        let list = texts(pairs).unwrap();
        assert_eq!(
            list,
            [("n".into(), "2.50".into()), ("t".into(), "1".into()), ("z".into(), String::new())]
        );
        let pairs = parse(&mut process(""), &["file_path=a".into(), "file_path=b".into()], true).unwrap();
        assert_eq!(
            texts(pairs).unwrap_err().to_string(),
            "failed to convert values to strings: decoding failed due to the following error(s):\n\n'[file_path]' expected type 'string', got unconvertible type '[]interface {}'"
        );
    }
}
