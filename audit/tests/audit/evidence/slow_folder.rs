//! Folders that are full, cannot be written, or hang: no entry waits for them, and what they miss is covered later or said.

use std::sync::{Condvar, Mutex};

use super::*;
use onrecord_audit::evidence::{CheckpointFailed, Store};

/// A folder that hangs, or refuses, until it is released.
#[derive(Clone, Default)]
struct Control(Arc<(Mutex<(bool, bool)>, Condvar)>);

struct Controlled {
    store: Box<dyn Store + Send>,
    control: Control,
}

impl Control {
    fn config(&self, config: EvidenceConfig) -> EvidenceConfig {
        let control = self.clone();
        config
            .wrap_store(Arc::new(move |store| Box::new(Controlled { store, control: control.clone() }) as _))
    }

    fn set(&self, hangs: bool, refuses: bool) {
        *self.0.0.lock().unwrap() = (hangs, refuses);
        self.0.1.notify_all();
    }

    fn pass(&self) -> std::io::Result<()> {
        let state = self.0.1.wait_while(self.0.0.lock().unwrap(), |(hangs, _)| *hangs).unwrap();
        if state.1 { Err(std::io::Error::from_raw_os_error(28)) } else { Ok(()) }
    }
}

impl StoreReader for Controlled {
    fn read(&self, path: &str) -> std::io::Result<Option<Vec<u8>>> {
        self.control.pass()?;
        self.store.read(path)
    }
}

impl Store for Controlled {
    fn write(&mut self, path: &str, bytes: &[u8]) -> std::io::Result<()> {
        self.control.pass()?;
        self.store.write(path, bytes)
    }

    fn remove(&mut self, path: &str) -> std::io::Result<()> {
        self.control.pass()?;
        self.store.remove(path)
    }
}

#[test]
fn a_folder_that_hangs_holds_up_no_entry_and_covers_all_of_them_later() {
    let mut log = Log::new();
    let control = Control::default();
    let broker = log.start_with(control.config(log.config()));
    record_some(&broker, 3);
    broker.checkpoint("a", LONG).unwrap();
    control.set(true, false);
    // More bytes than may wait, so that the last are kept as digests. Each entry is awaited, and each is on record.
    let path = "x".repeat(8 * 1024);
    for _ in 0..1200 {
        record(&broker, &path).unwrap();
    }
    log.rotate(&broker);
    record_some(&broker, 3);
    assert_eq!(broker.checkpoint("a", Duration::from_millis(1)), Err(CheckpointFailed::TimedOut));
    assert!(status(&broker).uncovered >= 1203);
    control.set(false, false);
    broker.checkpoint("a", LONG).unwrap();
    log.assert_covered();
    assert!(log.reasons().is_empty());
    log.end(broker);
}

#[test]
fn a_full_folder_is_in_the_status_and_never_in_the_health_of_the_device() {
    let mut log = Log::new();
    let control = Control::default();
    control.set(false, true);
    // From the start on: not even the checkpoint can be read.
    let broker = log.start_with(control.config(log.config().interval(Duration::from_millis(2))));
    record_some(&broker, 300);
    until("it is said", || status(&broker).error.is_some());
    assert!(
        matches!(broker.checkpoint("a", LONG), Err(CheckpointFailed::Failed(why)) if why.contains("space"))
    );
    let device = &broker.status()[0];
    assert_eq!(device.health, onrecord_audit::status::Health::Healthy);
    assert_eq!((device.faults.failures, device.losses.entries), (0, 0));
    control.set(false, false);
    until("it is covered", || status(&broker).uncovered == 0 && status(&broker).error.is_none());
    log.assert_covered();
    // And later on.
    control.set(false, true);
    record_some(&broker, 300);
    until("it is said", || status(&broker).error.is_some());
    control.set(false, false);
    until("it is covered", || status(&broker).uncovered == 0 && status(&broker).error.is_none());
    log.assert_covered();
    log.end(broker);
}

#[test]
fn a_directory_that_cannot_be_written_refuses_nothing() {
    let mut log = Log::new();
    // A file is in the way of the folder: no user can write there, root included.
    std::fs::write(log.folder(), "in the way").unwrap();
    let broker = log.start_with(log.config().interval(Duration::from_millis(2)));
    record_some(&broker, 10);
    until("it is said", || status(&broker).error.is_some());
    assert_eq!(std::fs::read(log.folder()).unwrap(), b"in the way");
    std::fs::remove_file(log.folder()).unwrap();
    until("it is covered", || status(&broker).uncovered == 0 && status(&broker).error.is_none());
    log.assert_covered();
    log.end(broker);
}

#[test]
fn a_folder_that_hangs_at_the_end_does_not_hold_up_the_end() {
    let mut log = Log::new();
    let control = Control::default();
    let broker = log.start_with(control.config(log.config()));
    record_some(&broker, 3);
    control.set(true, false);
    assert!(broker.drain(Duration::from_millis(50)).is_empty(), "the device has drained");
    drop(broker);
    log.until_free();
    control.set(false, false);
    until("the last checkpoint is made after all", || log.is_ended());
    log.assert_covered();
}

/// Disables the device, and waits until it has written its last line and let its tree go.
fn disable(broker: &Broker) {
    let evidence = evidence(broker);
    broker.disable("a");
    until("nothing of it is left", || Arc::strong_count(&evidence) == 1);
}

#[test]
fn a_device_that_comes_and_goes_while_the_tree_of_the_one_before_hangs_is_covered_later() {
    let mut log = Log::new();
    let control = Control::default();
    let broker = log.start_with(control.config(log.config()));
    record_some(&broker, 7);
    broker.checkpoint("a", LONG).unwrap();
    control.set(true, false);
    disable(&broker);
    for _ in 0..2 {
        broker.restore(log.device(Some(control.config(log.config())), &[])).unwrap();
        record_some(&broker, 7);
        disable(&broker);
    }
    broker.restore(log.device(Some(log.config()), &[])).unwrap();
    record_some(&broker, 7);
    control.set(false, false);
    broker.checkpoint("a", LONG).unwrap();
    // What the tree has to say is written before the next entry.
    record_some(&broker, 1);
    broker.checkpoint("a", LONG).unwrap();
    log.assert_covered();
    assert!(log.reasons().is_empty(), "{:?}", log.reasons());
    log.end(broker);
}

#[test]
fn what_a_device_writes_after_its_successor_opened_the_file_is_covered_though_its_tree_never_opened() {
    let mut log = Log::new();
    let control = Control::default();
    let broker = log.start();
    record_some(&broker, 7);
    disable(&broker);
    control.set(false, true);
    broker.restore(log.device(Some(control.config(log.config())), &[])).unwrap();
    record_some(&broker, 7);
    let successor = log.device_in(&PLACEMENT.succeeding(&broker.claim("a").unwrap()));
    record_some(&broker, 7);
    disable(&broker);
    broker.restore(successor).unwrap();
    record_some(&broker, 7);
    broker.checkpoint("a", LONG).unwrap();
    log.assert_covered();
    log.end(broker);
}
