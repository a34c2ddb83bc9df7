//! Logs that are renamed, removed, exchanged and cut while the server writes to them: nothing is lost that was not removed,
//! nothing is torn and nothing is written twice (R-HUP, R-INODE, decision 4).

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use onrecord_e2e::load::{self, Load};
use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use rustix::process::Signal;
use serde_json::{Value, json};

/// A server with one file device.
struct Scene {
    server: Server,
    place: Place,
    log: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let place = Place::new();
        let log = place.path("audit.log");
        let server = Server::dev(&["-dev-audit=off"]);
        server.enable_file("file", &log);
        Self { server, place, log }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// A request that works, by its id.
    fn request(&self) -> String {
        let answer = self.server.call("GET", "sys/mounts", None);
        assert_eq!(answer.status, 200, "{}\n{}", answer.error(), self.server.stderr());
        answer.request_id()
    }

    fn eventually(&self, what: &str, so: impl FnMut() -> bool) {
        self.server.eventually(what, so);
    }
}

/// Some files together hold everything: each answered request twice, each number once, none left out; no line is torn.
fn assert_whole(files: &[PathBuf], answered: &[String]) {
    for file in files {
        let text = fs::read(file).expect("readable");
        assert!(text.is_empty() || text.ends_with(b"\n"), "{} ends within a line", file.display());
    }
    let verdict = log::assert_nothing_lost(files, answered);
    assert_eq!((verdict.declared(), &verdict.report["torn"]["count"]), (0, &json!(0)), "{verdict:?}");
}

fn notices(path: &Path) -> Vec<Value> {
    log::lines(path).into_iter().filter(|entry| entry["request"]["path"] == "sys/audit/gap").collect()
}

#[test]
fn r_hup_rotation_under_load_loses_tears_and_doubles_nothing() {
    let scene = Scene::new();
    let load = Load::begin(&scene.server, 4, load::writes_and_reads);
    let mut files = Vec::new();
    for turn in 0..20 {
        let rotated = scene.path(&format!("audit.log.{turn}"));
        scene.eventually("entries come", || fs::metadata(&scene.log).is_ok_and(|meta| meta.len() > 4096));
        fs::rename(&scene.log, &rotated).expect("a rename");
        scene.server.signal(Signal::HUP);
        scene.eventually("the file is made again", || scene.log.exists());
        files.push(rotated);
    }
    files.push(scene.log.clone());
    let answered = load.end().all_answered();
    // Each file had to grow before it was moved away, so there was a load however slow the machine is.
    assert!(answered.len() > files.len(), "there was a load: {}", answered.len());
    assert_whole(&files, &answered);
}

#[test]
fn r_hup_with_several_devices_each_is_whole() {
    let mut scene = Scene::new();
    let second = scene.path("second.log");
    scene.server.enable_file("second", &second);
    let load = Load::begin(&scene.server, 2, load::writes_and_reads);
    let (mut first_files, mut second_files) = (vec![scene.log.clone()], vec![second.clone()]);
    for turn in 0..5 {
        for (log, files) in [(&scene.log, &mut first_files), (&second, &mut second_files)] {
            let rotated = log.with_extension(format!("log.{turn}"));
            scene.eventually("entries come", || fs::metadata(log).is_ok_and(|meta| meta.len() > 2048));
            fs::rename(log, &rotated).expect("a rename");
            files.push(rotated);
        }
        scene.server.signal(Signal::HUP);
        scene.eventually("the files are made again", || scene.log.exists() && second.exists());
    }
    let answered = load.end().all_answered();
    // One of them may have answered for the last requests alone.
    assert!(scene.server.stop(), "it stops well");
    for files in [&first_files, &second_files] {
        assert_whole(files, &answered);
    }
    assert_whole(&[first_files, second_files].concat(), &answered);
}

#[test]
fn a_rename_without_a_signal_is_noticed_and_nothing_is_lost() {
    let scene = Scene::new();
    let load = Load::begin(&scene.server, 2, load::writes_and_reads);
    let rotated = scene.path("audit.log.1");
    scene.eventually("entries come", || fs::metadata(&scene.log).is_ok_and(|meta| meta.len() > 4096));
    fs::rename(&scene.log, &rotated).expect("a rename");
    scene.eventually("the file is made again", || scene.log.exists());
    scene.eventually("it is used", || !log::lines(&scene.log).is_empty());
    let answered = load.end().all_answered();
    assert_whole(&[rotated, scene.log.clone()], &answered);
    assert!(!notices(&scene.log).is_empty(), "it is on record");
}

#[test]
fn r_inode_a_removed_file_is_made_again() {
    let scene = Scene::new();
    let before = scene.request();
    fs::remove_file(&scene.log).expect("removed");
    // The next entry already has a file to go to.
    let after = scene.request();
    scene.eventually("the file is made again", || scene.log.exists());
    let entries = log::lines(&scene.log);
    let pairs = log::pairs(&entries);
    assert_eq!(pairs.get(&after), Some(&(1, 1)), "{entries:?}");
    assert_eq!(pairs.get(&before), None, "what was removed is gone");
    scene.eventually("it is on record", || !notices(&scene.log).is_empty());
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&scene.log).expect("a file").permissions());
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn r_inode_a_removed_file_of_an_idle_server_is_made_again() {
    let scene = Scene::new();
    scene.request();
    fs::remove_file(&scene.log).expect("removed");
    scene.eventually("without any request", || scene.log.exists());
}

