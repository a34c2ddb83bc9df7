//! Replays recorded requests against a server and compares answers and audit entries with the recording.
//!
//! A steps file is `{"about", "steps": [{do, method, path, body | raw, headers, token, learn}]}`; `${name}` stands for what an earlier
//! step learnt. What differs from run to run becomes a word for its kind (`<uuid>`, `<time>`), and an HMAC becomes
//! `H(plaintext)`, believed only where the server's own `sys/audit-hash` says the same.
//! A step's `pause` let the recorded server finish creating a mount; ours has finished when it answers, and needs none.
//! Never in it: which differences are accepted (the test's table).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value, json};

use crate::http::{self, Response};
use crate::log::Tail;
use crate::wait;

static UUID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b").expect("a pattern")
});
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?(Z|[+-]\d\d:?\d\d( UTC)?))")
        .expect("a pattern")
});
static ACCESSOR: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b([a-z0-9-]+(?:_[a-z]+)?)_[0-9a-f]{8}\b").expect("a pattern"));
static NAME: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$\{([a-z0-9_-]+)\}").expect("a pattern"));

/// A client's text that looks like a time and stays as it is.
const KEPT_TIME: &str = "2024-01-02T03:04:05";
/// Numbers that are moments.
const CLOCK: [&str; 5] =
    ["remote_port", "creation_time", "last_renewal_time", "server_time_utc", "install_time"];
/// Numbers that are spans, compared to the minute.
const SPAN: [&str; 8] = [
    "ttl",
    "token_ttl",
    "creation_ttl",
    "lease_duration",
    "wrap_info_ttl",
    "secret_id_ttl",
    "default_lease_ttl",
    "max_lease_ttl",
];
/// Keys that name a build, a cluster or a version.
const IGNORED: [&str; 18] = [
    "version",
    "build_date",
    "commit_date",
    "cluster_name",
    "cluster_id",
    "mount_running_version",
    "mount_running_plugin_version",
    "running_plugin_version",
    "plugin_version",
    "storage_type",
    "time",
    "uuid",
    "deprecation_status",
    "running_sha256",
    "client_id",
    "token_issue_time",
    "issue_time",
    "expire_time",
];
/// Also a build's matter.
const IGNORED_TOO: &str = "ha_enabled";
/// A path that does not exist. A request for it comes after each step.
const MARK: &str = "sys/mark-of-a-replay";

/// What one step left behind, normalised.
#[derive(Debug)]
pub struct Left {
    /// The steps file's stem.
    pub group: String,
    /// The step's name.
    pub step: String,
    /// The status of the answer.
    pub status: u16,
    /// The body.
    pub body: Value,
    /// The entries on the hashed device.
    pub entries: Vec<Value>,
}

/// A server under replay.
struct Target {
    addr: SocketAddr,
    root: String,
    work: String,
    known: HashMap<String, String>,
    /// Secret values and their names, in the order learnt.
    secret: Vec<(String, String)>,
}

/// Replays all steps files of a folder in the order of their names.
pub fn replay(addr: SocketAddr, root: &str, work: &Path, steps: &Path) -> Vec<Left> {
    let mut target = Target::new(addr, root, work);
    let (main_log, raw_log) = (work.join("main.log"), work.join("raw.log"));
    target.enable("main", &json!({"file_path": main_log}));
    target.enable("raw", &json!({"file_path": raw_log, "log_raw": "true"}));
    let accessor = target.send("GET", "auth/token/lookup-self", root, &[], None).json();
    if let Some(accessor) = accessor["data"]["accessor"].as_str() {
        target.secret.push((accessor.to_owned(), "root-accessor".to_owned()));
    }
    let (mut tail, mut raw_tail) = (Tail::new(main_log), Tail::new(raw_log));
    target.mark();
    let mut raw = entries_up_to_mark(&mut raw_tail);
    entries_up_to_mark(&mut tail);
    let mut done = Vec::new();
    for file in step_files(steps) {
        let group = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read(&file).expect("a steps file");
        let doc: Value = serde_json::from_slice(&text).expect("JSON");
        for step in doc["steps"].as_array().expect("steps") {
            let (status, body) = target.step(step);
            target.mark();
            raw.extend(entries_up_to_mark(&mut raw_tail));
            done.push((group.clone(), text_of(&step["do"]), status, body, entries_up_to_mark(&mut tail)));
        }
    }
    let entries: Vec<&Value> = done.iter().flat_map(|row| &row.4).collect();
    let table = target.plaintexts(&entries, &raw);
    done.into_iter()
        .map(|(group, step, status, body, entries)| Left {
            group,
            step,
            status,
            body: target.normal(&body, Some(&table), None),
            entries: entries.iter().map(|entry| target.normal(entry, Some(&table), None)).collect(),
        })
        .collect()
}

