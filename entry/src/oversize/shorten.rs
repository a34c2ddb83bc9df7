//! Which facts of an entry a shorter line keeps, level by level; the essential ones always.
//! Never in it: text that is not in the line, except digests of it.

use std::cell::OnceCell;

use sha2::{Digest, Sha256};

use crate::entry::{
    Accessor, Auth, Clear, Data, Entry, Gap, Headers, Mount, Namespace, Path, PolicyResults, Ranges, Request,
    Response, Secret, TemplateText, Token, WrapInfo,
};
use crate::seq_set::SeqRange;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// All except data and headers.
    NoData,
    /// The ids, the operation, the path, the caller and the address, the decision, the error.
    Essential,
    /// The same in few bytes: every text that is not short becomes its digest.
    Bare,
}

/// The longest text that stays as it is in the shortest line, in bytes.
const SHORT: usize = 64;

impl Level {
    /// From the longest line to the shortest.
    pub(super) const ALL: [Self; 3] = [Self::NoData, Self::Essential, Self::Bare];

    /// The shortened entry. `limit` is how long its line may be.
    pub(super) fn of<'a>(self, entry: &Entry<'a>, limit: usize, store: &'a Store) -> Entry<'a> {
        match self {
            Self::NoData => no_data(entry),
            // A text that fills much of the line would leave no room for the others.
            Self::Essential => Shortener { most: (limit / 16).max(SHORT), store }.essential(entry),
            Self::Bare => Shortener { most: SHORT, store }.bare(entry),
        }
    }
}

fn no_data<'a>(entry: &Entry<'a>) -> Entry<'a> {
    let (data, headers) = (Data::default(), Headers::default());
    let request = Request { data, headers, ..entry.request };
    let response = entry.response.map(|response| Response { data, headers, ..response });
    Entry { request, response, ..*entry }
}

/// The storage of texts that the shorter entry has and the longer one had not.
#[derive(Default)]
pub(super) struct Store {
    /// More than an entry has texts that can become digests.
    digests: [OnceCell<String>; 32],
    range: OnceCell<[SeqRange; 1]>,
}

struct Shortener<'a> {
    /// The longest text that stays, in bytes.
    most: usize,
    store: &'a Store,
}

impl<'a> Shortener<'a> {
    fn text(&self, text: &'a str) -> &'a str {
        if text.len() <= self.most {
            return text;
        }
        let free = self.store.digests.iter().find(|cell| cell.get().is_none());
        let digest = || format!("sha256:{}", const_hex::encode(Sha256::digest(text)));
        free.map_or("", |cell| cell.get_or_init(digest))
    }

    fn clear(&self, text: Clear<'a>) -> Clear<'a> {
        Clear::new(self.text(text.as_str()))
    }

    fn token(&self, token: Token<'a>) -> Token<'a> {
        Token::new(self.text(token.reveal()))
    }

    fn accessor(&self, accessor: Accessor<'a>) -> Accessor<'a> {
        Accessor::new(self.text(accessor.reveal()))
    }

    fn essential(&self, entry: &Entry<'a>) -> Entry<'a> {
        let Entry { request, response, .. } = entry;
        Entry {
            auth: self.auth(&entry.auth),
            request: Request {
                client_id: self.clear(request.client_id),
                mount: Mount {
                    point: self.clear(request.mount.point),
                    kind: self.clear(request.mount.kind),
                    ..Mount::default()
                },
                client_token: self.token(request.client_token),
                client_token_accessor: self.accessor(request.client_token_accessor),
                namespace: request.namespace.map(|namespace| Namespace {
                    id: self.clear(namespace.id),
                    path: self.clear(namespace.path),
                }),
                ..self.request(request)
            },
            response: response.map(|response| Response {
                auth: response.auth.map(|auth| self.auth(&auth)),
                secret: response.secret.map(|secret| Secret { lease_id: self.clear(secret.lease_id) }),
                wrap_info: response.wrap_info.map(|info| self.wrap_info(&info)),
                status_code: response.status_code,
                ..Response::default()
            }),
            error: TemplateText::decoded(self.text(entry.error.as_str())),
            forwarded_from: self.clear(entry.forwarded_from),
            gap: entry.gap,
            ..bare_of(entry)
        }
    }

    fn bare(&self, entry: &Entry<'a>) -> Entry<'a> {
        Entry {
            auth: Auth {
                policy_results: decision(&entry.auth),
                token_type: entry.auth.token_type,
                ..Auth::default()
            },
            request: self.request(&entry.request),
            response: entry
                .response
                .map(|response| Response { status_code: response.status_code, ..Response::default() }),
            error: TemplateText::decoded(self.text(entry.error.as_str())),
            gap: entry.gap.map(|gap| self.gap(&gap)),
            ..bare_of(entry)
        }
    }

    fn auth(&self, auth: &Auth<'a>) -> Auth<'a> {
        Auth {
            client_token: self.token(auth.client_token),
            accessor: self.accessor(auth.accessor),
            display_name: self.clear(auth.display_name),
            policy_results: decision(auth),
            entity_id: self.clear(auth.entity_id),
            token_type: auth.token_type,
            ..Auth::default()
        }
    }

    fn request(&self, request: &Request<'a>) -> Request<'a> {
        Request {
            id: self.clear(request.id),
            operation: request.operation,
            path: Path::new(self.text(request.path.text())),
            remote_address: self.clear(request.remote_address),
            remote_port: request.remote_port,
            ..Request::default()
        }
    }

    fn wrap_info(&self, info: &WrapInfo<'a>) -> WrapInfo<'a> {
        WrapInfo {
            ttl: info.ttl,
            token: self.token(info.token),
            accessor: self.accessor(info.accessor),
            creation_time: info.creation_time,
            creation_path: Clear::default(),
            wrapped_accessor: self.accessor(info.wrapped_accessor),
        }
    }

    /// The gap as one range: the count stays exact; the range may include numbers that were not missed.
    fn gap(&self, gap: &Gap<'a>) -> Gap<'a> {
        let mut ranges = gap.ranges.iter();
        let around = ranges.next().map(|first| {
            let to = ranges.last().map_or(first.to, |last| last.to);
            self.store.range.get_or_init(|| [SeqRange { from: first.from, to }])
        });
        Gap {
            missed: gap.missed,
            ranges: around.map_or_else(Ranges::default, |range| Ranges::from(range.as_slice())),
            since: gap.since,
            reason: TemplateText::decoded(self.text(gap.reason.as_str())),
            torn: None,
            boot: gap.boot,
            ended: gap.ended,
        }
    }
}

/// The facts without text, which every line keeps.
fn bare_of<'a>(entry: &Entry<'_>) -> Entry<'a> {
    Entry { forwarded: entry.forwarded, duration_ns: entry.duration_ns, ..Entry::default() }
}

/// The decision, without the policies that granted it.
fn decision<'a>(auth: &Auth<'_>) -> Option<PolicyResults<'a>> {
    auth.policy_results.map(|results| PolicyResults { allowed: results.allowed, ..PolicyResults::default() })
}
