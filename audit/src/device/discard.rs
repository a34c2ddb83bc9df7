//! The device which throws lines away.

use super::{Appended, Batch, Device};

/// Has everything and keeps nothing.
#[derive(Debug)]
pub(crate) struct Discard;

impl Device for Discard {
    fn append(&mut self, batch: &Batch<'_>) -> Appended {
        Appended::all(batch)
    }

    fn discards(&self) -> bool {
        true
    }
}
