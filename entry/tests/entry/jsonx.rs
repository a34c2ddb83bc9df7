//! Lines in JSONx: those of a real server, the vectors of its formatter, and what an XML parser makes of ours.
//! Never in it: JSON, except beside it.

use std::sync::Arc;

use onrecord_entry::format::{Format, FormatError, Limits};
use onrecord_entry::gap::Gap;
use onrecord_entry::request::{Data, Header};
use onrecord_entry::text::{Accessor, Path, Private, Token};
use onrecord_entry::{
    Boot, Entry, FormatOptions, Formatter, Operation, Request, Response, Salt, Stamp, decode,
};
use onrecord_value::{Number, Object, Time, Value, json, object};
use proptest::prelude::*;

use crate::kit;

/// A raw line of a real server in JSON, then the same entry of its JSONx device.
const PAIRS: &str = include_str!("golden/jsonx-pairs.txt");
const RAW_LINES: &str = include_str!("golden/raw-lines.jsonl");
const NAMESPACE: &str = "http://www.ibm.com/xmlns/prod/2009/jsonx";

fn formatter(options: FormatOptions) -> Formatter {
    Formatter::new(FormatOptions { format: Format::Jsonx, ..options }, Arc::new(Salt::new("foo")))
}

fn raw() -> Formatter {
    formatter(FormatOptions { log_raw: true, ..FormatOptions::default() })
}

fn line(formatter: &Formatter, entry: &Entry<'_>) -> String {
    kit::line(formatter, entry, &kit::stamp())
}

/// The line without what the formatter of the vectors does not write: our `record`, and the time.
fn bare(formatter: &Formatter, entry: &Entry<'_>) -> String {
    let record = format!(
        "<json:object name=\"record\"><json:string name=\"boot\">0000000000000001</json:string>\
         <json:string name=\"salt\">{}</json:string><json:number name=\"seq\">7</json:number></json:object>",
        formatter.salt().id()
    );
    let time = "<json:string name=\"time\">2024-01-02T03:04:05.6Z</json:string>";
    let line = line(formatter, entry);
    assert!(line.contains(&record) && line.contains(time), "{line}");
    line.replace(&record, "").replace(time, "").replace('\n', "")
}

fn translated(line: &str, format: Format) -> String {
    let mut out = Vec::new();
    decode(line.as_bytes()).unwrap().format_as(format, &mut out);
    String::from_utf8(out).unwrap()
}

/// What an XML parser finds in a line, as the value it stands for. Names are in order at every level.
fn seen_by_an_xml_parser(line: &str) -> Value {
    let text = format!("<json:object xmlns:json=\"{NAMESPACE}\">{line}</json:object>");
    let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    value_of(document.root_element())
}

fn value_of(element: roxmltree::Node<'_, '_>) -> Value {
    assert_eq!(element.tag_name().namespace(), Some(NAMESPACE));
    let children = element.children().filter(roxmltree::Node::is_element);
    let text = || element.text().unwrap_or_default();
    match element.tag_name().name() {
        "object" => {
            let name =
                |child: &roxmltree::Node<'_, '_>| child.attribute("name").unwrap_or_default().to_owned();
            let names: Vec<_> = children.clone().map(|child| name(&child)).collect();
            assert!(names.is_sorted(), "{names:?}");
            Value::from(children.map(|child| (name(&child), value_of(child))).collect::<Object>())
        }
        "array" => Value::Array(
            children
                .inspect(|item| assert!(item.attribute("name").is_none(), "an item has no name"))
                .map(value_of)
                .collect(),
        ),
        "string" => Value::from(text()),
        "number" => Value::Number(Number::from_literal(text()).unwrap()),
        "boolean" => Value::Bool(text().parse().unwrap()),
        "null" => Value::Null,
        other => panic!("{other}"),
    }
}

