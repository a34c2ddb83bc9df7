//! The server, its devices and its clients, and how each step is done to them; and the judgement over all logs.
//! Never in it: which step comes when.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use onrecord_e2e::log;
use onrecord_e2e::process::Server;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::clients::Clients;
use super::peer::Peer;
use super::plan::Step;
use super::small_disk::SmallDisk;

/// How many clients there are.
const CLIENTS: usize = 3;
/// So many file devices there are at most, besides the one that always is.
const DEVICES: u64 = 3;
/// How long all devices may take to have and to tell everything once nothing is wrong any more.
const PATIENCE: Duration = Duration::from_mins(1);

pub struct World {
    // Ended first.
    clients: Clients,
    server: Server,
    key: String,
    config: String,
    peer: Peer,
    disk: Option<SmallDisk>,
    /// The file devices that are enabled, and how many each name has had.
    files: BTreeMap<String, u64>,
    rotations: u64,
    steps: BTreeMap<&'static str, u64>,
    judged: u64,
    entries: u64,
    declared: u64,
    dir: tempfile::TempDir,
}

impl World {
    pub fn start() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let config = format!(
            "storage \"file\" {{\n  path = \"{}\"\n}}\naudit {{\n  audit_timeout = \"2s\"\n  queue_size = 262144\n}}",
            dir.path().join("data").display()
        );
        std::fs::create_dir(dir.path().join("logs")).expect("a folder");
        let mut server = Server::with_config(dir.path(), &config);
        let key = server.open_up();
        let mount = json!({"type": "kv", "options": {"version": "2"}});
        assert_eq!(server.call("POST", "sys/mounts/kv", Some(mount)).status, 204);
        server.enable_file("base", &dir.path().join("logs/base.log"));
        let peer = Peer::start(&dir.path().join("logs"));
        let options = json!({"address": peer.address, "socket_type": "tcp", "write_timeout": "1s"});
        let body = json!({"type": "socket", "options": options});
        let answer = server.call("PUT", "sys/audit/peer", Some(body));
        assert_eq!(answer.status, 204, "{}", answer.error());
        let disk = SmallDisk::mount(&dir.path().join("small"));
        match &disk {
            Some(disk) => server.enable_file("small", &disk.log()),
            None => println!("soak: without a full disk; this machine lets nobody mount one"),
        }
        let clients = Clients::begin(CLIENTS);
        clients.go(server.addr, &server.token);
        Self {
            clients,
            server,
            key,
            config,
            peer,
            disk,
            files: BTreeMap::new(),
            rotations: 0,
            steps: BTreeMap::new(),
            judged: 0,
            entries: 0,
            declared: 0,
            dir,
        }
    }

    /// Does a step.
    pub fn take(&mut self, step: Step) {
        let name = match step {
            Step::Enable(detail) => self.enable(detail),
            Step::Disable(which) => self.disable(which),
            Step::Rotate => self.rotate(),
            Step::Reopen => {
                // Refused while nothing can be recorded.
                drop(self.server.call("PUT", "sys/audit-reopen", None));
                "reopened"
            }
            Step::Seal => self.seal(),
            Step::Kill => self.restart(true),
            Step::Stop => self.restart(false),
            Step::Hang => {
                if self.peer.turn() {
                    "peer hung"
                } else {
                    "peer went on"
                }
            }
            Step::Cut => {
                self.peer.cut();
                "peer cut"
            }
            Step::Room => match &mut self.disk {
                Some(disk) => {
                    disk.grow(64);
                    "full disk got room"
                }
                None => "no disk",
            },
        };
        *self.steps.entry(name).or_default() += 1;
    }

    fn enable(&mut self, detail: u64) -> &'static str {
        let name = format!("file{}", detail % DEVICES);
        if self.files.contains_key(&name) {
            return "not enabled again";
        }
        let format = if detail & 8 == 0 { "json" } else { "jsonx" };
        let prefix = if detail & 16 == 0 { "" } else { "@cee: " };
        let path = self.logs().join(format!("{name}-{format}.log"));
        let options = json!({
            "file_path": path, "format": format, "prefix": prefix, "log_raw": detail & 32 == 0,
            "durability": if detail % 5 == 0 { "fsync" } else { "os" },
        });
        let body = json!({"type": "file", "options": options});
        let answer = self.server.call("PUT", &format!("sys/audit/{name}"), Some(body));
        if answer.status != 204 {
            assert_eq!(answer.status, 500, "{}", answer.error());
            return "enabling refused";
        }
        self.files.insert(name, detail);
        "enabled"
    }

    fn disable(&mut self, which: u64) -> &'static str {
        let count = self.files.len() as u64;
        let Some(at) = which.checked_rem(count).and_then(|at| usize::try_from(at).ok()) else {
            return "nothing to disable";
        };
        let name = self.files.keys().nth(at).expect("one of them").clone();
        let answer = self.server.call("DELETE", &format!("sys/audit/{name}"), None);
        if answer.status != 204 {
            assert_eq!(answer.status, 500, "{}", answer.error());
            return "disabling refused";
        }
        self.files.remove(&name);
        "disabled"
    }

    fn rotate(&mut self) -> &'static str {
        self.rotations += 1;
        for path in self.all_logs() {
            if path.extension().is_some_and(|end| end == "log") && !path.ends_with("small.log") {
                std::fs::rename(&path, format!("{}.{}", path.display(), self.rotations)).expect("a rename");
            }
        }
        self.server.signal(Signal::HUP);
        "rotated"
    }

    fn seal(&mut self) -> &'static str {
        let answer = self.server.call("PUT", "sys/seal", None);
        if answer.status != 204 {
            assert_eq!(answer.status, 500, "{}", answer.error());
            return "sealing refused";
        }
        self.unseal();
        "sealed"
    }

    fn unseal(&self) {
        // Sealing waits for journeys that have not ended.
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.server.call("PUT", "sys/unseal", Some(json!({"key": self.key})));
            if answer.status == 200 && answer.json()["sealed"] == false {
                return;
            }
            assert!(Instant::now() < deadline, "{}\n{}", answer.error(), self.server.stderr());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn restart(&mut self, kill: bool) -> &'static str {
        if kill {
            self.server.kill();
        }
        self.clients.pause();
        if !kill {
            self.server.stop();
        }
        let token = self.server.token.clone();
        self.server = Server::with_config(self.dir.path(), &self.config);
        self.server.token = token;
        self.unseal();
        self.clients.go(self.server.addr, &self.server.token);
        if kill { "killed" } else { "stopped" }
    }

    /// Nothing is wrong any more.
    pub fn heal(&mut self) {
        self.peer.go_on();
        if let Some(disk) = &mut self.disk {
            disk.grow(512 * 1024);
        }
    }

    fn logs(&self) -> PathBuf {
        self.dir.path().join("logs")
    }

    fn all_logs(&self) -> Vec<PathBuf> {
        let mut logs = log::files(&self.logs(), "");
        logs.extend(self.disk.iter().map(SmallDisk::log));
        logs.retain(|path| path.exists());
        logs
    }

    /// Lets everything come to rest, and judges all logs.
    pub fn judge(&mut self) {
        self.clients.pause();
        self.clients.quiet();
        self.heal();
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A device that failed is tried again by an entry.
            let alive = self.server.call("GET", "sys/mounts", None).status == 200;
            let answered = self.clients.answered();
            let verdict = log::check(&self.all_logs(), &answered);
            // What a peer alone got before a kill, nobody can know who did not ask the peer.
            let on_disk: Vec<PathBuf> = self.all_logs().into_iter().filter(|path| is_on_disk(path)).collect();
            let mut wrong = of_the_union(&verdict.report);
            wrong.extend(of_each_device(&log::check(&on_disk, &[]).report));
            if alive && wrong.is_empty() && verdict.code != 2 {
                self.judged += 1;
                self.entries = verdict.report["union"]["boots"]
                    .as_array()
                    .map_or(0, |boots| boots.iter().filter_map(|boot| boot["entries"].as_u64()).sum());
                self.declared = verdict.declared();
                println!("soak: judged: {}", self.counts());
                break;
            }
            if Instant::now() > deadline {
                self.keep();
                panic!("{wrong:#?}\n{}\n{}\n{}", verdict.stderr, self.counts(), self.server.stderr());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        self.clients.go(self.server.addr, &self.server.token);
    }

    /// Keeps the logs for whoever looks at the failure.
    fn keep(&self) {
        let to = std::env::temp_dir().join(format!("onrecord-soak-{}", std::process::id()));
        drop(std::fs::create_dir(&to));
        for path in self.all_logs() {
            let name = path.file_name().unwrap_or_default();
            drop(std::fs::copy(&path, to.join(name)));
        }
        println!("soak: the logs are in {}", to.display());
    }

    /// What happened.
    pub fn counts(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(|(name, count)| format!("{name} {count}")).collect();
        format!(
            "{} requests answered, {} refused or cut off, {} entries, {} misses declared, judged {} times; {}",
            self.clients.answered().len(),
            self.clients.refused(),
            self.entries,
            self.declared,
            self.judged,
            steps.join(", ")
        )
    }
}

