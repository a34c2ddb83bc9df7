//! What somebody who may enable audit devices could do to the machine (decision 5): each attempt is refused with a clear
//! error, and its target stays as it was.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Launch, Server};
use onrecord_e2e::shell::Shell;
use serde_json::{Value, json};

/// A server with embedded storage and no device.
struct Scene {
    server: Server,
    place: Place,
}

impl Scene {
    fn new() -> Self {
        let place = Place::new();
        let mut server = place.embedded("");
        server.open_up();
        Self { server, place }
    }

    /// A server that keeps nothing, and reads its configuration from the folder `conf.d`. Races run against it: a store that
    /// syncs would wait for the exchanges of names, which share its journal.
    fn in_memory() -> Self {
        let place = Place::new();
        let conf = place.path("conf.d");
        fs::create_dir(&conf).expect("a folder");
        let config = "listener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  tls_disable = true\n}\n\
            disable_mlock = true\nstorage \"inmem\" {}\n";
        fs::write(conf.join("main.hcl"), config).expect("a file");
        let mut server = Launch::new(&[&format!("-config={}", conf.display())]).start();
        server.open_up();
        Self { server, place }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.place.folder(name)
    }

    fn attempt(&self, options: &Value) -> (u16, String) {
        let answer =
            self.server.call("PUT", "sys/audit/x", Some(json!({"type": "file", "options": options})));
        (answer.status, answer.error())
    }

    /// The attempt is refused with this text behind the file's name; no device is there afterwards.
    fn refused(&self, file: impl AsRef<Path>, why: &str) {
        let file = file.as_ref().display();
        let expected = format!("sanity check failed; unable to open \"{file}\" for writing: {file}: {why}");
        assert_eq!(self.attempt(&json!({"file_path": file.to_string()})), (400, expected.clone()));
        // Nor does the probe's absence help, and a mode of 0000 only another way.
        assert_eq!(
            self.attempt(&json!({"file_path": file.to_string(), "skip_test": "true"})),
            (400, expected.clone())
        );
        let alias = self.attempt(&json!({"path": file.to_string(), "log_raw": "true", "mode": "0644"}));
        assert_eq!(alias, (400, expected));
        let kept = self.attempt(&json!({"file_path": file.to_string(), "mode": "0000"}));
        assert_eq!(kept.0, 400, "{}", kept.1);
        assert_eq!(self.server.devices(), json!({}));
    }

    /// As [`Scene::refused`], with a target that is there and stays as it is.
    fn refused_untouched(&self, file: &Path, target: &Path, why: &str) {
        let before = State::of(target);
        self.refused(file, why);
        assert_eq!(State::of(target), before, "{}", target.display());
    }
}

/// All that an attack could change of a file.
#[derive(Debug, PartialEq)]
struct State {
    content: Vec<u8>,
    mode: u32,
    inode: u64,
    links: u64,
    owner: (u32, u32),
    changed: (i64, i64),
}