#[test]
fn each_recorded_entry_is_formatted_to_the_recorded_bytes() {
    let lines: Vec<_> = PAIRS.lines().collect();
    assert_eq!(lines.len(), 2 * 73);
    for pair in lines.chunks(2) {
        let [json, jsonx] = pair else { panic!("a pair") };
        let (of_json, of_jsonx) = (decode(json.as_bytes()).unwrap(), decode(jsonx.as_bytes()).unwrap());
        assert_eq!((of_json.line_format(), of_jsonx.line_format()), (Format::Json, Format::Jsonx));
        assert!(of_json.unknown().is_empty() && of_jsonx.unknown().is_empty());
        // Two devices format at two moments; nothing else differs.
        let time = |line: &str| format!("<json:string name=\"time\">{line}</json:string>");
        let text_of = |time: Time| {
            let mut text = Vec::new();
            time.rfc3339_nano(&mut text);
            String::from_utf8(text).unwrap()
        };
        let expected = jsonx.replace(&time(&text_of(of_jsonx.time())), &time(&text_of(of_json.time())));
        assert_eq!(translated(json, Format::Jsonx), format!("{expected}\n"));
        assert_eq!(translated(jsonx, Format::Jsonx), format!("{jsonx}\n"));
    }
}

#[test]
fn each_recorded_line_has_the_same_facts_in_both_formats_and_is_read_back() {
    let mut escaped = 0;
    for line in RAW_LINES.split_inclusive('\n') {
        let jsonx = translated(line, Format::Jsonx);
        // XML cannot have this one, and it is in the recording.
        let line = &line.replace("\\u0001", "\u{fffd}");
        escaped += usize::from(jsonx.contains("&#xA;"));
        let decoded = decode(jsonx.as_bytes()).unwrap();
        let parsed = json::parse(line.as_bytes(), json::Limits::default()).unwrap();
        assert_eq!(Some(decoded.object()), parsed.as_object());
        assert_eq!(seen_by_an_xml_parser(&jsonx), parsed);
        assert_eq!(translated(&jsonx, Format::Jsonx), jsonx);
        assert_eq!(translated(&jsonx, Format::Json), *line);
    }
    assert!(escaped > 0, "some texts of the recording have more than one line");
}

#[test]
fn the_line_of_the_formatter_vectors_with_and_without_a_prefix() {
    let headers = [Header { name: "foo", values: &[Private::new(b"bar")], hmac: false }];
    let vector = kit::vector_entry(&headers);
    let request = Request {
        id: "request".into(),
        client_token: Token::new("foo"),
        client_token_accessor: Accessor::new("bar"),
        policy_override: true,
        ..vector.request
    };
    let entry = Entry { request, ..vector };
    let expected = r#"<json:object name="auth"><json:string name="accessor">bar</json:string><json:string name="client_token">S</json:string><json:string name="display_name">testtoken</json:string><json:string name="entity_id">foobarentity</json:string><json:boolean name="no_default_policy">true</json:boolean><json:array name="policies"><json:string>root</json:string></json:array><json:string name="token_issue_time">2020-05-28T18:40:18Z</json:string><json:number name="token_ttl">14400</json:number><json:string name="token_type">service</json:string></json:object><json:string name="error">this is an error</json:string><json:object name="request"><json:string name="client_token">S</json:string><json:string name="client_token_accessor">bar</json:string><json:object name="headers"><json:array name="foo"><json:string>bar</json:string></json:array></json:object><json:string name="id">request</json:string><json:object name="namespace"><json:string name="id">root</json:string></json:object><json:string name="operation">update</json:string><json:string name="path">/foo</json:string><json:boolean name="policy_override">true</json:boolean><json:string name="remote_address">127.0.0.1</json:string><json:number name="wrap_ttl">60</json:number></json:object><json:string name="type">request</json:string>"#;
    let options = FormatOptions { hmac_accessor: false, ..FormatOptions::default() };
    let without = formatter(options.clone());
    let expected = expected.replace(">S<", &format!(">{}<", without.hash("foo")));
    assert_eq!(bare(&without, &entry), expected);
    let with = formatter(FormatOptions { prefix: "@cee: ".to_owned(), ..options });
    assert_eq!(bare(&with, &entry), format!("@cee: {expected}"));
}

