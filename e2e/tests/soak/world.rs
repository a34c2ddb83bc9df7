//! The server, its devices and its clients, and how each step is done to them; and the judgement over all logs.
//! Never in it: which step comes when.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::small_disk::SmallDisk;
use onrecord_e2e::{log, verify, wait};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::clients::Clients;
use super::daemons::Daemons;
use super::peer::Peer;
use super::plan::Step;
use super::process::Process;
use super::stanzas;

/// How many clients there are.
const CLIENTS: usize = 3;
/// The devices that are there at times, besides those that always are.
const DEVICES: [&str; 5] = ["file0", "file1", "file2", "syslog0", "syslog1"];

pub struct World {
    // Ended first.
    clients: Clients,
    server: Server,
    key: String,
    /// The configuration without declared devices, and those.
    config: String,
    stanzas: String,
    peer: Peer,
    process: Process,
    daemons: Daemons,
    disk: Option<SmallDisk>,
    /// Those of [`DEVICES`] that are enabled.
    enabled: BTreeSet<&'static str>,
    rotations: u64,
    steps: BTreeMap<&'static str, u64>,
    judged: u64,
    entries: u64,
    declared: u64,
    place: Place,
}

impl World {
    pub fn start() -> Self {
        let place = Place::new();
        let daemons = Daemons::start(place.dir());
        let config = format!(
            "audit {{\n  audit_timeout = \"2s\"\n  queue_size = 262144\n  \
             syslog_socket = \"{}\"\n}}",
            daemons.socket().display()
        );
        let received = place.path("received");
        for folder in [&place.path("logs"), &received] {
            std::fs::create_dir(folder).expect("a folder");
        }
        let mut server = place.embedded(&config);
        let key = server.open_up();
        server.mount_kv(2);
        server.enable_file("base", &place.path("logs/base.log"));
        let (peer, process) = (Peer::start(&received), Process::start(&received));
        for (name, address) in [("peer", &peer.address), ("process", &process.address)] {
            let options = json!({"address": address, "socket_type": "tcp", "write_timeout": "1s"});
            server.enable(name, "socket", &options);
        }
        let disk = SmallDisk::mount(&place.path("small"), 256);
        match &disk {
            Some(disk) => server.enable_file("small", &disk.path().join("small.log")),
            None => println!("soak: without a full disk; this machine does not allow to mount one"),
        }
        let clients = Clients::begin(CLIENTS);
        clients.go(server.addr, &server.token);
        Self {
            clients,
            server,
            key,
            config,
            stanzas: String::new(),
            peer,
            process,
            daemons,
            disk,
            enabled: BTreeSet::new(),
            rotations: 0,
            steps: BTreeMap::new(),
            judged: 0,
            entries: 0,
            declared: 0,
            place,
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
            Step::Kill(detail) => self.kill(detail),
            Step::Stop => self.stop(),
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
            Step::Process(detail) => self.process.take(detail),
            Step::Daemon(detail) => self.daemons.take(detail),
            Step::Salt(detail) => self.salt(detail),
            Step::Configure(detail) => self.configure(detail),
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
        let name = pick(&DEVICES, detail);
        let syslog = name.starts_with("syslog");
        if self.enabled.contains(name) || syslog && self.daemons.is_empty() {
            return "not enabled again";
        }
        // The lowest bits chose the device.
        let bit = |at: u32| (detail >> (8 + at)).is_multiple_of(2);
        let format = if bit(0) { "json" } else { "jsonx" };
        let mut options = json!({
            "format": format, "prefix": if bit(1) { "" } else { "@cee: " }, "log_raw": bit(2),
        });
        let more = if syslog {
            json!({
                "facility": if bit(3) { "AUTH" } else { "local3" }, "tag": if bit(4) { "vault" } else { "" },
                "oversize": pick(&["elide", "split", "fail"], detail >> 13),
                "max_bytes": pick(&["", "8KiB"], detail >> 16),
            })
        } else {
            let path = self.logs().join(format!("{name}-{format}.log"));
            json!({"file_path": path, "durability": if bit(3) { "os" } else { "fsync" }})
        };
        for (key, value) in more.as_object().expect("options").iter().filter(|(_, value)| **value != "") {
            options[key] = value.clone();
        }
        let kind = if syslog { "syslog" } else { "file" };
        let body = json!({"type": kind, "options": options});
        let answer = self.server.call("PUT", &format!("sys/audit/{name}"), Some(body));
        match (answer.status, syslog) {
            (204, _) => {}
            (500, _) => return "enabling refused",
            (400, true) => return "enabling syslog refused",
            _ => panic!("{name}: {} {}", answer.status, answer.error()),
        }
        self.enabled.insert(name);
        if syslog { "enabled syslog" } else { "enabled" }
    }

    fn disable(&mut self, which: u64) -> &'static str {
        let enabled: Vec<_> = self.enabled.iter().copied().collect();
        if enabled.is_empty() {
            return "nothing to disable";
        }
        let name = pick(&enabled, which);
        let answer = self.server.call("DELETE", &format!("sys/audit/{name}"), None);
        if answer.status != 204 {
            assert_eq!(answer.status, 500, "{}", answer.error());
            return "disabling refused";
        }
        self.enabled.remove(name);
        "disabled"
    }

