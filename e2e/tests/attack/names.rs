//! Names that are kept and shown have no characters that are not seen, or that change what is seen; the error says which.
//! Never in it: names in paths of requests, which are recorded as they were sent.

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use serde_json::{Value, json};

/// Invisible, or changing what is seen, with their code points.
const HOSTILE: &[(&str, &str)] = &[
    ("\0", "U+0000"),
    ("\u{7}", "U+0007"),
    ("\n", "U+000A"),
    ("\u{1b}", "U+001B"),
    ("\u{7f}", "U+007F"),
    ("\u{85}", "U+0085"),
    ("\u{ad}", "U+00AD"),
    ("\u{34f}", "U+034F"),
    ("\u{61c}", "U+061C"),
    ("\u{115f}", "U+115F"),
    ("\u{17b4}", "U+17B4"),
    ("\u{180e}", "U+180E"),
    ("\u{200b}", "U+200B"),
    ("\u{200f}", "U+200F"),
    ("\u{2028}", "U+2028"),
    ("\u{202e}", "U+202E"),
    ("\u{2060}", "U+2060"),
    ("\u{2066}", "U+2066"),
    ("\u{3164}", "U+3164"),
    ("\u{fe0f}", "U+FE0F"),
    ("\u{feff}", "U+FEFF"),
    ("\u{ffa0}", "U+FFA0"),
    ("\u{fff9}", "U+FFF9"),
    ("\u{fffe}", "U+FFFE"),
    ("\u{1d173}", "U+1D173"),
    ("\u{e0041}", "U+E0041"),
    ("\u{e0100}", "U+E0100"),
];

/// Percent-encodes all of a text.
fn encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut all, byte| {
        write!(all, "%{byte:02X}").expect("a text takes all");
        all
    })
}

/// Asks for something with a hostile name in its path, for each of them.
fn refuses_in_path(server: &Server, method: &str, route: &str, body: &Value) {
    for (character, code) in HOSTILE {
        let path = format!("{route}/{}", encoded(&format!("na{character}me")));
        let answer = server.call(method, &path, Some(body.clone()));
        assert_eq!(answer.status, 400, "{route} {code}: {}", answer.error());
        assert!(answer.error().contains(code), "{route} {code}: {}", answer.error());
    }
}

/// As above, with the name in a field of the body.
fn refuses_in_body(server: &Server, path: &str, body: impl Fn(&str) -> Value) {
    // A text for people may have several lines.
    let hostile = |(character, _): &&(&str, &str)| {
        !(path.contains("mounts") || path.contains("audit")) || *character != "\n"
    };
    for (character, code) in HOSTILE.iter().filter(hostile) {
        let answer = server.call("POST", path, Some(body(&format!("na{character}me"))));
        assert_eq!(answer.status, 400, "{path} {code}: {}", answer.error());
        assert!(answer.error().contains(code), "{path} {code}: {}", answer.error());
    }
}

#[test]
fn names_that_are_kept_have_no_invisible_characters() {
    let place = Place::new();
    let server = place.in_memory("");
    server.enable_file("log", &place.path("audit.log"));
    let policy = json!({"policy": "path \"a\" { capabilities = [\"read\"] }"});
    refuses_in_path(&server, "PUT", "sys/policies/acl", &policy);
    refuses_in_path(&server, "PUT", "sys/policy", &policy);
    refuses_in_path(&server, "POST", "sys/mounts", &json!({"type": "kv"}));
    let device = json!({"type": "file", "options": {"file_path": place.path("b.log")}});
    refuses_in_path(&server, "PUT", "sys/audit", &device);
    refuses_in_path(&server, "PUT", "sys/config/auditing/request-headers", &json!({"hmac": false}));
    assert_eq!(server.devices().as_object().map(serde_json::Map::len), Some(1));
}

#[test]
fn texts_that_are_recorded_in_the_clear_have_no_invisible_characters() {
    let place = Place::new();
    let server = place.in_memory("");
    server.mount_kv(2);
    refuses_in_body(&server, "auth/token/create", |name| json!({"policies": ["default", name]}));
    refuses_in_body(&server, "auth/token/create", |name| json!({"meta": {"owner": name}}));
    refuses_in_body(&server, "auth/token/create", |name| json!({"meta": {name: "owner"}}));
    refuses_in_body(&server, "kv/metadata/a", |name| json!({"custom_metadata": {"owner": name}}));
    refuses_in_body(&server, "kv/metadata/a", |name| json!({"custom_metadata": {name: "owner"}}));
    refuses_in_body(&server, "sys/mounts/new", |name| json!({"type": "kv", "description": name}));
    let device =
        |name: &str| json!({"type": "file", "description": name, "options": {"file_path": "discard"}});
    refuses_in_body(&server, "sys/audit/new", device);
    refuses_in_body(&server, "sys/mounts/kv/tune", |name| json!({"description": name}));
}

#[test]
fn names_in_any_script_are_taken() {
    let place = Place::new();
    let server = place.in_memory("");
    server.enable_file("log", &place.path("audit.log"));
    let policy = json!({"policy": "path \"a\" { capabilities = [\"read\"] }"});
    for name in ["grüße", "語", "имя", "e\u{301}", "שם", "اسم", "नाम", "a b", "\u{1f600}", "a.b-c_d"]
    {
        let name = encoded(name);
        for (path, body) in [
            (format!("sys/policies/acl/{name}"), policy.clone()),
            (format!("sys/mounts/{name}"), json!({"type": "kv", "description": "plain"})),
        ] {
            let answer = server.call("POST", &path, Some(body));
            assert_eq!(answer.status, 204, "{path}: {}", answer.error());
        }
    }
}
