//! What a client sent and was answered, compared with a log: each exchange has exactly the entries that docs/FORMAT.md promises,
//! in the order of the requests, and the log has no others.
//! Never in it: the product's own decoder.

use std::path::Path;

use onrecord_e2e::log;
use onrecord_e2e::recording_proxy::Exchange;
use serde_json::Value;

/// Routes that are answered without entries of their request. What initialising and unsealing did comes later, as *ceremonies*
/// (docs/FORMAT.md, rule 26b).
const EXEMPT: [&str; 5] = ["sys/init", "sys/unseal", "sys/seal-status", "sys/leader", "sys/health"];

/// What an exchange must have left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entries {
    /// It is exempt, or there was no device, or the server was sealed.
    None,
    /// The device was enabled by it.
    ResponseOnly,
    /// It sealed the server.
    RequestOnly,
    Both,
}

/// How many ceremonies a client has held that no device could record when they happened.
pub fn ceremonies_held(exchanges: &[Exchange]) -> usize {
    let held = |exchange: &&Exchange| {
        log::CEREMONIES.contains(&exchange.path().as_str())
            && ["PUT", "POST"].contains(&exchange.method.as_str())
    };
    exchanges.iter().filter(held).filter(|exchange| exchange.status == 200).count()
}

/// How many ceremonies a log has, each with both entries.
pub fn ceremonies_recorded(log: &Path) -> usize {
    let entries: Vec<Value> = log::lines(log).into_iter().filter(log::is_ceremony).collect();
    let pairs = log::pairs(&entries);
    pairs.values().filter(|(requests, responses)| (*requests, *responses) == (1, 1)).count()
}

/// Compares all exchanges with a log, whose device the client enabled at this path. Returns the ids of the requests that have both entries.
pub fn compare(exchanges: &[Exchange], log: &Path, device: &str) -> Vec<String> {
    let entries = log::lines_of_requests(log);
    let (probe, entries) = entries.split_first().expect("a probe");
    assert_eq!(probe["request"]["path"], "sys/audit/test", "the first line of a device is its probe");
    let mut requests = entries.iter().filter(|entry| entry["type"] == "request");
    let (mut expected, mut enabled, mut ids) = (0, false, Vec::new());
    for exchange in exchanges {
        let (promised, what) = (promised(exchange, device, &mut enabled), describe(exchange));
        let id = match promised {
            Entries::None => continue,
            Entries::ResponseOnly => {
                exchange_id(exchange, entries).unwrap_or_else(|| panic!("no response entry: {what}"))
            }
            _ => {
                let request = requests.next().unwrap_or_else(|| panic!("no request entry: {what}"));
                assert!(is_of(request, exchange), "the next request entry is not that of {what}: {request}");
                request["request"]["id"].as_str().expect("an id").to_owned()
            }
        };
        let own: Vec<&Value> = entries.iter().filter(|entry| entry["request"]["id"] == id.as_str()).collect();
        let count = if promised == Entries::Both { 2 } else { 1 };
        assert_eq!(own.len(), count, "entries of {what}: {own:?}");
        assert!(own.iter().all(|entry| is_of(entry, exchange)), "both entries are of {what}: {own:?}");
        if promised != Entries::RequestOnly {
            // That which enabled the device has its other entry nowhere, or on a device before it.
            if promised == Entries::Both {
                ids.push(id.clone());
            }
            let response = own.iter().find(|entry| entry["type"] == "response");
            let status = response.map(|entry| &entry["response"]["status_code"]);
            assert_eq!(
                status.and_then(Value::as_u64),
                Some(exchange.status.into()),
                "the status of {what}: {own:?}"
            );
        }
        let answered = exchange.json();
        if let Some(told) = answered["request_id"].as_str().filter(|told| !told.is_empty()) {
            // What was wrapped is handed out as it was, with the id of the request that it answered.
            let is_wrapped =
                exchange.path() == "sys/wrapping/unwrap" && ids.iter().any(|earlier| earlier == told);
            assert!(told == id || is_wrapped, "the client was told {told}, on record is {id}: {what}");
        }
        expected += count;
    }
    assert_eq!(
        entries.len(),
        expected,
        "beside the ceremonies, the log has no entries but those of the client's requests"
    );
    ids
}

fn promised(exchange: &Exchange, device: &str, enabled: &mut bool) -> Entries {
    let path = exchange.path();
    if EXEMPT.contains(&path.as_str()) || exchange.status == 503 {
        return Entries::None;
    }
    if !*enabled {
        *enabled = path == format!("sys/audit/{device}") && exchange.status < 300;
        return if *enabled { Entries::ResponseOnly } else { Entries::None };
    }
    if path == "sys/seal" && exchange.status < 300 { Entries::RequestOnly } else { Entries::Both }
}

/// The id of the request that enabled the device: the response entry that has no request entry before it.
fn exchange_id(exchange: &Exchange, entries: &[Value]) -> Option<String> {
    let first = entries.first().filter(|entry| entry["type"] == "response" && is_of(entry, exchange))?;
    first["request"]["id"].as_str().map(str::to_owned)
}

fn describe(exchange: &Exchange) -> String {
    format!("{} {} ({})", exchange.method, exchange.target, exchange.status)
}

/// Whether an entry has the path and the operation of an exchange.
fn is_of(entry: &Value, exchange: &Exchange) -> bool {
    let recorded = entry["request"]["path"].as_str().unwrap_or_default();
    let operation = entry["request"]["operation"].as_str().unwrap_or_default();
    let listed = exchange.target.contains("list=true") || exchange.target.contains("list=1");
    let operations: &[&str] = match exchange.method.as_str() {
        "GET" if listed => &["list"],
        "GET" => &["read"],
        "HEAD" => &["header"],
        "LIST" => &["list"],
        "DELETE" => &["delete"],
        "PATCH" => &["patch"],
        _ => &["create", "update"],
    };
    operations.contains(&operation) && is_path_of(recorded, &exchange.path())
}

/// Whether a recorded path is that of a request, with hashes in the place of what is secret in it.
fn is_path_of(recorded: &str, sent: &str) -> bool {
    let (recorded, sent) = (recorded.trim_end_matches('/'), sent.trim_end_matches('/'));
    let (recorded, sent): (Vec<&str>, Vec<&str>) = (recorded.split('/').collect(), sent.split('/').collect());
    let same = |(recorded, sent): (&&str, &&str)| recorded == sent || recorded.starts_with("hmac-sha256:");
    recorded.len() <= sent.len()
        && recorded.iter().zip(&sent).all(same)
        && (recorded.len() == sent.len()
            || recorded.last().is_some_and(|last| last.starts_with("hmac-sha256:")))
}