#[test]
fn r_inode_a_removed_folder_is_made_again() {
    let scene = Scene::new();
    let deep = scene.path("deep/er/second.log");
    scene.server.enable_file("second", &deep);
    fs::remove_dir_all(scene.path("deep")).expect("removed");
    scene.eventually("the file is made again", || deep.exists());
    let after = scene.request();
    // The other device may have answered for the request: this one is told, not waited for.
    scene.eventually("the new file has the request", || {
        log::pairs(&log::lines(&deep)).get(&after) == Some(&(1, 1))
    });
}

#[test]
fn r_inode_a_file_put_in_its_place_is_used() {
    let scene = Scene::new();
    let before = scene.request();
    let old = scene.path("old");
    fs::hard_link(&scene.log, &old).expect("a second name, to look at it later");
    fs::write(scene.path("fresh"), "").expect("a file");
    fs::rename(scene.path("fresh"), &scene.log).expect("a rename");
    scene.eventually("the new file is used", || {
        scene.request();
        !log::lines(&scene.log).is_empty()
    });
    let after = scene.request();
    assert_eq!(log::pairs(&log::lines(&scene.log)).get(&after), Some(&(1, 1)));
    assert_eq!(log::pairs(&log::lines(&old)).get(&before), Some(&(1, 1)));
    assert!(!notices(&scene.log).is_empty(), "it is on record");
}

#[test]
fn r_inode_a_foreign_file_in_its_place_is_not_touched_and_holds_all_up() {
    let scene = Scene::new();
    scene.request();
    let theirs = "theirs, and no log\n";
    fs::write(scene.path("foreign"), theirs).expect("a file");
    fs::rename(scene.path("foreign"), &scene.log).expect("a rename");
    scene.eventually("the only device fails", || scene.server.call("GET", "sys/mounts", None).status == 500);
    assert_eq!(scene.server.call("GET", "sys/seal-status", None).status, 200, "exempt endpoints answer");
    let put = scene.server.call("POST", "secret/data/none", Some(json!({"data": {"a": "b"}})));
    assert_eq!(put.status, 500);
    assert_eq!(fs::read_to_string(&scene.log).expect("readable"), theirs);
    scene.server.wait_for_log("does not begin with an audit entry");
    fs::remove_file(&scene.log).expect("removed");
    scene.eventually("it recovers by itself", || scene.server.call("GET", "sys/mounts", None).status == 200);
    assert_eq!(
        scene.server.call("GET", "secret/data/none", None).status,
        404,
        "the refused write had no effect"
    );
    let gaps = notices(&scene.log);
    assert!(gaps.iter().any(|gap| gap["gap"]["missed"].as_u64() > Some(0)), "the gap is on record: {gaps:?}");
}

#[test]
fn r_trunc_a_file_cut_to_nothing_goes_on_from_its_beginning() {
    let scene = Scene::new();
    for _ in 0..5 {
        scene.request();
    }
    // What `copytruncate` does.
    fs::copy(&scene.log, scene.path("audit.log.1")).expect("a copy");
    fs::OpenOptions::new().write(true).truncate(true).open(&scene.log).expect("cut");
    let after = scene.request();
    let text = fs::read(&scene.log).expect("readable");
    assert!(!text.contains(&0), "no hole is left before the next entry");
    assert_eq!(log::pairs(&log::lines(&scene.log)).get(&after), Some(&(1, 1)));
    scene.eventually("it is on record", || !notices(&scene.log).is_empty());
}

#[test]
fn a_torn_tail_at_start_is_kept_aside_and_recorded() {
    let place = Place::new();
    let path = place.path("audit.log");
    let mut server = place.embedded("");
    let key = server.open_up();
    let token = server.token.clone();
    server.enable_file("file", &path);
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
    server.kill();
    let whole = fs::read(&path).expect("a log");
    let tail = b"{\"time\":\"2024-01-01T00:00:00Z\",\"type\":\"requ";
    fs::OpenOptions::new().append(true).open(&path).expect("a file").write_all(tail).expect("written");

    let server = place.restart(&key, token);
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
    let text = fs::read(&path).expect("a log");
    assert!(text.starts_with(&whole), "what was whole stays");
    let kept: Vec<_> = fs::read_dir(place.dir())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("audit.log.torn-"))
        .collect();
    let [kept] = kept.as_slice() else { panic!("one file beside it: {kept:?}") };
    assert_eq!(fs::read(place.path(kept)).expect("readable"), tail);
    let notice =
        log::lines(&path).into_iter().find(|entry| entry["gap"].get("torn").is_some()).expect("an entry");
    assert_eq!(notice["gap"]["torn"]["bytes"], tail.len());
    assert_eq!(notice["gap"]["torn"]["kept_as"], kept.as_str());
    let sum = std::process::Command::new("sha256sum").arg(place.path(kept)).output();
    if let Ok(sum) = sum {
        let sum = String::from_utf8_lossy(&sum.stdout).split(' ').next().unwrap_or_default().to_owned();
        assert_eq!(notice["gap"]["torn"]["sha256"], sum);
    }
    let ids: BTreeSet<String> = log::pairs(&log::lines(&path)).into_keys().collect();
    assert!(ids.len() > 2);
    let verdict = log::assert_nothing_lost(&log::files(place.dir(), "audit.log"), &[]);
    assert_eq!(
        (&verdict.report["torn"]["count"], &verdict.report["torn_undeclared"]),
        (&json!(1), &json!(0))
    );
}
