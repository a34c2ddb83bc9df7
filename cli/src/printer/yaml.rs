//! YAML 1.1 as Go's common writer makes it: sorted keys, lists not indented below their key, quotes
//! only where a plain text would be read as another type. The rules of plain scalars are those of YAML 1.1, sections 5.3 and
//! 9.1; docs/adr/0012-writers-of-our-own.md says why no crate is used.
//! Never in it: streams.

use super::Node;
use onrecord_value::Value;

/// The text, with a newline at the end.
pub(crate) fn text(node: &Node) -> String {
    let value = whole(node);
    let mut out = String::new();
    write_block(&value, 0, &mut out);
    out
}

/// YAML sorts all keys, so a record is an object like any other.
fn whole(node: &Node) -> Value {
    match node {
        Node::Value(value) => value.clone(),
        Node::Record(fields) => {
            Value::Object(fields.iter().map(|(name, node)| (name.clone(), whole(node))).collect())
        }
    }
}

fn write_block(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (index, (key, one)) in object.iter().enumerate() {
                if index > 0 {
                    indent(depth, out);
                }
                write_key(key, out);
                out.push(':');
                write_below(one, depth, out);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            for (index, one) in list.iter().enumerate() {
                if index > 0 {
                    indent(depth, out);
                }
                out.push_str("- ");
                write_block(one, depth + 1, out);
            }
        }
        scalar => write_scalar(scalar, depth, out),
    }
}

fn write_below(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            out.push('\n');
            indent(depth + 1, out);
            write_block(value, depth + 1, out);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            indent(depth, out);
            write_block(value, depth, out);
        }
        scalar => {
            out.push(' ');
            write_scalar(scalar, depth + 1, out);
        }
    }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn write_scalar(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => out.push_str(number.text()),
        Value::Time(time) => write_text(&time.to_string(), depth, out),
        Value::String(text) => write_text(text, depth, out),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
}

fn write_key(key: &str, out: &mut String) {
    if key.contains('\n') { double_quoted(key, out) } else { write_text(key, 0, out) }
}

fn write_text(text: &str, depth: usize, out: &mut String) {
    if text.contains('\n') && literal_allowed(text) {
        literal(text, depth, out);
    } else if text.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'])
        || reads_as_other(text)
        || has_special(text)
    {
        double_quoted(text, out);
    } else if plain_allowed(text) {
        out.push_str(text);
    } else {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    }
}

/// A literal block keeps its text only if no line ends in a blank and nothing needs an escape.
fn literal_allowed(text: &str) -> bool {
    !text.contains(" \n")
        && !text.ends_with(' ')
        && !text.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}'])
        && !has_special(text)
}

fn literal(text: &str, depth: usize, out: &mut String) {
    out.push('|');
    if text.starts_with([' ', '\n']) {
        out.push('2');
    }
    let body = text.trim_end_matches('\n');
    match text.len() - body.len() {
        0 => out.push('-'),
        1 if !body.is_empty() => {}
        _ => out.push('+'),
    }
    out.push('\n');
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        if !line.is_empty() {
            indent(depth.max(1), out);
            out.push_str(line);
        }
        out.push('\n');
    }
}

fn double_quoted(text: &str, out: &mut String) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            '\u{1b}' => out.push_str("\\e"),
            '\u{85}' => out.push_str("\\N"),
            '\u{2028}' => out.push_str("\\L"),
            '\u{2029}' => out.push_str("\\P"),
            other if printable(other) => out.push(other),
            other => {
                let code = u32::from(other);
                let escape = match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                out.push_str(&escape);
            }
        }
    }
    out.push('"');
}

/// YAML's printable characters, without the tab, which the writer escapes.
fn printable(letter: char) -> bool {
    matches!(letter, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

fn has_special(text: &str) -> bool {
    text.chars().any(|letter| letter != '\n' && !printable(letter))
}

/// Whether a text can stand without quotes in a block.
fn plain_allowed(text: &str) -> bool {
    let mut letters = text.chars();
    let Some(first) = letters.next() else {
        return false;
    };
    let second_is_blank = letters.next().is_none_or(|letter| letter == ' ');
    let starts = ["---", "...", " "].iter().any(|start| text.starts_with(start));
    let is_indicator = "#,[]{}&*!|>'\"%@`".contains(first) || ("-?:".contains(first) && second_is_blank);
    !is_indicator && !starts && !text.ends_with([' ', ':']) && !text.contains(": ") && !text.contains(" #")
}

fn reads_as_other(text: &str) -> bool {
    is_word(text) || is_number(text) || is_base_60(text) || is_time(text)
}

/// Words of other types: nulls, booleans, numbers that are none or infinite, and the key that merges maps.
const WORDS: &str = "~ null Null NULL << \
    y Y yes Yes YES n N no No NO true True TRUE false False FALSE on On ON off Off OFF \
    .nan .NaN .NAN .inf .Inf .INF +.inf +.Inf +.INF -.inf -.Inf -.INF";

fn is_word(text: &str) -> bool {
    text.is_empty() || WORDS.split(' ').any(|word| word == text)
}

fn is_number(text: &str) -> bool {
    let digits = text.replace('_', "");
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(&digits);
    let starts = |letter: char| letter.is_ascii_digit() || letter == '.';
    if !unsigned.starts_with(starts) {
        return false;
    }
    let based = |prefixes: [&str; 2], base: u32| {
        prefixes.iter().any(|prefix| {
            unsigned
                .strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|letter| letter.is_digit(base)))
        })
    };
    based(["0x", "0X"], 16) || based(["0b", "0B"], 2) || based(["0o", "0O"], 8) || is_decimal(unsigned)
}