impl State {
    fn of(path: &Path) -> Self {
        let meta = fs::symlink_metadata(path).expect("it is there");
        Self {
            content: if meta.is_file() { fs::read(path).expect("readable") } else { Vec::new() },
            mode: meta.mode(),
            inode: meta.ino(),
            links: meta.nlink(),
            owner: (meta.uid(), meta.gid()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

const DIRECTORY: &str = "audit files are not allowed in this directory";
const NAME: &str = "the name must end in .log, .json, .jsonl, .xml or .txt";
const FOREIGN: &str = "is not empty and does not begin with an audit entry";

#[test]
fn no_file_of_the_system_can_be_made() {
    let scene = Scene::new();
    for file in [
        "/etc/cron.d/onrecord-attack.log",
        "/etc/onrecord-attack.txt",
        "/etc/onrecord-attack/new/x.log",
        "/usr/local/lib/onrecord-attack.json",
        "/bin/onrecord-attack.log",
        "/sbin/onrecord-attack.log",
        "/lib/onrecord-attack.log",
        "/boot/onrecord-attack.log",
        "/run/onrecord-attack.log",
        "/var/run/onrecord-attack.log",
        "/var/spool/cron/onrecord-attack.log",
        "/var/spool/onrecord-attack.log",
        "/var/lib/onrecord-attack.log",
        "/dev/onrecord-attack.log",
        "/dev/shm/onrecord-attack.log",
        "/sys/onrecord-attack.log",
        "/proc/onrecord-attack.log",
        "/proc/self/onrecord-attack.log",
        "/proc/self/attr/onrecord-attack.log",
    ] {
        scene.refused(file, DIRECTORY);
        assert!(fs::symlink_metadata(file).is_err(), "{file}");
    }
    assert!(!Path::new("/etc/onrecord-attack").exists(), "nor is a folder made");
}

#[test]
fn a_way_through_proc_leads_where_it_leads() {
    let scene = Scene::new();
    let pid = scene.server.pid();
    for file in [
        "/proc/self/root/etc/cron.d/onrecord-attack.log".to_owned(),
        format!("/proc/{pid}/root/etc/onrecord-attack.log"),
        "/proc/self/cwd/../../../../../../../../etc/onrecord-attack.log".to_owned(),
    ] {
        let (status, error) = scene.attempt(&json!({"file_path": file}));
        assert_eq!(status, 400, "{file}");
        assert!(
            error.ends_with(DIRECTORY) || error.ends_with("the path has a dot component"),
            "{file}: {error}"
        );
    }
    for name in ["0", "1", "2"] {
        let (status, error) = scene.attempt(&json!({"file_path": format!("/proc/self/fd/{name}")}));
        assert_eq!(status, 400);
        assert!(error.ends_with(NAME), "{error}");
    }
    assert!(!Path::new("/etc/cron.d/onrecord-attack.log").exists());
    assert!(!Path::new("/etc/onrecord-attack.log").exists());
}

#[test]
fn names_that_something_else_reads_are_refused() {
    let scene = Scene::new();
    let home = scene.folder("home/user/.ssh");
    let keys = home.join("authorized_keys");
    fs::write(&keys, "ssh-ed25519 AAAA them\n").expect("a file");
    scene.refused_untouched(&keys, &keys, NAME);
    let profile = scene.path("home/user/.profile");
    fs::write(&profile, "echo hello\n").expect("a file");
    scene.refused_untouched(&profile, &profile, NAME);
    for name in [
        ".bashrc",
        ".bash_profile",
        "crontab",
        "x.sh",
        "x.service",
        "x.so",
        "x.conf",
        "x.hcl",
        "x.py",
        "x.log.sh",
        "x.LOG",
        "x.log ",
        ".log",
        ".txt",
        "x",
        "x.",
        "authorized_keys2",
        "x.log\n",
        "xlog",
    ] {
        let file = scene.path("home/user").join(name);
        let (status, error) = scene.attempt(&json!({"file_path": file}));
        assert_eq!(status, 400, "{name:?}");
        assert!(error.ends_with(NAME), "{name:?}: {error}");
        assert!(!file.exists(), "{name:?}");
    }
}

#[test]
fn dot_components_are_refused() {
    let scene = Scene::new();
    let dir = scene.folder("logs");
    for way in ["../logs/x.log", "./x.log", "a/../x.log", "a/./x.log", "../x.log"] {
        let file = format!("{}/{way}", dir.display());
        scene.refused(&file, "the path has a dot component");
    }
    for file in ["../x.log", "./x.log", "x.log/.."] {
        let (status, error) = scene.attempt(&json!({"file_path": file}));
        assert_eq!(status, 400);
        assert!(error.ends_with("the path has a dot component"), "{file}: {error}");
    }
    assert_eq!(fs::read_dir(&dir).expect("a folder").count(), 0);
}

#[test]
fn the_servers_own_database_is_out_of_reach() {
    let scene = Scene::new();
    let data = scene.path("data");
    let before: Vec<_> = names(&data);
    assert!(!before.is_empty());
    for name in ["x.log", "new/x.log", "data.json"] {
        scene.refused(data.join(name), DIRECTORY);
    }
    // A link to the folder is the folder.
    symlink(&data, scene.path("elsewhere")).expect("a link");
    scene.refused(scene.path("elsewhere/x.log"), DIRECTORY);
    assert_eq!(names(&data), before);
    assert_eq!(scene.server.call("GET", "sys/health", None).status, 200);
}

#[test]
fn a_folder_of_configuration_files_is_out_of_reach() {
    let scene = Scene::in_memory();
    let conf = scene.path("conf.d");
    // A prefix could make configuration of the lines.
    let file = conf.join("evil.json");
    let options = json!({"file_path": file, "prefix": "audit { minimum = 0 } # "});
    let (status, error) = scene.attempt(&options);
    assert_eq!(status, 400, "{error}");
    assert!(error.ends_with(DIRECTORY), "{error}");
    assert_eq!(names(&conf), ["main.hcl"]);
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_hard_link_is_refused() {
    let scene = Scene::new();
    let (target, link) = (scene.path("target.txt"), scene.path("link.log"));
    for content in ["", "root:x:0:0\n"] {
        fs::write(&target, content).expect("a file");
        fs::hard_link(&target, &link).expect("a link");
        scene.refused_untouched(&link, &target, "has more than one link");
        fs::remove_file(&link).expect("removed");
    }
}

#[test]
fn a_final_symbolic_link_is_refused() {
    let scene = Scene::new();
    let (target, link) = (scene.path("target.log"), scene.path("link.log"));
    symlink(&target, &link).expect("a link");
    scene.refused(&link, "is a symbolic link");
    assert!(!target.exists(), "a dangling link makes nothing");
    fs::write(&target, "").expect("a file");
    scene.refused_untouched(&link, &target, "is a symbolic link");
    fs::remove_file(&link).expect("removed");
    symlink("/etc/passwd", &link).expect("a link");
    scene.refused_untouched(&link, Path::new("/etc/passwd"), "is a symbolic link");
}

#[test]
fn a_link_in_the_way_leads_where_it_leads() {
    let scene = Scene::new();
    for (number, forbidden) in ["/etc", "/run", "/proc/self", "/usr/lib"].iter().enumerate() {
        let link = scene.path(&format!("way{number}"));
        symlink(forbidden, &link).expect("a link");
        scene.refused(link.join("onrecord-attack.log"), DIRECTORY);
        scene.refused(link.join("new/onrecord-attack.log"), DIRECTORY);
        assert!(!Path::new(forbidden).join("onrecord-attack.log").exists());
        assert!(!Path::new(forbidden).join("new").exists());
    }
}

#[test]
fn a_foreign_file_is_not_appended_to() {
    let scene = Scene::new();
    let file = scene.path("notes.txt");
    let not_json = "{\"time\":\"2024-01-01T00:00:00Z\",\"type\":\"request\",oops}\n";
    for content in [
        "hello\n",
        "hello",
        "\n",
        " ",
        "{}\n",
        "[]\n",
        "{\"time\":\"2024-01-01T00:00:00Z\"}\n",
        "{\"time\":\"2024-01-01T00:00:00Z\",\"type\":\"other\"}\n",
        not_json,
        "#!/bin/sh\n{\"time\":\"2024-01-01T00:00:00Z\",\"type\":\"request\"}\n",
    ] {
        fs::write(&file, content).expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
        scene.refused_untouched(&file, &file, FOREIGN);
    }
}

#[test]
fn executables_and_setuid_files_are_refused() {
    let scene = Scene::new();
    let file = scene.path("tool.log");
    for mode in [0o755, 0o700, 0o610, 0o601, 0o4600, 0o2600, 0o4755] {
        fs::write(&file, "").expect("a file");
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("a mode");
        scene.refused_untouched(&file, &file, "has execute, setuid or setgid bits");
    }
    // A device's own mode has none of these bits, whatever is asked for.
    fs::remove_file(&file).expect("removed");
    for mode in ["4777", "2755", "6111", "7777"] {
        let (status, error) = scene.attempt(&json!({"file_path": file, "mode": mode}));
        if status == 204 {
            let found = fs::metadata(&file).expect("a file").permissions().mode();
            assert_eq!(found & 0o7111, 0, "mode={mode} became {found:o}");
            scene.server.disable("x");
        } else {
            assert_eq!(status, 400, "mode={mode}: {error}");
        }
        drop(fs::remove_file(&file));
    }
}

#[test]
fn what_is_not_a_regular_file_is_refused_and_not_even_opened() {
    let scene = Scene::new();
    let fifo = scene.path("pipe.log");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .expect("a pipe");
    scene.refused_untouched(&fifo, &fifo, "is not a regular file");
    let socket = scene.path("socket.log");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    scene.refused_untouched(&socket, &socket, "is not a regular file");
}

#[test]
fn a_prefix_cannot_break_lines_or_carry_a_payload() {
    let scene = Scene::new();
    let file = scene.path("audit.log");
    let text = "prefix must be printable, without a newline, and at most 256 bytes";
    for prefix in [
        "* * * * * root id\n".to_owned(),
        "\r".to_owned(),
        "\0".to_owned(),
        "a".repeat(257),
        "\u{2029}".to_owned(),
    ] {
        let error = scene.attempt(&json!({"file_path": file, "prefix": prefix}));
        assert_eq!(error, (400, text.to_owned()));
        assert!(!file.exists());
    }
    let error = scene.attempt(&json!({"file_path": "/etc/cron.d/x.log", "prefix": "* * * * * root id #"}));
    assert!(error.1.ends_with(DIRECTORY), "{error:?}");
}

#[test]
fn a_second_device_on_the_same_file_is_refused() {
    let scene = Scene::new();
    let dir = scene.folder("logs");
    symlink(&dir, scene.path("also")).expect("a link");
    let file = dir.join("audit.log");
    scene.server.enable_file("first", &file);
    let size = || fs::metadata(&file).expect("a file").len();
    let before = size();
    for path in [file.clone(), scene.path("also/audit.log")] {
        let (status, error) = scene.attempt(&json!({"file_path": path}));
        assert_eq!(status, 400);
        assert!(error.ends_with(": another audit device writes to this file"), "{error}");
    }
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o7777, 0o600);
    assert!(size() > before, "the attempts are on record");
    let (status, _) = scene.attempt(&json!({"file_path": file, "mode": "0666"}));
    assert_eq!(status, 400);
    assert_eq!(
        fs::metadata(&file).expect("a file").permissions().mode() & 0o7777,
        0o600,
        "nor is its mode changed"
    );
    let listed = scene.server.call("GET", "sys/audit", None).json();
    assert_eq!(listed["data"].as_object().map(serde_json::Map::len), Some(1));
}

/// Exchanges what a name leads to, as fast as it can, until it is stopped.
fn swap(mut exchange: impl FnMut() + Send + 'static) -> impl FnOnce() {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let thread = std::thread::spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            exchange();
        }
    });
    move || {
        stop.store(true, Ordering::Relaxed);
        thread.join().expect("no panic");
    }
}

/// How often the race is run. Each attempt meets the exchange at another moment.
const ROUNDS: usize = 150;

#[test]
fn a_directory_swapped_in_between_is_of_no_use() {
    let scene = Scene::in_memory();
    let (good, bad, way) = (scene.folder("good"), scene.path("conf.d"), scene.path("way"));
    let before = names(&bad);
    symlink(&good, &way).expect("a link");
    let (to_good, to_bad, place) = (scene.path("to-good"), scene.path("to-bad"), way.clone());
    let (g, b) = (good.clone(), bad.clone());
    let stop = swap(move || {
        for (link, target) in [(&to_bad, &b), (&to_good, &g)] {
            symlink(target, link).expect("a link");
            fs::rename(link, &place).expect("a rename");
        }
    });
    let (mut allowed, mut refused) = (0, 0);
    for round in 0..ROUNDS {
        let file = way.join(format!("{round}.log"));
        let deep = way.join(format!("new{round}/x.log"));
        for file in [file, deep] {
            match scene.attempt(&json!({"file_path": file})) {
                (204, _) => {
                    allowed += 1;
                    scene.server.disable("x");
                }
                (400, error) => {
                    refused += 1;
                    assert!(error.contains("audit") || error.contains(": "), "{error}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
    stop();
    assert_eq!(names(&bad), before, "nothing was made where nothing may be made");
    assert!(allowed > 0 && refused > 0, "both sides of the race were met: {allowed} and {refused}");
}

#[test]
fn a_file_swapped_for_a_link_in_between_is_of_no_use() {
    let scene = Scene::in_memory();
    let victim = scene.path("victim.txt");
    fs::write(&victim, "theirs\n").expect("a file");
    fs::set_permissions(&victim, fs::Permissions::from_mode(0o644)).expect("a mode");
    let before = State::of(&victim);
    let file = scene.path("audit.log");
    // A sound device beside it, so that what becomes of the other holds nothing up.
    scene.server.enable_file("sound", &scene.path("sound.log"));
    let (place, target, beside) = (file.clone(), victim.clone(), scene.path("beside"));
    let stop = swap(move || {
        symlink(&target, &beside).expect("a link");
        fs::rename(&beside, &place).expect("a rename");
        fs::remove_file(&place).ok();
        fs::write(&beside, "").expect("a file");
        fs::rename(&beside, &place).expect("a rename");
    });
    let (mut allowed, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        match scene.attempt(&json!({"file_path": file, "mode": "0600"})) {
            (204, _) => {
                allowed += 1;
                scene.server.disable("x");
            }
            (400, _) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    stop();
    assert_eq!(State::of(&victim), before);
    assert!(allowed > 0 && refused > 0, "both sides of the race were met: {allowed} and {refused}");
}

#[test]
fn an_enabled_file_exchanged_for_a_link_is_not_followed() {
    let scene = Scene::new();
    let (file, victim) = (scene.path("audit.log"), scene.path("victim.log"));
    fs::write(&victim, "").expect("a file");
    scene.server.enable_file("x", &file);
    let before = State::of(&victim);
    symlink(&victim, scene.path("beside")).expect("a link");
    fs::rename(scene.path("beside"), &file).expect("a rename");
    scene.server.signal(rustix::process::Signal::HUP);
    // The only device fails, so every request is refused, until the link is gone.
    let status = || scene.server.call("GET", "sys/mounts", None).status;
    scene.server.eventually("the link is noticed", || status() == 500);
    assert_eq!(State::of(&victim), before);
    fs::remove_file(&file).expect("removed");
    scene.server.eventually("it recovers by itself", || status() == 200);
    assert_eq!(State::of(&victim), before);
}

#[test]
fn the_command_line_tells_what_is_wrong() {
    let scene = Scene::new();
    let shell = Shell::of(&scene.server);
    let output = shell
        .refuses(2, "onrecord audit enable file file_path=/etc/cron.d/x.log prefix='* * * * * root id #'");
    assert!(
        output.contains("* sanity check failed; unable to open \"/etc/cron.d/x.log\" for writing: /etc/cron.d/x.log: audit files are not allowed in this directory"),
        "{output}"
    );
    let output = shell.refuses(2, "onrecord audit enable file file_path=$HOME/.ssh/authorized_keys");
    assert!(output.contains(NAME), "{output}");
    assert!(!shell.home().join(".ssh").exists());
}
