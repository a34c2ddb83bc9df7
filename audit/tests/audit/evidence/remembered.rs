//! Trees whose heads are remembered where those who write to the log cannot reach them: what was done to log and tree
//! together between two starts is said, and nothing that was added meanwhile is vouched for.

use std::fs;
use std::io::Write as _;

use onrecord_audit::evidence::{SignError, Signer, TreeHead, VerifierKey};
use rustix::fs::XattrFlags;

use super::kills::{Kill, REPAIRED};
use super::*;

const STOPPED: &str = "lines that were written while the server was stopped are not in the tree";

/// Ends a server in order, and returns what is remembered of its tree.
fn end(log: &Log, broker: Broker) -> TreeHead {
    assert!(broker.drain(LONG).is_empty());
    let head = broker.evidence()[0].1.head(true).unwrap();
    log.end(broker);
    head
}

/// A start of a server that remembers this.
fn start(log: &mut Log, heads: &[TreeHead]) -> Broker {
    let config = log.config().remembered(heads.to_vec());
    log.start_with(config)
}

fn append(log: &Log, line: &[u8]) {
    let mut file = fs::File::options().append(true).open(log.path()).unwrap();
    file.write_all(line).unwrap();
}

/// Lines as the device writes them, which it never wrote.
fn forged(log: &Log, count: usize) -> Vec<u8> {
    let line = String::from_utf8(log.lines().remove(0)).unwrap();
    let forged = line.replace("secret/a", "secret/forged") + "\n";
    assert!(forged.contains("secret/forged"), "{line}");
    forged.repeat(count).into_bytes()
}

fn is_forged(line: &[u8]) -> bool {
    String::from_utf8_lossy(line).contains("secret/forged")
}

#[test]
fn an_orderly_end_is_remembered_and_the_tree_goes_on() {
    let mut log = Log::new();
    let broker = start(&mut log, &[]);
    record_some(&broker, 300);
    let head = end(&log, broker);
    assert_eq!((head.size, head.root, head.ended), (300, log.checkpoint().root, true));
    assert_eq!(head.folder, log.folder());
    assert_eq!(head.key, Some(log.key.verifier("test/a")));
    let broker = start(&mut log, &[head]);
    record_some(&broker, 5);
    log.cover(&broker);
    let running = broker.evidence()[0].1.head(false).unwrap();
    assert_eq!((running.size, running.ended), (305, false));
    log.end(broker);
    assert!(log.reasons().is_empty(), "{:?}", log.reasons());
}

#[test]
fn a_device_that_may_still_write_what_waits_is_not_remembered_as_ended() {
    let mut log = Log::new();
    let broker = start(&mut log, &[]);
    record_some(&broker, 3);
    broker.checkpoint("a", LONG).unwrap();
    let ended = || evidence(&broker).head(true).unwrap().ended;
    assert!(!ended(), "the broker was not drained");
    assert!(!broker.drain(Duration::ZERO).is_empty() && !ended(), "it was not waited for long enough");
    assert!(broker.drain(LONG).is_empty() && ended());
    log.end(broker);
}

#[test]
fn lines_that_were_added_while_the_server_was_stopped_are_counted_and_not_covered() {
    let mut log = Log::new();
    let broker = start(&mut log, &[]);
    record_some(&broker, 10);
    let head = end(&log, broker);
    let before = log.lines().len();
    append(&log, &forged(&log, 2));
    let broker = start(&mut log, &[head]);
    record_some(&broker, 3);
    until("it is said", || log.reasons() == [STOPPED]);
    broker.checkpoint("a", LONG).unwrap();
    let mut covered = log.lines();
    assert!(covered.drain(before..before + 2).all(|line| is_forged(&line)));
    assert_tree(&Folder(log.folder()), &log.checkpoint(), &covered);
    assert_eq!(status(&broker).contradiction, None);
    log.end(broker);
    assert_eq!(log.verified().verdict(), Verdict::Differs, "verification names them");
    let gap = log.lines().into_iter().find_map(|line| {
        let line = decode(&line).ok()?;
        let tree = line.entry().gap?.tree?;
        Some((tree.size, tree.lines))
    });
    assert_eq!(gap, Some((10, 2)));
}

