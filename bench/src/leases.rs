//! Leases by the thousand up to a million, on an embedded store without devices: what one more costs, and a look-up, a renewal and a
//! revocation of one of them. In one thread, without HTTP.
//! Never in it: the cost of a creation beside that of a write (`journey`).

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use onrecord_core::Core;
use onrecord_storage::Storage;
use onrecord_storage::embedded::Embedded;
use serde_json::{Value, json};

use crate::effort::Effort;
use crate::journey;

/// How many leases there are when the costs are measured.
const COUNTS: [usize; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// How many requests of each kind are measured.
const MEASURED: usize = 512;
/// How many requests are made at once.
const AT_ONCE: usize = 64;

async fn ask(core: &Core, method: &str, path: &str, body: &Value) -> Value {
    let exchange = journey::exchange(method, path, body.to_string().into());
    let permit = core.arrive(&core.account(None), &exchange.target);
    let answer = core.answer(permit, exchange).await;
    assert!(answer.status() < 300, "{method} {path}: {}", answer.status());
    serde_json::from_slice(&answer.into_body()).unwrap_or_default()
}

/// Sends this number of requests, `AT_ONCE` of them at a time: microseconds each, and what was answered to one of `every`.
async fn measure(
    core: &Core,
    count: usize,
    every: usize,
    request: impl Fn(usize) -> (&'static str, Value) + 'static,
) -> (f64, Vec<Value>) {
    let (next, answers) = (Rc::new(RefCell::new(0..count)), Rc::new(RefCell::new(Vec::new())));
    let request = Rc::new(request);
    let local = tokio::task::LocalSet::new();
    for _ in 0..AT_ONCE {
        let (core, next, answers) = (core.clone(), Rc::clone(&next), Rc::clone(&answers));
        let request = Rc::clone(&request);
        local.spawn_local(async move {
            loop {
                let Some(number) = next.borrow_mut().next() else { return };
                let (path, body) = request(number);
                let answer = ask(&core, "PUT", path, &body).await;
                if number % every == 0 {
                    answers.borrow_mut().push(answer);
                }
            }
        });
    }
    let begin = Instant::now();
    local.await;
    let micros = begin.elapsed().as_secs_f64() * 1e6 / count as f64;
    (micros, answers.take())
}

/// Prints the table.
pub fn run(effort: Effort) {
    println!("\n### Leases: one thread, {AT_ONCE} requests at once, embedded store, no device\n");
    println!("| leases | create µs | look-up µs | renew µs | revoke µs |\n|---:|---:|---:|---:|---:|");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::start(Embedded::open(&folder.path().join("data")).expect("it is new"));
    let core = runtime.block_on(journey::server(storage.expect("a thread"), folder.path(), 0));
    let smoke = effort.time < Effort::USUAL.time;
    let mut there = 0;
    for count in COUNTS.into_iter().take(if smoke { 1 } else { COUNTS.len() }) {
        runtime.block_on(async {
            let create = |_| ("auth/token/create", json!({"policies": ["default"], "ttl": "24h"}));
            let new = count - there;
            // Those that were made last and those that were made first are measured alike.
            let (creating, made) = measure(&core, new, (new / MEASURED).max(1), create).await;
            let tokens: Vec<String> = made.iter().take(MEASURED).map(token).collect();
            let ids = ids(&core, &tokens);
            let (by_id, own) = (ids.clone(), tokens);
            let (looking, _) = measure(&core, ids.len(), MEASURED, move |number| {
                ("sys/leases/lookup", json!({"lease_id": by_id[number]}))
            })
            .await;
            let (renewing, _) = measure(&core, own.len(), MEASURED, move |number| {
                ("auth/token/renew", json!({"token": own[number]}))
            })
            .await;
            let (revoking, _) = measure(&core, ids.len(), MEASURED, move |number| {
                ("sys/leases/revoke", json!({"lease_id": ids[number]}))
            })
            .await;
            println!("| {count} | {creating:.1} | {looking:.1} | {renewing:.1} | {revoking:.1} |");
        });
        there = count - MEASURED.min(count);
    }
}

fn token(made: &Value) -> String {
    made["auth"]["client_token"].as_str().expect("a token").to_owned()
}

/// The ids of the leases of tokens: `h` and the name that each is stored under.
fn ids(core: &Core, tokens: &[String]) -> Vec<String> {
    let unsealed = core.unsealed().expect("it is unsealed");
    let name = |token: &String| unsealed.tokens.name_of(token).expect("it is unsealed");
    tokens.iter().map(|token| format!("auth/token/create/h{}", name(token))).collect()
}
