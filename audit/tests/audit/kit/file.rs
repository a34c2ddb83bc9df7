//! What the file device's tests share: opening devices in a directory of their own, and lines to write.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use onrecord_audit::device::OptionError;
use onrecord_audit::device::{Appended, Batch};
use onrecord_audit::{Device, DeviceOptions, Placement, SystemClock};
use onrecord_entry::format::Format;
use onrecord_entry::{Boot, Entry, FormatOptions, Formatter, Salt, Stamp};
use onrecord_value::Time;

pub fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub fn open_with(pairs: &[(&str, &str)], placement: &Placement) -> Result<Box<dyn Device>, OptionError> {
    DeviceOptions::parse("file", &options(pairs))?.open(placement, Arc::new(SystemClock::new()))
}

pub fn open(path: &Path, placement: &Placement) -> Result<Box<dyn Device>, OptionError> {
    open_with(&[("file_path", path.to_str().unwrap())], placement)
}

/// The refusal as a client reads it.
pub fn refusal(opened: Result<Box<dyn Device>, OptionError>) -> String {
    match opened {
        Ok(_) => panic!("it was opened"),
        Err(error) => error.to_string(),
    }
}

/// A line as any audit device writes it.
pub fn line(seq: u64) -> Vec<u8> {
    line_in(Format::Json, seq)
}

pub fn line_in(format: Format, seq: u64) -> Vec<u8> {
    let form =
        Formatter::new(FormatOptions { format, ..FormatOptions::default() }, Arc::new(Salt::new("a salt")));
    let stamp = Stamp { time: Time::from_unix_nanos(i128::from(seq)), seq, boot: Boot::new(1) };
    let mut line = Vec::new();
    form.format(&Entry::probe("an id"), &stamp, &mut line).unwrap();
    line
}

/// Appends lines as one batch.
pub fn append(device: &mut dyn Device, lines: &[Vec<u8>]) -> Appended {
    let bytes = lines.concat();
    let mut end = 0;
    let ends: Vec<usize> = lines
        .iter()
        .map(|line| {
            end += line.len();
            end
        })
        .collect();
    device.append(&Batch::new(&bytes, &ends))
}

pub fn mode_of(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

pub fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
