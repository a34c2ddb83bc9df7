//! What a device is given, and what it answers: a batch of lines, how many of them it has, and which it rejects.
//! Never in it: how lines are made.

use rustix::io::Errno;

use super::error::DeviceError;

/// Lines which go out in one write.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Batch<'a> {
    /// Lines in one buffer. `ends` ascends, is the position after each line's newline, and ends at the buffer's end.
    pub const fn new(bytes: &'a [u8], ends: &'a [usize]) -> Self {
        Self { bytes, ends }
    }

    /// All bytes.
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How many lines.
    pub const fn lines(&self) -> usize {
        self.ends.len()
    }

    /// How many lines are whole in the first `written` bytes.
    pub fn whole_lines(&self, written: usize) -> usize {
        self.ends.partition_point(|&end| end <= written)
    }

    /// Where the first `lines` lines end.
    pub fn end_of(&self, lines: usize) -> usize {
        lines.checked_sub(1).map_or(0, |last| self.ends.get(last).copied().unwrap_or(self.bytes.len()))
    }

    /// Each line with its newline.
    pub fn each(&self) -> impl Iterator<Item = &'a [u8]> {
        let (bytes, ends) = (self.bytes, self.ends);
        (0..ends.len()).filter_map(move |at| {
            let start = if at == 0 { 0 } else { ends.get(at - 1).copied()? };
            bytes.get(start..ends.get(at).copied()?)
        })
    }
}

/// Writes all of it, in as many calls as it takes. Says how much was written, and why no more.
pub(super) fn write_all(
    bytes: &[u8],
    mut write: impl FnMut(&[u8]) -> Result<usize, Errno>,
) -> (usize, Option<Errno>) {
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match write(rest) {
            Ok(0) => return (written, Some(Errno::IO)),
            Ok(count) => written += count,
            Err(Errno::INTR) => {}
            Err(errno) => return (written, Some(errno)),
        }
    }
    (written, None)
}

/// The answer to a batch.
#[derive(Clone, Debug)]
#[must_use]
pub struct Appended {
    /// How many lines, from the first on, the device has, but for those named in `rejected`.
    pub lines: usize,
    /// Why it does not have those after them. It has failed then.
    pub error: Option<DeviceError>,
    /// Lines among the first `lines` which it does not have because no try could ever send them, in ascending order.
    /// They say nothing about the device's health.
    pub rejected: Vec<Rejected>,
}

/// A line that a device cannot take for what it is: it is too long for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its place in the batch, from 0.
    pub line: usize,
    /// Why.
    pub error: DeviceError,
}

impl Appended {
    /// The device has all of it.
    pub const fn all(batch: &Batch<'_>) -> Self {
        Self { lines: batch.lines(), error: None, rejected: Vec::new() }
    }

    /// The device has nothing of it.
    pub const fn none(error: DeviceError) -> Self {
        Self::some(0, error)
    }

    /// The device has the first lines.
    pub const fn some(lines: usize, error: DeviceError) -> Self {
        Self { lines, error: Some(error), rejected: Vec::new() }
    }

    /// The same, but for these lines.
    pub fn without(self, rejected: Vec<Rejected>) -> Self {
        Self { rejected, ..self }
    }
}
