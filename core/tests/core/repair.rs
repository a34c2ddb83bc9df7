//! When the removal of a device on the machine itself is put on record. Never in it: how it is removed; see `reload`.

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::ManualClock;
use onrecord_audit::device::faulty::{Fault, FaultControl};
use onrecord_audit::status::Health;
use onrecord_core::Settings;
use onrecord_storage::Storage;
use onrecord_storage::memory::Memory;
use serde_json::{Value, json};

use crate::kit::{TestServer, core_by, core_on, eventually};

/// A server whose only device was removed while it did not run, and a new device.
async fn repaired() -> (TestServer, Arc<ManualClock>, FaultControl) {
    let (storage, folder) = (Storage::start(Memory::new()).unwrap(), tempfile::tempdir().unwrap());
    let before = TestServer::on(storage.clone(), Settings::default()).await;
    let options = json!({"file_path": folder.path().join("old.log")});
    let enabled =
        before.root("PUT", "sys/audit/old", Some(json!({"type": "file", "options": options}))).await;
    assert_eq!(enabled.status, 204, "{}", enabled.text);
    before.core.seal(Duration::from_secs(10)).await;
    {
        let core = core_on(storage.clone(), Settings::default());
        let repair = core.repair(&before.key).await.unwrap().unwrap();
        assert!(repair.remove("old/", 7).await.unwrap().is_some());
    }
    let clock = Arc::new(ManualClock::default());
    let core = core_by(storage, Settings::default(), Arc::clone(&clock) as _);
    let world = TestServer { core, root: before.root, key: before.key };
    world.core.unseal(&world.key).await.unwrap();
    let device = world.device("new/", false).await;
    (world, clock, device)
}

fn health(world: &TestServer) -> Health {
    world.core.unsealed().unwrap().broker.status()[0].health
}

/// How many entries about the removal the device has.
fn entries(device: &FaultControl) -> usize {
    let lines = device.lines();
    let lines = lines.iter().map(|line| serde_json::from_slice::<Value>(line).unwrap());
    lines.filter(|line| line["request"]["path"] == "sys/audit/repair/old").count()
}

#[tokio::test]
async fn a_device_that_lagged_and_has_nothing_to_do_has_it_on_record() {
    let (world, clock, device) = repaired().await;
    device.set(Fault::Hang);
    let asked = world.root("GET", "sys/mounts", None);
    let watched = async {
        eventually(|| device.calls() > 0).await;
        clock.advance(Duration::from_secs(1));
        eventually(|| health(&world) == Health::Lagging).await;
        // Not while it hangs: that would be waited for.
        world.core.keep_record().await;
        device.set(Fault::None);
    };
    let (said, ()) = tokio::join!(asked, watched);
    assert_eq!(said.status, 200);
    eventually(|| world.core.unsealed().unwrap().broker.status()[0].queue.entries == 0).await;
    assert_eq!(health(&world), Health::Lagging, "it is left alone for a while");
    assert_eq!(entries(&device), 0);
    world.core.keep_record().await;
    assert_eq!(entries(&device), 2);
}

#[tokio::test]
async fn what_was_refused_is_tried_again_soon() {
    let (world, clock, device) = repaired().await;
    device.set(Fault::Refuse);
    world.core.keep_record().await;
    device.set(Fault::None);
    clock.advance(Duration::from_millis(900));
    // It tells what it missed, and so is healthy again.
    eventually(|| health(&world) == Health::Healthy).await;
    world.core.keep_record().await;
    assert_eq!(entries(&device), 0);
    clock.advance(Duration::from_millis(100));
    world.core.keep_record().await;
    assert_eq!(entries(&device), 2);
    clock.advance(Duration::from_mins(2));
    world.core.keep_record().await;
    assert_eq!(entries(&device), 2, "once");
}
