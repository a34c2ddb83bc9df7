//! The fields of a row: names that people type, what each means, and where it is in a line.
//! Never in it: how a line is read.

use onrecord_value::suggest;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A text.
    Text,
    /// A list of texts.
    List,
    /// A whole number.
    Number,
    /// Nanoseconds.
    Duration,
    /// A point in time.
    Time,
    /// True or false.
    Flag,
}

/// What is known of a field.
#[derive(Clone, Copy, Debug)]
pub struct FieldInfo {
    /// The name in filters and in the head of a column.
    pub name: &'static str,
    /// Other names that a filter may use.
    pub aliases: &'static [&'static str],
    /// What it holds.
    pub kind: FieldKind,
    /// What it means, for help.
    pub help: &'static str,
}

macro_rules! fields {
    ($($name:ident $text:literal [$($alias:literal)*] $kind:ident $help:literal;)*) => {
        /// A field of a row.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field {
            $(#[doc = $help] $name,)*
        }

        impl Field {
            /// All fields, in the order of help.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// What is known of it.
            pub const fn info(self) -> FieldInfo {
                match self {
                    $(Self::$name => FieldInfo {
                        name: $text,
                        aliases: &[$($alias),*],
                        kind: FieldKind::$kind,
                        help: $help,
                    },)*
                }
            }
        }
    };
}

fields! {
    Time "time" [] Time "When the request arrived: the time of its request entry, or of its answer if that is missing";
    Id "id" ["request_id"] Text "The id that the two entries of a request share";
    Type "type" [] Text "response if the request was answered, request if the logs have no answer";
    Operation "op" ["operation"] Text "create, read, update, patch, delete, list, …";
    Path "path" [] Text "The path, without v1/. In a filter, secret/app also means the paths of a version 2 KV mount (secret/data/app, …)";
    Status "status" ["status_code"] Number "The HTTP status of the answer; servers that do not record it have none";
    Denied "denied" ["refused_by_policy"] Flag "Whether policies refused it";
    Error "error" [] Text "The class of the error";
    Who "who" ["display_name" "user"] Text "The display name of the token; for a login, of the token that it issued";
    Token "token" ["accessor"] Text "The accessor of the token as the log has it, or the token itself if it has no accessor, as one that is not valid; a filter may give either, and of a hash the first 12 characters";
    Issued "issued" ["issued_token"] Text "The accessor of the token that the answer issued";
    Wrapping "wrapping" ["wrapping_token"] Text "The accessor of the wrapping token that the answer issued";
    Entity "entity" ["entity_id"] Text "The id of the entity";
    Address "ip" ["address" "client"] Text "The address of the client; behind a trusted proxy, as the proxy stated it. A filter may give a block of them, such as 203.0.113.0/24";
    RemoteAddress "remote" ["remote_address"] Text "The address of the other end of the connection";
    Mount "mount" ["mount_point"] Text "The mount, for instance secret/";
    MountType "mount_type" ["engine"] Text "The type of the mount, for instance kv";
    Namespace "namespace" ["ns"] Text "The path of the namespace; root for the root namespace";
    Policy "policy" ["policies"] List "The policies of the token and its entity";
    TokenPolicies "token_policies" ["token_policy"] List "The policies of the token alone";
    IdentityPolicies "identity_policies" ["identity_policy"] List "The policies that the entity and its groups add";
    GrantedBy "granted_by" [] List "The policies that granted the request";
    DeniedBy "denied_by" [] List "The policies whose rule refused the request";
    TokenType "token_type" [] Text "service, batch, …";
    TokenIssued "token_issued" ["token_issue_time"] Time "When the token was issued";
    TokenTtl "token_ttl" [] Number "The lifetime of the token, seconds";
    Duration "duration" ["took"] Duration "From the request's arrival to its answer";
    Version "version" [] Number "The version that a read of a version 2 KV mount returned, or that a write made";
    Lease "lease" ["lease_id"] Text "The id of the lease that the answer has";
    Serial "serial" ["certificate"] Text "The serial number of the client's certificate";
    Trace "trace" ["trace_id"] Text "The id of the trace";
    ClientId "client_id" [] Text "Who is counted as the client";
    Port "port" [] Number "The port of the client";
    Device "device" ["salt"] Text "The id of the device's salt";
    Boot "boot" [] Text "The start of the server";
    Seq "seq" [] Number "The number of the entry within its start";
    Elided "elided" [] Flag "Whether the device shortened the entry, because it was too long";
}

impl Field {
    /// The name in filters and in the head of a column.
    pub const fn name(self) -> &'static str {
        self.info().name
    }

    /// What it means, for help.
    pub const fn help(self) -> &'static str {
        self.info().help
    }

    /// What it holds.
    pub const fn kind(self) -> FieldKind {
        self.info().kind
    }

    /// Whether an entry that was shortened lacks it only if the whole one does: a long text is there as a digest.
    pub(super) const fn is_in_every_entry(self) -> bool {
        matches!(
            self,
            Self::Time
                | Self::Id
                | Self::Type
                | Self::Operation
                | Self::Path
                | Self::Status
                | Self::Denied
                | Self::Error
                | Self::Address
                | Self::RemoteAddress
                | Self::Port
                | Self::Duration
                | Self::Device
                | Self::Boot
                | Self::Seq
                | Self::Elided
        )
    }

    /// The field of a name or another name of it, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let is = |other: &str| other.eq_ignore_ascii_case(name);
        Self::ALL
            .iter()
            .copied()
            .find(|field| is(field.name()) || field.info().aliases.iter().any(|alias| is(alias)))
    }

    /// The name that is nearest to a misspelt one.
    pub fn near(name: &str) -> Option<&'static str> {
        let names = Self::ALL
            .iter()
            .flat_map(|field| std::iter::once(field.name()).chain(field.info().aliases.iter().copied()));
        suggest::nearest(name, names)
    }
}