#[test]
fn data_of_every_kind_is_written_and_its_texts_are_escaped() {
    let body = br#"{"user":"<admin> & \"co\"","ttl":3600,"flag":true,"none":null,"when":"2024-01-02T03:04:05Z","list":["a",1,{"k":"v"},null,[]],"obj":{"empty":""},"":1e400,"a<b":0}"#;
    let data = json::parse_object(body, json::Limits::default()).unwrap();
    let request = Request { data: Data::new(&data), ..Request::default() };
    let written = line(&raw(), &Entry { request, ..Entry::default() });
    let expected = r#"<json:object name="request"><json:object name="data"><json:number>1e400</json:number><json:number name="a&lt;b">0</json:number><json:boolean name="flag">true</json:boolean><json:array name="list"><json:string>a</json:string><json:number>1</json:number><json:object><json:string name="k">v</json:string></json:object><json:null /><json:array></json:array></json:array><json:null name="none" /><json:object name="obj"><json:string name="empty"></json:string></json:object><json:number name="ttl">3600</json:number><json:string name="user">&lt;admin&gt; &amp; &#34;co&#34;</json:string><json:string name="when">2024-01-02T03:04:05Z</json:string></json:object></json:object>"#;
    assert!(written.contains(expected), "{written}");
    let back = decode(written.as_bytes()).unwrap();
    assert_eq!(back.entry().request.data.object, Some(&data));

    let hashed = formatter(FormatOptions::default());
    let written = line(&hashed, &Entry { request, ..Entry::default() });
    let hash = format!("<json:string name=\"user\">{}</json:string>", hashed.hash("<admin> & \"co\""));
    assert!(written.contains(&hash) && !written.contains("admin"), "{written}");
}

#[test]
fn gaps_digests_and_elided_lists_are_as_in_json() {
    let gap = Entry::gap("id", Gap { ended: false, ..kit::gap() });
    let data = object! { "keys" => vec!["b"; 10] };
    let answered = Entry {
        request: Request { operation: Some(Operation::List), data: Data::new(&data), ..Request::default() },
        response: Some(Response { data: Data::new(&data), status_code: 200, ..Response::default() }),
        duration_ns: 5,
        ..Entry::default()
    };
    let small = Limits { nodes: 3, ..Limits::default() };
    for (entry, limits) in [(gap, Limits::default()), (answered, Limits::default()), (answered, small)] {
        for log_raw in [false, true] {
            let options =
                FormatOptions { log_raw, elide_list_responses: true, limits, ..FormatOptions::default() };
            let jsonx = formatter(options.clone());
            let json = Formatter::new(options, Arc::clone(jsonx.salt()));
            let (jsonx, json) = (line(&jsonx, &entry), line(&json, &entry));
            assert_eq!(translated(&jsonx, Format::Json), json);
            assert_eq!(translated(&json, Format::Jsonx), jsonx);
            assert_eq!(
                seen_by_an_xml_parser(&jsonx),
                json::parse(json.as_bytes(), json::Limits::default()).unwrap()
            );
        }
    }
}

#[test]
fn a_line_that_would_be_too_long_has_digests_and_an_error_if_that_is_not_enough() {
    let data = object! { "k" => "<".repeat(1000) };
    let entry =
        Entry { request: Request { data: Data::new(&data), ..Request::default() }, ..Entry::default() };
    let limited = |line_bytes| {
        let limits = Limits { line_bytes, ..Limits::default() };
        formatter(FormatOptions { log_raw: true, limits, ..FormatOptions::default() })
    };
    // Each character becomes four.
    let whole = line(&limited(5000), &entry);
    assert!(whole.contains("&lt;&lt;") && whole.len() > 4000);
    let digest = line(&limited(1000), &entry);
    assert!(
        digest.len() <= 1000
            && digest.contains("<json:string name=\"data_over_limit\">line_bytes</json:string>")
    );
    let mut out = b"before".to_vec();
    let stamp = Stamp { time: Time::UNIX_EPOCH, seq: 1, boot: Boot::new(1) };
    let refused = limited(100).format(&entry, &stamp, &mut out);
    assert_eq!(
        (refused, out.as_slice()),
        (Err(FormatError::LineTooLong { limit: 100 }), b"before".as_slice())
    );
}

#[test]
fn keys_are_sorted_as_they_are_written() {
    // U+FFFD stands after the letters, and so does `hmac-sha256:` before them.
    let long = "z".repeat(300);
    let data = object! { "a\u{1}" => 1, "ab" => 2, "b" => 3, long.as_str() => 4 };
    let request = Request { data: Data::new(&data), ..Request::default() };
    let written = line(&formatter(FormatOptions::default()), &Entry { request, ..Entry::default() });
    seen_by_an_xml_parser(&written);
    let keys: Vec<_> = decode(written.as_bytes())
        .unwrap()
        .entry()
        .request
        .data
        .object
        .unwrap()
        .keys()
        .map(str::to_owned)
        .collect();
    assert_eq!(keys[..3], ["ab", "a\u{fffd}", "b"]);
    assert!(keys[3].starts_with("hmac-sha256:"));
    assert_eq!(translated(&written, Format::Jsonx), written);
}

