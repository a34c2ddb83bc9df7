//! The positions of a line whose bytes depend on the device's salt. With the bytes of another salt patched in, it is the
//! line of another device with the same options.
//! Never in it: the text of a hash, except as the entry itself holds it.

use crate::salt::{Salt, SaltId, hex_digits};

/// What is written at a position. It holds texts in the clear, so it has no `Debug`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patch<'e> {
    Text(&'e [u8]),
    /// The hash of a token or an accessor.
    Token(&'e [u8]),
    /// The hash of a token or an accessor, with a number that identifies the text in this process.
    NumberedToken(&'e [u8], u64),
    /// The hash that is at an earlier position of the line.
    CopyOf(usize),
    SaltId,
    FirstSaltId,
}

#[derive(Default)]
pub(crate) struct PatchList<'e> {
    /// Where the digits begin, in the order in which they were written.
    list: Vec<(usize, Patch<'e>)>,
    /// Whether the list has every position that depends on the salt.
    complete: bool,
}

/// A list with a larger capacity is not reused.
const REUSED_CAPACITY_MAX: usize = 4096;

impl<'e> PatchList<'e> {
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.complete = false;
    }

    #[inline]
    pub(crate) fn push(&mut self, at: usize, patch: Patch<'e>) {
        self.list.push((at, patch));
    }

    pub(crate) fn set_complete(&mut self, complete: bool) {
        self.complete = complete;
    }

    /// Patches a line for another salt; false if the list is not complete, or a patch does not fit the line.
    pub(crate) fn apply(&self, line: &mut [u8], salt: &Salt, first: Option<SaltId>) -> bool {
        self.complete && self.list.iter().all(|(at, patch)| apply(line, *at, *patch, salt, first).is_some())
    }

    /// An empty list that reuses this one's memory, for another entry.
    pub(crate) fn recycled(mut self) -> PatchList<'static> {
        self.list.clear();
        if self.list.capacity() > REUSED_CAPACITY_MAX {
            return PatchList::default();
        }
        // The list is empty: the closure never runs, and `collect` reuses the allocation.
        let list = self.list.into_iter().map(|(at, _)| (at, Patch::SaltId)).collect();
        PatchList { list, complete: false }
    }
}

fn apply(line: &mut [u8], at: usize, patch: Patch<'_>, salt: &Salt, first: Option<SaltId>) -> Option<()> {
    let digest = match patch {
        Patch::Text(text) => salt.digest(text),
        Patch::Token(text) => salt.token_digest(text),
        Patch::NumberedToken(text, number) => salt.numbered_token_digest(text, number),
        Patch::CopyOf(earlier) => {
            let end = earlier.checked_add(DIGITS).filter(|end| *end <= at && at + DIGITS <= line.len())?;
            line.copy_within(earlier..end, at);
            return Some(());
        }
        Patch::SaltId | Patch::FirstSaltId => {
            let id = if patch == Patch::SaltId { salt.id() } else { first? };
            *line.get_mut(at..)?.first_chunk_mut()? = hex_digits(id.number());
            return Some(());
        }
    };
    const_hex::encode_to_slice(digest, line.get_mut(at..at.checked_add(DIGITS)?)?).ok()
}

/// How many digits a hash has.
const DIGITS: usize = 64;
