//! `kill -9` under a load of writes, again and again: what was answered is on record and in the store.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use onrecord_e2e::log;
use onrecord_e2e::process::Server;
use serde_json::{Value, json};

/// How often the server is killed.
const KILLS: usize = 20;
/// How many clients write at once.
const CLIENTS: usize = 4;

/// How long an answer may take. It only ends a hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// What clients were told: request ids answered, and the last acknowledged value of each key.
#[derive(Default)]
struct Told {
    ids: Vec<String>,
    values: BTreeMap<String, u64>,
}

#[test]
fn what_was_answered_survives_kill_9() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = format!("storage \"file\" {{\n  path = \"{}\"\n}}", dir.path().join("data").display());
    let path = dir.path().join("audit.log");
    let mut server = Server::with_config(dir.path(), &config);
    let key = server.open_up();
    let token = server.token.clone();
    let mount = json!({"type": "kv", "options": {"version": "2"}});
    assert_eq!(server.call("POST", "sys/mounts/kv", Some(mount)).status, 204);
    server.enable_file("file", &path);
    let told = Arc::new(Mutex::new(Told::default()));
    let mut sent = vec![0_u64; CLIENTS];
    for kill in 0..KILLS {
        // Not random by clock but by count: each life ends after another number of answers.
        sent = load_until_killed(server, &told, sent, 5 + kill * 7 % 40);
        server = Server::with_config(dir.path(), &config);
        server.token.clone_from(&token);
        server.unseal(&key);
    }
    let told = Arc::into_inner(told).expect("all clients ended").into_inner().expect("no panic while held");
    for (name, value) in &told.values {
        let answer = server.call("GET", &format!("kv/data/{name}"), None).json();
        let stored =
            answer["data"]["data"]["n"].as_u64().unwrap_or_else(|| panic!("{name} is lost: {answer}"));
        assert!(stored >= *value, "{name}: {value} was acknowledged, {stored} is stored");
    }
    check_log(&path, &told.ids);
}

/// Writes from several clients until `answers` answers came, then kills the server with requests in flight.
fn load_until_killed(
    mut server: Server,
    told: &Arc<Mutex<Told>>,
    sent: Vec<u64>,
    answers: usize,
) -> Vec<u64> {
    let stop = Arc::new(AtomicBool::new(false));
    let (tell, heard) = mpsc::channel();
    let (addr, token) = (server.addr, server.token.clone());
    let clients: Vec<_> = sent
        .into_iter()
        .enumerate()
        .map(|(client, mut n)| {
            let (told, stop, token, tell) =
                (Arc::clone(told), Arc::clone(&stop), token.clone(), tell.clone());
            std::thread::spawn(move || {
                let headers = [("X-Vault-Token", token.as_str())];
                while !stop.load(Ordering::Relaxed) {
                    n += 1;
                    let name = format!("client{client}");
                    let body = json!({"data": {"n": n}}).to_string();
                    let target = format!("/v1/kv/data/{name}");
                    let answer =
                        onrecord_e2e::http::send(addr, "POST", &target, &headers, Some(body.as_bytes()));
                    // An answer cut short by the kill was not received.
                    let Ok(answer) = answer else { break };
                    if answer.status == 200 {
                        let mut told = told.lock().expect("no panic while held");
                        told.ids.push(answer.json()["request_id"].as_str().expect("an id").to_owned());
                        told.values.insert(name, n);
                        // Nobody counts any more once the server is being killed.
                        tell.send(()).ok();
                    }
                }
                n
            })
        })
        .collect();
    for _ in 0..answers {
        heard.recv_timeout(PATIENCE).expect("the server answers");
    }
    server.kill();
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().map(|client| client.join().expect("no panic")).collect()
}

/// Every answered request has both entries, nothing is torn, and `seq` of each start has no undeclared hole.
fn check_log(path: &Path, answered: &[String]) {
    let lines = log::lines(path);
    let pairs = log::pairs(&lines);
    for id in answered {
        assert_eq!(pairs.get(id), Some(&(1, 1)), "request {id} was answered and needs both entries");
    }
    let mut seen: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    // Lines of the log's own repeat the number after which they stand.
    let of_its_own = |line: &Value| line.get("gap").is_some() || line["request"]["path"] == "sys/audit/test";
    for line in lines.iter().filter(|line| !of_its_own(line)) {
        let record = &line["record"];
        let seq = record["seq"].as_u64().unwrap_or_else(|| panic!("a line without seq: {line}"));
        seen.entry(record["boot"].to_string()).or_default().push(seq);
    }
    let declared = declared_gaps(&lines);
    for (boot, mut seqs) in seen {
        seqs.sort_unstable();
        assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]), "a seq occurs twice in boot {boot}");
        for pair in seqs.windows(2) {
            for missing in pair[0] + 1..pair[1] {
                let known =
                    declared.iter().any(|(of, from, to)| *of == boot && (*from..=*to).contains(&missing));
                assert!(known, "seq {missing} of boot {boot} is missing and no gap declares it");
            }
        }
    }
}

/// The start and the range of `seq` that gap entries declare: a gap of an earlier start names it.
fn declared_gaps(lines: &[Value]) -> Vec<(String, u64, u64)> {
    let gaps = lines.iter().filter(|line| line.get("gap").is_some());
    gaps.flat_map(|line| {
        let boot = line["gap"].get("boot").unwrap_or(&line["record"]["boot"]).to_string();
        let ranges = line["gap"]["ranges"].as_array().cloned().unwrap_or_default();
        ranges
            .into_iter()
            .filter_map(move |range| Some((boot.clone(), range["from"].as_u64()?, range["to"].as_u64()?)))
    })
    .collect()
}
