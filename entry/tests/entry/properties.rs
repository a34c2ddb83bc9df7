//! Properties of every line, over entries that are generated from the register itself.
//! Never in it: an entry written by hand.

use std::sync::Arc;

use onrecord_entry::auth::CacheKey;
use onrecord_entry::decode::DecodedEntry;
use onrecord_entry::format::{Format, Limits, Lines};
use onrecord_entry::register::{REGISTER, Row, Treatment};
use onrecord_entry::request::{Data, Header};
use onrecord_entry::text::{Path, Private};
use onrecord_entry::{Boot, Entry, FormatOptions, Formatter, Request, Salt, Stamp, decode};
use onrecord_value::{Number, Object, Time, Value};
use proptest::prelude::*;

use crate::kit;

const CANARY: &str = "canary-7f3a";
/// Stands in tokens and accessors; another one, because a token is hashed wherever else it occurs.
const SECRET: &str = "secret-91c2";
const TOKEN: &str = "hvs.canaryCANARYcanary0123456789";
const TIME: &str = "2026-01-02T03:04:05.000000006Z";

/// A small generator; its numbers depend on nothing but the seed that a property gives it.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}

/// What is put in the places of a generated line.
struct Contents<'a> {
    /// In texts that the register hashes.
    secret: &'a str,
    /// In texts that the register calls clear.
    clear: &'a str,
    data: &'a Object,
    headers: bool,
}

/// An object of the register: every row that is always there, and the others if the dice say so.
fn object_of(name: &str, dice: &mut Dice, odds: u64, contents: &Contents<'_>) -> Object {
    let rows = REGISTER.iter().filter(|row| row.object == name);
    rows.filter_map(|row| {
        let there = row.always || dice.roll(odds) > 0;
        let wanted = match (row.object, row.key) {
            // The writer of a line adds it; a gap and a digest are not for every entry.
            ("entry", "record" | "response") | (_, "data_over_limit") => false,
            (_, "headers") => contents.headers,
            _ => there,
        };
        wanted.then(|| Some((row.key.to_owned(), value_of(row, dice, odds, contents)?))).flatten()
    })
    .collect()
}

fn value_of(row: &Row, dice: &mut Dice, odds: u64, contents: &Contents<'_>) -> Option<Value> {
    let texts = || Value::from(vec![contents.clear, contents.clear]);
    Some(match row.treatment {
        Treatment::Word if row.key == "type" => Value::from("request"),
        Treatment::Word => {
            Value::from(row.words[usize::try_from(dice.roll(row.words.len() as u64)).unwrap()])
        }
        Treatment::Instant => Value::from(TIME),
        Treatment::Number => Value::from(1 + dice.roll(65_535)),
        Treatment::Flag => Value::from(true),
        Treatment::Mark => Value::from("0123456789abcdef"),
        Treatment::Clear | Treatment::Path if contents.clear.is_empty() && !row.always => return None,
        Treatment::Clear | Treatment::Path => Value::from(contents.clear),
        Treatment::ClearList => texts(),
        Treatment::Template => Value::from("a template"),
        Treatment::TemplateList => Value::from(vec!["a template"]),
        Treatment::ClearMap => Value::from(Object::from_iter([(contents.clear, contents.clear)])),
        Treatment::ClearListMap | Treatment::Headers => {
            Value::from(Object::from_iter([(contents.clear, texts())]))
        }
        Treatment::Token | Treatment::Accessor if contents.secret.is_empty() => return None,
        Treatment::Token | Treatment::TokenAlways | Treatment::Accessor | Treatment::AccessorAlways => {
            Value::from(contents.secret)
        }
        Treatment::Data if contents.data.is_empty() => return None,
        Treatment::Data => Value::from(contents.data.clone()),
        Treatment::Digest => return None,
        Treatment::Object => Value::from(object_of(row.inner.unwrap(), dice, odds, contents)),
        Treatment::ObjectList => Value::from(vec![object_of(row.inner.unwrap(), dice, odds, contents)]),
    })
}