#[test]
fn a_prefix_may_be_any_text() {
    for prefix in ["@cee: ", "{", "{\"time\":\"", "{\"a\":1} ", "<13>audit: ", "<json:null />", "&", "\u{fc}"]
    {
        let formatter = formatter(FormatOptions { prefix: prefix.to_owned(), ..FormatOptions::default() });
        let written = line(&formatter, &Entry::probe("id"));
        assert_eq!(decode(written.as_bytes()).unwrap().prefix(), prefix);
        assert_eq!(translated(&written, Format::Jsonx), written);
    }
    // Nor does it make JSONx of a line in JSON.
    let prefix = "<json:object name=\"auth\">".to_owned();
    let json =
        Formatter::new(FormatOptions { prefix, ..FormatOptions::default() }, Arc::new(Salt::new("foo")));
    let written = line(&json, &Entry::probe("id"));
    assert_eq!(translated(&written, Format::Json), written);
}

#[test]
fn a_line_that_is_not_an_entry_is_refused_without_its_text() {
    for (line, error) in [
        ("<json:object name=\"auth\">", "not a line of an audit log: byte 25 is no JSONx"),
        ("x <json:object name=\"auth\"></json:array>", "not a line of an audit log: byte 38 is no JSONx"),
        ("<root>secret</root>", "not a line of an audit log: byte 0 is no JSONx"),
        (
            "<json:object name=\"auth\"></json:object>",
            "not an entry: time: expected the key that every entry has",
        ),
    ] {
        assert_eq!(decode(line.as_bytes()).unwrap_err().to_string(), error);
    }
}

fn any_text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        any::<char>(),
        (0_u32..0x20).prop_map(|c| char::from_u32(c).unwrap()),
        prop::sample::select(vec!['<', '>', '&', '"', '\'', ']', ';', '\u{fffe}', '\u{ffff}', '\u{ffef}']),
    ];
    prop::collection::vec(character, 0..12).prop_map(|characters| characters.into_iter().collect())
}

/// The text as XML can have it.
fn in_xml(text: &str) -> String {
    let forbidden = |c: char| (c < ' ' && !"\t\n\r".contains(c)) || c == '\u{fffe}' || c == '\u{ffff}';
    text.replace(forbidden, "\u{fffd}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_in_any_place_is_read_by_an_xml_parser_as_it_was(
        key in any_text(), text in any_text(), path in any_text(), name in any_text(), log_raw in any::<bool>()
    ) {
        let values = [Private::new(text.as_bytes()), Private::new(b"\xff<\xfe")];
        let headers = [Header { name: &name, values: &values, hmac: false }];
        let data = object! { key.as_str() => text.as_str(), "list" => vec![text.as_str()] };
        let plain = [key.as_str(), "list"];
        let request = Request {
            path: Path::new(&path),
            headers: headers.as_slice().into(),
            data: Data::with_plain_keys(&data, &plain),
            ..Request::default()
        };
        let entry = Entry { request, ..Entry::default() };
        let written = line(&formatter(FormatOptions { log_raw, ..FormatOptions::default() }), &entry);
        let seen = seen_by_an_xml_parser(&written);
        let request = seen.as_object().unwrap().object("request").unwrap();
        prop_assert_eq!(request.str("path").unwrap_or_default(), in_xml(&path));
        let header = request.object("headers").unwrap().get(&in_xml(&name)).cloned().unwrap();
        prop_assert_eq!(header, Value::from(vec![in_xml(&text), "\u{fffd}<\u{fffd}".to_owned()]));
        let data = request.object("data").unwrap();
        prop_assert_eq!(data.str(&in_xml(&key)).map(str::to_owned), Some(in_xml(&text)));
        prop_assert_eq!(data.get("list").cloned(), Some(Value::from(vec![in_xml(&text)])));
        let decoded = decode(written.as_bytes()).unwrap();
        prop_assert!(Some(decoded.object()) == seen.as_object());
        prop_assert_eq!(translated(&written, Format::Jsonx), written);
    }
}
