//! Golden vectors: hashes, lines and elision as servers that clients know write them.
//! Never in it: JSONx.

use std::sync::Arc;

use onrecord_entry::auth::{Grants, PolicyResults, TokenType};
use onrecord_entry::format::{Format, Limits, Lines};
use onrecord_entry::request::{Data, Header, Mount, Namespace};
use onrecord_entry::response::WrapInfo;
use onrecord_entry::text::{Path, Private};
use onrecord_entry::{
    Auth, Boot, Entry, FormatOptions, Formatter, Operation, Request, Response, Salt, Stamp, decode,
};
use onrecord_value::{Object, Time, Value, json, object};

use crate::kit;

const VECTORS: &[(&str, &str)] = &[
    ("foo", "08ba357e274f528065766c770a639abf6809b39ccfd37c2a3157c7f51954da0a"),
    ("bar", "f9320baf0249169e73850cd6156ded0106e2bb6ad8cab01b7bbbebe6d1065317"),
    ("rsa", "995230dca56fffd310ff591aa404aab52b2abb41703c787cfa829eceb4595bf1"),
    ("flimflam", "7c9c6fe666d0af73b3ebcfbfabe6885015558213208e6635ba104047b22f6390"),
    ("baz", "57fe23dcea29b442ce536b9486b53999513079c8850b2c4ac83bb48529a00bfe"),
    ("waz", "5c69f2a46b323680e94d5a0f50b3347a5dfeb8382db7ff38dfaae1516f8a142c"),
    ("item", "5a4325952fec282c8dbfd0242cca5d018a210bb629e9ebc9278f58b5f4d73db1"),
    ("another_item", "0176bac06c07b7ccb59bda70be3cf50f5560d25328bf8043796d24be71177d2d"),
    ("test", "3a5c1437614283a4c557670f3196c56d34dbc5109f2bf3db73e631cb1370a4e2"),
    ("random_string", "c735e47de746c4b6607851f5aa107ebac9c53d8af0c807009c150672d6388609"),
    ("Response", "cf0faf58d6106e1f46cdfaf93353ae0fe08b21948de64a402ae9b77dbd9b07d1"),
    ("", "683716d9d7f82eed174c6caebe086ee93376c79d7c61dd670ea00f7f8d6eb0a8"),
    ("hello", "340256c4276b2d3483f02fefcf22dd20384b1faa5c0ac8802a577f332fd282ce"),
    ("root", "aae40576a09ced237969d399a637037a317512ea7d46cb3a850fb9e616d665b6"),
];

fn formatter(options: FormatOptions) -> Formatter {
    Formatter::new(options, Arc::new(Salt::new("foo")))
}

fn hashed() -> Formatter {
    formatter(FormatOptions::default())
}

fn raw() -> Formatter {
    formatter(FormatOptions { log_raw: true, ..FormatOptions::default() })
}

fn h(text: &str) -> String {
    hashed().hash(text)
}

fn line(formatter: &Formatter, entry: &Entry<'_>) -> String {
    kit::line(formatter, entry, &kit::stamp())
}

/// The line without its `record`, whose salt id differs between salts.
fn bare(formatter: &Formatter, entry: &Entry<'_>) -> String {
    let line = line(formatter, entry);
    let record = format!(
        ",\"record\":{{\"seq\":7,\"boot\":\"0000000000000001\",\"salt\":\"{}\"}}}}\n",
        formatter.salt().id()
    );
    format!("{}}}", line.strip_suffix(&record).expect("a line ends in its record"))
}

fn parsed(text: &str) -> Object {
    json::parse_object(text.as_bytes(), json::Limits::default()).unwrap()
}

/// The data of a response as a formatter writes it.
fn data_of(formatter: &Formatter, operation: Operation, data: Data<'_>) -> Value {
    let entry = Entry {
        request: Request { operation: Some(operation), ..Request::default() },
        response: Some(Response { data, ..Response::default() }),
        ..Entry::default()
    };
    parsed(&line(formatter, &entry)).object("response").unwrap().get("data").cloned().unwrap_or(Value::Null)
}

