//! When the removal of a device on the machine itself is put on record. Never in it: how it is removed; see `reload`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub,
    reason = "a test that fails should panic"
)]

#[path = "support/world.rs"]
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use onrecord_audit::Clock;
use onrecord_audit::device::fault::{Fault, FaultControl};
use onrecord_audit::status::Health;
use onrecord_core::Settings;
use onrecord_storage::Storage;
use onrecord_storage::memory::Memory;
use onrecord_value::Time;
use serde_json::{Value, json};
use world::{World, core_by, core_on};

/// A clock that stands still until a test moves it.
#[derive(Default)]
struct Hands(AtomicU64);

impl Hands {
    fn forward(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_nanos()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Time {
        Time::from_unix_nanos(1_800_000_000_000_000_000 + i128::from(self.0.load(Ordering::SeqCst)))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(1000) + Duration::from_nanos(self.0.load(Ordering::SeqCst))
    }
}

/// A server whose only device was removed while it did not run, and a new device.
async fn repaired() -> (World, Arc<Hands>, FaultControl) {
    let (storage, folder) = (Storage::start(Memory::new()).unwrap(), tempfile::tempdir().unwrap());
    let before = World::on(storage.clone(), Settings::default()).await;
    let options = json!({"file_path": folder.path().join("old.log")});
    let enabled =
        before.root("PUT", "sys/audit/old", Some(json!({"type": "file", "options": options}))).await;
    assert_eq!(enabled.status, 204, "{}", enabled.text);
    before.core.seal(Duration::from_secs(10)).await;
    {
        let core = core_on(storage.clone(), Settings::default());
        let repair = core.repair(&before.key).unwrap().unwrap();
        assert!(repair.remove("old/", 7).await.unwrap().is_some());
    }
    let clock = Arc::new(Hands::default());
    let core = core_by(storage, Settings::default(), Arc::clone(&clock) as _);
    let world = World { core, root: before.root, key: before.key };
    world.core.unseal(&world.key).await.unwrap();
    let device = world.device("new/", false).await;
    (world, clock, device)
}

fn health(world: &World) -> Health {
    world.core.open().unwrap().broker.status()[0].health
}

async fn wait_until(met: impl Fn() -> bool) {
    while !met() {
        tokio::task::yield_now().await;
    }
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
        wait_until(|| device.calls() > 0).await;
        clock.forward(Duration::from_secs(1));
        wait_until(|| health(&world) == Health::Lagging).await;
        // Not while it hangs: that would be waited for.
        world.core.keep_record().await;
        device.set(Fault::None);
    };
    let (said, ()) = tokio::join!(asked, watched);
    assert_eq!(said.status, 200);
    wait_until(|| world.core.open().unwrap().broker.status()[0].queued_entries == 0).await;
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
    clock.forward(Duration::from_millis(900));
    // It tells what it missed, and so is healthy again.
    wait_until(|| health(&world) == Health::Healthy).await;
    world.core.keep_record().await;
    assert_eq!(entries(&device), 0);
    clock.forward(Duration::from_millis(100));
    world.core.keep_record().await;
    assert_eq!(entries(&device), 2);
    clock.forward(Duration::from_mins(2));
    world.core.keep_record().await;
    assert_eq!(entries(&device), 2, "once");
}
