//! The memory of a server is in no core dump, and other processes of its user cannot read it.
//! Never in it: what is wiped from that memory.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt as _;

use onrecord_e2e::place::Place;
use rustix::process::Signal;

#[test]
fn the_memory_of_a_server_is_in_no_core_dump() {
    let server = Place::new().in_memory("");
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).expect("the limits");
    let core =
        limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit of core dumps");
    let words: Vec<&str> = core.split_whitespace().collect();
    assert_eq!(words[4..6], ["0", "0"], "{core}");
    // What cannot be dumped belongs to root in /proc, whichever user runs it (proc(5)).
    let memory = fs::metadata(format!("/proc/{}/mem", server.pid())).expect("its memory");
    assert_eq!((memory.uid(), memory.gid()), (0, 0));
}

#[test]
fn a_server_that_crashes_with_its_log_key_in_memory_leaves_no_dump() {
    let place = Place::new();
    let mut server = place.in_memory("");
    server.enable_file("file", &place.path("audit.log"));
    // The key has signed.
    assert_eq!(server.call("POST", "sys/audit-log/checkpoint/file", None).status, 200);
    let ended = server.crash(Signal::ABORT);
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(Signal::ABORT.as_raw()), false));
}
