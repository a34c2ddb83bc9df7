//! Common Event Format, version 0: a header of seven parts between bars, and an extension of keys and values.
//! Never in it: a syslog header.

use std::net::IpAddr;

use onrecord_value::printable::printable;

use super::facts::{self, Outcome, PRODUCT, VERSION};
use crate::query::{Field, Row};

/// Appends the line of a row.
pub(super) fn append(row: &Row, out: &mut Vec<u8>) {
    let operation = row.text(Field::Operation).unwrap_or_else(|| "unknown".into());
    let outcome = facts::outcome(row);
    let (severity, name) = match (row.denied(), outcome) {
        (true, _) => ("7", "Request denied by policy"),
        (false, Outcome::Failure) => ("4", "Request failed"),
        (false, Outcome::Success) => ("1", "Request answered"),
        (false, Outcome::Unknown) => ("3", "Request without answer"),
    };
    out.extend_from_slice(b"CEF:0");
    for part in [PRODUCT, "audit", VERSION, &operation, name, severity] {
        out.push(b'|');
        header(part, out);
    }
    out.push(b'|');
    let mut extension = Extension { out, first: true };
    extension.put("rt", &row.time().unix_nanos().div_euclid(1_000_000).to_string());
    extension.put_field("externalId", row, Field::Id);
    extension.put("act", &operation);
    extension.put_field("request", row, Field::Path);
    extension.put(
        "outcome",
        match outcome {
            Outcome::Success => "success",
            Outcome::Failure => "failure",
            Outcome::Unknown => "unknown",
        },
    );
    extension.put_field("reason", row, Field::Error);
    extension.put_field("suser", row, Field::Who);
    extension.put_field("suid", row, Field::Entity);
    match facts::ip(row) {
        Some(IpAddr::V4(ip)) => extension.put("src", &ip.to_string()),
        Some(IpAddr::V6(ip)) => {
            extension.put("c6a2", &ip.to_string());
            extension.put("c6a2Label", "Source IPv6 Address");
        }
        None => extension.put_field("shost", row, Field::Address),
    }
    if let Some(port) = facts::port(row) {
        extension.put("spt", &port.to_string());
    }
    extension.put_field("deviceExternalId", row, Field::Device);
    for (key, label, field) in [
        ("cs1", "mount", Field::Mount),
        ("cs2", "policies", Field::Policy),
        ("cs3", "token", Field::Token),
        ("cs4", "namespace", Field::Namespace),
        ("cs5", "mountType", Field::MountType),
        ("cs6", "deniedBy", Field::DeniedBy),
        ("cn1", "status", Field::Status),
        ("cn2", "durationNanoseconds", Field::Duration),
        ("cn3", "sequence", Field::Seq),
    ] {
        if let Some(text) = row.text(field) {
            extension.put(key, &text);
            extension.put(&format!("{key}Label"), label);
        }
    }
    out.push(b'\n');
}

/// A part of the header: bars and backslashes are escaped.
fn header(text: &str, out: &mut Vec<u8>) {
    escape(&printable(text), b'|', out);
}

fn escape(text: &str, also: u8, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        if byte == b'\\' || byte == also {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

struct Extension<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl Extension<'_> {
    fn put_field(&mut self, key: &str, row: &Row, field: Field) {
        if let Some(text) = row.text(field) {
            self.put(key, &text);
        }
    }

    /// Line breaks become the `\n` of the format; other characters that are not seen become escapes whose backslash is escaped.
    fn put(&mut self, key: &str, value: &str) {
        if !self.first {
            self.out.push(b' ');
        }
        self.first = false;
        self.out.extend_from_slice(key.as_bytes());
        self.out.push(b'=');
        for (number, line) in value.split('\n').enumerate() {
            if number > 0 {
                self.out.extend_from_slice(b"\\n");
            }
            escape(&printable(line), b'=', self.out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Extension, header};

    #[test]
    fn texts_stay_in_their_part() {
        let mut out = Vec::new();
        header("a|b\\c\nd", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a\\|b\\\\c\\\\nd");
        let mut out = Vec::new();
        let mut extension = Extension { out: &mut out, first: true };
        extension.put("suser", "x suid=root\nCEF:0|");
        extension.put("act", "\u{1b}[2J");
        assert_eq!(String::from_utf8(out).unwrap(), "suser=x suid\\=root\\nCEF:0| act=\\\\u{1b}[2J");
    }
}