#[test]
fn a_file_that_was_begun_while_the_server_was_stopped_is_not_covered() {
    let mut log = Log::new();
    let broker = start(&mut log, &[]);
    record_some(&broker, 10);
    let head = end(&log, broker);
    let forged = forged(&log, 1);
    log.rename();
    fs::write(log.path(), forged).unwrap();
    let broker = start(&mut log, &[head]);
    record_some(&broker, 3);
    until("it is said", || log.reasons() == [STOPPED]);
    broker.checkpoint("a", LONG).unwrap();
    let mut covered = log.lines();
    assert!(is_forged(&covered.remove(10)));
    assert_tree(&Folder(log.folder()), &log.checkpoint(), &covered);
    log.end(broker);
}

/// What an attacker does between two starts that remember the tree, and what the second one says.
fn found(attack: impl FnOnce(&Log), reason: &str) {
    let mut log = Log::new();
    let broker = start(&mut log, &[]);
    record_some(&broker, 300);
    let head = end(&log, broker);
    attack(&log);
    let lines = lines_of(&log.path()).len();
    let broker = start(&mut log, &[head]);
    record_some(&broker, 3);
    until(reason, || log.reasons().len() == 1);
    assert!(log.reasons()[0].starts_with(reason), "{:?}", log.reasons());
    broker.checkpoint("a", LONG).unwrap();
    assert!(status(&broker).contradiction.is_some());
    // The new tree vouches for nothing that was there before.
    assert_tree(&Folder(log.folder()), &log.checkpoint(), &log.lines()[lines..]);
    log.end(broker);
}

#[test]
fn a_rewritten_log_without_a_tree_is_not_taken_for_a_new_one_whatever_its_attribute_says() {
    found(
        |log| {
            fs::remove_dir_all(log.folder()).unwrap();
            fs::write(log.path(), forged(log, 2)).unwrap();
            let file = fs::File::open(log.path()).unwrap();
            let inode = rustix::fs::fstat(&file).unwrap().st_ino;
            let mark = format!("1 {inode} 0 0 0");
            rustix::fs::fsetxattr(&file, "user.onrecord.tree", mark.as_bytes(), XattrFlags::empty()).unwrap();
        },
        "the tree was missing",
    );
}

#[test]
fn a_new_log_without_a_tree_in_the_place_of_the_old_one_is_said() {
    found(
        |log| {
            fs::remove_dir_all(log.folder()).unwrap();
            fs::remove_file(log.path()).unwrap();
            fs::write(log.path(), b"").unwrap();
        },
        "the tree was missing",
    );
}

