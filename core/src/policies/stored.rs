//! The stored form of a policy: a JSON object. Never in it: storage keys, or compiling.

use onrecord_value::Time;

use crate::stored::record;

/// A policy as it was written, and what is noted about it.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// ACL rules, as they were sent.
    pub text: String,
    /// Counts the writes, from 1.
    pub version: u64,
    /// When it was written last.
    pub modified: Time,
    /// Whether a write must say which version it replaces.
    pub cas_required: bool,
}

impl Document {
    /// A policy that the server brings along, and nobody has changed yet.
    pub(super) fn built_in(text: &str) -> Self {
        Self { text: text.to_owned(), version: 1, modified: Time::NEVER, cas_required: false }
    }
}

record! { Document() {
    "cas_required" => cas_required,
    "modified" => modified as Nanos,
    "text" => text,
    "version" => version,
} }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stored::Record as _;

    #[test]
    fn a_policy_survives_storage() {
        let one = Document {
            text: "path \"<a>\" {}\n# é".to_owned(),
            version: 7,
            modified: Time::from_unix(1_700_000_000, 5),
            cas_required: true,
        };
        assert_eq!(
            String::from_utf8_lossy(&one.encode()),
            r#"{"cas_required":true,"modified":1700000000000000005,"text":"path \"\u003ca\u003e\" {}\n# é","version":7}"#
        );
        assert!(Document::decode(&one.encode(), ()) == Some(one));
        assert!(Document::decode(b"{}", ()).is_none());
    }
}
