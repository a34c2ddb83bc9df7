//! The text of a file: pieces of 64 KiB, each authenticated with its number and whether it is the last.
//! Never in it: the header.

use aws_lc_rs::aead::{Aad, Nonce};

use super::stanza::{aead, derive};
use super::{AgeError, FILE_KEY};
use crate::entropy::Entropy;
use crate::secret::SecretBytes;

const NONCE: usize = 16;
const PIECE: usize = 64 * 1024;
const TAG: usize = 16;

pub(super) fn seal(
    file_key: &[u8; FILE_KEY],
    text: &[u8],
    entropy: &dyn Entropy,
    file: &mut Vec<u8>,
) -> Result<(), AgeError> {
    let mut nonce = [0; NONCE];
    entropy.fill(&mut nonce)?;
    file.extend_from_slice(&nonce);
    let key = aead(&derive(file_key, &nonce, b"payload")?)?;
    let last = text.len().div_ceil(PIECE).max(1) - 1;
    for number in 0..=last {
        let from = number * PIECE;
        let piece = text.get(from..text.len().min(from + PIECE)).unwrap_or_default();
        // It is encrypted where it was copied to, with room for its tag: nothing of it stays behind.
        let start = file.len();
        file.reserve_exact(piece.len() + TAG);
        file.extend_from_slice(piece);
        let in_place = file.get_mut(start..).unwrap_or_default();
        let tag = key.seal_in_place_separate_tag(numbered(number, number == last), Aad::empty(), in_place);
        file.extend_from_slice(tag.map_err(|_| AgeError::Library)?.as_ref());
    }
    Ok(())
}

pub(super) fn open(file_key: &[u8; FILE_KEY], payload: &[u8]) -> Result<SecretBytes, AgeError> {
    let (nonce, pieces) = payload.split_at_checked(NONCE).ok_or(AgeError::Form)?;
    let key = aead(&derive(file_key, nonce, b"payload")?)?;
    let count = pieces.len().div_ceil(PIECE + TAG);
    let length = pieces.len().checked_sub(count * TAG).filter(|_| count > 0).ok_or(AgeError::Form)?;
    SecretBytes::with(length, |text| {
        for (number, piece) in pieces.chunks(PIECE + TAG).enumerate() {
            let is_last = number + 1 == count;
            let (body, tag) = piece
                .len()
                .checked_sub(TAG)
                .and_then(|end| piece.split_at_checked(end))
                .ok_or(AgeError::Form)?;
            // Only the text without a character has an empty piece.
            if body.is_empty() && number > 0 {
                return Err(AgeError::Form);
            }
            let from = number * PIECE;
            let into = text.get_mut(from..from + body.len()).ok_or(AgeError::Form)?;
            key.open_separate_gather(numbered(number, is_last), Aad::empty(), body, tag, into)
                .map_err(|_| AgeError::Form)?;
        }
        Ok(())
    })
}

/// The nonce of a piece: its number in eleven bytes, and whether it is the last one.
fn numbered(number: usize, is_last: bool) -> Nonce {
    let mut nonce = [0; 12];
    let number = (number as u64).to_be_bytes();
    nonce.iter_mut().skip(3).zip(number).for_each(|(to, from)| *to = from);
    if let Some(mark) = nonce.last_mut() {
        *mark = u8::from(is_last);
    }
    Nonce::assume_unique_for_key(nonce)
}