#[test]
fn an_older_log_with_its_tree_is_not_taken_for_the_newest() {
    let mut log = Log::new();
    let broker = start(&mut log, &[]);
    record_some(&broker, 256);
    let head = end(&log, broker);
    let (older, copy) = (fs::read(log.path()).unwrap(), log.dir.path().join("copy"));
    copy_folder(&log.folder(), &copy);
    let broker = start(&mut log, &[head]);
    record_some(&broker, 44);
    let head = end(&log, broker);
    fs::remove_dir_all(log.folder()).unwrap();
    fs::rename(copy, log.folder()).unwrap();
    fs::write(log.path(), older).unwrap();
    let broker = start(&mut log, &[head]);
    record_some(&broker, 1);
    until("it is said", || log.reasons().len() == 1);
    assert!(log.reasons()[0].starts_with("the checkpoint of the tree was replaced by an older one"));
    log.end(broker);
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_log_that_was_written_again_with_the_right_key_is_said() {
    let mut log = Log::new();
    let broker = start(&mut log, &[]);
    record_some(&broker, 300);
    let head = end(&log, broker);
    // A thief of the key makes another log of the same name, which is longer.
    fs::remove_dir_all(log.folder()).unwrap();
    fs::remove_file(log.path()).unwrap();
    let broker = log.start();
    record_some(&broker, 310);
    log.end(broker);
    let lines = log.lines().len();
    let broker = start(&mut log, &[head]);
    record_some(&broker, 3);
    until("it is said", || log.reasons().len() == 1);
    assert!(log.reasons()[0].starts_with("the tree does not continue the one that is remembered"));
    broker.checkpoint("a", LONG).unwrap();
    assert_tree(&Folder(log.folder()), &log.checkpoint(), &log.lines()[lines..]);
    log.end(broker);
}

/// A key in use, and one that it took the place of.
struct Rotated {
    current: Arc<Ed25519Key>,
    retired: Arc<Ed25519Key>,
}

impl Signer for Rotated {
    fn public_key(&self) -> [u8; 32] {
        self.current.public_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        self.current.sign(message)
    }

    fn verifiers(&self, name: &str) -> Vec<VerifierKey> {
        vec![self.current.verifier(name), self.retired.verifier(name)]
    }
}

#[test]
fn a_retired_key_is_believed_only_for_the_checkpoint_that_is_remembered() {
    let mut log = Log::new();
    let broker = start(&mut log, &[]);
    record_some(&broker, 10);
    let head = end(&log, broker);
    let current = Arc::new(Ed25519Key::generate().unwrap());
    let rotated = Arc::new(Rotated { current: Arc::clone(&current), retired: Arc::clone(&log.key) });
    let config = |heads: &[TreeHead]| {
        EvidenceConfig::new("test/a", Arc::clone(&rotated) as _).remembered(heads.to_vec())
    };
    // The server was killed between the rotation and the next checkpoint.
    let broker = log.start_with(config(&[head]));
    record_some(&broker, 2);
    let head = end(&log, broker);
    assert!(log.reasons().is_empty());
    assert_eq!(head.key, Some(current.verifier("test/a")));
    // The retired key signs once more, for the same tree.
    let forged = Checkpoint { origin: "test/a".into(), size: head.size, root: head.root };
    fs::write(log.folder().join("checkpoint"), forged.sign(&*log.key).unwrap().to_string()).unwrap();
    let broker = log.start_with(config(&[head]));
    record_some(&broker, 1);
    until("it is said", || log.reasons().len() == 1);
    assert!(
        log.reasons()[0].starts_with("the checkpoint of the tree is not signed with the key of this log")
    );
    drop(broker);
}

#[test]
fn a_server_that_was_killed_before_its_first_checkpoint_covers_its_lines_if_it_is_remembered() {
    let mut log = Log::new();
    let broker = builder().rules(strict()).build_with_boot(Boot::new(100));
    broker.restore(log.device(None, &[])).unwrap();
    record_some(&broker, 1);
    log.end(broker);
    let length = fs::metadata(log.path()).unwrap().len();
    let kill = Kill::after(0);
    let config = kill.config(log.config().remembered(Vec::new()));
    let broker = log.start_with(config);
    let head = || broker.evidence().first()?.1.head(false);
    until("the tree is open", || head().is_some());
    let head = head().unwrap();
    assert_eq!((head.size, head.offset), (0, length));
    record_some(&broker, 3);
    drop(broker);
    kill.settle();
    let broker = start(&mut log, &[head]);
    record_some(&broker, 2);
    until("it is said", || log.reasons().last().is_some_and(|reason| reason == REPAIRED));
    broker.checkpoint("a", LONG).unwrap();
    assert_tree(&Folder(log.folder()), &log.checkpoint(), &log.lines()[1..]);
    log.end(broker);
}

#[test]
fn what_no_checkpoint_covered_at_a_kill_is_added_to_a_tree_that_is_remembered() {
    let mut log = Log::new();
    let kill = Kill::never();
    let config = kill.config(log.config().remembered(Vec::new()));
    let broker = log.start_with(config);
    record_some(&broker, 20);
    broker.checkpoint("a", LONG).unwrap();
    let head = broker.evidence()[0].1.head(false).unwrap();
    kill.now();
    record_some(&broker, 5);
    drop(broker);
    kill.settle();
    let broker = start(&mut log, &[head]);
    record_some(&broker, 2);
    log.cover(&broker);
    log.end(broker);
    assert_eq!(log.reasons(), [REPAIRED]);
}
