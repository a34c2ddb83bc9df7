//! Submissions over HTTP to a witness that the test scripts.

use onrecord_client::scripted::{Reply, Scripted};
use onrecord_evidence::{Checkpoint, Ed25519Key, MemoryStore, Store as _, TreeLog, line_digest};

use super::submission::tests::{cosign, verifier};
use super::*;

const ORIGIN: &str = "example.com/file";

/// A log with a checkpoint of this size, and the text of that.
fn log(size: u64) -> (Log, String) {
    let (mut store, mut tree, key) =
        (MemoryStore::default(), TreeLog::new(), Ed25519Key::generate().unwrap());
    (0..size).for_each(|number| tree.append(line_digest(number.to_string().as_bytes())));
    let root = tree.flush(&mut store).unwrap();
    let note = Checkpoint { origin: ORIGIN.into(), size, root }.sign(&key).unwrap();
    store.write("checkpoint", note.to_string().as_bytes()).unwrap();
    (Log { reader: Arc::new(store), origin: ORIGIN.into(), reading: Arc::default() }, note.text)
}

fn witness(key: &Ed25519Key, url: &str) -> (Client, WitnessConfig) {
    let witness = WitnessConfig::for_tests("w", url, verifier(key));
    (Client::new(witness.client.clone()).unwrap(), witness)
}

#[tokio::test]
async fn a_witness_that_lost_its_answer_is_given_the_proof_from_what_it_has() {
    let (key, (log, text)) = (Ed25519Key::generate().unwrap(), log(300));
    let script = vec![Reply::new(409, "17\n"), Reply::new(200, cosign(&key, &text, 1_700_000_000))];
    let server = Scripted::start(script).unwrap();
    let (client, witness) = witness(&key, &format!("{}/prefix", server.url()));
    let (note, size) = submit(&client, &witness, &log, None).await.unwrap().unwrap();
    assert_eq!((size, note.signatures.len()), (300, 2));
    assert_eq!(note.cosignatures(&[verifier(&key)]).unwrap()[0].time, 1_700_000_000);
    let sent = server.sent();
    assert!(sent.iter().all(|one| one.line() == "POST /prefix/add-checkpoint"), "{sent:?}");
    assert!(sent.iter().all(|one| one.header("x-vault-request").is_none()), "{sent:?}");
    let olds: Vec<_> = sent.iter().map(|one| one.body.lines().next().unwrap_or_default()).collect();
    assert_eq!(olds, ["old 0", "old 17"]);
    // Nothing is asked for what it has cosigned.
    assert_eq!(submit(&client, &witness, &log, Some(note)).await, Ok(None));
}

#[tokio::test]
async fn a_witness_that_is_ahead_refuses_and_one_that_is_not_there_is_unavailable() {
    let (key, (log, _)) = (Ed25519Key::generate().unwrap(), log(3));
    let server = Scripted::start(vec![Reply::new(409, "4\n")]).unwrap();
    let (client, ahead) = witness(&key, &server.url());
    assert!(matches!(submit(&client, &ahead, &log, None).await, Err(Failure::Contradiction(_))));
    let (client, gone) = witness(&key, &server.url());
    assert!(matches!(submit(&client, &gone, &log, None).await, Err(Failure::Unavailable(_))));
}

#[tokio::test]
async fn a_folder_that_hangs_is_read_by_one_thread_only() {
    let (key, (log, _)) = (Ed25519Key::generate().unwrap(), log(3));
    let server = Scripted::start(Vec::new()).unwrap();
    let (client, witness) = witness(&key, &server.url());
    // That of the task, and that of a thread that has not come back.
    let _held = [Arc::clone(&log.reading), Arc::clone(&log.reading)];
    let refused = submit(&client, &witness, &log, None).await;
    assert_eq!(refused, Err(Failure::Unavailable("the folder of the tree hangs".to_owned())));
    assert!(server.sent().is_empty());
}
