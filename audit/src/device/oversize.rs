//! What becomes of a line that is longer than one message can be. Never in it: sending.

/// What becomes of a line that is longer than one message can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Oversize {
    /// A shorter line goes out in its place, with the size and the SHA-256 of the whole one.
    #[default]
    Elide,
    /// It goes out in numbered parts.
    Split,
    /// It is refused: the device does not have it.
    Fail,
}