/// A line of every field that the register has, or of some.
fn generated(seed: u64, odds: u64, contents: &Contents<'_>) -> DecodedEntry {
    let mut dice = Dice(seed);
    let mut line = object_of("entry", &mut dice, odds, contents);
    if dice.roll(odds) > 0 {
        line.insert("type", "response");
        line.insert("response", object_of("response", &mut dice, odds, contents));
    }
    let decoded = decode(&Value::from(line).to_json()).unwrap();
    assert!(decoded.unknown().is_empty());
    decoded
}

fn formatter(options: FormatOptions) -> Formatter {
    Formatter::new(options, Arc::new(Salt::new("a salt")))
}

fn line(formatter: &Formatter, entry: &Entry<'_>) -> String {
    kit::line(formatter, entry, &Stamp { time: Time::parse(TIME).unwrap(), seq: 1, boot: Boot::new(2) })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just(CANARY.to_owned()),
        "[a-z./]{1,8}".prop_map(|text| format!("{text}{CANARY}")),
        any::<String>(),
        "[sbr.h]{0,4}\\.[A-Za-z0-9_-]{18,30}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(Value::Number(Number::from_literal("1e400").unwrap())),
        1 => any::<i32>().prop_map(|seconds| Value::from(Time::from_unix(seconds.into(), 5))),
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            data_of(inner).prop_map(Value::from)
        ]
    })
}

/// Map keys are clear up to 256 bytes: a canary stands only in longer ones.
fn data_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Object> {
    let long = "[a-z]{0,8}".prop_map(|text| format!("{text}{CANARY}{}", "k".repeat(256)));
    let key = prop_oneof![8 => "[a-z_]{0,8}", 1 => long, 1 => Just(TOKEN.to_owned())];
    prop::collection::vec((key, inner), 0..5).prop_map(|members| members.into_iter().collect())
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Json), Just(Format::Jsonx)]
}

fn options() -> impl Strategy<Value = FormatOptions> {
    (any::<bool>(), any::<bool>(), any::<bool>(), "[ -~]{0,9}", 0_usize..40, format()).prop_map(
        |(log_raw, hmac_accessor, elide_list_responses, prefix, small, format)| {
            let mut limits = Limits::default();
            if small > 30 {
                limits = Limits { depth: small - 30, nodes: small, hash_calls: small - 31, ..limits };
            }
            FormatOptions { log_raw, hmac_accessor, elide_list_responses, prefix, limits, format }
        },
    )
}

/// Whether a row of the register is in a line, somewhere in this object of it.
fn has(object: &Object, name: &str, row: &Row) -> bool {
    (name == row.object && object.contains(row.key))
        || object.iter().any(|(key, value)| {
            let inner =
                REGISTER.iter().find(|row| row.object == name && row.key == key).and_then(|row| row.inner);
            let Some(inner) = inner else { return false };
            match value {
                Value::Object(object) => has(object, inner, row),
                Value::Array(list) => {
                    list.iter().filter_map(Value::as_object).any(|object| has(object, inner, row))
                }
                _ => false,
            }
        })
}

#[test]
fn the_generator_reaches_every_row_of_the_register() {
    let data = Object::from_iter([("k", CANARY)]);
    let contents = Contents { secret: CANARY, clear: "word", data: &data, headers: true };
    let reached =
        (0..64).map(|seed| generated(seed, 1 << 32, &contents).object().clone()).collect::<Vec<_>>();
    for row in REGISTER {
        let elsewhere =
            matches!(row.object, "record" | "digest") || matches!(row.key, "record" | "data_over_limit");
        assert!(
            elsewhere || reached.iter().any(|line| has(line, "entry", row)),
            "{}.{}",
            row.object,
            row.key
        );
    }
}

