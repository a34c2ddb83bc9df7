//! The register of fields: the one table of the fields of a line, each clear or hashed, with the reason. A field is a value of a type that only this file can construct, and the writer accepts no other: a field that is not
//! in the table cannot be written. The table also generates docs/FORMAT.md, the JSON Schema and the property tests.
//! Never in it: how a treatment is carried out.

use std::marker::PhantomData;

use crate::entry::{EntryType, Operation, TokenType};
use crate::options::ExceededLimit;

/// Whether a field's content can be read in a line of a device that is not raw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// It can be read.
    Clear,
    /// Its hash is written.
    Hashed,
    /// As the operator configured it.
    Configured,
}

impl Visibility {
    /// `clear`, `hashed`, `configured`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clear => "clear",
            Self::Hashed => "hashed",
            Self::Configured => "configured",
        }
    }
}

/// The treatments: the element of such a field in JSONx, whether its content can be read, and the treatment in words.
macro_rules! treatments {
    ($($name:ident $element:literal $visibility:ident $about:literal;)*) => {
        /// How a field's content is written to a line.
        #[allow(clippy::doc_markdown, reason = "the texts are printed for people too")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Treatment {
            $(#[doc = $about] $name,)*
        }

        impl Treatment {
            /// Whether the content can be read.
            pub const fn visibility(self) -> Visibility {
                match self { $(Self::$name => Visibility::$visibility,)* }
            }

            /// The treatment in a few words.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$name => $about,)* }
            }
        }

        /// The kinds of field, each for one method of the writer.
        pub(crate) mod kind {
            $(pub(crate) struct $name;)*
        }

        macro_rules! element {
            $(($name) => { $element };)*
        }
    };
}

treatments! {
    Word "string" Clear "one of a closed list of words";
    Instant "string" Clear "a time that the server made";
    Number "number" Clear "a number";
    Flag "boolean" Clear "true or false";
    Mark "string" Clear "16 hex digits that the server made";
    Clear "string" Clear "a text; a token in it, or what looks like one, is hashed";
    ClearList "array" Clear "a list of texts; tokens in them are hashed";
    ClearMap "object" Clear "texts by name; tokens in them are hashed";
    ClearListMap "object" Clear "lists of texts by name; tokens in them are hashed";
    Path "string" Clear "a path; tokens in it, and segments that a route calls sensitive, are hashed";
    Template "string" Clear "a text of the program, without any text of a client";
    TemplateList "array" Clear "texts of the program, without any text of a client";
    Token "string" Hashed "hashed if there is one";
    TokenAlways "string" Hashed "hashed even where it is empty";
    Accessor "string" Hashed "hashed if there is one; clear on a device with hmac_accessor=false";
    AccessorAlways "string" Hashed "hashed even where it is empty; clear on a device with hmac_accessor=false";
    Data "object" Hashed "every string hashed, except under keys that the mount lists as audit_non_hmac_*_keys; numbers, \
                          truth values and keys clear";
    Headers "object" Configured "each header hashed or clear, as sys/config/auditing/request-headers says";
    Digest "string" Hashed "an HMAC under the device's salt; SHA-256 on a raw device";
    Object "object" Clear "an object of fields";
    ObjectList "array" Clear "a list of objects of fields";
}

/// One row of the register.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The object the field is in.
    pub object: &'static str,
    /// Its key.
    pub key: &'static str,
    /// How its content is written.
    pub treatment: Treatment,
    /// Whether it is written even where it is empty.
    pub always: bool,
    /// The object inside, for [`Treatment::Object`] and [`Treatment::ObjectList`].
    pub inner: Option<&'static str>,
    /// The words, for [`Treatment::Word`].
    pub words: &'static [&'static str],
    /// Why it is clear, or hashed.
    pub reason: &'static str,
}

impl Row {
    const EMPTY: Self = Self {
        object: "",
        key: "",
        treatment: Treatment::Word,
        always: false,
        inner: None,
        words: &[],
        reason: "",
    };
}

/// A field that may be written. Only this file makes them.
pub(crate) struct Field<K> {
    row: Row,
    /// What leads it in JSON: the key with its quotes and colon, after a comma.
    pub(crate) json: &'static str,
    /// What leads it in JSONx: its opening tag.
    pub(crate) jsonx: &'static str,
    kind: PhantomData<K>,
}

