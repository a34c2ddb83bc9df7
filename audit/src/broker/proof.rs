//! The proofs that an entry is on record. The broker alone makes them (I3).
//! Never in it: deciding whether an entry is on record.

use crate::cause::Refused;
use onrecord_entry::EntryType;

/// The proof that a request entry is on record as the rule wants it. What carries out the request takes it by reference;
/// what answers takes it by value, together with the [`ResponseOnRecord`], so that one request is answered once. Only a
/// [`Broker`](super::Broker) makes it, and it cannot be cloned.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a request is carried out with this proof in hand"]
pub struct RequestOnRecord {
    seq: u64,
}

/// The proof that a response entry is on record as the rule wants it. What answers takes it by value. Only a
/// [`Broker`](super::Broker) makes it, and it cannot be cloned.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "an answer leaves with this proof in hand"]
pub struct ResponseOnRecord {
    seq: u64,
}

/// The proof that no device was enabled when an entry was to be recorded. It is had from
/// [`Recording::or_unaudited`](super::Recording::or_unaudited) alone.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "nothing is on record: whether that is allowed has to be decided"]
pub struct Unaudited(());

impl Unaudited {
    pub(super) const fn new() -> Self {
        Self(())
    }
}

/// What became of an entry that was not refused, where a broker without devices is allowed.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "whether the entry is on record has to be looked at"]
pub enum Recorded<P> {
    /// It is on record.
    OnRecord(P),
    /// No device is enabled.
    Unaudited(Unaudited),
}

/// Why an entry is not on record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotOnRecord {
    /// The rule is not met. Some devices may have the entry all the same.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No device is enabled.
    #[error("no audit device is enabled")]
    NoDevice,
    /// The entry is not of the type that was to be recorded: a response entry has a
    /// [`response`](onrecord_entry::Entry::response), a request entry has none. It is offered to no device.
    #[error("the entry is a {} entry", .0.as_str())]
    OtherType(EntryType),
}

impl NotOnRecord {
    /// Which devices do not have the entry, and why; `None` if it was offered to none.
    pub fn refused(self) -> Option<Refused> {
        if let Self::Refused(refused) = self { Some(refused) } else { None }
    }
}

/// A proof that an entry is on record: [`RequestOnRecord`] or [`ResponseOnRecord`], and nothing else.
pub trait Proof: made::Made {}

macro_rules! proofs {
    ($($proof:ident of $type:ident,)*) => {$(
        impl $proof {
            /// The number of the entry, counted by this broker from 1 on.
            pub const fn seq(&self) -> u64 {
                self.seq
            }
        }

        impl Proof for $proof {}

        impl made::Made for $proof {
            const TYPE: EntryType = EntryType::$type;

            fn made(seq: u64, _: &made::Maker) -> Self {
                Self { seq }
            }
        }
    )*};
}

proofs! {
    RequestOnRecord of Request,
    ResponseOnRecord of Response,
}

/// How a proof is made. The trait can be reached through [`Proof`] everywhere; a [`Maker`](made::Maker) cannot.
pub(super) mod made {
    use super::EntryType;

    /// A holder of this value can make proofs.
    pub struct Maker(());

    impl Maker {
        pub(in crate::broker) const fn of_the_broker() -> Self {
            Self(())
        }
    }

    pub trait Made: Sized + Unpin {
        const TYPE: EntryType;

        fn made(seq: u64, maker: &Maker) -> Self;
    }
}