/// Digits with at most one point, and an exponent.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (text, None),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    (!whole.is_empty() || !fraction.is_empty())
        && all_digits(whole)
        && all_digits(fraction)
        && exponent.is_none_or(|part| !part.is_empty() && all_digits(part))
}

/// `1:30`, `-190:20:30.15`: numbers to base 60.
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or_default();
    let rest: Vec<&str> = parts.collect();
    let digits =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let sixty = |part: &str| {
        let whole = part.split('.').next().unwrap_or_default();
        whole.bytes().all(|byte| byte.is_ascii_digit()) && whole.parse::<u8>().is_ok_and(|number| number < 60)
    };
    first.starts_with(|letter: char| letter.is_ascii_digit())
        && digits(first)
        && !rest.is_empty()
        && rest.iter().all(|part| sixty(part))
}

/// `2026-11-22`, with or without a time of day.
fn is_time(text: &str) -> bool {
    let date_end = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (date, time) = text.split_at(date_end);
    let mut parts = date.split('-');
    let number = |part: Option<&str>, sizes: std::ops::RangeInclusive<usize>| {
        part.is_some_and(|part| sizes.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let is_date = number(parts.next(), 4..=4)
        && number(parts.next(), 1..=2)
        && number(parts.next(), 1..=2)
        && parts.next().is_none();
    is_date && (time.is_empty() || is_time_of_day(time.get(1..).unwrap_or_default()))
}

fn is_time_of_day(text: &str) -> bool {
    let clock_end = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let clock = text.get(..clock_end).unwrap_or_default();
    let parts: Vec<&str> = clock.split(':').collect();
    parts.len() == 3
        && parts.iter().all(|part| {
            let whole = part.split('.').next().unwrap_or_default();
            (1..=2).contains(&whole.len()) && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use onrecord_value::{Number, object};

    #[test]
    fn keys_are_sorted_and_lists_are_not_indented() {
        let node = Node::record([
            ("type", "file".into()),
            ("options", object! { "file_path" => "/var/log/audit.log" }.into()),
            ("list", vec!["a", "b"].into()),
            ("maps", Value::Array(vec![object! { "x" => 1, "y" => vec![1] }.into()]).into()),
            ("none", Value::Null.into()),
            ("empty", object! {}.into()),
        ]);
        let expected = "empty: {}\nlist:\n- a\n- b\nmaps:\n- x: 1\n  \"y\":\n  - 1\nnone: null\noptions:\n  file_path: /var/log/audit.log\ntype: file\n";
        assert_eq!(text(&node), expected);
    }

    #[test]
    fn texts_are_quoted_where_another_type_would_be_read() {
        for (value, expected) in [
            ("n", "\"n\""),
            ("2.50", "\"2.50\""),
            ("true", "\"true\""),
            ("y", "\"y\""),
            ("", "\"\""),
            ("1_000", "\"1_000\""),
            ("0x1f", "\"0x1f\""),
            ("1:30", "\"1:30\""),
            ("2026-11-22T10:31:45.969147648Z", "\"2026-11-22T10:31:45.969147648Z\""),
            ("2026-11-22", "\"2026-11-22\""),
            ("@home", "'@home'"),
            ("AUDIT:", "'AUDIT:'"),
            ("a: b", "'a: b'"),
            ("it's", "it's"),
            ("'x'", "'''x'''"),
            ("- a", "'- a'"),
            ("-a", "-a"),
            (" x", "' x'"),
            ("a #b", "'a #b'"),
            ("a\tb", "\"a\\tb\""),
            ("é", "é"),
            ("hmac-sha256:ab", "hmac-sha256:ab"),
            ("1.2.3", "1.2.3"),
            ("768h", "768h"),
            ("secret/", "secret/"),
        ] {
            assert_eq!(text(&Node::from(object! { "k" => value })), format!("k: {expected}\n"), "{value}");
        }
        assert_eq!(text(&Node::from(object! { "n" => 1 })), "\"n\": 1\n");
    }

    #[test]
    fn several_lines_are_a_literal_block() {
        for (value, expected) in [
            ("a\nb", "k: |-\n  a\n  b\n"),
            ("a\nb\n", "k: |\n  a\n  b\n"),
            ("a\n\nb\n\n", "k: |+\n  a\n\n  b\n\n"),
            (" a\nb", "k: |2-\n   a\n  b\n"),
            ("a \nb", "k: \"a \\nb\"\n"),
        ] {
            assert_eq!(text(&Node::from(object! { "k" => value })), expected, "{value:?}");
        }
    }

    #[test]
    fn numbers_keep_their_digits() {
        let number = Number::from_literal("12345678901234567890.50").unwrap();
        assert_eq!(text(&Node::from(object! { "k" => number })), "k: 12345678901234567890.50\n");
    }

    #[test]
    fn lists_alone_are_lists() {
        assert_eq!(text(&Node::texts(&["a".into(), "b".into()])), "- a\n- b\n");
        assert_eq!(text(&Node::from(Vec::<i64>::new())), "[]\n");
    }
}