/// What was added to a log up to the mark behind a step. A request is answered as soon as one device has its entries: the others may
/// still lack them, but each device has its entries in order.
fn entries_up_to_mark(tail: &mut Tail) -> Vec<Value> {
    let mut entries = Vec::new();
    wait::eventually("the mark is in the log", || {
        entries.extend(tail.more());
        entries.last().is_some_and(|entry: &Value| entry["type"] == "response" && is_mark(entry))
    });
    entries.retain(|entry| !is_mark(entry));
    entries
}

fn is_mark(entry: &Value) -> bool {
    entry["request"]["path"] == MARK
}

fn step_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the steps").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files
}

fn text_of(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Target {
    fn new(addr: SocketAddr, root: &str, work: &Path) -> Self {
        let work = work.display().to_string();
        let known = HashMap::from([("root".to_owned(), root.to_owned()), ("work".to_owned(), work.clone())]);
        let secret = vec![(root.to_owned(), "root-token".to_owned())];
        Self { addr, root: root.to_owned(), work, known, secret }
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Response {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/v1/{path}") };
        let mut all = vec![("Accept-Encoding", "identity"), ("User-Agent", "Python-urllib/3.11")];
        if !token.is_empty() {
            all.push(("X-Vault-Token", token));
        }
        all.extend_from_slice(headers);
        http::send(self.addr, method, &path.replace(' ', "%20"), &all, body).expect("an answer")
    }

    fn mark(&self) {
        self.send("GET", MARK, &self.root, &[], None);
    }

    fn enable(&self, name: &str, options: &Value) {
        let body = json!({"type": "file", "options": options}).to_string();
        let answer = self.send("PUT", &format!("sys/audit/{name}"), &self.root, &[], Some(body.as_bytes()));
        assert_eq!(answer.status, 204, "cannot enable {name}: {}", answer.error());
    }

    /// Replaces `${name}` by what was learnt.
    fn fill(&self, text: &str) -> String {
        let known = |found: &Captures<'_>| {
            self.known.get(&found[1]).cloned().unwrap_or_else(|| format!("unknown-{}", &found[1]))
        };
        NAME.replace_all(text, known).into_owned()
    }

    fn step(&mut self, step: &Value) -> (u16, Value) {
        let token = match step.get("token").and_then(Value::as_str) {
            None | Some("root") => self.root.clone(),
            Some(other) => self.fill(other),
        };
        let body = match (step.get("raw"), step.get("body")) {
            (Some(raw), _) => Some(self.fill(&text_of(raw))),
            (None, Some(body)) => Some(self.fill(&body.to_string())),
            (None, None) => None,
        };
        let mut headers = vec![("X-Vault-Request".to_owned(), "true".to_owned())];
        let given = step.get("headers").and_then(Value::as_object).cloned().unwrap_or_default();
        if body.is_some() && !given.contains_key("Content-Type") {
            headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
        }
        headers.extend(given.iter().map(|(name, value)| (name.clone(), self.fill(&text_of(value)))));
        let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let (method, path) = (text_of(&step["method"]), self.fill(&text_of(&step["path"])));
        let answer = self.send(&method, &path, &token, &headers, body.as_deref().map(str::as_bytes));
        let doc = answer.json();
        for (name, place) in step.get("learn").and_then(Value::as_object).into_iter().flatten() {
            let pointer = format!("/{}", text_of(place).replace('.', "/"));
            if let Some(value) = doc.pointer(&pointer).and_then(Value::as_str) {
                self.known.insert(name.clone(), value.to_owned());
                self.secret.push((value.to_owned(), name.clone()));
            }
        }
        (answer.status, doc)
    }

    /// Which text each hash stands for.
    fn plaintexts(&self, entries: &[&Value], raw: &[Value]) -> HashMap<String, String> {
        let name = |entry: &Value| (text_of(&entry["type"]), text_of(&entry["request"]["id"]));
        let raw: HashMap<_, _> = raw.iter().map(|entry| (name(entry), entry)).collect();
        let mut table = HashMap::new();
        for entry in entries {
            let Some(clear) = raw.get(&name(entry)) else { continue };
            let mut found = Vec::new();
            pairs(entry, clear, &mut found);
            for (hash, text) in found {
                if table.contains_key(hash) || text.starts_with("hmac-sha256:") {
                    continue;
                }
                if text.is_empty() || self.hashes_to(text, hash) {
                    table.insert(hash.to_owned(), text.to_owned());
                }
            }
        }
        table
    }

    fn hashes_to(&self, text: &str, hash: &str) -> bool {
        let body = json!({ "input": text }).to_string();
        let answer = self.send("PUT", "sys/audit-hash/main", &self.root, &[], Some(body.as_bytes()));
        answer.json()["data"]["hash"] == *hash
    }

    /// A text with everything that varies replaced by a word for its kind.
    fn word(&self, text: &str) -> String {
        if let Some((_, name)) = self.secret.iter().find(|(value, _)| value == text) {
            return format!("<{name}>");
        }
        let mut text = text.to_owned();
        for (value, name) in self.secret.iter().filter(|(value, _)| value.len() > 8) {
            text = text.replace(value, &format!("<{name}>"));
        }
        text = text.replace(&self.work, "<work>");
        if !text.contains(KEPT_TIME) {
            text = TIME.replace_all(&text, "<time>").into_owned();
        }
        ACCESSOR.replace_all(&UUID.replace_all(&text, "<uuid>"), "<accessor $1>").into_owned()
    }

    fn normal(&self, node: &Value, table: Option<&HashMap<String, String>>, key: Option<&str>) -> Value {
        match node {
            Value::Object(map) => Value::Object(
                map.iter()
                    .map(|(k, v)| (self.word(k), self.normal(v, table, Some(k))))
                    .collect::<Map<_, _>>(),
            ),
            Value::Array(items) => Value::Array(items.iter().map(|v| self.normal(v, table, key)).collect()),
            Value::Number(number) => number_word(number, key),
            Value::String(text) => match table.and_then(|table| table.get(text)) {
                Some(plain) => Value::String(format!("H({})", self.word(plain))),
                None if text.starts_with("hmac-sha256:") => Value::String("H(?)".to_owned()),
                None => Value::String(self.word(text)),
            },
            other => other.clone(),
        }
    }
}

fn number_word(number: &serde_json::Number, key: Option<&str>) -> Value {
    let key = key.unwrap_or_default();
    if CLOCK.contains(&key) {
        return Value::String("<number>".to_owned());
    }
    match number.as_u64() {
        Some(seconds @ 31..) if SPAN.contains(&key) => {
            Value::String(format!("<about {}>", (seconds + 30) / 60 * 60))
        }
        _ => Value::Number(number.clone()),
    }
}

/// Leaves that stand at the same place of an entry's two forms.
fn pairs<'a>(hashed: &'a Value, raw: &'a Value, found: &mut Vec<(&'a str, &'a str)>) {
    match (hashed, raw) {
        (Value::Object(x), Value::Object(y)) => {
            for (key, value) in x {
                if let Some(other) = y.get(key) {
                    pairs(value, other, found);
                }
            }
        }
        (Value::Array(x), Value::Array(y)) => x.iter().zip(y).for_each(|(x, y)| pairs(x, y, found)),
        (Value::String(x), Value::String(y)) if x.starts_with("hmac-sha256:") => found.push((x, y)),
        _ => {}
    }
}

