//! Writers at the same time share the calls that make a file durable: those of the real server are counted.
//! Never in it: times.

use std::sync::Barrier;

use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::strace::Strace;
use serde_json::json;

const WRITERS: usize = 64;
const ROUNDS: usize = 8;

#[test]
fn r_groupcommit_64_writers_share_the_fdatasyncs_of_a_file() {
    if !Strace::is_possible() {
        return;
    }
    let place = Place::new();
    let server = place.in_memory("");
    let path = place.path("audit.log");
    let options = json!({"file_path": path, "durability": "fsync"});
    let answer = server.call("PUT", "sys/audit/file", Some(json!({"type": "file", "options": options})));
    assert_eq!(answer.status, 204, "{}", answer.error());
    let before = log::lines_of_requests(&path).len();

    let strace = Strace::attach(server.pid(), &place.path("strace"), ["-f", "-e", "trace=fdatasync"]);
    let start = Barrier::new(WRITERS);
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| {
                start.wait();
                for _ in 0..ROUNDS {
                    assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
                }
            });
        }
    });
    let trace = strace.trace();
    drop(strace);

    // A request is answered once both of its entries are synced, so the trace has all calls.
    let entries = log::lines_of_requests(&path).len() - before;
    let syncs = trace.lines().filter(|line| line.contains("fdatasync(")).count();
    assert_eq!(entries, 2 * WRITERS * ROUNDS);
    assert!(syncs > 0 && 2 * syncs <= entries, "{entries} entries in {syncs} syncs");
}
