//! Tokens and accessors in a path are hashed on record however the path is spelt, and whatever becomes of the request.
//! Never in it: tokens in bodies and headers.

use std::fs;

use onrecord_e2e::http;
use onrecord_e2e::place::Place;
use serde_json::json;

/// A token's id of the operator's choice: nothing in it looks like a token.
const CHOSEN: &str = "plain-name-of-a-token";

/// Paths whose last part is a secret, spelt as clients misspell them; `{}` stands for the secret.
const SPELLINGS: [&str; 30] = [
    "GET /v1/auth/token/{route}/{}",
    "GET /v1/auth/token/{route}/{}/",
    "GET /v1/auth/token/{route}//{}",
    "GET /v1/auth/token/{route}/{}//",
    "GET /v1/auth/token/{route}/{}/more",
    "GET /v1/auth/token/{route}/more/{}",
    "GET /v1/auth/token//{route}/{}",
    "GET /v1/auth//token/{route}/{}",
    "GET /v1//auth/token/{route}/{}",
    "GET /v1/auth/token/{route}%2F{}",
    "GET /v1/auth/token/{route}/%2F{}",
    "GET /v1/auth/token/{route}/./{}",
    "GET /v1/auth/token/{route}/../{route}/{}",
    "GET /v1/auth/token/{route}/ {}",
    "GET /v1/auth/token/{route}/%20{}",
    "GET /v1/auth/token/{route}/{}?list=true",
    "GET /v1/auth/token/{route}/{}?help=1",
    "LIST /v1/auth/token/{route}/{}",
    "LIST /v1/auth/token/{route}/{}/",
    "POST /v1/auth/token/{route}/{}",
    "POST /v1/auth/token/{route}/{}/",
    "PUT /v1/auth/token/{route}//{}",
    "PATCH /v1/auth/token/{route}/{}",
    "DELETE /v1/auth/token/{route}/{}",
    "DELETE /v1/auth/token/{route}/{}/",
    "HEAD /v1/auth/token/{route}/{}",
    "OPTIONS /v1/auth/token/{route}/{}",
    "BREW /v1/auth/token/{route}/{}",
    "GET /auth/token/{route}/{}",
    "GET /v2/auth/token/{route}/{}",
];

#[test]
fn no_spelling_of_a_sensitive_path_leaves_its_secret_on_record() {
    let place = Place::new();
    let server = place.in_memory("");
    let log = place.path("audit.log");
    server.enable_file("log", &log);
    let made = server.call("POST", "auth/token/create", Some(json!({"id": CHOSEN, "policies": ["default"]})));
    let accessor = made.json()["auth"]["accessor"].as_str().expect("an accessor").to_owned();
    let routes = [
        ("lookup", CHOSEN),
        ("lookup", accessor.as_str()),
        ("lookup-accessor", accessor.as_str()),
        ("renew-accessor", accessor.as_str()),
    ];
    let mut leaks = Vec::new();
    let mut seen = fs::read(&log).expect("the log").len();
    for (route, secret) in routes {
        for spelling in SPELLINGS {
            let line = spelling.replace("{route}", route);
            let (method, path) = line.split_once(' ').expect("two words");
            let path = path.replace("{}", secret).replace(' ', "%20");
            let headers = [("X-Vault-Token", server.token.as_str())];
            let body = matches!(method, "POST" | "PUT" | "PATCH").then_some(&b"{}"[..]);
            // Some spellings are no HTTP: they are refused without an answer of ours.
            drop(http::send(server.addr, method, &path, &headers, body));
            let text = fs::read(&log).expect("the log");
            if String::from_utf8_lossy(&text[seen..]).contains(secret) {
                let which = if secret == CHOSEN { "token" } else { "accessor" };
                leaks.push(format!("{line} with the {which}"));
            }
            seen = text.len();
        }
    }
    assert!(leaks.is_empty(), "{} spellings leave a secret on record: {leaks:#?}", leaks.len());
}
