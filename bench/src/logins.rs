//! Logins by name and password beside the check of the password alone: how much of a login is its hash.
//! Never in it: HTTP, and other login methods.

use std::time::Instant;

use onrecord_core::Core;
use onrecord_storage::Storage;
use onrecord_storage::memory::Memory;
use serde_json::{Value, json};

use crate::effort::Effort;
use crate::journey;
use crate::table::{median, ratio};

const PASSWORD: &str = "correct horse battery staple";
/// The cost that `userpass` hashes with, so that both do the same work.
const COST: u32 = 10;

async fn ask(core: &Core, path: &str, body: &Value) -> u16 {
    let exchange = journey::exchange("POST", path, body.to_string().into());
    let permit = core.arrive(&core.account(None), &exchange.target);
    core.answer(permit, exchange).await.status()
}

/// Prints the table.
pub fn run(effort: Effort) {
    println!("\n### Logins: one after another, one file device, beside bcrypt of cost {COST} alone\n");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let storage = Storage::start(Memory::new()).expect("a thread");
    let core = runtime.block_on(journey::server(storage, folder.path(), 1));
    let hash = bcrypt::hash_with_salt(PASSWORD, COST, [7; 16]).expect("a hash").to_string();
    runtime.block_on(async {
        assert_eq!(ask(&core, "sys/auth/userpass", &json!({"type": "userpass"})).await, 204);
        assert_eq!(ask(&core, "auth/userpass/users/app", &json!({"password_hash": hash})).await, 204);
    });
    let (mut logins, mut hashes) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        logins.push(millis(effort, || {
            let status =
                runtime.block_on(ask(&core, "auth/userpass/login/app", &json!({"password": PASSWORD})));
            assert_eq!(status, 200);
        }));
        hashes.push(millis(effort, || assert!(bcrypt::verify(PASSWORD, &hash).expect("a hash"))));
    }
    let ratio = ratio(&logins, &hashes);
    println!("| bcrypt ms | login ms | login to bcrypt |\n|---:|---:|---:|");
    println!("| {:.2} | {:.2} | {ratio:.3} |", median(&mut hashes), median(&mut logins));
}

/// What one call takes on average, for as long as a measurement lasts.
fn millis(effort: Effort, mut call: impl FnMut()) -> f64 {
    let (began, mut count) = (Instant::now(), 0_u32);
    while count == 0 || began.elapsed() < effort.time {
        call();
        count += 1;
    }
    began.elapsed().as_secs_f64() * 1e3 / f64::from(count)
}