/// The number of cases of each property; `just fuzz` sets a larger one.
fn cases(usual: u32) -> ProptestConfig {
    let cases = std::env::var("ONRECORD_FUZZ_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig { cases: cases.unwrap_or(usual), failure_persistence: None, ..ProptestConfig::default() }
}

/// The lines of an entry on these formatters: each formatted alone, and each by patching the previous one where possible.
fn both_ways(formatters: &[Formatter], entry: &Entry<'_>) -> [Vec<Option<String>>; 2] {
    let stamp = Stamp { time: Time::parse(TIME).unwrap(), seq: 1, boot: Boot::new(2) };
    let mut lines = Lines::new(entry, stamp);
    let text = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
    let alone = |formatter: &Formatter| {
        let mut out = Vec::new();
        formatter.format(entry, &stamp, &mut out).ok().map(|()| text(&out))
    };
    let expected = formatters.iter().map(alone).collect();
    [expected, formatters.iter().map(|formatter| lines.make(formatter).ok().map(text)).collect()]
}

/// Every combination of options.
fn every_option() -> impl Iterator<Item = FormatOptions> {
    (0_u8..16).map(|bits| FormatOptions {
        log_raw: bits & 1 > 0,
        hmac_accessor: bits & 2 > 0,
        elide_list_responses: bits & 4 > 0,
        format: if bits & 8 > 0 { Format::Jsonx } else { Format::Json },
        ..FormatOptions::default()
    })
}

proptest! {
    // Each is formatted 32 times.
    #![proptest_config(cases(60))]

    #[test]
    fn r_fuzz_any_value_tree_is_formatted_by_every_combination_of_options_and_read_back(
        seed in any::<u64>(), data in data_of(value()), clear in text(),
        (depth, nodes, hash_calls) in (1_usize..70, 1_usize..60, 0_usize..30)
    ) {
        let contents = Contents { secret: &clear, clear: &clear, data: &data, headers: true };
        let decoded = generated(seed, 3, &contents);
        for limits in [Limits::default(), Limits { depth, nodes, hash_calls, ..Limits::default() }] {
            for options in every_option() {
                let written = line(&formatter(FormatOptions { limits, ..options }), &decoded.entry());
                let again = decode(written.as_bytes());
                prop_assert!(again.is_ok(), "{:?}: {}", again.err(), written);
                let again = again.unwrap();
                prop_assert_eq!(again.entry().entry_type(), decoded.entry().entry_type());
                prop_assert_eq!(again.record().map(|record| record.seq), Some(1));
            }
        }
    }

    #[test]
    fn r_fuzz_a_limit_of_the_line_gives_a_line_within_it_or_an_error_and_never_a_part(
        seed in any::<u64>(), data in data_of(value()), clear in text(), line_bytes in 1_usize..4000
    ) {
        let contents = Contents { secret: &clear, clear: &clear, data: &data, headers: true };
        let decoded = generated(seed, 3, &contents);
        let stamp = Stamp { time: Time::parse(TIME).unwrap(), seq: 1, boot: Boot::new(2) };
        for options in every_option() {
            let limits = Limits { line_bytes, ..Limits::default() };
            let mut out = b"before".to_vec();
            match formatter(FormatOptions { limits, ..options }).format(&decoded.entry(), &stamp, &mut out) {
                Ok(()) => {
                    prop_assert!(out.len() - 6 <= line_bytes);
                    prop_assert!(decode(&out[6..]).is_ok());
                }
                Err(_) => prop_assert_eq!(&out[..], &b"before"[..]),
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn r_schema_any_entry_with_any_options_is_a_line_that_the_published_schema_allows(
        seed in any::<u64>(), data in data_of(value()), clear in text(), options in options()
    ) {
        let contents = Contents { secret: &clear, clear: &clear, data: &data, headers: true };
        let options = FormatOptions { format: Format::Json, prefix: String::new(), ..options };
        let written = line(&formatter(options), &generated(seed, 3, &contents).entry());
        let mut entry = onrecord_schema::checked(written.as_bytes());
        // The check is one: what no row of the register has is found, wherever it is.
        entry["request"]["colour"] = serde_json::json!("red");
        prop_assert_eq!(onrecord_schema::violations(&entry), [".request.colour is not in the schema"]);
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_canary_in_a_position_that_the_register_calls_hashed_is_in_no_line_of_a_hashing_device(
        seed in any::<u64>(), data in data_of(value()), options in options()
    ) {
        let contents = Contents { secret: SECRET, clear: "word", data: &data, headers: false };
        let decoded = generated(seed, 6, &contents);
        let written = line(&formatter(FormatOptions { log_raw: false, hmac_accessor: true, ..options.clone() }), &decoded.entry());
        prop_assert!(!written.contains(CANARY), "{}", written);
        prop_assert!(!written.contains(SECRET), "{}", written);
        prop_assert!(!written.contains(TOKEN), "{}", written);
        // The same entry on a raw device shows that there was something to hide.
        if decoded.entry().auth.client_token != "".into() {
            let raw = FormatOptions { log_raw: true, ..options };
            prop_assert!(line(&formatter(raw), &decoded.entry()).contains(SECRET));
        }
    }

    #[test]
    fn a_patched_line_is_the_line_that_is_formatted_alone(
        seed in any::<u64>(), data in data_of(value()), clear in text(), secret in text(),
        options in options(), other in options(), later in any::<[bool; 5]>(), line_bytes in 1_usize..4000
    ) {
        let contents = Contents { secret: &secret, clear: &clear, data: &data, headers: true };
        let decoded = generated(seed, 3, &contents);
        let limited = FormatOptions { limits: Limits { line_bytes, ..options.limits }, ..options.clone() };
        let formatters: Vec<Formatter> = [&options, &options, &other, &other, &limited, &limited, &options]
            .into_iter()
            .zip(later.into_iter().cycle())
            .enumerate()
            .map(|(number, (options, later))| {
                let formatter = Formatter::new(options.clone(), Arc::new(Salt::new(&format!("salt {number}"))));
                if later { formatter.with_first_salt(Some(Salt::new("the first").id())) } else { formatter }
            })
            .collect();
        let cache_key = CacheKey::new();
        let mut entry = decoded.entry();
        for cache_key in [None, Some(&cache_key), Some(&cache_key)] {
            entry.auth.cache_key = cache_key;
            let [expected, made] = both_ways(&formatters, &entry);
            prop_assert_eq!(expected, made);
        }
    }

    #[test]
    fn a_text_that_looks_like_a_token_is_in_no_clear_position_of_a_hashing_device(
        seed in any::<u64>(), before in "[a-z/=:?]{0,5}", after in "[/&=.,;]?[a-z]{0,5}",
        format in format()
    ) {
        let clear = format!("{before}{TOKEN}{after}");
        let contents = Contents { secret: TOKEN, clear: &clear, data: &Object::new(), headers: true };
        let decoded = generated(seed, 6, &contents);
        let written = line(&formatter(FormatOptions { format, ..FormatOptions::default() }), &decoded.entry());
        prop_assert!(!written.contains(TOKEN), "{}", written);
    }

    #[test]
    fn sensitive_parts_of_paths_and_hashed_headers_are_in_no_line(
        before in "[a-z/]{0,9}", after in any::<String>(), format in format()
    ) {
        let path = format!("{before}{CANARY}{after}");
        let parts = vec![before.len()..before.len() + CANARY.len(); 1];
        let values = [Private::new(CANARY.as_bytes())];
        let headers = [Header { name: "x", values: &values, hmac: true }];
        let request = Request {
            path: Path::with_sensitive(&path, &parts),
            headers: headers.as_slice().into(),
            ..Request::default()
        };
        let options = FormatOptions { format, ..FormatOptions::default() };
        let written = line(&formatter(options), &Entry { request, ..Entry::default() });
        prop_assert!(!written.contains(CANARY), "{}", written);
    }

    #[test]
    fn a_raw_device_writes_every_text_as_it_is(
        seed in any::<u64>(), data in data_of(value()), clear in any::<String>(), format in format()
    ) {
        let contents = Contents { secret: &clear, clear: &clear, data: &data, headers: true };
        let decoded = generated(seed, 3, &contents);
        let written = line(&formatter(FormatOptions { log_raw: true, format, ..FormatOptions::default() }), &decoded.entry());
        let mut object = decode(written.as_bytes()).unwrap().object().clone();
        prop_assert!(object.remove("record").is_some());
        let mut expected = decoded.object().clone();
        expected.insert("time", TIME);
        prop_assert_eq!(object.iter().collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    }

    #[test]
    fn every_line_is_read_back_to_the_same_bytes(
        seed in any::<u64>(), data in data_of(value()), clear in text(), options in options()
    ) {
        let contents = Contents { secret: &clear, clear: &clear, data: &data, headers: true };
        let formatter = formatter(options);
        let written = line(&formatter, &generated(seed, 3, &contents).entry());
        let decoded = decode(written.as_bytes()).unwrap();
        prop_assert_eq!(decoded.line_format(), formatter.options().format);
        prop_assert_eq!(decoded.prefix(), formatter.options().prefix.as_str());
        prop_assert_eq!(decoded.record().unwrap().salt, formatter.salt().id());
        let mut again = Vec::new();
        decoded.format(&mut again);
        prop_assert_eq!(String::from_utf8(again).unwrap(), written);
        // In the other format it says the same.
        let other = if decoded.line_format() == Format::Json { Format::Jsonx } else { Format::Json };
        let mut translated = Vec::new();
        decoded.format_as(other, &mut translated);
        let translated = decode(&translated).unwrap();
        prop_assert_eq!(translated.line_format(), other);
        prop_assert!(translated.object() == decoded.object() && translated.record() == decoded.record());
    }

    #[test]
    fn formatting_takes_any_bytes_as_headers_and_any_ranges_of_a_path(
        bytes in any::<Vec<u8>>(), path in any::<String>(), ranges in prop::collection::vec(any::<(u8, u8)>(), 0..4),
        hmac in any::<bool>(), data in data_of(value()), plain in "[a-z_]{0,2}",
        format in format()
    ) {
        let parts: Vec<_> = ranges.iter().map(|(a, b)| usize::from(*a)..usize::from(*b)).collect();
        let plain = [plain.as_str()];
        let values = [Private::new(&bytes)];
        let headers = [Header { name: "x", values: &values, hmac }];
        let request = Request {
            path: Path::with_sensitive(&path, &parts),
            headers: headers.as_slice().into(),
            data: Data::with_plain_keys(&data, &plain),
            ..Request::default()
        };
        let options = FormatOptions { format, ..FormatOptions::default() };
        let entry = Entry { request, ..Entry::default() };
        let written = line(&formatter(options.clone()), &entry);
        prop_assert!(decode(written.as_bytes()).is_ok());
        for log_raw in [false, true] {
            let formatter = |salt| Formatter::new(FormatOptions { log_raw, ..options.clone() }, Arc::new(Salt::new(salt)));
            let [expected, made] = both_ways(&["one", "two", "three"].map(formatter), &entry);
            prop_assert_eq!(expected, made);
        }
    }

    #[test]
    fn decoding_never_panics(bytes in any::<Vec<u8>>(), cut in any::<u16>(), format in format()) {
        // Random bytes are hardly ever an entry; what counts is that there is an answer.
        prop_assert!(decode(&bytes).is_err());
        let line = line(&formatter(FormatOptions { format, ..FormatOptions::default() }), &Entry::probe("id"));
        let cut = usize::from(cut) % line.len();
        prop_assert_eq!(decode(&line.as_bytes()[..cut]).is_ok(), cut == line.len() - 1);
    }
}
