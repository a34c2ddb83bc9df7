//! Faults of the folder in which the tree of a log lies: it is full, cannot be written, is slow. Nothing of this refuses or
//! delays a request, and once the fault is over every line is covered.
//! Never in it: faults of the log itself (`fault_table`, `degraded`).

use std::ffi::OsStr;
use std::path::PathBuf;

use onrecord_e2e::command_report::CommandReport;
use onrecord_e2e::load::{Load, writes_and_reads};
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::small_disk::SmallDisk;
use onrecord_e2e::strace::Strace;
use onrecord_e2e::{log, say_skipped, verify, wait};
use serde_json::json;

/// How many requests are answered while the folder takes nothing.
const REQUESTS: usize = 300;

struct Scene {
    server: Server,
    place: Place,
    key: String,
    unseal_key: String,
    answered: Vec<String>,
}

impl Scene {
    /// A server with a file device.
    fn new(place: Place) -> Self {
        let mut server = place.embedded("");
        let unseal_key = server.open_up();
        let body = json!({"type": "kv", "options": {"version": "2"}});
        assert_eq!(server.call("POST", "sys/mounts/secret", Some(body)).status, 204);
        server.enable_file("file", &place.path("audit.log"));
        let key = verify::key_of(&server, "file/");
        let scene = Self { server, place, key, unseal_key, answered: Vec::new() };
        assert_eq!(scene.checkpoint(), 200);
        scene
    }

    /// Asks for a checkpoint; the status.
    fn checkpoint(&self) -> u16 {
        self.server.call("POST", "sys/audit-log/checkpoint/file", None).status
    }

    /// Clients write and read until this number of further requests was answered, and no request fails.
    fn load(&mut self, requests: usize) {
        let load = Load::begin(&self.server, 4, writes_and_reads);
        wait::eventually("the server answers", || load.answered() >= requests);
        self.answered.extend(load.end().all_answered());
    }

    /// Waits until the status of the tree has an error, or none.
    fn until_failing(&self, failing: bool) {
        let evidence = || self.server.device("file/")["evidence"].clone();
        self.server.eventually("the status of the tree changes", || evidence()["error"].is_null() != failing);
    }

    fn files(&self) -> Vec<PathBuf> {
        log::files(self.place.dir(), "audit.log")
    }

    fn verify(&self, flags: &[&str]) -> CommandReport {
        verify::verify(&self.files(), &[&[self.key.as_str()], flags].concat())
    }

    /// Ends the server. All lines must be covered, and nothing must have been lost.
    fn ends_well(mut self) -> CommandReport {
        assert!(self.server.stop(), "it stops well: {}", self.server.stderr());
        log::assert_nothing_lost(&self.files(), &self.answered);
        let verified = self.verify(&[]);
        assert_eq!(verified.code, 0, "{verified:?}");
        verified
    }
}

/// A scene whose tree is on a disk of its own; `None` where none can be mounted.
fn on_a_disk(kilobytes: u64) -> Option<(Scene, SmallDisk)> {
    let place = Place::new();
    let disk = SmallDisk::mount(&place.path("audit.log.tlog"), kilobytes);
    if disk.is_none() {
        say_skipped("this machine does not let tests mount a disk");
    }
    disk.map(|disk| (Scene::new(place), disk))
}

#[test]
fn a_full_disk_of_the_tree_refuses_nothing_and_all_lines_are_covered_when_there_is_room() {
    let Some((mut scene, mut disk)) = on_a_disk(64) else { return };
    scene.load(3 * REQUESTS);
    scene.until_failing(true);
    scene.load(REQUESTS);
    let full = scene.verify(&["-allow-uncovered-tail"]);
    assert!(full.code == 0 && full.count("uncovered_tail") > 0, "{full:?}");
    disk.grow(4096);
    scene.until_failing(false);
    assert_eq!(scene.ends_well().vouched_later(), 0);
}

#[test]
fn a_tree_folder_that_cannot_be_written_refuses_nothing_and_all_lines_are_covered_afterwards() {
    let Some((mut scene, disk)) = on_a_disk(4096) else { return };
    scene.load(REQUESTS);
    disk.set_read_only(true);
    scene.load(REQUESTS);
    scene.until_failing(true);
    assert_ne!(scene.checkpoint(), 200, "none can be made");
    disk.set_read_only(false);
    scene.until_failing(false);
    scene.load(10);
    assert_eq!(scene.ends_well().vouched_later(), 0);
}

#[test]
fn lines_that_were_written_while_the_tree_could_not_be_are_added_by_the_start_after_a_kill() {
    let Some((mut scene, disk)) = on_a_disk(4096) else { return };
    scene.load(REQUESTS);
    disk.set_read_only(true);
    scene.load(REQUESTS);
    scene.server.kill();
    let killed = scene.verify(&["-allow-uncovered-tail"]);
    let uncovered = killed.count("uncovered_tail");
    assert!(killed.code == 0 && uncovered >= 2 * REQUESTS as u64, "{killed:?}");
    disk.set_read_only(false);
    let token = scene.server.token.clone();
    scene.server = scene.place.restart(&scene.unseal_key, token);
    scene.load(10);
    assert_eq!(scene.ends_well().vouched_later(), uncovered);
}

/// The thread that keeps the tree.
fn tree_thread(server: &Server) -> u32 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.pid())).expect("its threads");
    let tasks = tasks.map(|task| task.expect("a thread").path());
    let mut of_tree = tasks.filter(|task| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == "audit-evidence")
    });
    let found = of_tree.next().expect("the thread of the tree");
    found.file_name().and_then(OsStr::to_str).and_then(|id| id.parse().ok()).expect("its id")
}

#[test]
fn a_tree_on_a_disk_that_hangs_delays_nothing_and_all_lines_are_covered_afterwards() {
    if !Strace::is_possible() {
        return;
    }
    let mut scene = Scene::new(Place::new());
    let trace = scene.place.path("strace");
    // A resource is written under another name and renamed.
    let args = ["-e", "trace=renameat,renameat2", "-e", "inject=renameat,renameat2:delay_enter=1000s"];
    let hung = Strace::attach(tree_thread(&scene.server), &trace, args);
    scene.load(REQUESTS);
    scene.server.eventually("the tree is being written", || hung.trace().contains("renameat"));
    scene.load(REQUESTS);
    let uncovered = scene.verify(&["-allow-uncovered-tail"]);
    assert!(uncovered.code == 0 && uncovered.count("uncovered_tail") >= 2 * REQUESTS as u64, "{uncovered:?}");
    drop(hung);
    assert_eq!(scene.ends_well().vouched_later(), 0);
}
