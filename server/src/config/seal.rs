//! The `seal` stanza: the key of the stored data is split into shares, so there is nothing to configure. A stanza that asks
//! for another kind of seal must not be ignored: the data would not be protected as its operator believes.
//! Never in it: seals.

use onrecord_hcl::Body;

use super::given::Given;
use super::reader::Reader;
use crate::error::FileError;

/// The kind of seal that there is.
const SHAMIR: &str = "shamir";

pub(super) fn check(reader: &Reader, body: &Body, given: &mut Given) -> Result<(), FileError> {
    for block in reader.blocks(body, "seal", 1)? {
        let kind = block.labels.first().copied().unwrap_or_default();
        if kind != SHAMIR {
            let message = format!(
                "unknown seal {kind:?}: there is {SHAMIR:?} only (key shares, see operator init), which needs no stanza"
            );
            return Err(reader.error(block.position, message));
        }
        given.once(reader, "seal", block.position)?;
        reader.refuse_unknown_keys(block.body, &[], "seal \"shamir\": ")?;
    }
    Ok(())
}
