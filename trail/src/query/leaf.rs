//! The values of an entry that fields are made of, found in one walk over its line.
//! Never in it: the meaning of a field.

use super::json::{Key, Span, Walker};

/// An object of an entry whose keys are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Entry,
    Auth,
    PolicyResults,
    Request,
    Namespace,
    Response,
    IssuedAuth,
    Secret,
    WrapInfo,
    Data,
    DataMetadata,
    Record,
}

enum Step {
    Skip,
    Leaf(Leaf),
    /// An object with known keys; it is a leaf, too.
    Object(Leaf, Node),
}

macro_rules! leaves {
    ($($node:ident { $($key:literal $leaf:ident $(-> $inner:ident)?;)* })*) => {
        /// A value of an entry.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Leaf {
            $($($leaf,)*)*
        }

        /// How many there are.
        const COUNT: usize = [$($(Leaf::$leaf,)*)*].len();

        fn step(node: Node, key: &[u8]) -> Step {
            match node {
                $(Node::$node => match key {
                    $($key => leaves!(@step $leaf $($inner)?),)*
                    _ => Step::Skip,
                },)*
            }
        }
    };
    (@step $leaf:ident) => { Step::Leaf(Leaf::$leaf) };
    (@step $leaf:ident $inner:ident) => { Step::Object(Leaf::$leaf, Node::$inner) };
}

leaves! {
    Entry {
        b"time" Time;
        b"type" Type;
        b"auth" Auth -> Auth;
        b"request" Request -> Request;
        b"response" Response -> Response;
        b"error" Error;
        b"duration_ns" Duration;
        b"gap" Gap;
        b"elided" Elided;
        b"part" Part;
        b"refused" Refused;
        b"checkpoint" Checkpoint;
        b"record" Record -> Record;
    }
    Auth {
        b"accessor" Accessor;
        b"display_name" DisplayName;
        b"policies" Policies;
        b"token_policies" TokenPolicies;
        b"identity_policies" IdentityPolicies;
        b"policy_results" PolicyResults -> PolicyResults;
        b"entity_id" Entity;
        b"token_type" TokenType;
        b"token_ttl" TokenTtl;
        b"token_issue_time" TokenIssued;
    }
    PolicyResults {
        b"allowed" Allowed;
        b"granting_policies" GrantedBy;
        b"denying_policies" DeniedBy;
    }
    Request {
        b"id" Id;
        b"client_id" ClientId;
        b"operation" Operation;
        b"mount_point" MountPoint;
        b"mount_type" MountType;
        b"client_token" ClientToken;
        b"client_token_accessor" TokenAccessor;
        b"namespace" Namespace -> Namespace;
        b"path" Path;
        b"remote_address" RemoteAddress;
        b"remote_port" RemotePort;
        b"client_address" ClientAddress;
        b"client_port" ClientPort;
        b"client_certificate_serial_number" Serial;
        b"trace_id" Trace;
        b"data_over_limit" RequestOverLimit;
    }
    Namespace {
        b"id" NamespaceId;
        b"path" NamespacePath;
    }
    Response {
        b"auth" IssuedAuth -> IssuedAuth;
        b"secret" Secret -> Secret;
        b"data" Data -> Data;
        b"wrap_info" WrapInfo -> WrapInfo;
        b"status_code" Status;
        b"data_over_limit" ResponseOverLimit;
    }
    IssuedAuth {
        b"accessor" IssuedAccessor;
        b"display_name" IssuedName;
        b"policies" IssuedPolicies;
        b"token_policies" IssuedTokenPolicies;
        b"entity_id" IssuedEntity;
    }
    Secret {
        b"lease_id" Lease;
    }
    WrapInfo {
        b"accessor" WrapAccessor;
    }
    Data {
        b"version" DataVersion;
        b"metadata" DataMetadata -> DataMetadata;
    }
    DataMetadata {
        b"version" MetadataVersion;
    }
    Record {
        b"seq" Seq;
        b"boot" Boot;
        b"salt" Salt;
        b"device" Device;
    }
}

