//! Trees that contradict their logs: each contradiction is said in an entry and in the status, the old tree is kept, and
//! another one begins.

use super::*;

/// What is done to a log or its tree between two starts, and what is said of it.
fn found(change: impl FnOnce(&Log), reason: &str, keeps: bool) {
    let mut log = Log::new();
    let broker = log.start();
    record_some(&broker, 300);
    log.end(broker);
    let before = log.checkpoint();
    change(&log);
    let lines = lines_of(&log.path()).len();
    let broker = log.start();
    record_some(&broker, 3);
    until(reason, || log.reasons().len() == 1);
    assert!(log.reasons()[0].starts_with(reason), "{:?}", log.reasons());
    broker.checkpoint("a", LONG).unwrap();
    // The new tree has what was written after that start.
    assert_tree(&Folder(log.folder()), &log.checkpoint(), &log.lines()[lines..]);
    let (notice, _) = status(&broker).contradiction.expect("it is in the status");
    assert_eq!(notice.kept_as.is_some(), keeps);
    let entry = log.lines().into_iter().find_map(|line| {
        let line = decode(&line).ok()?;
        let tree = line.entry().gap?.tree?;
        Some((tree.size, tree.root.as_str().to_owned(), tree.kept_as.as_str().to_owned()))
    });
    let (size, root, kept_as) = entry.unwrap();
    assert_eq!((size, kept_as.clone()), (notice.size, notice.kept_as.clone().unwrap_or_default()));
    assert_eq!(root, notice.root.clone().unwrap_or_default());
    if keeps {
        assert!(kept_as.starts_with("a.log.tlog.old-"), "{kept_as}");
        assert!(log.dir.path().join(&kept_as).join("tile/entries").exists());
    }
    if notice.root.is_some() && size == before.size {
        assert_eq!(root, before.root.to_base64());
    }
    // It is said once: the new tree goes on.
    log.end(broker);
    let broker = log.start();
    record_some(&broker, 1);
    log.end(broker);
    assert_eq!(log.reasons().len(), 1, "{:?}", log.reasons());
}

#[test]
fn a_file_that_is_shorter_is_said() {
    found(
        |log| {
            let lines = log.lines();
            let text: Vec<u8> =
                lines[..299].iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
            let file = std::fs::File::options().write(true).open(log.path()).unwrap();
            file.set_len(text.len() as u64).unwrap();
        },
        "the file is shorter than its tree says",
        true,
    );
}

#[test]
fn a_line_that_was_changed_is_said() {
    found(
        |log| {
            let mut text = std::fs::read(log.path()).unwrap();
            let at = text.len() - 30;
            text[at] ^= 1;
            overwrite(log, &text);
        },
        "the file has other lines than its tree",
        true,
    );
}

#[test]
fn two_lines_that_were_swapped_are_said() {
    found(
        |log| {
            let mut lines = log.lines();
            lines.swap(290, 291);
            overwrite(
                log,
                &lines.into_iter().flat_map(|line| [line, b"\n".to_vec()].concat()).collect::<Vec<_>>(),
            );
        },
        "the file has other lines than its tree",
        true,
    );
}

fn overwrite(log: &Log, text: &[u8]) {
    use std::os::unix::fs::FileExt as _;
    std::fs::File::options().write(true).open(log.path()).unwrap().write_all_at(text, 0).unwrap();
}

#[test]
fn a_tree_that_is_gone_is_said() {
    found(|log| std::fs::remove_dir_all(log.folder()).unwrap(), "the tree was missing", false);
}

#[test]
fn a_checkpoint_that_is_gone_or_empty_is_said() {
    let reason = "the checkpoint of the tree was missing or cannot be read";
    found(|log| std::fs::remove_file(log.folder().join("checkpoint")).unwrap(), reason, true);
    found(|log| std::fs::write(log.folder().join("checkpoint"), "").unwrap(), reason, true);
}

#[test]
fn a_checkpoint_that_was_replaced_by_an_older_one_is_said() {
    let mut log = Log::new();
    let broker = log.start();
    record_some(&broker, 256);
    broker.checkpoint("a", LONG).unwrap();
    let older = std::fs::read(log.folder().join("checkpoint")).unwrap();
    record_some(&broker, 44);
    log.end(broker);
    std::fs::write(log.folder().join("checkpoint"), older).unwrap();
    let broker = log.start();
    record_some(&broker, 1);
    until("it is said", || log.reasons().len() == 1);
    assert!(log.reasons()[0].starts_with("the checkpoint of the tree was replaced by an older one"));
    assert!(status(&broker).contradiction.is_some());
    log.end(broker);
}

