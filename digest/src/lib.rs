//! SHA-256 (FIPS 180-4) of many messages, interleaved. A round of it waits for the one before, and an x86 processor can
//! begin further round instructions long before the first has its result: four messages in turn take half the time that they
//! take one after another. Where a processor lacks these instructions each message is hashed by itself.
//!
//! ```
//! use onrecord_digest::{Message, sha256_each};
//!
//! let lines = ["a line", "another one", "a third"];
//! let hashes = sha256_each(lines.map(|line| Message::text(line.as_bytes())));
//! assert_eq!(hashes.len(), 3);
//! ```
//!
//! Never in this crate: what a message is; secrets (nothing is wiped).

mod message;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use message::Message;

/// The SHA-256 of each message, in their order.
pub fn sha256_each<'m>(messages: impl IntoIterator<Item = Message<'m>>) -> Vec<[u8; 32]> {
    let messages = messages.into_iter();
    #[cfg(target_arch = "x86_64")]
    if let Some(instructions) = x86::ShaInstructions::detect() {
        return instructions.hash_each(messages);
    }
    messages.map(|message| message.sha256()).collect()
}

#[cfg(test)]
mod tests;
