//! The fast scan compared with the decoder, on lines of our formatter whose texts and keys imitate every mark.
//! Never in it: several lines of a log.

use std::sync::Arc;

use onrecord_entry::format::Format;
use onrecord_entry::gap::{Gap as GapFacts, Ranges};
use onrecord_entry::request::{Data, Namespace};
use onrecord_entry::text::Template;
use onrecord_entry::{
    Auth, Boot, Entry, FormatOptions, Formatter, Operation, Request, Response, Salt, Stamp,
};
use onrecord_value::{Object, Time, Value};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Detail, Scanned, Scanner};

/// Texts that could be mistaken for a part of a line.
const HOSTILE: &[&str] = &[
    "{\"time\":\"",
    "{\"time\":\"2026-01-01T00:00:00Z\",\"type\":\"response\",\"auth\":{},\"request\":{\"id\":\"",
    ",\"request\":{\"id\":\"00000000-0000-0000-0000-000000000000\"",
    "},\"record\":{\"seq\":5,\"boot\":\"0000000000000001\",\"salt\":\"0000000000000002\"}}",
    ",\"duration_ns\":5",
    "\"gap\":{\"missed\":1",
    "\"checkpoint\":{\"origin\":\"",
    "\"path\":\"sys/audit/test\"}",
    "<json:object name=\"auth\">",
    "</json:object><json:object name=\"record\"><json:string name=\"boot\">0000000000000001</json:string>",
    "<json:string name=\"id\">00000000-0000-0000-0000-000000000000</json:string>",
    "<json:object>",
    "<json:object name=\"",
    "</json:object>",
    "json:object",
    "</",
    "\\",
    "\"",
    "\\\"",
    "\n",
    "\0",
    "record",
    "request",
    "response",
    "data",
    "namespace",
    "gap",
    "missed",
    "elided",
    "refused",
    "count",
    "checkpoint",
    "origin",
    "part",
    "time",
    "auth",
    "id",
    "seq",
    "boot",
    "salt",
    "type",
    "path",
    "duration_ns",
    "00000000-0000-0000-0000-000000000000",
    "0000000000000001",
    "sys/audit/test",
];

fn text() -> impl Strategy<Value = String> {
    vec(prop_oneof![4 => proptest::sample::select(HOSTILE).prop_map(str::to_owned), 1 => "[ -~äß\u{2028}🦀]{0,8}"], 0..4)
        .prop_map(|parts| parts.concat())
}

fn value() -> impl Strategy<Value = Value> {
    let leaf =
        prop_oneof![text().prop_map(Value::String), Just(Value::Null), any::<u32>().prop_map(Value::from)];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![vec(inner.clone(), 0..4).prop_map(Value::Array), object_of(inner).prop_map(Value::Object)]
    })
}

fn object_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Object> {
    vec((text(), inner), 0..5).prop_map(|members| members.into_iter().collect())
}

#[expect(clippy::struct_excessive_bools, reason = "each is a way in which lines differ")]
#[derive(Clone, Debug)]
struct Hostile {
    texts: Vec<String>,
    request: Object,
    response: Option<Object>,
    duration: u64,
    gap: bool,
    prefix: usize,
    jsonx: bool,
    raw: bool,
    /// The response has an `auth` of its own.
    login: bool,
    seq: u64,
}

const PREFIXES: &[&str] =
    &["", "@cee: ", "{", "{\"", "<", "<json:object>", "é ", "2026-11-22T10:00:00+00:00 host onrecord[7]: "];

fn hostile() -> impl Strategy<Value = Hostile> {
    let places =
        (0..PREFIXES.len(), any::<bool>(), any::<bool>(), any::<bool>(), prop_oneof![Just(0), any::<u64>()]);
    let rest = (prop_oneof![Just(0_u64), any::<u64>()], proptest::bool::weighted(0.1), places);
    (vec(text(), 8), object_of(value()), proptest::option::of(object_of(value())), rest).prop_map(
        |(texts, request, response, (duration, gap, (prefix, jsonx, raw, login, seq)))| Hostile {
            texts,
            request,
            response,
            duration,
            gap,
            prefix,
            jsonx,
            raw,
            login,
            seq,
        },
    )
}

