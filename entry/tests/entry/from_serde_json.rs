//! The data of an entry from values of `serde_json`.

use std::sync::Arc;

use onrecord_entry::request::Data;
use onrecord_entry::value::{Object, Time, Value};
use onrecord_entry::{Boot, Entry, FormatOptions, Formatter, Request, Salt, Stamp};
use serde_json::json;

#[test]
fn values_of_serde_json_are_the_data_of_an_entry() {
    let body =
        json!({ "b": [1, -2.5, 1e300, null, true], "a": { "text": "canary", "empty": "" }, "n": u64::MAX });
    let serde_json::Value::Object(map) = body.clone() else { unreachable!("it is an object") };
    let data = Object::from(map);
    let text = String::from_utf8(Value::from(body).to_json()).unwrap();
    assert_eq!(
        text,
        r#"{"a":{"empty":"","text":"canary"},"b":[1,-2.5,1e+300,null,true],"n":18446744073709551615}"#
    );
    let formatter = Formatter::new(FormatOptions::default(), Arc::new(Salt::new("a salt")));
    let request = Request { data: Data::new(&data), ..Request::default() };
    let stamp = Stamp { time: Time::UNIX_EPOCH, seq: 1, boot: Boot::new(1) };
    let mut line = Vec::new();
    formatter.format(&Entry { request, ..Entry::default() }, &stamp, &mut line).unwrap();
    let line = String::from_utf8(line).unwrap();
    assert!(!line.contains("canary") && line.contains(&formatter.hash("canary")), "{line}");
}
