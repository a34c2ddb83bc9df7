//! Writes JSON as Go's `encoding/json` does with HTML escaping on: no spaces, sorted keys, `<`, `>` and `&`
//! as `\u003c`, `\u003e` and `\u0026`. Appends to a buffer of the caller; it never allocates on its own.
//! Never in it: the syntax of any other format.

use super::scan::clean_len;
use crate::{Object, Value};

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends the JSON text of a value. A [`crate::Time`] is written in RFC 3339 with nanoseconds.
pub fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => out.extend_from_slice(number.text().as_bytes()),
        Value::String(text) => write_str(text, out),
        Value::Time(time) => {
            out.push(b'"');
            time.rfc3339_nano(out);
            out.push(b'"');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(item, out);
            }
            out.push(b']');
        }
        Value::Object(object) => write_object(object, out),
    }
}

/// Appends the JSON text of a map.
pub fn write_object(object: &Object, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (key, value)) in object.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_str(key, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

/// Appends a text as a JSON string with its quotes.
#[inline]
pub fn write_str(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escape(text, out);
    out.push(b'"');
}

/// Appends a text with JSON's escapes, without quotes around it.
#[inline]
pub fn escape(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    loop {
        let Some((clean, dirty)) = rest.split_at_checked(clean_len(rest)) else { return };
        out.extend_from_slice(clean);
        let Some((&byte, after)) = dirty.split_first() else { return };
        rest = escape_one(byte, after, out);
    }
}

/// Writes one character that begins with `byte` and returns what comes after it.
fn escape_one<'a>(byte: u8, after: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let short = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        0xe2 => {
            if let [0x80, last @ (0xa8 | 0xa9), after @ ..] = after {
                out.extend_from_slice(if *last == 0xa8 { b"\\u2028" } else { b"\\u2029" });
                return after;
            }
            out.push(byte);
            return after;
        }
        _ => {
            let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or(b'0');
            out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 0x0f)]);
            return after;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
    after
}

#[cfg(test)]
mod tests {
    use super::write_str;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_str(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_as_go_escapes_them() {
        assert_eq!(written("a\"b\\c/d'e"), r#""a\"b\\c/d'e""#);
        assert_eq!(written("\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}"), "\"\\n\\r\\t\\b\\f\\u0000\\u001f\u{7f}\"");
        assert_eq!(written("<a href='x'>&amp;"), r#""\u003ca href='x'\u003e\u0026amp;""#);
        assert_eq!(written("\u{2028}\u{2029}\u{202a}é😀€"), "\"\\u2028\\u2029\u{202a}é😀€\"");
    }
}