/// Whether a log is one that the server can read back, and that never fills up.
fn is_on_disk(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with("peer.log") && !name.starts_with("small.log")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Every answered request is in the union, and so is every number that nobody declares.
fn of_the_union(report: &Value) -> Vec<Value> {
    let union = &report["union"];
    let boots = list(&union["boots"]).iter().filter(|boot| boot["undeclared"]["count"] != 0);
    let unanswered = (union["unanswered"]["count"] != 0).then(|| json!({"unanswered": union["unanswered"]}));
    boots.map(|boot| json!({"union": boot})).chain(unanswered).collect()
}

/// Whatever a log on disk lacks its gap entries say, and it has nothing twice. They may say more: what was about to be
/// written when it was stored as missed, before a kill. What a peer read may lack what the kill took from the socket.
fn of_each_device(report: &Value) -> Vec<Value> {
    let mut wrong = Vec::new();
    for device in list(&report["devices"]) {
        let mut add = |what: &str, value: &Value| {
            wrong.push(json!({"salt": device["salt"], "sources": device["sources"], what: value}));
        };
        if device["doubles"]["count"] != 0 {
            add("doubles", &device["doubles"]);
        }
        let lossy = |boot: &&Value| boot["undeclared"]["count"] != 0;
        list(&device["boots"]).iter().filter(lossy).for_each(|boot| add("boot", boot));
    }
    wrong
}
