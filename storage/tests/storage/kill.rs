//! `kill -9` of a process that writes: this test binary runs itself as the child. The child says on its
//! standard output what was acknowledged to it, and all of that is there afterwards.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use onrecord_storage::Storage;
use onrecord_storage::embedded::Embedded;

use crate::{get, put};

const DIRECTORY: &str = "ONRECORD_KILL_TEST_DIRECTORY";
const WRITERS: u64 = 8;

/// The child's part; does nothing unless the parent asks.
#[test]
fn child() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let storage = Storage::start(Embedded::open(&directory).unwrap()).unwrap();
    let threads: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let storage = storage.clone();
            std::thread::spawn(move || {
                for n in 1_u64.. {
                    let key = format!("w{writer}/{}", n % 50);
                    storage.commit(put(&key, &n.to_le_bytes())).wait().unwrap();
                    // One write call a line: pipes keep those whole.
                    let mut line = format!("ack {writer} {n}\n").into_bytes();
                    std::io::stdout().lock().write_all(&line).unwrap();
                    line.clear();
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_killed_process_loses_no_acknowledged_commit() {
    let directory = tempfile::tempdir().unwrap();
    for round in 1..=5_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child", "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, directory.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut last = vec![0_u64; usize::try_from(WRITERS).unwrap()];
        let mut take = |line: &str| {
            let mut words = line.split(' ');
            if words.next() == Some("ack") {
                let writer: usize = words.next().unwrap().parse().unwrap();
                last[writer] = words.next().unwrap().parse().unwrap();
            }
        };
        for line in lines.by_ref().take(usize::try_from(100 + 150 * round).unwrap()) {
            take(&line.unwrap());
        }
        child.kill().unwrap();
        // What it wrote before it was killed; its last line may be cut off.
        for line in lines.map_while(Result::ok).filter(|line| line.split(' ').count() == 3) {
            take(&line);
        }
        child.wait().unwrap();
        assert!(last.iter().any(|n| *n > 0), "the child has written nothing");

        let storage = Storage::start(Embedded::open(directory.path()).unwrap()).unwrap();
        for (writer, last) in last.iter().enumerate() {
            let oldest = last.saturating_sub(49).max(1);
            for n in oldest..=*last {
                let stored = get(&storage, &format!("w{writer}/{}", n % 50)).unwrap();
                let stored = u64::from_le_bytes(stored.try_into().unwrap());
                // A writer has one write on its way that was not acknowledged.
                assert!(stored == n || (n == oldest && stored == last + 1), "{writer} {n} {stored}");
            }
        }
    }
}