    fn salt(&self, detail: u64) -> &'static str {
        let devices: Vec<_> =
            ["base", "peer", "process"].into_iter().chain(self.enabled.iter().copied()).collect();
        let name = pick(&devices, detail);
        let answer = self.server.call("POST", &format!("sys/audit-rotate-salt/{name}"), None);
        if answer.status == 500 {
            return "salt refused";
        }
        assert_eq!(answer.status, 200, "{name}: {}", answer.error());
        "salt changed"
    }

    /// The server has said so each time when this returns: what follows meets what the stanzas say.
    fn configure(&mut self, detail: u64) -> &'static str {
        if let Some(wrong) = stanzas::wrong(detail) {
            self.write_config(wrong);
            let refused = self.hang_up();
            self.write_config(&self.stanzas);
            assert!(refused, "wrong stanzas are refused: {}", self.server.stderr());
            return "wrong stanzas refused";
        }
        let stanzas = stanzas::of(detail, &self.logs());
        if stanzas == self.stanzas {
            return "stanzas as they were";
        }
        self.write_config(&stanzas);
        if self.hang_up() {
            // Nothing could be recorded, or a device was not to be had.
            self.write_config(&self.stanzas);
            return "stanzas refused";
        }
        self.stanzas = stanzas;
        "stanzas changed"
    }

    fn write_config(&self, stanzas: &str) {
        self.place.configure(&format!("{}{stanzas}", self.config));
    }

    /// Has the configuration, which has changed, read again. Says whether it was refused.
    fn hang_up(&self) -> bool {
        let count = |text: &str| self.server.stderr().matches(text).count();
        let counts = || {
            let taken = count("the audit stanzas of the configuration are in force");
            (taken, count("THE CONFIGURATION IS NOT APPLIED"))
        };
        let before = counts();
        self.server.signal(Signal::HUP);
        self.server.eventually("the configuration is read", || counts() != before);
        counts().1 > before.1
    }

    fn rotate(&mut self) -> &'static str {
        self.rename_logs();
        self.server.signal(Signal::HUP);
        "rotated"
    }

    fn rename_logs(&mut self) {
        self.rotations += 1;
        for path in log::files(&self.logs(), "") {
            if path.extension().is_some_and(|end| end == "log") {
                std::fs::rename(&path, format!("{}.{}", path.display(), self.rotations)).expect("a rename");
            }
        }
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
        wait::until(|| {
            let answer = self.server.call("PUT", "sys/unseal", Some(json!({"key": self.key})));
            if answer.status == 200 && answer.json()["sealed"] == false {
                return Ok(());
            }
            Err(format!("{}\n{}", answer.error(), self.server.stderr()))
        });
    }

    fn kill(&mut self, detail: u64) -> &'static str {
        let rotates = detail.is_multiple_of(4);
        if rotates {
            self.rename_logs();
            self.server.signal(Signal::HUP);
            // The kill comes at a moment of the rotation that the plan chooses.
            std::thread::sleep(Duration::from_millis(detail >> 8 & 15));
        }
        self.server.kill();
        self.clients.pause();
        self.start_server();
        if rotates { "killed within a rotation" } else { "killed" }
    }

    fn stop(&mut self) -> &'static str {
        self.clients.pause();
        self.server.stop();
        self.start_server();
        "stopped"
    }

    fn start_server(&mut self) {
        let token = self.server.token.clone();
        self.write_config(&self.stanzas);
        self.server = self.place.start();
        self.server.token = token;
        self.unseal();
        self.clients.go(self.server.addr, &self.server.token);
    }

    /// Nothing is wrong any more.
    pub fn heal(&mut self) {
        self.peer.go_on();
        self.process.go_on();
        self.daemons.go_on();
        if let Some(disk) = &mut self.disk {
            disk.grow(512 * 1024);
        }
    }

    fn logs(&self) -> PathBuf {
        self.place.path("logs")
    }

    fn all_logs(&self) -> Vec<PathBuf> {
        let mut logs = log::files(&self.logs(), "");
        logs.extend(log::files(&self.place.path("received"), ""));
        logs.extend(self.daemons.logs());
        logs.extend(self.disk.iter().map(|disk| disk.path().join("small.log")));
        logs.retain(|path| path.exists());
        logs
    }

    /// Lets everything come to rest, and judges all logs.
    pub fn judge(&mut self) {
        self.clients.pause();
        self.clients.quiet();
        self.heal();
        let deadline = Instant::now() + wait::TIMEOUT;
        loop {
            // A device that failed is tried again by an entry.
            let alive = self.server.call("GET", "sys/mounts", None).status == 200;
            let answered = self.clients.answered();
            let verdict = log::check(&self.all_logs(), &answered);
            // Entries that only a peer got before a kill cannot be known from the logs on disk.
            let on_disk = log::check(&log::files(&self.logs(), ""), &[]);
            let mut wrong = of_the_union(&verdict.report);
            wrong.extend(of_each_device(&on_disk.report));
            wrong.extend(verify::differences(&self.all_logs()).into_iter().map(Value::from));
            // A peer or a daemon that got nothing has left a file that is not a log.
            if alive && wrong.is_empty() && !verdict.report.is_null() {
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
            // A rate: the checker reads all logs.
            std::thread::sleep(Duration::from_millis(200));
        }
        self.clients.go(self.server.addr, &self.server.token);
    }

    /// Keeps the logs, so that the failure can be examined.
    fn keep(&self) {
        let to = std::env::temp_dir().join(format!("onrecord-soak-{}", std::process::id()));
        drop(std::fs::create_dir(&to));
        for (number, path) in self.all_logs().iter().enumerate() {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            drop(std::fs::copy(path, to.join(format!("{number}-{name}"))));
        }
        println!("soak: the logs are in {}", to.display());
    }

    /// What happened.
    pub fn counts(&self) -> String {
        let steps: Vec<String> = self.steps.iter().map(|(name, count)| format!("{name} {count}")).collect();
        format!(
            "{} requests answered, {} refused or cut off, {} entries, {} lost entries declared, checked {} times; {}",
            self.clients.answered().len(),
            self.clients.refused(),
            self.entries,
            self.declared,
            self.judged,
            steps.join(", ")
        )
    }
}

/// One of these, as a number says.
fn pick<T: Copy>(of: &[T], number: u64) -> T {
    of[usize::try_from(number % of.len() as u64).expect("less than a length")]
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Whether numbers of a start are missing undeclared.
fn is_lossy(boot: &Value) -> bool {
    boot["undeclared"]["count"] != 0
}

/// Every answered request is in the union, and so is every number that no gap entry declares.
fn of_the_union(report: &Value) -> Vec<Value> {
    let union = &report["union"];
    let boots = list(&union["boots"]).iter().filter(|boot| is_lossy(boot));
    let unanswered = (union["unanswered"]["count"] != 0).then(|| json!({"unanswered": union["unanswered"]}));
    boots.map(|boot| json!({"union": boot})).chain(unanswered).collect()
}

/// The gap entries of a log on disk declare all that it lacks, and it has nothing twice. They may say more: what was about to be
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
        list(&device["boots"]).iter().filter(|boot| is_lossy(boot)).for_each(|boot| add("boot", boot));
    }
    wrong
}
