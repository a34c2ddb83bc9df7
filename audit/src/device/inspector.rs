//! Shows a test program every line that the broker gives to any device of this process, before the device has it.
//! Never in a product: it exists under the feature `test-support` only.

use std::sync::OnceLock;

use super::batch::Batch;

static INSPECTOR: OnceLock<fn(&[u8])> = OnceLock::new();

/// Calls this with each line, its newline included, on the thread of its device. The first call of a process counts.
pub fn inspect_lines(inspector: fn(&[u8])) {
    INSPECTOR.get_or_init(|| inspector);
}

pub(crate) fn inspect(batch: &Batch<'_>) {
    if let Some(inspector) = INSPECTOR.get() {
        batch.each().for_each(inspector);
    }
}