/// What a recorded value and ours disagree on: place, recorded, ours.
pub type Difference = (String, String, String);

/// Compares a recorded value with ours. Keys that only ours has are additions, not differences.
pub fn differences(recorded: &Value, ours: &Value) -> Vec<Difference> {
    let (mut theirs, mut mine) = (Vec::new(), Vec::new());
    leaves(recorded, String::new(), &mut theirs);
    leaves(ours, String::new(), &mut mine);
    let mine: HashMap<String, String> = mine.into_iter().collect();
    theirs
        .into_iter()
        .filter(|(_, value)| value != "\"<any>\"")
        .filter_map(|(place, value)| {
            let other = mine.get(&place).cloned().unwrap_or_else(|| "(absent)".to_owned());
            (other != value).then_some((place, value, other))
        })
        .collect()
}

fn leaves(node: &Value, place: String, found: &mut Vec<(String, String)>) {
    match node {
        Value::Object(map) if map.is_empty() => found.push((place, "{}".to_owned())),
        Value::Object(map) => {
            for (key, value) in map {
                if !IGNORED.contains(&key.as_str()) && key != IGNORED_TOO {
                    leaves(value, format!("{place}.{key}"), found);
                }
            }
        }
        Value::Array(items) if items.is_empty() => found.push((place, "[]".to_owned())),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, format!("{place}[{index}]"), found);
            }
        }
        leaf => found.push((place, leaf.to_string())),
    }
}