impl Hostile {
    fn line(&self, id: &str) -> Vec<u8> {
        let [name, path, address, point, lease, ..] = self.texts.as_slice() else { panic!("eight texts") };
        let auth = Auth { display_name: name.as_str().into(), ..Auth::default() };
        let mut request = Request {
            id: id.into(),
            operation: Some(Operation::Update),
            namespace: Some(Namespace::ROOT),
            path: path.as_str().into(),
            data: Data::new(&self.request),
            remote_address: address.as_str().into(),
            client_certificate_serial_number: lease.as_str().into(),
            ..Request::default()
        };
        request.mount.point = point.as_str().into();
        let response = self.response.as_ref().map(|data| Response {
            data: Data::new(data),
            auth: self.login.then_some(auth),
            ..Response::default()
        });
        let gap = GapFacts {
            missed: 3,
            ranges: Ranges::default(),
            since: None,
            reason: Template::new(""),
            torn: None,
            boot: None,
            ended: false,
            tree: None,
        };
        let entry = Entry {
            auth,
            request,
            response,
            duration_ns: self.duration,
            gap: self.gap.then_some(gap),
            ..Entry::default()
        };
        let format = if self.jsonx { Format::Jsonx } else { Format::Json };
        let prefix = PREFIXES[self.prefix].to_owned();
        let options = FormatOptions { log_raw: self.raw, format, prefix, ..FormatOptions::default() };
        let first = self.seq.is_multiple_of(2).then(|| Salt::new("its first").id());
        let formatter = Formatter::new(options, Arc::new(Salt::new("a salt"))).with_first_salt(first);
        let stamp = Stamp { time: Time::from_unix_nanos(1), seq: self.seq, boot: Boot::new(9) };
        let mut line = Vec::new();
        formatter.format(&entry, &stamp, &mut line).unwrap();
        line.pop();
        line
    }
}

/// The results of both: the fast scan may leave a line to the decoder, but must not contradict it.
fn both(line: &[u8]) -> (Scanned, Scanned) {
    (Scanner::new(false).scan(line), Scanner::new(true).scan(line))
}

const ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_scan_agrees_with_the_decoder(hostile in hostile(), uuid in any::<bool>()) {
        let id = if uuid { ID } else { &hostile.texts[5] };
        // XML cannot have it.
        let shown = if hostile.jsonx { id.replace('\0', "\u{fffd}") } else { id.to_owned() };
        let line = hostile.line(id);
        match both(&line) {
            (Scanned::Entry(fast), Scanned::Unusual(slow)) => {
                prop_assert_eq!(&fast, &slow.entry);
                prop_assert_eq!((&slow.detail, slow.torn_before), (&Detail::None, 0));
                prop_assert_eq!(fast.id.to_string(), shown);
            }
            (fast, slow) => {
                prop_assert_eq!(&fast, &slow);
                let Scanned::Unusual(unusual) = slow else { panic!("not an entry: {}", String::from_utf8_lossy(&line)) };
                prop_assert_eq!(matches!(unusual.detail, Detail::Gap(_)), hostile.gap);
                prop_assert_eq!(unusual.entry.id.to_string(), shown);
            }
        }
    }

    #[test]
    fn a_truncated_line_is_not_an_entry(hostile in hostile(), part in 0..1000_usize) {
        let line = hostile.line(ID);
        let start = PREFIXES[hostile.prefix].len();
        let end = start + (line.len() - start) * part / 1000;
        let (fast, slow) = both(&line[..end]);
        prop_assert_eq!(&fast, &slow);
        prop_assert!(!matches!(slow, Scanned::Entry(_) | Scanned::Unusual(_)), "{:?}", slow);
    }

    #[test]
    fn a_torn_line_and_the_next_are_told_apart(torn in hostile(), next in hostile(), part in 0..1000_usize) {
        let (mut line, next) = (Hostile { jsonx: false, prefix: 0, ..torn }.line(ID), Hostile { jsonx: false, prefix: 0, ..next }.line(ID));
        line.truncate("{\"time\":\"".len().max(line.len() * part / 1000));
        let torn = line.len();
        line.extend_from_slice(&next);
        let (fast, slow) = both(&line);
        prop_assert_eq!(&fast, &slow);
        let Scanned::Unusual(unusual) = slow else { panic!("{slow:?}") };
        prop_assert_eq!(unusual.torn_before, torn);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_torn_line_is_not_completed_by_the_next(torn in hostile(), next in hostile(), part in 0..1000_usize) {
        let (mut line, next) = (torn.line(ID), next.line(ID));
        line.truncate(line.len() * part / 1000);
        line.extend_from_slice(&next);
        match both(&line) {
            (Scanned::Entry(fast), Scanned::Unusual(slow)) => {
                prop_assert_eq!(&fast, &slow.entry);
                prop_assert_eq!((&slow.detail, slow.torn_before), (&Detail::None, 0));
            }
            (fast, slow) => prop_assert_eq!(fast, slow),
        }
    }
}