#[test]
fn a_tile_that_was_flipped_or_is_gone_is_said() {
    let flip = |path: &'static str| {
        move |log: &Log| {
            let path = log.folder().join(path);
            let mut bytes = std::fs::read(&path).unwrap();
            bytes[7] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }
    };
    let reason = "tiles of the tree were missing or were changed";
    found(flip("tile/0/001.p/44"), reason, true);
    found(flip("tile/1/000.p/1"), reason, true);
    found(flip("tile/entries/001.p/44"), reason, true);
    found(|log| std::fs::remove_file(log.folder().join("tile/0/001.p/44")).unwrap(), reason, true);
    found(|log| std::fs::write(log.folder().join("tile/1/000.p/1"), "").unwrap(), reason, true);
}

#[test]
fn a_checkpoint_that_was_signed_with_another_key_is_said_and_an_earlier_key_is_accepted() {
    let mut log = Log::new();
    let broker = log.start();
    record_some(&broker, 300);
    log.end(broker);
    let earlier = std::mem::replace(&mut log.key, Arc::new(Ed25519Key::generate().unwrap()));
    let broker = log.start_with(log.config().accept(earlier.verifier("test/a")));
    record_some(&broker, 3);
    broker.checkpoint("a", LONG).unwrap();
    log.assert_covered();
    log.end(broker);
    assert!(log.reasons().is_empty());

    log.key = Arc::new(Ed25519Key::generate().unwrap());
    let broker = log.start();
    record_some(&broker, 3);
    until("it is said", || log.reasons().len() == 1);
    assert!(
        log.reasons()[0].starts_with("the checkpoint of the tree is not signed with the key of this log")
    );
    log.end(broker);
}

#[test]
fn the_tree_of_another_origin_is_kept_aside_and_is_not_a_contradiction() {
    let mut log = Log::new();
    let broker = log.start();
    record_some(&broker, 3);
    log.end(broker);
    let other = EvidenceConfig::new("other/a", Arc::clone(&log.key) as _);
    let broker = log.start_with(other);
    record_some(&broker, 3);
    until("it is said", || log.reasons() == ["the tree was that of another log, and a new one was begun"]);
    assert_eq!(status(&broker).contradiction, None);
    assert_eq!(broker.checkpoint("a", LONG).unwrap().checkpoint.origin, "other/a");
    log.end(broker);
}

#[test]
fn a_tree_that_is_removed_while_it_is_in_use_is_said_and_nothing_after_the_last_checkpoint_is_lost() {
    let mut log = Log::new();
    let broker = log.start();
    record_some(&broker, 300);
    broker.checkpoint("a", LONG).unwrap();
    let lines = log.lines().len();
    std::fs::remove_dir_all(log.folder()).unwrap();
    record_some(&broker, 5);
    broker.checkpoint("a", LONG).unwrap();
    until("it is said", || {
        log.reasons() == ["the tree was removed while it was in use, and a new one was begun"]
    });
    broker.checkpoint("a", LONG).unwrap();
    assert_tree(&Folder(log.folder()), &log.checkpoint(), &log.lines()[lines..]);
    assert_eq!(status(&broker).contradiction.unwrap().0.size, 300);
    log.end(broker);
    let broker = log.start();
    record_some(&broker, 1);
    log.end(broker);
    assert_eq!(log.reasons().len(), 1);
}

#[test]
fn a_log_that_loses_power_with_empty_files_in_its_tree_starts_again() {
    for name in ["checkpoint", "state", "tile/0/001.p/44", "tile/entries/001.p/44", "tile/0/000"] {
        let mut log = Log::new();
        let broker = log.start();
        record_some(&broker, 300);
        log.end(broker);
        std::fs::write(log.folder().join(name), "").unwrap();
        let broker = log.start();
        record_some(&broker, 3);
        broker.checkpoint("a", LONG).unwrap();
        let notices = log.reasons().len();
        assert!(notices <= 1, "{name}: {:?}", log.reasons());
        log.end(broker);
    }
}
