//! What a request without a valid token leaves in a line: nothing of it is as long as what was sent, and no hash of it
//! can be compared with another one.
//! Never in it: how a server knows that a token is not valid.

use std::sync::Arc;

use onrecord_entry::format::Lines;
use onrecord_entry::request::{Data, Header};
use onrecord_entry::text::{Path, Private, Token};
use onrecord_entry::{Entry, FormatOptions, Formatter, Request, Response, Salt, decode};
use onrecord_value::{Object, Value, object};

use crate::kit::{line, stamp};

const GUESS: &str = "correct horse battery staple";
const TOKEN: &str = "s.U7S4dyjHX5pobJO4JIQLdble";

fn formatter(log_raw: bool, salt: &str) -> Formatter {
    Formatter::new(FormatOptions { log_raw, ..FormatOptions::default() }, Arc::new(Salt::new(salt)))
}

fn strangers<'a>(id: &'a str, data: &'a Object) -> Entry<'a> {
    let request = Request {
        id: id.into(),
        data: Data::new(data),
        path: "kv/data/a".into(),
        unauthenticated: true,
        ..Request::default()
    };
    Entry { request, ..Entry::default() }
}

#[test]
fn the_data_is_a_summary_on_every_device_and_says_why() {
    let many: Object = (0..1000).map(|key| (format!("key {key}"), Value::from(GUESS))).collect();
    for raw in [false, true] {
        let text = line(&formatter(raw, "a salt"), &strangers("id 1", &many), &stamp());
        let decoded = decode(text.as_bytes()).unwrap();
        let request = decoded.object().object("request").unwrap();
        assert_eq!(request.str("data_over_limit"), Some("unauthenticated"));
        let data = request.object("data").unwrap();
        assert_eq!(data.keys().collect::<Vec<_>>(), ["bytes", "digest", "nodes"]);
        assert_eq!(data.get("bytes"), Some(&Value::from(Value::Object(many.clone()).to_json().len())));
        assert_eq!(data.get("nodes"), Some(&Value::from(1001)));
        assert!(text.len() < 500, "{text}");
        let mut again = Vec::new();
        decoded.format(&mut again);
        assert_eq!(String::from_utf8(again).unwrap(), text);
    }
}

#[test]
fn the_digest_is_of_the_id_and_the_json_text_and_differs_between_requests() {
    let data = object! { "password" => GUESS };
    let formatter = formatter(false, "a salt");
    let [one, other] = ["id 1", "id 2"].map(|id| line(&formatter, &strangers(id, &data), &stamp()));
    let text = String::from_utf8(Value::Object(data).to_json()).unwrap();
    assert!(one.contains(&formatter.hash(&format!("id 1\n{text}"))), "{one}");
    assert!(other.contains(&formatter.hash(&format!("id 2\n{text}"))), "{other}");
    for line in [&one, &other] {
        assert!(!line.contains(&formatter.hash(&text)), "a stored text could have this hash: {line}");
    }
}

#[test]
fn nothing_that_a_stranger_sends_is_hashed_as_it_is_elsewhere() {
    let headers = [Header { name: "x-audited", values: &[Private::new(GUESS.as_bytes())], hmac: true }];
    let path = format!("auth/token/lookup/{GUESS}");
    let secret = path.len() - GUESS.len()..path.len();
    let nothing = Object::new();
    let mut entry = strangers("id 1", &nothing);
    entry.request.path = Path::with_sensitive(&path, std::slice::from_ref(&secret));
    entry.request.client_token = Token::new(GUESS);
    entry.request.headers = (&headers[..]).into();
    for response in [None, Some(Response::default())] {
        let entry = Entry { response, ..entry };
        let formatter = formatter(false, "a salt");
        let written = line(&formatter, &entry, &stamp());
        assert!(!written.contains(&formatter.hash(GUESS)), "{written}");
        assert!(!written.contains(GUESS), "{written}");
        assert_eq!(written.matches(&formatter.hash(&format!("id 1\n{GUESS}"))).count(), 3, "{written}");
        let known = Entry { request: Request { unauthenticated: false, ..entry.request }, ..entry };
        assert_eq!(line(&formatter, &known, &stamp()).matches(&formatter.hash(GUESS)).count(), 3);
    }
}

#[test]
fn what_looks_like_a_token_can_still_be_found() {
    let path = format!("auth/token/lookup/{TOKEN}");
    let nothing = Object::new();
    let mut entry = strangers("id 1", &nothing);
    entry.request.path = Path::new(&path);
    entry.request.client_token = Token::new(TOKEN);
    let formatter = formatter(false, "a salt");
    let written = line(&formatter, &entry, &stamp());
    assert_eq!(written.matches(&formatter.hash(TOKEN)).count(), 2, "{written}");
}

#[test]
fn a_long_path_is_cut_and_its_rest_hashed() {
    let path = "ü/<&".repeat(16 << 10);
    let nothing = Object::new();
    let mut entry = strangers("id 1", &nothing);
    entry.request.path = Path::new(&path);
    let written = line(&formatter(false, "a salt"), &entry, &stamp());
    assert!(written.len() < 8 << 10, "{} bytes", written.len());
    assert!(written.contains("hmac-sha256:"), "{written}");
    entry.request.unauthenticated = false;
    assert!(line(&formatter(false, "a salt"), &entry, &stamp()).len() > path.len());
}

#[test]
fn credentials_are_hashed_field_by_field() {
    let data = object! { "pin" => "4711" };
    let mut entry = strangers("id 1", &data);
    entry.request.data = entry.request.data.of_credentials();
    let formatter = formatter(false, "a salt");
    let written = line(&formatter, &entry, &stamp());
    assert!(written.contains(&format!(r#""data":{{"pin":"{}"}}"#, formatter.hash("4711"))), "{written}");
}

#[test]
fn a_line_of_a_further_device_is_the_one_it_would_write_alone() {
    let data = object! { "password" => GUESS };
    let mut entry = strangers("id 1", &data);
    entry.request.client_token = Token::new(GUESS);
    let formatters = ["one", "other"].map(|salt| formatter(false, salt));
    let mut lines = Lines::new(&entry, stamp());
    for formatter in &formatters {
        assert_eq!(lines.make(formatter).unwrap(), line(formatter, &entry, &stamp()).as_bytes());
    }
}
