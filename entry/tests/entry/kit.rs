//! What several of these tests use: the line of an entry, the entry of the formatter vectors, which both formats write,
//! and a gap. Never in it: a test.

use onrecord_entry::auth::TokenType;
use onrecord_entry::gap::{Gap, Torn};
use onrecord_entry::request::{Header, Namespace};
use onrecord_entry::text::{Accessor, Path, Template, Token};
use onrecord_entry::{Auth, Boot, Entry, Formatter, Operation, Request, SeqRange, Stamp};
use onrecord_value::Time;

/// The line of an entry; it is one line, as the published schema has it.
pub(crate) fn line(formatter: &Formatter, entry: &Entry<'_>, stamp: &Stamp) -> String {
    let mut out = Vec::new();
    formatter.format(entry, stamp, &mut out).unwrap();
    onrecord_schema::abort_unless_valid(&out);
    let line = String::from_utf8(out).unwrap();
    assert_eq!(line.find('\n'), Some(line.len() - 1), "an entry is one line");
    line
}

/// The stamp of the formatter vectors.
pub(crate) fn stamp() -> Stamp {
    Stamp { time: Time::parse("2024-01-02T03:04:05.6Z").unwrap(), seq: 7, boot: Boot::new(1) }
}

/// A gap entry's facts, with a value in every field.
pub(crate) fn gap() -> Gap<'static> {
    const RANGES: &[SeqRange] = &[SeqRange { from: 4, to: 5 }, SeqRange { from: 7, to: 7 }];
    Gap {
        missed: 3,
        ranges: RANGES.into(),
        since: Some(Time::UNIX_EPOCH),
        reason: Template::new("write failed"),
        torn: Some(Torn { bytes: 12, sha256: "00".into(), kept_as: "a.log.torn-1".into() }),
        boot: Some(Boot::new(7)),
        ended: true,
        tree: None,
    }
}

/// The entry of the formatter vectors.
pub(crate) fn vector_entry<'a>(headers: &'a [Header<'a>]) -> Entry<'a> {
    Entry {
        auth: Auth {
            client_token: Token::new("foo"),
            accessor: Accessor::new("bar"),
            display_name: "testtoken".into(),
            policies: (&["root"]).into(),
            no_default_policy: true,
            entity_id: "foobarentity".into(),
            token_type: TokenType::Service,
            token_ttl: 14_400,
            token_issue_time: Some(Time::parse("2020-05-28T18:40:18Z").unwrap().into()),
            ..Auth::default()
        },
        request: Request {
            operation: Some(Operation::Update),
            namespace: Some(Namespace::ROOT),
            path: Path::new("/foo"),
            remote_address: "127.0.0.1".into(),
            wrap_ttl: 60,
            headers: headers.into(),
            ..Request::default()
        },
        error: Template::new("this is an error"),
        ..Entry::default()
    }
}