#[test]
fn a_hash_is_that_of_every_other_server_with_this_salt() {
    for (text, hex) in VECTORS {
        assert_eq!(h(text), format!("hmac-sha256:{hex}"));
    }
}

#[test]
fn a_salt_longer_than_a_block_is_hashed_first_as_rfc_4231_says() {
    let salt = "\u{7f}".repeat(65);
    let formatter = Formatter::new(FormatOptions::default(), Arc::new(Salt::new(&salt)));
    assert_ne!(
        formatter.hash("x"),
        Formatter::new(FormatOptions::default(), Arc::new(Salt::new(&salt[..64]))).hash("x")
    );
}

#[test]
fn strings_in_data_are_hashed_and_plain_keys_are_the_nearest_map_key() {
    let time = Time::parse("2024-01-02T03:04:05.5Z").unwrap();
    let cases: [(Object, &[&str], String); 7] = [
        (
            object! { "foo" => "bar", "baz" => "foobar", "private_key_type" => "rsa" },
            &["baz"],
            format!(r#"{{"baz":"foobar","foo":"{}","private_key_type":"{}"}}"#, h("bar"), h("rsa")),
        ),
        (
            parsed(r#"{"foo":{"write_json":"bar","read_json":"baz"}}"#),
            &["read_json"],
            format!(r#"{{"foo":{{"read_json":"baz","write_json":"{}"}}}}"#, h("bar")),
        ),
        (
            parsed(r#"{"foo":{"first":{"w":"bar","r":"baz"},"second":{"nested":{"w":"war","r":"waz"}}}}"#),
            &["w"],
            format!(
                r#"{{"foo":{{"first":{{"r":"{}","w":"bar"}},"second":{{"nested":{{"r":"{}","w":"war"}}}}}}}}"#,
                h("baz"),
                h("waz")
            ),
        ),
        (
            object! { "foo" => "bar", "baz" => "foobar", "bar" => time },
            &["baz"],
            format!(r#"{{"bar":"2024-01-02T03:04:05.5Z","baz":"foobar","foo":"{}"}}"#, h("bar")),
        ),
        (
            object! { "hello" => vec![Value::from("foo"), Value::from(time), Value::from("foo2")] },
            &[],
            format!(r#"{{"hello":["{}","2024-01-02T03:04:05.5Z","{}"]}}"#, h("foo"), h("foo2")),
        ),
        (
            parsed(r#"{"k":["a",["b"],{"x":"c"}],"x":"c"}"#),
            &["k"],
            format!(r#"{{"k":["a",["b"],{{"x":"{0}"}}],"x":"{0}"}}"#, h("c")),
        ),
        (
            parsed(r#"{"when":"2024-01-02T03:04:05Z","n":1e400,"t":true,"z":null,"e":"","o":{},"l":[]}"#),
            &[],
            format!(
                r#"{{"e":"{}","l":[],"n":1e400,"o":{{}},"t":true,"when":"{}","z":null}}"#,
                h(""),
                h("2024-01-02T03:04:05Z")
            ),
        ),
    ];
    for (data, plain, expected) in cases {
        let written = data_of(&hashed(), Operation::Read, Data::with_plain_keys(&data, plain));
        assert_eq!(String::from_utf8(written.to_json()).unwrap(), expected);
    }
}

#[test]
fn numbers_booleans_and_instants_at_secret_keys_are_hashed() {
    let time = Time::parse("2024-01-02T03:04:05.5Z").unwrap();
    let mut data = parsed(
        r#"{"pin":[4711,{"x":4712},[1.50,"text",null]],"on":{"pin":true,"off":false},"off":true,"n":7,"z":{"when":1}}"#,
    );
    data.insert("when".to_owned(), time);
    let secret = Data::with_plain_keys(&data, &["pin", "n"]).with_secret_keys(&["pin", "off", "when"]);
    let expected = format!(
        r#"{{"n":7,"off":"{1}","on":{{"off":"{0}","pin":"{1}"}},"pin":["{2}",{{"x":4712}},["{3}","{4}",null]],"when":"{5}","z":{{"when":"{6}"}}}}"#,
        h("false"),
        h("true"),
        h("4711"),
        h("1.50"),
        h("text"),
        h("2024-01-02T03:04:05.5Z"),
        h("1"),
    );
    for format in [Format::Json, Format::Jsonx] {
        let formatter = formatter(FormatOptions { format, ..FormatOptions::default() });
        let entry = Entry { request: Request { data: secret, ..Request::default() }, ..Entry::default() };
        let written = line(&formatter, &entry);
        assert!(
            !written.contains("4711") && !written.contains("1.50") && !written.contains(">true<"),
            "{written}"
        );
        // Read back, the line says the same, and is written as the same line again.
        let decoded = decode(written.as_bytes()).unwrap();
        let read = decoded.entry().request.data.object.unwrap().clone();
        assert_eq!(String::from_utf8(Value::from(read).to_json()).unwrap(), expected);
        let again = self::formatter(FormatOptions { format, log_raw: true, ..FormatOptions::default() });
        assert_eq!(line(&again, &decoded.entry()), written);
    }
    // On a raw device everything is as it came.
    assert_eq!(data_of(&raw(), Operation::Read, secret).to_json(), Value::from(data.clone()).to_json());
    // A further device with the same options hashes them with its own salt.
    let entry = Entry { request: Request { data: secret, ..Request::default() }, ..Entry::default() };
    let other = Formatter::new(FormatOptions::default(), Arc::new(Salt::new("another")));
    let stamp = Stamp { time, seq: 7, boot: Boot::new(1) };
    let mut lines = Lines::new(&entry, stamp);
    assert!(lines.make(&hashed()).is_ok());
    let mut alone = Vec::new();
    other.format(&entry, &stamp, &mut alone).unwrap();
    assert_eq!(lines.make(&other).unwrap(), alone);
}

#[test]
fn lists_are_elided_only_where_they_are_lists_and_only_in_responses() {
    let options = FormatOptions { elide_list_responses: true, ..FormatOptions::default() };
    let elide = formatter(options.clone());
    let elide_raw = formatter(FormatOptions { log_raw: true, ..options });
    let keys = parsed(r#"{"keys":["foo","bar","baz"]}"#);
    let info = parsed(r#"{"keys":["a","b","c","d"],"key_info":{"a":1,"b":2,"c":3,"d":"x"}}"#);
    let other = parsed(r#"{"keys":["foo","bar"],"something_else":"baz"}"#);
    let wrong = parsed(r#"{"keys":{"a":1},"key_info":["x"]}"#);
    let nested = parsed(r#"{"in":{"keys":["a"]}}"#);
    let of = |formatter: &Formatter, operation, data: &Object| {
        String::from_utf8(data_of(formatter, operation, Data::new(data)).to_json()).unwrap()
    };
    for formatter in [&elide, &elide_raw] {
        assert_eq!(of(formatter, Operation::List, &keys), r#"{"keys":3}"#);
        assert_eq!(of(formatter, Operation::List, &info), r#"{"key_info":4,"keys":4}"#);
    }
    assert_eq!(
        of(&elide, Operation::List, &other),
        format!(r#"{{"keys":2,"something_else":"{}"}}"#, h("baz"))
    );
    assert_eq!(
        of(&elide, Operation::List, &wrong),
        format!(r#"{{"key_info":["{}"],"keys":{{"a":1}}}}"#, h("x"))
    );
    assert_eq!(of(&elide, Operation::List, &nested), format!(r#"{{"in":{{"keys":["{}"]}}}}"#, h("a")));
    assert_eq!(of(&elide_raw, Operation::Read, &keys), r#"{"keys":["foo","bar","baz"]}"#);
    assert_eq!(of(&raw(), Operation::List, &keys), r#"{"keys":["foo","bar","baz"]}"#);

    let request = Request { operation: Some(Operation::List), data: Data::new(&keys), ..Request::default() };
    let written = parsed(&line(&elide_raw, &Entry { request, ..Entry::default() }));
    assert_eq!(written.object("request").unwrap().get("data"), Some(&Value::from(keys)));
}

#[test]
fn wrap_info_is_hashed_always_and_accessors_as_the_device_says() {
    let wrap = WrapInfo {
        ttl: 60,
        token: "bar".into(),
        accessor: "flimflam".into(),
        creation_time: Time::parse("2024-01-02T03:04:05.678901234Z").unwrap(),
        creation_path: "".into(),
        wrapped_accessor: "bar".into(),
    };
    let entry = |wrap| Entry {
        response: Some(Response { wrap_info: Some(wrap), ..Response::default() }),
        ..Entry::default()
    };
    let written = |formatter: &Formatter, wrap| {
        parsed(&line(formatter, &entry(wrap))).object("response").unwrap().clone()
    };
    let time = "2024-01-02T03:04:05.678901234Z";
    assert_eq!(
        written(&hashed(), wrap).object("wrap_info"),
        Some(
            &object! { "ttl" => 60, "token" => h("bar"), "accessor" => h("flimflam"), "creation_time" => time, "wrapped_accessor" => h("bar") }
        )
    );
    let empty =
        WrapInfo { ttl: 0, token: "".into(), accessor: "".into(), wrapped_accessor: "".into(), ..wrap };
    let plain = formatter(FormatOptions { hmac_accessor: false, ..FormatOptions::default() });
    assert_eq!(
        written(&plain, empty).object("wrap_info"),
        Some(&object! { "token" => h(""), "accessor" => "", "creation_time" => time })
    );
    let auth = Auth { client_token: "foo".into(), accessor: "acc".into(), ..Auth::default() };
    let entry = Entry { auth, ..Entry::default() };
    assert_eq!(
        parsed(&line(&plain, &entry)).object("auth"),
        Some(&object! { "client_token" => h("foo"), "accessor" => "acc", "token_type" => "default" })
    );
}

#[test]
fn a_probe_is_the_entry_that_readers_of_logs_know() {
    assert_eq!(
        bare(&hashed(), &Entry::probe("11111111-2222-3333-4444-555555555555")),
        r#"{"time":"2024-01-02T03:04:05.6Z","type":"request","auth":{"token_type":"default"},"request":{"id":"11111111-2222-3333-4444-555555555555","operation":"update","namespace":{"id":"root"},"path":"sys/audit/test"}}"#
    );
}

#[test]
fn the_json_line_of_the_formatter_vectors_with_and_without_a_prefix() {
    let headers = [Header { name: "foo", values: &[Private::new(b"bar")], hmac: false }];
    let entry = kit::vector_entry(&headers);
    let expected = format!(
        r#"{{"time":"2024-01-02T03:04:05.6Z","type":"request","auth":{{"client_token":"{}","accessor":"bar","display_name":"testtoken","policies":["root"],"no_default_policy":true,"entity_id":"foobarentity","token_type":"service","token_ttl":14400,"token_issue_time":"2020-05-28T18:40:18Z"}},"request":{{"operation":"update","namespace":{{"id":"root"}},"path":"/foo","remote_address":"127.0.0.1","wrap_ttl":60,"headers":{{"foo":["bar"]}}}},"error":"this is an error"}}"#,
        h("foo")
    );
    let options = FormatOptions { hmac_accessor: false, ..FormatOptions::default() };
    assert_eq!(bare(&formatter(options.clone()), &entry), expected);
    let prefixed = formatter(FormatOptions { prefix: "@cee: ".to_owned(), ..options });
    assert_eq!(bare(&prefixed, &entry), format!("@cee: {expected}"));
}

#[test]
fn the_end_to_end_line_hashed_and_raw() {
    let data = parsed(
        r#"{"user":"<admin> & \"co\"","ttl":3600,"flag":true,"none":null,"when":"2024-01-02T03:04:05Z","list":["a",1,{"k":"v"}],"obj":{"empty":""}}"#,
    );
    let headers =
        [Header { name: "x-test", values: &[Private::new(b"v1"), Private::new(b"v2")], hmac: false }];
    let entry = Entry {
        auth: Auth {
            client_token: "s.abcdefghijklmnopqrstuvwx".into(),
            accessor: "ACCESSOR0123456789abcdef".into(),
            display_name: "root".into(),
            policies: (&["root"]).into(),
            token_policies: (&["root"]).into(),
            policy_results: Some(PolicyResults {
                allowed: true,
                granting_policies: Grants::of_root_namespace(&["root"]),
                ..PolicyResults::default()
            }),
            token_type: TokenType::Service,
            token_issue_time: Some(Time::parse("2024-01-01T00:00:00Z").unwrap().into()),
            ..Auth::default()
        },
        request: Request {
            id: "11111111-2222-3333-4444-555555555555".into(),
            client_id: "0DHqvq2D77kL2/JTPSZkTMJbkFVmUu0TzMi0jiXcFy8=".into(),
            operation: Some(Operation::Create),
            mount: Mount {
                point: "secret/".into(),
                kind: "kv".into(),
                accessor: "kv_12345678".into(),
                running_version: "v2.0.0+builtin.bao".into(),
                class: "secret".into(),
                ..Mount::default()
            },
            client_token: "s.abcdefghijklmnopqrstuvwx".into(),
            client_token_accessor: "ACCESSOR0123456789abcdef".into(),
            namespace: Some(Namespace::ROOT),
            path: "secret/demo".into(),
            data: Data::new(&data),
            remote_address: "127.0.0.1".into(),
            remote_port: 54321,
            headers: headers.as_slice().into(),
            ..Request::default()
        },
        ..Entry::default()
    };
    // The vector leaves a client's text that looks like a time in the clear; we hash it (decided).
    let expected = concat!(
        r#"{"time":"2024-01-02T03:04:05.6Z","type":"request","auth":{"client_token":"hmac-sha256:c8a4662e9d466549baec38ece6a477171e33dae9952158c9dcec7dac0cc6e212","accessor":"hmac-sha256:5fa6f837f42f9648af5823d90de26cf40be409e8402fae03b039648ed2d4f6c6","display_name":"root","policies":["root"],"token_policies":["root"],"policy_results":{"allowed":true,"granting_policies":[{"name":"root","namespace_id":"root","type":"acl"}]},"token_type":"service","token_issue_time":"2024-01-01T00:00:00Z"},"request":{"id":"11111111-2222-3333-4444-555555555555","client_id":"0DHqvq2D77kL2/JTPSZkTMJbkFVmUu0TzMi0jiXcFy8=","operation":"create","mount_point":"secret/","mount_type":"kv","mount_accessor":"kv_12345678","mount_running_version":"v2.0.0+builtin.bao","mount_class":"secret","client_token":"hmac-sha256:c8a4662e9d466549baec38ece6a477171e33dae9952158c9dcec7dac0cc6e212","client_token_accessor":"hmac-sha256:5fa6f837f42f9648af5823d90de26cf40be409e8402fae03b039648ed2d4f6c6","namespace":{"id":"root"},"path":"secret/demo","data":{"flag":true,"list":["hmac-sha256:ef9efc69d62c6e7e1a785c4e021efb45d9cc4bd6e44f43366584fbf023d45997",1,{"k":"hmac-sha256:5aefd76075b567272200e01c90a8678a1abcb226660df9c13e8c413ea0121ec6"}],"none":null,"obj":{"empty":"hmac-sha256:683716d9d7f82eed174c6caebe086ee93376c79d7c61dd670ea00f7f8d6eb0a8"},"ttl":3600,"user":"hmac-sha256:a0a065b9f1cc4ff5fcbd092eaac6db450850b8d103edf338114ea0b1fa795412","when":""#,
        "WHEN",
        r#""},"remote_address":"127.0.0.1","remote_port":54321,"headers":{"x-test":["v1","v2"]}}}"#
    );
    assert_eq!(bare(&hashed(), &entry), expected.replace("WHEN", &h("2024-01-02T03:04:05Z")));
    let written = bare(&raw(), &entry);
    let data = r#""data":{"flag":true,"list":["a",1,{"k":"v"}],"none":null,"obj":{"empty":""},"ttl":3600,"user":"\u003cadmin\u003e \u0026 \"co\"","when":"2024-01-02T03:04:05Z"}"#;
    assert!(written.contains(data), "{written}");
    assert!(
        written
            .contains(r#""client_token":"s.abcdefghijklmnopqrstuvwx","accessor":"ACCESSOR0123456789abcdef""#)
    );
}

#[test]
fn headers_are_sorted_and_each_is_hashed_or_not_as_configured_even_on_a_raw_device() {
    let headers = [
        Header { name: "x-vault-header", values: &[Private::new(b"bar"), Private::new(b"bar")], hmac: true },
        Header { name: "x-test-header", values: &[Private::new(b"foo")], hmac: false },
    ];
    let entry = Entry {
        request: Request { headers: headers.as_slice().into(), ..Request::default() },
        ..Entry::default()
    };
    for formatter in [hashed(), raw()] {
        let written =
            format!(r#""headers":{{"x-test-header":["foo"],"x-vault-header":["{0}","{0}"]}}"#, h("bar"));
        assert!(line(&formatter, &entry).contains(&written));
    }
}

#[test]
fn data_over_a_limit_becomes_size_nodes_and_digest_on_raw_devices_too() {
    let deep = parsed(&format!("{{\"a\":{}1{}}}", "[".repeat(64), "]".repeat(64)));
    let fits = parsed(&format!("{{\"a\":{}1{}}}", "[".repeat(63), "]".repeat(63)));
    let many: Object = [("n", Value::from(vec![1; 100_000]))].into_iter().collect();
    let strings: Object = [("s", Value::from(vec!["canary"; 20_001]))].into_iter().collect();
    for (data, limit) in [(&deep, "depth"), (&many, "nodes"), (&strings, "hash_calls")] {
        let request = Request { data: Data::new(data), ..Request::default() };
        let text = Value::from(data.clone()).to_json();
        for (formatter, digest) in
            [(hashed(), h(&String::from_utf8(text.clone()).unwrap())), (raw(), String::new())]
        {
            let line = line(&formatter, &Entry { request, ..Entry::default() });
            let request = parsed(&line).object("request").unwrap().clone();
            if limit == "hash_calls" && digest.is_empty() {
                assert_eq!(
                    request.get("data"),
                    Some(&Value::from(data.clone())),
                    "a raw device hashes nothing"
                );
                continue;
            }
            assert_eq!(request.str("data_over_limit"), Some(limit));
            assert!(!line.contains("canary"));
            let summary = request.object("data").unwrap();
            assert_eq!(summary.get("bytes"), Some(&Value::from(text.len())));
            let written = summary.str("digest").unwrap();
            assert!(
                if digest.is_empty() { written.starts_with("sha256:") } else { written == digest },
                "{written}"
            );
        }
    }
    let request = Request { data: Data::new(&fits), ..Request::default() };
    assert!(!line(&hashed(), &Entry { request, ..Entry::default() }).contains("data_over_limit"));
}

#[test]
fn a_line_that_would_be_too_long_has_digests_and_an_error_if_that_is_not_enough() {
    let data = object! { "text" => "x".repeat(2000) };
    let limits = Limits { line_bytes: 1000, ..Limits::default() };
    let formatter = formatter(FormatOptions { log_raw: true, limits, ..FormatOptions::default() });
    let fill = "9".repeat(450);
    let entry = |path, data| Entry {
        request: Request { path: Path::new(path), data, ..Request::default() },
        ..Entry::default()
    };
    let written = line(&formatter, &entry("x", Data::new(&data)));
    assert!(written.contains(r#""data_over_limit":"line_bytes""#) && written.len() <= 1000);
    // The data alone would fit; with what comes after it the line would not.
    let small = object! { "text" => "x".repeat(400) };
    let mut entry_with_more = entry("x", Data::new(&small));
    entry_with_more.request.client_certificate_serial_number = fill.as_str().into();
    let written = line(&formatter, &entry_with_more);
    assert!(written.contains(r#""data_over_limit":"line_bytes""#) && written.len() <= 1000, "{written}");

    let path = "p".repeat(1000);
    let mut out = b"before".to_vec();
    let stamp = Stamp { time: Time::UNIX_EPOCH, seq: 1, boot: Boot::new(1) };
    assert!(formatter.format(&entry(&path, Data::default()), &stamp, &mut out).is_err());
    assert_eq!(out, b"before");
}

#[test]
fn tokens_in_clear_texts_keys_and_sensitive_parts_of_paths_are_hashed() {
    let token = "s.U7S4dyjHX5pobJO4JIQLdble";
    let chosen = "my-chosen-token";
    let long = "k".repeat(257);
    let data = object! { token => 1, long.as_str() => 2, "a" => 3, "zz" => object! { "k" => token } };
    let text = format!("auth/{token}/{chosen}/acc");
    let acc = text.len() - 3..text.len();
    let parts = [acc];
    let entry = Entry {
        auth: Auth { client_token: chosen.into(), display_name: chosen.into(), ..Auth::default() },
        request: Request {
            path: Path::with_sensitive(&text, &parts),
            data: Data::with_plain_keys(&data, &["k"]),
            ..Request::default()
        },
        ..Entry::default()
    };
    let written = line(&hashed(), &entry);
    assert!(!written.contains(token) && !written.contains(chosen) && !written.contains(&long), "{written}");
    assert!(
        written.contains(&format!(r#""path":"auth/{}/{}/{}""#, h(token), h(chosen), h("acc"))),
        "{written}"
    );
    let line = parsed(&written);
    let written = line.object("request").unwrap().object("data").unwrap();
    assert_eq!(written.get(&h(token)), Some(&Value::from(1)));
    assert_eq!(written.get(&h(&long)), Some(&Value::from(2)));
    assert_eq!(written.object("zz").unwrap().str("k"), Some(h(token).as_str()));
    assert_eq!(line.object("auth").unwrap().str("display_name"), Some(h(chosen).as_str()));
}

#[test]
fn a_path_whose_sensitive_parts_do_not_fit_it_is_hashed_as_a_whole() {
    for (start, end) in [(0, 99), (3, 2), (1, 2)] {
        let parts = std::slice::from_ref(&(start..end)).to_vec();
        let request = Request { path: Path::with_sensitive("üb", &parts), ..Request::default() };
        let written = parsed(&line(&hashed(), &Entry { request, ..Entry::default() }));
        assert_eq!(written.object("request").unwrap().str("path"), Some(h("üb").as_str()));
    }
}

#[test]
fn a_text_full_of_tokens_is_redacted_in_linear_time() {
    let token = "hvs.CAESIJlWh6MbpVhTLh3t";
    let path = format!("{token}/").repeat(100_000);
    let auth = Auth { client_token: "my-chosen-token".into(), ..Auth::default() };
    let entry =
        Entry { auth, request: Request { path: Path::new(&path), ..Request::default() }, ..Entry::default() };
    let written = line(&hashed(), &entry);
    assert!(!written.contains(token));
    let rest = format!("{token}/").repeat(100_000 - 64);
    assert!(written.contains(&format!("{}/{}\"", h(token), h(&rest))));
}

#[test]
fn a_chosen_token_that_looks_like_one_only_at_the_start_of_a_word_is_hashed_within_one_too() {
    let chosen = "s.my-own-token-of-this-server";
    let path = format!("secret/data/x{chosen}");
    let request = Request { path: path.as_str().into(), ..Request::default() };
    let entry =
        Entry { auth: Auth { client_token: chosen.into(), ..Auth::default() }, request, ..Entry::default() };
    assert!(!line(&hashed(), &entry).contains(&chosen[2..]));
}
