//! The entry model: the facts in one line of an audit log, borrowed from their owner.
//! Never in it: how they are hashed or written.

/// An enum of the words that a line has in one place.
macro_rules! words {
    ($(#[$doc:meta])* $visibility:vis enum $name:ident {
        $($(#[$about:meta])* $variant:ident = $word:literal,)*
    } $(else $(#[$none:meta])* $absent:ident)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $name {
            $($(#[$about])* $variant,)*
            $($(#[$none])* $absent,)?
        }

        impl $name {
            /// All words.
            pub(crate) const WORDS: &[&str] = &[$($word,)*];

            /// The word in a line.
            $visibility const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                    $(Self::$absent => "",)?
                }
            }
        }

        impl $crate::entry::Word for Option<$name> {
            fn text(self) -> &'static str {
                self.map_or("", $name::as_str)
            }

            fn read(text: &str) -> Self {
                match text {
                    $($word => Some($name::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

pub(crate) use words;

/// A fact that a line has as a word; without one the key is left out.
pub(crate) trait Word {
    /// The word, or an empty text.
    fn text(self) -> &'static str;

    /// The fact of a word.
    fn read(text: &str) -> Self;
}

pub mod auth;
pub mod gap;
mod list;
pub mod request;
pub mod response;
pub mod text;

pub(crate) use auth::*;
pub(crate) use gap::*;
pub(crate) use list::*;
pub(crate) use request::*;
pub(crate) use response::*;
pub(crate) use text::*;

/// One entry: a request that is about to be carried out, or the answer to one that is about to be released.
#[derive(Clone, Copy, Debug, Default)]
pub struct Entry<'a> {
    /// The token of the caller.
    pub auth: Auth<'a>,
    /// The request.
    pub request: Request<'a>,
    /// The response. With it the entry is a response entry, without it a request entry.
    pub response: Option<Response<'a>>,
    /// The class of the error; empty is left out.
    pub error: TemplateText<'a>,
    /// The node which forwarded the request; only in a request entry.
    pub forwarded_from: Clear<'a>,
    /// Whether the request was forwarded; only in a response entry.
    pub forwarded: bool,
    /// From the request's arrival to this entry, nanoseconds; 0 is left out.
    pub duration_ns: u64,
    /// What the device missed; only in a gap entry.
    pub gap: Option<Gap<'a>>,
    /// The longer line that this line replaces.
    pub elided: Option<Elided<'a>>,
    /// The piece of a longer line that this line carries.
    pub part: Option<Part<'a>>,
    /// Requests that have no entries of their own; only in an entry that counts them.
    pub refused: Option<RefusedRequests<'a>>,
    /// The checkpoint of another device's tree; only in an entry that keeps it.
    pub checkpoint: Option<DeviceCheckpoint<'a>>,
}

words! {
    /// The two types of entry.
    pub enum EntryType {
        /// Written after authorisation, before the request has any effect.
        Request = "request",
        /// Written after the request was carried out, before its answer is released.
        Response = "response",
    }
}

/// The longer line that this line replaces. The longer line itself is not written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Elided<'a> {
    /// Its length in bytes: prefix included, newline not.
    pub bytes: u64,
    /// The SHA-256 of these bytes, lower-case hex.
    pub sha256: Clear<'a>,
}

/// One piece of a line that is sent in pieces. The texts, in the order of their numbers, are the whole line.
#[derive(Clone, Copy, Debug, Default)]
pub struct Part<'a> {
    /// Which piece, from 1 on.
    pub number: u64,
    /// How many pieces there are.
    pub of: u64,
    /// The length of the whole line in bytes: prefix included, newline not.
    pub bytes: u64,
    /// The SHA-256 of the whole line, lower-case hex.
    pub sha256: Clear<'a>,
    /// The piece of a line that was already formatted: nothing in it is hashed again.
    pub text: Clear<'a>,
}

impl<'a> Entry<'a> {
    /// Which of the two types it is.
    pub const fn entry_type(&self) -> EntryType {
        if self.response.is_some() { EntryType::Response } else { EntryType::Request }
    }

    /// For a response entry that cannot be formatted: an entry with its ids, operation and status, and without anything
    /// that could be long. `None` for a request entry.
    pub fn bare(&self) -> Option<Entry<'a>> {
        let response = self.response?;
        let request = Request {
            id: self.request.id,
            operation: self.request.operation,
            namespace: Some(Namespace::ROOT),
            remote_address: self.request.remote_address,
            remote_port: self.request.remote_port,
            client_address: self.request.client_address,
            client_port: self.request.client_port,
            trace_id: self.request.trace_id,
            parent_id: self.request.parent_id,
            ..Request::default()
        };
        let response = Some(Response { status_code: response.status_code, ..Response::default() });
        let error = Template::new("the entry could not be formatted");
        Some(Entry { request, response, error, duration_ns: self.duration_ns, ..Entry::default() })
    }

    /// The entry that tests a device before it is enabled, formatted with a throw-away salt. `id` is a random UUID.
    pub fn probe(id: &'a str) -> Self {
        Self::of_server(id, PROBE_PATH)
    }

    /// The entry that declares what a device missed. `id` is a random UUID.
    pub fn gap(id: &'a str, gap: Gap<'a>) -> Self {
        Self { gap: Some(gap), ..Self::of_server(id, GAP_PATH) }
    }

    /// The entry that stands for requests of one address which were refused without entries of their own. `id` is a
    /// random UUID; `address` is empty where they came from too many addresses to tell apart.
    pub fn refused(id: &'a str, address: &'a str, refused: RefusedRequests<'a>) -> Self {
        let entry = Self::of_server(id, REFUSED_PATH);
        let request = Request { remote_address: Clear::new(address), ..entry.request };
        Self { request, refused: Some(refused), ..entry }
    }

    /// The entry that keeps the checkpoint of another device's tree. `id` is a random UUID.
    pub fn checkpoint(id: &'a str, checkpoint: DeviceCheckpoint<'a>) -> Self {
        Self { checkpoint: Some(checkpoint), ..Self::of_server(id, CHECKPOINT_PATH) }
    }

    fn of_server(id: &'a str, path: &'static str) -> Self {
        let request = Request {
            id: Clear::new(id),
            operation: Some(Operation::Update),
            namespace: Some(Namespace::ROOT),
            path: Path::new(path),
            ..Request::default()
        };
        Self { request, ..Self::default() }
    }
}
