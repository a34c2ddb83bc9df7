//! Texts that HCL 1 accepts and their values, texts that it refuses and where; no text causes a panic.
//! Never in it: the layout (`format.rs`).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

use std::fmt::Write as _;

use onrecord_hcl::{Body, Data, ErrorKind, Value, parse};
use proptest::prelude::*;

/// A tree in one line, so that a table can hold it.
fn shown(body: &Body) -> String {
    let items: Vec<_> = body
        .items
        .iter()
        .map(|item| {
            let keys: Vec<_> = item.keys.iter().map(|key| key.text.as_str()).collect();
            format!("{}={}", keys.join("."), show(&item.value))
        })
        .collect();
    items.join(" ")
}

fn show(value: &Value) -> String {
    match &value.data {
        Data::Bool(value) => value.to_string(),
        Data::Null => "null".to_owned(),
        Data::Number(text) => text.clone(),
        Data::String(text) => format!("{text:?}"),
        Data::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(",")),
        Data::Object(body) => format!("{{{}}}", shown(body)),
    }
}

#[test]
fn everything_hcl_1_takes_is_taken() {
    for (text, tree) in [
        // White space and comments.
        ("", ""),
        (" \r\n\t ", ""),
        ("# a\n// b\n/* c\n d */ a = 1 # e", "a=1"),
        ("a = 1 // no line end", "a=1"),
        ("a /* x */ = /* y */ 1", "a=1"),
        ("\u{feff}a = 1", "a=1"),
        ("/***/a = 1", "a=1"),
        // Keys.
        ("a = 1", "a=1"),
        ("\"a b\" = 1", "a b=1"),
        ("a-b.c_d9 = 1", "a-b.c_d9=1"),
        ("_é = 1", "_é=1"),
        ("path \"a\" { }", "path.a={}"),
        ("\"path\" \"a\" { }", "path.a={}"),
        ("a b \"c\" d { x = 1 }", "a.b.c.d={x=1}"),
        ("a { }", "a={}"),
        ("a = { }", "a={}"),
        ("a = 1 a = 2", "a=1 a=2"),
        // Separators.
        ("a = 1 b = 2", "a=1 b=2"),
        ("a = 1, b = 2,", "a=1 b=2"),
        ("p \"x\" { a = 1 b = [2] }", "p.x={a=1 b=[2]}"),
        ("p \"x\" { a = 1, b = 2 }", "p.x={a=1 b=2}"),
        ("a { x = 1 } b { y = 2 }", "a={x=1} b={y=2}"),
        ("a = { x = 1 y = 2 }", "a={x=1 y=2}"),
        ("a\n=\n1", "a=1"),
        ("a = [1\n,\n2\n]", "a=[1,2]"),
        // Lists.
        ("a = []", "a=[]"),
        ("a = [1, 2,]", "a=[1,2]"),
        ("a = [\"x\", true, [1], {b = 2}]", "a=[\"x\",true,[1],{b=2}]"),
        ("a = [ # c\n 1, # d\n 2 # e\n]", "a=[1,2]"),
        // Numbers and truth values.
        ("a = -1 b = 1.5 c = 1e3 d = -2.5E-3", "a=-1 b=1.5 c=1e3 d=-2.5E-3"),
        ("a = 0x1F b = 017 c = 0 d = -0x10", "a=31 b=017 c=0 d=-16"),
        ("a = .5 b = 1.", "a=.5 b=1."),
        ("a = true b = false", "a=true b=false"),
        // Strings.
        (r#"a = """#, r#"a="""#),
        (r#"a = "\"\\\n\t\a\x41\u00e9\U0001F600\101""#, "a=\"\\\"\\\\\\n\\t\\u{7}Aé😀A\""),
        (r#"a = "${x} $y $ {""#, r#"a="${x} $y $ {""#),
        (r#"a = "${f("x")} ${ {} }""#, r#"a="${f(\"x\")} ${ {} }""#),
        ("a = \"${\n}\"", "a=\"${\\n}\""),
        (r#"a = "%{ if x }""#, r#"a="%{ if x }""#),
        (r#"path "${x}" { }"#, "path.${x}={}"),
        (r#"path "{{identity.entity.id}}" { }"#, "path.{{identity.entity.id}}={}"),
        ("a = \"# no comment /* \"", "a=\"# no comment /* \""),
        // Heredocs.
        ("a = <<EOT\nx\n y\nEOT\n", "a=\"x\\n y\\n\""),
        ("a = <<EOT\nEOT", "a=\"\""),
        ("a = <<EOT\r\nx\r\nEOT\r\n", "a=\"x\\r\\n\""),
        ("a = <<-EOT\n    x\n      y\n    EOT\nb = 1", "a=\"x\\n  y\\n\" b=1"),
        ("a = <<-EOT\n  x\n y\n  EOT\n", "a=\"  x\\n y\\n\""),
        ("a = <<EOT\n  x\n  EOT\n", "a=\"  x\\n\""),
        ("a = <<EOT\nxEOT\nEOTx\nEOT\n", "a=\"xEOT\\nEOTx\\n\""),
        ("a = <<EOT\n\"${x}\\n\nEOT\n", "a=\"\\\"${x}\\\\n\\n\""),
        ("p \"x\" { a = <<E\nz\nE\n}", "p.x={a=\"z\\n\"}"),
        ("a = [<<E\nz\nE\n, 1]", "a=[\"z\\n\",1]"),
    ] {
        match parse(text) {
            Ok(body) => assert_eq!(shown(&body), tree, "{text}"),
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

#[test]
fn the_json_form_gives_the_same_kind_of_tree() {
    for (text, tree) in [
        ("{}", ""),
        (" \n{ \"a\" : 1 } ", "a=1"),
        (r#"{"path":{"x":{"capabilities":["read"]}}}"#, r#"path={x={capabilities=["read"]}}"#),
        (r#"{"a":1,"a":2}"#, "a=1 a=2"),
        (r#"{"a":[{"b":null},true,-1.5e3,[]]}"#, "a=[{b=null},true,-1.5e3,[]]"),
        (r#"{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}"#, r#"a="\"\\/\u{8}\u{c}\n\r\té😀""#),
        (r#"{"${x}":"${"}"#, "${x}=\"${\""),
    ] {
        match parse(text) {
            Ok(body) => assert_eq!(shown(&body), tree, "{text}"),
            Err(error) => panic!("{text}: {error}"),
        }
    }
}

#[test]
fn errors_have_the_position_of_the_wrong_text() {
    for (text, message) in [
        ("path \"gen/* {", "At 1:14: literal not terminated"),
        ("path \"a\n\" {}", "At 1:8: literal not terminated"),
        ("\n a = \"x", "At 2:8: literal not terminated"),
        ("a = \"${", "At 1:8: literal not terminated"),
        ("a = \"\\q\"", "At 1:7: illegal char escape"),
        ("a = \"\\x4\"", "At 1:7: illegal char escape"),
        ("a = \"\\ud800\"", "At 1:7: illegal char escape"),
        ("/* x", "At 1:5: comment not terminated"),
        ("a = <<EOT\nx", "At 2:2: heredoc not terminated"),
        ("a = << EOT\nEOT", "At 1:7: heredoc needs a name and a line end after it"),
        ("a = <<EOT x\nEOT", "At 1:7: heredoc needs a name and a line end after it"),
        ("a = ?", "At 1:5: illegal character"),
        ("a / b", "At 1:3: illegal character"),
        ("\u{0}", "At 1:1: illegal character"),
        ("a < b", "At 1:3: illegal character"),
        ("a = 09", "At 1:5: illegal number"),
        ("a = 0x", "At 1:5: illegal number"),
        ("a = 1e", "At 1:5: illegal number"),
        ("a = -", "At 1:5: illegal number"),
        ("a = b", "At 1:5: value expected, got: IDENT"),
        ("a =", "At 1:4: value expected, got: EOF"),
        ("a = }", "At 1:5: value expected, got: RBRACE"),
        ("a", "At 1:2: key 'a' expected start of object ('{') or assignment ('=')"),
        ("path \"x\"", "At 1:9: key 'path x' expected start of object ('{') or assignment ('=')"),
        ("a 1", "At 1:3: expected: IDENT | STRING | ASSIGN | LBRACE got: NUMBER"),
        ("}", "At 1:1: expected: IDENT | STRING | ASSIGN | LBRACE got: RBRACE"),
        ("= 1", "At 1:1: no object keys found!"),
        ("a b = {}", "At 1:5: nested object expected: LBRACE got: ASSIGN"),
        ("path \"x\" {", "At 1:11: object expected closing RBRACE got: EOF"),
        ("a { b = 1", "At 1:10: object expected closing RBRACE got: EOF"),
        ("a = [1 2]", "At 1:8: error parsing list, expected comma or list end, got: NUMBER"),
        ("a = [1", "At 1:7: error parsing list, expected comma or list end, got: EOF"),
        ("a = [", "At 1:6: value expected, got: EOF"),
        ("a = [b]", "At 1:6: value expected, got: IDENT"),
        ("{", "At 1:2: object expected closing RBRACE got: EOF"),
        ("{\"a\":1", "At 1:7: object expected closing RBRACE got: EOF"),
        ("{\"a\":1,}", "At 1:8: expected: IDENT | STRING | ASSIGN | LBRACE got: RBRACE"),
        ("{a:1}", "At 1:2: expected: IDENT | STRING | ASSIGN | LBRACE got: IDENT"),
        ("{\"a\" 1}", "At 1:2: key 'a' expected start of object ('{') or assignment ('=')"),
        ("{\"a\":tru}", "At 1:6: value expected, got: IDENT"),
        ("{\"a\":01}", "At 1:6: illegal number"),
        ("{\"a\":[1,]}", "At 1:9: value expected, got: RBRACK"),
        ("{\"a\":\"x\ny\"}", "At 1:8: literal not terminated"),
        ("{\"a\":\"\\ud800\"}", "At 1:8: illegal char escape"),
        ("{} x", "At 1:4: unexpected text after the end of the object"),
    ] {
        match parse(text) {
            Ok(body) => panic!("{text}: {}", shown(&body)),
            Err(error) => assert_eq!(error.to_string(), message, "{text}"),
        }
    }
}

#[test]
fn nesting_has_a_bound_in_both_forms() {
    for open in ["a {", "a = [[", "a = {", "{\"a\":"] {
        for count in [40_000, 2 * onrecord_hcl::DEPTH_MAX] {
            let error = parse(&open.repeat(count)).unwrap_err();
            let bounded = *error.kind() == ErrorKind::TooDeep || open.contains("[[");
            assert!(bounded, "{open}: {error}");
        }
    }
    let lists = format!("a = {}", "[".repeat(100_000));
    assert_eq!(*parse(&lists).unwrap_err().kind(), ErrorKind::TooDeep);
    let fits = format!("a = {}{}", "[".repeat(onrecord_hcl::DEPTH_MAX), "]".repeat(onrecord_hcl::DEPTH_MAX));
    assert!(parse(&fits).is_ok());
}

#[test]
fn blocks_are_found_with_labels_in_either_form() {
    for text in [
        "listener \"tcp\" { address = \"a\" } listener \"unix\" { address = \"b\" }",
        "listener tcp { address = \"a\" } listener = { unix = { address = \"b\" } }",
        "listener { tcp { address = \"a\" } unix { address = \"b\" } }",
        r#"{"listener": {"tcp": {"address": "a"}, "unix": {"address": "b"}}}"#,
        r#"{"listener": [{"tcp": {"address": "a"}}, {"unix": {"address": "b"}}]}"#,
        r#"{"listener": [{"tcp": [{"address": "a"}]}], "listener": {"unix": {"address": "b"}}}"#,
    ] {
        let body = parse(text).unwrap();
        let found: Vec<_> = body
            .blocks("listener", 1)
            .unwrap()
            .into_iter()
            .map(|block| (block.labels[0], block.body.string("address").unwrap().unwrap()))
            .collect();
        assert_eq!(found, [("tcp", "a"), ("unix", "b")], "{text}");
    }
    let bare = parse("telemetry { a = 1 } ").unwrap();
    assert_eq!(bare.blocks("telemetry", 0).unwrap()[0].body.integer("a").unwrap(), Some(1));
    for (text, message) in [
        ("x { a = 1 }", "At 1:9: 'x' must be an object, got: number"),
        ("x \"a\" \"b\" { }", "At 1:1: 'x' has more than 1 label(s)"),
        ("x = 1", "At 1:1: 'x' needs a label"),
        (r#"{"x":{"a":1}}"#, "At 1:11: 'x' must be an object, got: number"),
    ] {
        assert_eq!(parse(text).unwrap().blocks("x", 1).unwrap_err().to_string(), message);
    }
}

#[test]
fn getters_give_the_last_value_and_name_what_does_not_fit() {
    let body = parse("a = \"x\" a = \"y\"\nb = true\nc = 30\nd = [\"p\", \"q\"]\ne = [1]").unwrap();
    assert_eq!(body.string("a").unwrap(), Some("y"));
    assert_eq!(body.string("z").unwrap(), None);
    assert_eq!(body.boolean("b").unwrap(), Some(true));
    assert_eq!(body.integer("c").unwrap(), Some(30));
    assert_eq!(body.scalar("c").unwrap(), Some("30"));
    assert_eq!(body.scalar("b").unwrap(), Some("true"));
    assert_eq!(body.strings("d").unwrap().unwrap(), ["p", "q"]);
    for (error, message) in [
        (body.string("c").unwrap_err(), "At 3:5: 'c' must be a string, got: number"),
        (body.boolean("a").unwrap_err(), "At 1:13: 'a' must be a boolean, got: string"),
        (body.strings("e").unwrap_err(), "At 5:6: 'e' must be a list of strings, got: number"),
        (body.strings("a").unwrap_err(), "At 1:13: 'a' must be a list of strings, got: string"),
        (body.scalar("d").unwrap_err(), "At 4:5: 'd' must be a string, got: list"),
    ] {
        assert_eq!(error.to_string(), message);
    }
    let json = parse(r#"{"a": null}"#).unwrap();
    assert_eq!(json.string("a").unwrap(), None);
}

/// A tree as HCL text.
fn written(body: &Body) -> String {
    body.items.iter().fold(String::new(), |mut out, item| {
        for key in &item.keys {
            write!(out, "{} ", quoted(&key.text)).unwrap();
        }
        if item.keys.len() == 1 {
            out.push_str("= ");
        }
        writeln!(out, "{}", write_value(&item.value)).unwrap();
        out
    })
}

fn quoted(text: &str) -> String {
    let escaped = text.chars().fold(String::new(), |mut out, character| {
        write!(out, "\\U{:08x}", u32::from(character)).unwrap();
        out
    });
    format!("\"{escaped}\"")
}

fn write_value(value: &Value) -> String {
    match &value.data {
        Data::Bool(value) => value.to_string(),
        Data::Null => unreachable!("not in this form"),
        Data::Number(text) => text.clone(),
        Data::String(text) => quoted(text),
        Data::List(items) => format!("[{}]", items.iter().map(write_value).collect::<Vec<_>>().join(",")),
        Data::Object(body) => format!("{{ {} }}", written(body)),
    }
}

fn bodies() -> impl Strategy<Value = Body> {
    use onrecord_hcl::{Item, Key, Position};
    let position = Position { line: 1, column: 1 };
    let value = move |data| Value { position, data };
    let leaf = prop_oneof![
        any::<bool>().prop_map(Data::Bool),
        any::<i64>().prop_map(|number| Data::Number(number.to_string())),
        any::<String>().prop_map(Data::String),
    ];
    let key = move |text| Key { text, position };
    let data = leaf.prop_recursive(4, 32, 5, move |inner| {
        let item = (prop::collection::vec(any::<String>(), 1..3), inner.clone())
            .prop_filter("labels need an object", |(keys, data)| {
                keys.len() == 1 || matches!(data, Data::Object(_))
            })
            .prop_map(move |(keys, data)| Item {
                keys: keys.into_iter().map(key).collect(),
                value: value(data),
            });
        prop_oneof![
            prop::collection::vec(inner.prop_map(value), 0..5).prop_map(Data::List),
            prop::collection::vec(item, 0..5).prop_map(|items| Data::Object(Body { items })),
        ]
    });
    prop::collection::vec((any::<String>(), data), 0..5).prop_map(move |items| Body {
        items: items
            .into_iter()
            .map(|(text, data)| Item { keys: vec![key(text)], value: value(data) })
            .collect(),
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(body in bodies()) {
        let read = parse(&written(&body)).unwrap();
        prop_assert_eq!(shown(&read), shown(&body));
    }

    #[test]
    fn arbitrary_texts_never_panic(text in any::<String>()) {
        drop(parse(&text));
    }

    #[test]
    fn texts_of_its_own_characters_never_panic(text in "[\\[\\]{}\"=<>EOT,#/*$ \n\\\\a0.x-]{0,60}") {
        drop(parse(&text));
        drop(parse(&format!("{{{text}")));
    }
}
