//! The last share of a rekey, given while the disk fails.
//! Never in it: a rekey whose answer is not on record.

use onrecord_audit::device::faulty::FaultControl;
use onrecord_storage::Storage;
use onrecord_storage::embedded::Embedded;
use onrecord_storage::lossy::{Fault, LossyDisk};
use serde_json::json;

use super::{Shared, shared_on, texts};
use crate::kit::{Reply, entries};

/// A server whose disk fails as the last share of a rekey is given; the answer to that.
async fn failing(fault: Fault) -> (Shared, FaultControl, Reply) {
    let disk = LossyDisk::new();
    let storage = Storage::start(Embedded::on(&disk).unwrap()).unwrap();
    let server = shared_on(storage, 2, 2).await;
    let device = server.world.device("test/", false).await;
    let nonce = server.begin_rekey(json!({"secret_shares": 1, "secret_threshold": 1})).await;
    server.share("sys/rekey/update", &server.keys[0], &nonce).await;
    disk.fail(fault);
    let said = server.share("sys/rekey/update", &server.keys[1], &nonce).await;
    (server, device, said)
}

#[tokio::test]
async fn key_shares_that_cannot_be_stored_are_not_handed_out_and_the_old_ones_stay() {
    let (server, device, said) = failing(Fault::Write).await;
    assert_eq!(said.status, 500, "{}", said.text);
    assert!(said.error().contains("the old ones stay in force") && said.body.get("keys").is_none());
    let last = entries(&device).pop().unwrap();
    assert_eq!(
        (&last["request"]["path"], &last["response"]["status_code"]),
        (&json!("sys/rekey/update"), &json!(500))
    );
    assert!(last["error"].as_str().unwrap().contains("could not be stored"), "{last}");
    assert!(server.opens_with(&server.keys).await);
}

#[tokio::test]
async fn key_shares_that_are_stored_although_the_disk_reports_a_failure_are_handed_out() {
    let (server, _, said) = failing(Fault::SyncDoneButFailed).await;
    assert_eq!((said.status, &said.body["complete"]), (200, &json!(true)), "{}", said.text);
    assert!(server.opens_with(&texts(&said.body["keys"])).await);
}