/// Otherwise the checker would not be fast.
#[test]
fn usual_lines_are_not_decoded() {
    let plain = Hostile {
        texts: vec![
            "root".into(),
            "kv/data/a".into(),
            "127.0.0.1".into(),
            "kv/".into(),
            String::new(),
            String::new(),
        ],
        request: [("data", Value::from("x"))].into_iter().collect(),
        response: None,
        duration: 0,
        gap: false,
        prefix: 0,
        jsonx: false,
        raw: false,
        login: false,
        seq: 12,
    };
    for jsonx in [false, true] {
        for (prefix, text) in PREFIXES.iter().enumerate() {
            let odd = jsonx && text.starts_with('<');
            let request = Hostile { prefix, jsonx, ..plain.clone() };
            assert!(odd || matches!(both(&request.line(ID)).0, Scanned::Entry(_)), "{prefix} {jsonx}");
            let response = Hostile { response: Some(plain.request.clone()), duration: 77, ..request };
            assert!(odd || matches!(both(&response.line(ID)).0, Scanned::Entry(_)), "{prefix} {jsonx}");
            let login = Hostile { login: true, ..response };
            assert!(odd || matches!(both(&login.line(ID)).0, Scanned::Entry(_)), "{prefix} {jsonx}");
        }
    }
}

/// The scan of JSONx skips the content of objects: a line torn at any byte must not be completed by the next.
#[test]
fn a_torn_line_of_jsonx_is_not_completed_by_the_next() {
    let inner: Object =
        [("time", Value::from("x")), ("type", Value::from("response")), ("json:object", Value::from("x"))]
            .into_iter()
            .collect();
    let data: Object = [
        ("a", Value::Object(inner.clone())),
        ("auth", Value::Object(inner)),
        ("b", Value::Array(vec![Value::from("x")])),
    ]
    .into_iter()
    .collect();
    let hostile = Hostile {
        texts: vec![String::new(); 8],
        request: data.clone(),
        response: Some(data),
        duration: 77,
        gap: false,
        prefix: 0,
        jsonx: true,
        raw: true,
        login: true,
        seq: 12,
    };
    let line = hostile.line(ID);
    assert!(matches!(both(&line).0, Scanned::Entry(_)));
    for end in 1..=line.len() {
        let torn = &line[..end];
        assert!(end == line.len() || !matches!(both(torn).0, Scanned::Entry(_)), "{end}");
        for prefix in ["", "<json:object>", "</json:object>", "</json:object></json:object>", "@cee: "] {
            let (fast, slow) = both(&[torn, prefix.as_bytes(), &line].concat());
            assert_eq!(fast, slow, "{end} {prefix}");
        }
    }
}

#[test]
fn lines_that_are_not_entries_are_recognised() {
    for (line, expected) in [
        (&b""[..], Scanned::Blank),
        (b" \t\r", Scanned::Blank),
        (b"==> onrecord server started", Scanned::NotAnEntry),
        (b"{}", Scanned::NotAnEntry),
        (b"{\"time\":\"2026-01-01T00:00:00Z\"}", Scanned::Torn),
        (b"\xff\xfe", Scanned::NotAnEntry),
    ] {
        assert_eq!(both(line), (expected.clone(), expected));
    }
}