impl<K> Field<K> {
    pub(crate) const fn key(&self) -> &'static str {
        self.row.key
    }

    pub(crate) const fn always(&self) -> bool {
        self.row.always
    }
}

macro_rules! presence {
    (always) => {
        true
    };
    (set) => {
        false
    };
}

macro_rules! register {
    ($($(#[$doc:meta])* $object:ident {
        $($name:ident: $kind:ident $(-> $inner:literal)? $(of $words:expr)?, $key:literal, $presence:ident, $reason:literal;)*
    })*) => {
        $(
            $(#[$doc])*
            pub(crate) mod $object {
                use super::{Field, Row, Treatment, kind};
                use std::marker::PhantomData;

                $(
                    pub(crate) const $name: Field<kind::$kind> = Field {
                        row: Row {
                            object: stringify!($object),
                            key: $key,
                            treatment: Treatment::$kind,
                            always: presence!($presence),
                            reason: $reason,
                            $(inner: Some($inner),)?
                            $(words: $words,)?
                            ..Row::EMPTY
                        },
                        json: concat!(",\"", $key, "\":"),
                        jsonx: concat!("<json:", element!($kind), " name=\"", $key, "\">"),
                        kind: PhantomData,
                    };
                )*
            }
        )*

        /// The whole table, in the order of a line.
        pub const REGISTER: &[Row] = &[$($($object::$name.row,)*)*];
    };
}

register! {
    /// The line.
    entry {
        TIME: Instant, "time", always, "the moment of formatting, made by the server";
        TYPE: Word of super::EntryType::WORDS, "type", always, "one of two words";
        AUTH: Object -> "auth", "auth", always, "in every entry";
        REQUEST: Object -> "request", "request", always, "in every entry";
        RESPONSE: Object -> "response", "response", set, "in every response entry, and not in request entries";
        ERROR: Template, "error", set, "the class of the error; a template has no text of the client";
        FORWARDED_FROM: Clear, "forwarded_from", set, "a node's address";
        FORWARDED: Flag, "forwarded", set, "a fact of the server";
        DURATION: Number, "duration_ns", set, "measured by the server; nanoseconds from the request's arrival";
        GAP: Object -> "gap", "gap", set, "only in gap entries";
        ELIDED: Object -> "elided", "elided", set, "only in a line that replaces one too long for the device";
        PART: Object -> "part", "part", set, "only in a line that carries a piece of one too long for the device";
        REFUSED: Object -> "refused", "refused", set, "only in an entry that counts refused requests";
        CHECKPOINT: Object -> "checkpoint", "checkpoint", set, "only in an entry that keeps the checkpoint of another device's tree";
        RECORD: Object -> "record", "record", set, "added by this server; always the last key";
    }
    /// The token of the caller, or the token that is issued.
    auth {
        CLIENT_TOKEN: Token, "client_token", set, "the token gives its rights to its holder";
        ACCESSOR: Accessor, "accessor", set, "with the accessor the token can be looked up and revoked";
        DISPLAY_NAME: Clear, "display_name", set, "readers must see who it was";
        POLICIES: ClearList, "policies", set, "names that operators chose";
        TOKEN_POLICIES: ClearList, "token_policies", set, "names that operators chose";
        IDENTITY_POLICIES: ClearList, "identity_policies", set, "names that operators chose";
        EXTERNAL_NAMESPACE_POLICIES: ClearListMap, "external_namespace_policies", set, "names that operators chose";
        NO_DEFAULT_POLICY: Flag, "no_default_policy", set, "a setting of the token";
        POLICY_RESULTS: Object -> "policy_results", "policy_results", set, "why it was allowed or refused";
        METADATA: ClearMap, "metadata", set, "the logins set it so that readers see who it was";
        NUM_USES: Number, "num_uses", set, "a setting of the token";
        REMAINING_USES: Number, "remaining_uses", set, "the uses before this request";
        ENTITY_ID: Clear, "entity_id", set, "an id made by the server";
        ENTITY_CREATED: Flag, "entity_created", set, "a fact of the login";
        TOKEN_TYPE: Word of super::TokenType::WORDS, "token_type", set, "one of five words";
        TOKEN_TTL: Number, "token_ttl", set, "a setting of the token; whole seconds";
        TOKEN_ISSUE_TIME: Instant, "token_issue_time", set, "made by the server; whole seconds";
    }
    /// What the policies decided.
    policy_results {
        ALLOWED: Flag, "allowed", always, "the decision";
        GRANTING_POLICIES: ObjectList -> "granting_policy", "granting_policies", set, "which policies granted it";
        DENYING_POLICIES: ObjectList -> "granting_policy", "denying_policies", set, "whose rule for the path does not allow it; none where no policy has a rule for the path";
    }
    /// A policy that granted the request, or denied it.
    granting_policy {
        NAME: Clear, "name", set, "a name that an operator chose";
        NAMESPACE_ID: Clear, "namespace_id", set, "an id made by the server";
        NAMESPACE_PATH: Clear, "namespace_path", set, "a path that an operator chose";
        TYPE: Clear, "type", always, "a type of policy";
    }
    /// The request.
    request {
        ID: Clear, "id", set, "made by the server; joins the two entries of a request";
        CLIENT_ID: Clear, "client_id", set, "an entity, or a digest of policy names";
        REPLICATION_CLUSTER: Clear, "replication_cluster", set, "a cluster's name";
        OPERATION: Word of super::Operation::WORDS, "operation", set, "one of eighteen words";
        MOUNT_POINT: Clear, "mount_point", set, "a path that an operator chose";
        MOUNT_TYPE: Clear, "mount_type", set, "a type of engine";
        MOUNT_ACCESSOR: Clear, "mount_accessor", set, "an id made by the server; it gives no rights";
        MOUNT_RUNNING_VERSION: Clear, "mount_running_version", set, "a version";
        MOUNT_RUNNING_SHA256: Clear, "mount_running_sha256", set, "a digest of a program";
        MOUNT_CLASS: Clear, "mount_class", set, "a class of engine";
        MOUNT_IS_EXTERNAL_PLUGIN: Flag, "mount_is_external_plugin", set, "a fact of the mount";
        CLIENT_TOKEN: Token, "client_token", set, "the token gives its rights to its holder";
        CLIENT_TOKEN_ACCESSOR: Accessor, "client_token_accessor", set, "with the accessor the token can be revoked";
        NAMESPACE: Object -> "namespace", "namespace", set, "the namespace of the request";
        PATH: Path, "path", set, "readers must see what was touched; a route may mark parts of it sensitive";
        DATA: Data, "data", set, "the client's text";
        POLICY_OVERRIDE: Flag, "policy_override", set, "set by the client";
        REMOTE_ADDRESS: Clear, "remote_address", set, "readers must see where the request came from";
        REMOTE_PORT: Number, "remote_port", set, "readers must see where the request came from";
        WRAP_TTL: Number, "wrap_ttl", set, "set by the client; seconds";
        HEADERS: Headers, "headers", set, "the client's text; configured headers only";
        CLIENT_CERTIFICATE_SERIAL_NUMBER: Clear, "client_certificate_serial_number", set, "of a verified certificate";
        DATA_OVER_LIMIT: Word of super::ExceededLimit::WORDS, "data_over_limit", set, "says that `data` is a digest, and why: which limit it exceeded, or `unauthenticated`";
        CLIENT_ADDRESS: Clear, "client_address", set, "the client's address as a trusted proxy stated it; `remote_address` is then the proxy's";
        CLIENT_PORT: Number, "client_port", set, "the client's port as that proxy stated it";
        TRACE_ID: Clear, "trace_id", set, "32 hex digits of a `traceparent` header, checked; joins the entries of a trace to other logs";
        PARENT_ID: Clear, "parent_id", set, "16 hex digits of that header: the span of the caller";
    }
    /// A namespace.
    namespace {
        ID: Clear, "id", set, "an id made by the server";
        PATH: Clear, "path", set, "a path that an operator chose";
    }
    /// The answer.
    response {
        AUTH: Object -> "auth", "auth", set, "the token that is issued";
        MOUNT_POINT: Clear, "mount_point", set, "a path that an operator chose";
        MOUNT_TYPE: Clear, "mount_type", set, "a type of engine";
        MOUNT_ACCESSOR: Clear, "mount_accessor", set, "an id made by the server; it gives no rights";
        MOUNT_RUNNING_PLUGIN_VERSION: Clear, "mount_running_plugin_version", set, "a version";
        MOUNT_RUNNING_SHA256: Clear, "mount_running_sha256", set, "a digest of a program";
        MOUNT_CLASS: Clear, "mount_class", set, "a class of engine";
        MOUNT_IS_EXTERNAL_PLUGIN: Flag, "mount_is_external_plugin", set, "a fact of the mount";
        SECRET: Object -> "secret", "secret", set, "says that the answer is a secret";
        DATA: Data, "data", set, "the backend's text";
        WARNINGS: TemplateList, "warnings", set, "a template has no text of the client";
        REDIRECT: Clear, "redirect", set, "an address";
        WRAP_INFO: Object -> "wrap_info", "wrap_info", set, "how the answer is wrapped";
        HEADERS: Headers, "headers", set, "the backend's text";
        STATUS_CODE: Number, "status_code", set, "the HTTP status";
        DATA_OVER_LIMIT: Word of super::ExceededLimit::WORDS, "data_over_limit", set, "says that `data` is a digest, and why: which limit it exceeded, or `unauthenticated`";
    }
    /// A lease.
    secret {
        LEASE_ID: Clear, "lease_id", set, "readers must see what to revoke";
    }
    /// A wrapped answer.
    wrap_info {
        TTL: Number, "ttl", set, "seconds";
        TOKEN: TokenAlways, "token", always, "with the token the answer can be unwrapped";
        ACCESSOR: AccessorAlways, "accessor", always, "with the accessor the token can be revoked";
        CREATION_TIME: Instant, "creation_time", always, "made by the server";
        CREATION_PATH: Clear, "creation_path", set, "the path of the request";
        WRAPPED_ACCESSOR: Accessor, "wrapped_accessor", set, "with the accessor the wrapped token can be revoked";
    }
    /// The summary that replaces a `data` over a limit.
    digest {
        BYTES: Number, "bytes", always, "the length of its JSON text";
        DIGEST: Digest, "digest", always, "of its JSON text; equal data have equal digests on one device, but not those of unauthenticated requests";
        NODES: Number, "nodes", always, "how many values it has";
    }
    /// What a device missed.
    gap {
        MISSED: Number, "missed", always, "how many entries";
        RANGES: ObjectList -> "range", "ranges", set, "which entries, as far as it is known";
        SINCE: Instant, "since", set, "made by the server";
        REASON: Template, "reason", set, "written by the program";
        TORN: Object -> "torn", "torn", set, "an unfinished line that was cut off";
        BOOT: Mark, "boot", set, "the start of the server that the ranges belong to, if it is an earlier one";
        ENDED: Flag, "ended", set, "the device was disabled: its log ends here";
        TREE: Object -> "tree", "tree", set, "only where the entry reports an event of the device's tree";
    }
    /// The tree over the lines of the device.
    tree {
        SIZE: Number, "size", always, "how many entries it has, or had if it was kept aside";
        ROOT: Clear, "root", set, "its root, a hash of hashes";
        LINES: Number, "lines", set, "how many lines the event concerns";
        KEPT_AS: Clear, "kept_as", set, "the folder it was kept in";
    }
    /// The checkpoint of another device's tree.
    checkpoint {
        ORIGIN: Clear, "origin", always, "the name of that log, made of names that operators chose";
        SIZE: Number, "size", always, "how many entries that tree has";
        ROOT: Clear, "root", always, "its root, a hash of hashes";
        NOTE: Clear, "note", always, "the checkpoint as the server signed it";
    }
    /// Requests of one address that were refused without entries of their own.
    refused {
        COUNT: Number, "count", always, "how many requests";
        SINCE: Instant, "since", set, "when the first was refused; made by the server";
        UNTIL: Instant, "until", set, "when the last was refused; made by the server";
        REASON: Template, "reason", set, "written by the program";
    }
    /// Some entries.
    range {
        FROM: Number, "from", always, "the first counter";
        TO: Number, "to", always, "the last counter";
    }
    /// An unfinished line.
    torn {
        BYTES: Number, "bytes", always, "its length";
        SHA256: Clear, "sha256", always, "a digest of what may be hashed text only";
        KEPT_AS: Clear, "kept_as", set, "the file it was kept in";
    }
    /// The longer line that this line replaces.
    elided {
        BYTES: Number, "bytes", always, "the length of the whole line without its newline";
        SHA256: Clear, "sha256", always, "a digest of the whole line without its newline";
    }
    /// A piece of a line.
    part {
        NUMBER: Number, "number", always, "which piece, from 1 on";
        OF: Number, "of", always, "how many pieces";
        BYTES: Number, "bytes", always, "the length of the whole line without its newline";
        SHA256: Clear, "sha256", always, "a digest of the whole line without its newline";
        TEXT: Clear, "text", always, "a piece of the whole line, in which all hashing was done before";
    }
    /// Which record this line is.
    record {
        SEQ: Number, "seq", always, "a counter of the server";
        BOOT: Mark, "boot", always, "the start of the server that the counter belongs to";
        SALT: Mark, "salt", always, "the id of the salt; it reveals nothing of the salt";
        DEVICE: Mark, "device", set, "the id of the device's first salt, if the salt was replaced since: readers see one device";
    }
}

/// A field of a line.
#[derive(Clone, Debug)]
pub struct LineField {
    /// Its path, such as `auth.policy_results.granting_policies[].name`.
    pub path: String,
    /// Its row of the register.
    pub row: &'static Row,
}

/// Every field of a line that has content of its own, in the order of a line.
pub fn line_fields() -> Vec<LineField> {
    let mut fields = Vec::new();
    collect("entry", "", &mut fields);
    fields
}

fn collect(object: &str, before: &str, fields: &mut Vec<LineField>) {
    for row in REGISTER.iter().filter(|row| row.object == object) {
        let path = format!("{before}{}", row.key);
        match (row.treatment, row.inner) {
            (Treatment::ObjectList, Some(inner)) => collect(inner, &format!("{path}[]."), fields),
            (_, Some(inner)) => collect(inner, &format!("{path}."), fields),
            (_, None) => fields.push(LineField { path, row }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Word;

    fn is_read_back<W: Word>(words: &[&str]) -> bool {
        words.iter().all(|word| W::read(word).text() == *word)
    }

    #[test]
    fn the_words_of_the_table_are_those_of_the_types() {
        assert!(is_read_back::<Option<EntryType>>(EntryType::WORDS));
        assert!(is_read_back::<TokenType>(TokenType::WORDS));
        assert!(is_read_back::<Option<Operation>>(Operation::WORDS));
        assert!(is_read_back::<Option<ExceededLimit>>(ExceededLimit::WORDS));
    }

    #[test]
    fn every_inner_object_is_in_the_table_and_every_row_has_a_reason() {
        for row in REGISTER {
            assert!(!row.reason.is_empty(), "{}.{}", row.object, row.key);
            let nests = matches!(row.treatment, Treatment::Object | Treatment::ObjectList);
            assert_eq!(nests, row.inner.is_some(), "{}.{}", row.object, row.key);
            if let Some(inner) = row.inner {
                assert!(REGISTER.iter().any(|other| other.object == inner), "{inner}");
            }
        }
    }

    #[test]
    fn no_object_names_a_key_twice() {
        for (at, row) in REGISTER.iter().enumerate() {
            let twin =
                REGISTER.iter().skip(at + 1).find(|other| other.object == row.object && other.key == row.key);
            assert!(twin.is_none(), "{}.{}", row.object, row.key);
        }
    }

    #[test]
    fn every_row_is_a_field_of_a_line_and_every_path_occurs_once() {
        let fields = line_fields();
        // The summary that replaces a `data` over a limit is not a field of its own.
        for row in REGISTER.iter().filter(|row| row.inner.is_none() && row.object != "digest") {
            let found = fields.iter().any(|field| (field.row.object, field.row.key) == (row.object, row.key));
            assert!(found, "{}.{}", row.object, row.key);
        }
        let mut paths: Vec<_> = fields.iter().map(|field| &field.path).collect();
        paths.sort();
        assert!(paths.windows(2).all(|pair| pair[0] != pair[1]));
        assert!(paths.iter().any(|path| *path == "auth.policy_results.granting_policies[].name"));
    }
}