/// Where the values are in the text of an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaves([Span; COUNT]);

impl Leaves {
    /// Walks over an entry in JSON. `None` for another text, and for one that is JSON in an unusual way: with white space of the
    /// control characters, with escapes in known keys, with a known object twice.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        // In blocks without an early return: several bytes at once.
        let has_control =
            |block: &[u8]| block.iter().fold(0, |found, byte| found | u8::from(*byte < b' ')) != 0;
        if text.chunks(64).any(has_control) {
            return None;
        }
        let mut leaves = Self([Span::default(); COUNT]);
        let mut walker = Walker::new(text);
        (walker.opens_object() && leaves.object(&mut walker, Node::Entry).is_some() && walker.is_at_end())
            .then_some(leaves)
    }

    /// The depth is that of the table above.
    fn object(&mut self, walker: &mut Walker<'_>, node: Node) -> Option<()> {
        let mut first = true;
        while let Key::Name(key) = walker.key(first)? {
            first = false;
            match step(node, key) {
                Step::Skip if key.contains(&b'\\') && node != Node::Data && node != Node::DataMetadata => {
                    return None;
                }
                Step::Skip => {
                    walker.value()?;
                }
                Step::Leaf(leaf) => {
                    let value = walker.value()?;
                    self.set(leaf, value);
                }
                Step::Object(leaf, inner) => {
                    if !self.slot(leaf)?.is_empty() {
                        return None;
                    }
                    let start = walker.start();
                    if walker.opens_object() {
                        self.object(walker, inner)?;
                    } else {
                        walker.value()?;
                    }
                    let value = walker.span(start)?;
                    self.set(leaf, value);
                }
            }
        }
        Some(())
    }

    fn slot(&self, leaf: Leaf) -> Option<Span> {
        self.0.get(leaf as usize).copied()
    }

    fn set(&mut self, leaf: Leaf, span: Span) {
        if let Some(slot) = self.0.get_mut(leaf as usize) {
            *slot = span;
        }
    }

    /// The text of a value. A null counts as absent.
    pub(super) fn raw<'t>(&self, text: &'t [u8], leaf: Leaf) -> Option<&'t [u8]> {
        self.slot(leaf)?.of(text).filter(|raw| *raw != b"null")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values_are_found_where_they_are_and_nowhere_else() {
        let text = br#"{"time":"t","type":"response","auth":{"display_name":"ann","metadata":{"accessor":"no"}},"request":{"id":"1","data":{"path":"no"},"path":"a/b"},"response":{"data":{"metadata":{"version":3},"data":{"version":9}},"status_code":200},"record":{"seq":5}}"#;
        let leaves = Leaves::of(text).unwrap();
        let raw = |leaf| leaves.raw(text, leaf).map(|raw| std::str::from_utf8(raw).unwrap());
        assert_eq!(raw(Leaf::DisplayName), Some("\"ann\""));
        assert_eq!(raw(Leaf::Path), Some("\"a/b\""));
        assert_eq!(raw(Leaf::MetadataVersion), Some("3"));
        assert_eq!(raw(Leaf::Seq), Some("5"));
        assert_eq!((raw(Leaf::Accessor), raw(Leaf::DataVersion)), (None, None));
        assert!(raw(Leaf::Request).unwrap().starts_with("{\"id\""));
    }

    #[test]
    fn what_is_unusual_is_left_to_the_decoder() {
        for text in [
            &br#"{"request":{},"request":{}}"#[..],
            br#"{"re\u0071uest":{}}"#,
            b"{\"request\":\t{}}",
            br#"{"request":{}"#,
            b"[]",
        ] {
            assert!(Leaves::of(text).is_none());
        }
        assert!(Leaves::of(br#"{"request":null,"response":{"data":{"a\"b":1}}}"#).is_some());
    }
}
