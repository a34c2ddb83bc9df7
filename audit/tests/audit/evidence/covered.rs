//! Logs to which nothing happens but rotation, reopening, replacement and orderly ends.

use std::os::unix::fs::PermissionsExt as _;

use super::*;
use onrecord_audit::Wait as _;
use onrecord_audit::evidence::CheckpointFailed;

#[test]
fn every_line_of_all_files_is_an_entry_in_order_under_load_with_rotations_and_reopenings() {
    let mut log = Log::new();
    let broker = log.start_with(log.config().interval(Duration::from_millis(3)));
    for round in 0..6 {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| record_some(&broker, 150));
            }
            if round % 2 == 0 {
                broker.reopen(None, LONG);
            }
        });
        if round != 5 {
            log.rotate(&broker);
        }
    }
    let signed = broker.checkpoint("a", LONG).unwrap();
    assert_eq!(signed.checkpoint, log.checkpoint());
    log.assert_covered();
    let now = status(&broker);
    assert_eq!((now.uncovered, now.lost, now.error, now.contradiction), (0, 0, None, None));
    assert_eq!(now.folder, Some(log.folder()));
    assert!(log.reasons().is_empty());
    // Of the tiles that were partial once only the newest are left.
    let partial = std::fs::read_dir(log.folder().join("tile/0")).unwrap();
    let partial =
        partial.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "p"));
    assert!(partial.count() <= 1);
    log.end(broker);
    log.assert_covered();
}

#[test]
fn a_tree_goes_on_after_orderly_ends_with_and_without_a_rotation_in_between() {
    let mut log = Log::new();
    for round in 0..6 {
        let broker = log.start();
        record_some(&broker, 100 + round);
        log.end(broker);
        log.assert_covered();
        match round {
            1 => log.rename(),
            // What a rotation makes may be there before the server.
            3 => {
                log.rename();
                std::fs::write(log.path(), "").unwrap();
            }
            _ => {}
        }
    }
    assert!(log.reasons().is_empty(), "{:?}", log.reasons());
}

#[test]
fn a_device_in_the_place_of_another_goes_on_with_its_tree() {
    let log = Log::new();
    let placement = Placement::api();
    let broker = builder().rules(strict()).build_with_boot(Boot::new(1));
    broker.restore(log.device_in(&placement)).unwrap();
    record_some(&broker, 10);
    for round in 0..5 {
        let claim = broker.claim("a").unwrap();
        let options = options(&[("file_path", log.path().to_str().unwrap())]);
        let options = DeviceOptions::parse("file", &options).unwrap();
        let device = options.open(&placement.succeeding(&claim), Arc::new(SystemClock::new()));
        let form = Formatter::new(options.form.clone(), Arc::new(Salt::new("salt of a")));
        let config = DeviceConfig::new("a", device.unwrap(), form).evidence(log.config());
        let candidate = broker.try_out(config, Some(crate::kit::broker::probe())).wait().unwrap();
        record_some(&broker, 10);
        broker.replace(candidate).unwrap();
        record_some(&broker, 10 + round);
    }
    broker.checkpoint("a", LONG).unwrap();
    until("the old devices have ended", || broker.checkpoint("a", LONG).is_ok());
    log.assert_covered();
    assert!(log.reasons().is_empty(), "{:?}", log.reasons());
    log.end(broker);
}

#[test]
fn a_device_that_is_disabled_and_enabled_again_goes_on_with_its_tree() {
    let mut log = Log::new();
    let broker = log.start();
    for _ in 0..3 {
        record_some(&broker, 7);
        let evidence = evidence(&broker);
        broker.disable("a");
        until("it has ended", || log.is_ended());
        drop(evidence);
        until("its file is free", || {
            let config = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                log.device(Some(log.config()), &[])
            }));
            config.is_ok_and(|config| broker.enable(config, Some(crate::kit::broker::probe())).wait().is_ok())
        });
    }
    broker.checkpoint("a", LONG).unwrap();
    log.assert_covered();
    assert!(log.reasons().is_empty(), "{:?}", log.reasons());
    log.end(broker);
}

