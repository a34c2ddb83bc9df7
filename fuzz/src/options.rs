//! Options of devices. An input is lines: the kind of the device, then `key=value` each.
//! Never in it: opening a device.

use std::collections::BTreeMap;

use onrecord_audit::DeviceOptions;
use onrecord_value::{boolean, duration, size};

/// The longest error, beside what it quotes.
const ERROR_MAX: usize = 1024;

/// Parses the bytes as the options of a device, and each value as a duration, a size and a truth value.
pub fn options(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let kind = lines.next().unwrap_or_default();
    let mut given = BTreeMap::new();
    for line in lines {
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if let Ok(duration) = duration::parse(value) {
            let again = duration::parse(&duration::format(duration));
            assert_eq!(again.ok(), Some(duration), "a duration comes back");
        }
        if let Ok(bytes) = size::parse(value) {
            assert!(
                bytes == 0 || value.contains(|sign: char| sign.is_ascii_digit()),
                "a size is written in digits"
            );
        }
        drop(boolean::parse(value));
        given.insert(key.to_owned(), value.to_owned());
    }
    match DeviceOptions::parse(kind, &given) {
        Ok(options) => {
            assert!(!options.form.prefix.contains('\n'), "a line is a line");
            assert!(options.form.prefix.len() <= 256, "the prefix is short");
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.len() <= ERROR_MAX + 8 * text.len(), "the error is short: {}", said.len());
        }
    }
}
