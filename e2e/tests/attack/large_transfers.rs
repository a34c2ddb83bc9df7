//! Large bodies run beside small requests, not before them: the threads of the connections only take them from the sockets.
//! Never in it: latencies; the bench `starving` measures them.

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use serde_json::json;

/// A thread of the server: by how much it gives way, and how often it was scheduled.
fn thread(server: &Server, name: &str) -> Option<(i32, u64)> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).ok()?;
    let task = tasks.filter_map(Result::ok).map(|task| task.path()).find(|task| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|found| found.trim_end() == name)
    })?;
    let stat = std::fs::read_to_string(task.join("stat")).ok()?;
    // The nice value is the 19th field; the name, which may have spaces, is the second.
    let nice = stat.rsplit_once(") ")?.1.split(' ').nth(16)?.parse().ok()?;
    let status = std::fs::read_to_string(task.join("status")).ok()?;
    let switches = status.lines().filter_map(|line| line.split_once("ctxt_switches:"));
    Some((nice, switches.filter_map(|(_, count)| count.trim().parse::<u64>().ok()).sum()))
}

#[test]
fn a_large_body_is_read_by_a_thread_that_gives_way_and_a_small_one_is_not() {
    let place = Place::new();
    let server = place.in_memory("");
    server.enable_file("log", &place.path("audit.log"));
    server.mount_kv(1);
    let write = |bytes: usize| {
        assert_eq!(server.call("POST", "kv/a", Some(json!({"a": "x".repeat(bytes)}))).status, 204);
    };
    let (nice, before) = thread(&server, "serve-bodies").expect("the thread");
    assert!(nice > 0, "it has priority {nice}");
    (0..20).for_each(|_| write(10_000));
    let (_, small) = thread(&server, "serve-bodies").expect("the thread");
    assert!(small < before + 5, "{small} after {before}: small bodies are read there");
    write(24 << 20);
    let (_, large) = thread(&server, "serve-bodies").expect("the thread");
    assert!(large > small + 20, "{large} after {small}: a large body is not read there");
}