#[test]
fn a_device_with_another_name_that_is_not_enabled_after_all_leaves_the_tree_as_it_is() {
    let mut log = Log::new();
    let broker = log.start();
    record_some(&broker, 7);
    broker.checkpoint("a", LONG).unwrap();
    let renamed = log.device_in(&PLACEMENT.succeeding(&broker.claim("a").unwrap()));
    let other = EvidenceConfig::new("test/b", Arc::clone(&log.key) as _).interval(NEVER);
    let candidate = broker.try_out(renamed.evidence(other), None).wait().unwrap();
    drop(candidate);
    record_some(&broker, 7);
    log.end(broker);
    log.assert_covered();
    let broker = log.start();
    record_some(&broker, 7);
    log.cover(&broker);
    assert!(log.reasons().is_empty(), "{:?}", log.reasons());
    log.end(broker);
}

#[test]
fn a_log_that_was_there_before_says_where_its_tree_begins() {
    let mut log = Log::new();
    let broker = builder().rules(strict()).build_with_boot(Boot::new(90));
    broker.restore(log.device(None, &[])).unwrap();
    record_some(&broker, 5);
    assert!(broker.evidence().is_empty() && broker.status()[0].evidence.is_none());
    assert_eq!(broker.checkpoint("a", LONG), Err(CheckpointFailed::Off));
    assert_eq!(broker.checkpoint("b", LONG), Err(CheckpointFailed::NoDevice));
    broker.drain(LONG);
    drop(broker);
    assert!(!log.folder().exists());
    let broker = log.start();
    record_some(&broker, 5);
    until("it is said", || {
        log.reasons() == ["the tree begins here: earlier lines of the file are not in it"]
    });
    broker.checkpoint("a", LONG).unwrap();
    assert_tree(&Folder(log.folder()), &log.checkpoint(), &log.lines()[5..]);
    log.end(broker);
}

#[test]
fn evidence_can_be_turned_off_and_lines_of_that_time_are_added_later() {
    let mut log = Log::new();
    let broker = log.start();
    record_some(&broker, 3);
    log.end(broker);
    let broker = builder().rules(strict()).build_with_boot(Boot::new(91));
    broker.restore(log.device(Some(log.config()), &[("evidence", "off")])).unwrap();
    record_some(&broker, 4);
    assert!(broker.evidence().is_empty());
    broker.drain(LONG);
    drop(broker);
    let broker = log.start();
    record_some(&broker, 3);
    let reason = "lines that were written while no tree was kept were added to the tree";
    until("it is said", || log.reasons() == [reason]);
    broker.checkpoint("a", LONG).unwrap();
    log.assert_covered();
    log.end(broker);
}

#[test]
fn no_text_of_an_entry_is_in_the_folder_and_its_files_can_be_read_as_the_log() {
    let mut log = Log::new();
    let broker = builder().rules(strict()).build_with_boot(Boot::new(1));
    let more = [("log_raw", "true"), ("mode", "0644"), ("prefix", "canary-prefix ")];
    broker.restore(log.device(Some(log.config()), &more)).unwrap();
    for _ in 0..300 {
        record(&broker, "secret/canary-path").unwrap();
    }
    broker.checkpoint("a", LONG).unwrap();
    log.boot = 1;
    log.assert_covered();
    let mut folders = vec![log.folder()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let bytes = std::fs::read(&path).unwrap();
            assert!(memchr::memmem::find(&bytes, b"canary").is_none(), "{}", path.display());
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o644, "{}", path.display());
        }
    }
    assert!(files > 5);
    log.end(broker);
}

#[test]
fn a_log_that_was_copied_with_its_tree_goes_on() {
    let mut log = Log::new();
    for round in 0..3 {
        let broker = log.start();
        record_some(&broker, 50 + round);
        log.end(broker);
        // The copy has another inode and no attributes, as one from a backup.
        let copy = log.dir.path().join("copy");
        std::fs::copy(log.path(), &copy).unwrap();
        std::fs::rename(copy, log.path()).unwrap();
    }
    let broker = log.start();
    record_some(&broker, 1);
    log.end(broker);
    log.assert_covered();
    assert!(log.reasons().is_empty(), "{:?}", log.reasons());
}

#[test]
fn a_device_that_was_not_enabled_leaves_no_folder() {
    let log = Log::new();
    let broker = builder().rules(strict()).build_with_boot(Boot::new(1));
    let candidate = broker.try_out(log.device(Some(log.config()), &[]), None).wait().unwrap();
    drop(candidate);
    until("it has ended", || !log.path().exists());
    assert!(!log.folder().exists());
}
