//! The device which throws lines away.

use super::batch::{Appended, Batch};
use super::interface::Device;

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
