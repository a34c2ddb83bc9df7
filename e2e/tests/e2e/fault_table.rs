//! The file device of the real server: each of its system calls goes wrong in each way, beside a device that works and
//! alone. `strace` is attached to the running server and makes the calls on that one file fail, slow or hang; the checker
//! of logs judges the result. Without `strace`, or the right to attach it, the tests report that nothing was tested.
//! Never in it: faults of the device's own code; see the audit crate's table.

mod sockets;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::strace::Strace;
use onrecord_e2e::wait;
use rustix::process::Signal;
use serde_json::json;

/// The call, what happens to it, and what provokes it.
///
/// A request beside a device that works is answered in every row. Alone it is `answered`, or `refused` with 500, or it
/// `waits` and is refused after `audit_timeout`. An entry that was written and then could not be synced is declared as
/// missed although it is in the file (`surplus`): it may not stay there.
const TABLE: &str = "
    call         fault          provoked-by   alone      log
    write        EIO            requests      refused    exact
    write        ENOSPC         requests      refused    exact
    write        EACCES         requests      refused    exact
    write        EINTR-twice    requests      answered   exact
    write        EIO-once       requests      answered   exact
    write        slow           requests      answered   exact
    write        hung           requests      waits      exact
    fdatasync    EIO            requests      refused    surplus
    fdatasync    ENOSPC         requests      refused    surplus
    fdatasync    EINTR-twice    requests      answered   exact  
    fdatasync    slow           requests      answered   exact
    fdatasync    hung           requests      waits      surplus
    fstat        EIO            requests      answered   exact
    fstat        EIO-once       requests      answered   exact
    fstat        slow           requests      answered   exact
    fstat        hung           requests      waits      exact
    lseek        EIO            requests      answered   exact
    lseek        hung           requests      waits      exact
    newfstatat   EIO            reopening     refused    exact
    newfstatat   EACCES         reopening     refused    exact
    newfstatat   slow           reopening     answered   exact
    newfstatat   hung           reopening     waits      exact
    openat       EACCES         reopening     refused    exact
    openat       EMFILE         reopening     refused    exact
    openat       EINTR-twice    reopening     answered   exact
    openat       slow           reopening     answered   exact
    openat       hung           reopening     waits      exact
    openat       EACCES         rotation      refused    exact
    openat       EIO            rotation      refused    exact
    openat       hung           rotation      waits      exact
    fchmod       EPERM          rotation      refused    exact
    fchmod       EIO            rotation      refused    exact
    fchmod       hung           rotation      waits      exact
    fsetxattr    EOPNOTSUPP     rotation      answered   exact
    fsetxattr    ENOSPC         rotation      answered   exact
    fsetxattr    hung           rotation      waits      exact
    fgetxattr    EIO            rotation      answered   exact
    pread64      EIO            reopening     refused    exact
    pread64      hung           reopening     waits      exact
    close        EIO            reopening     answered   exact
    close        hung           reopening     waits      exact
";

#[derive(Clone, Copy)]
struct Row {
    call: &'static str,
    fault: &'static str,
    provoked_by: &'static str,
    alone: &'static str,
    log: &'static str,
}

fn rows() -> impl Iterator<Item = Row> {
    TABLE.lines().filter(|line| !line.trim().is_empty()).skip(1).map(|line| {
        let mut words = line.split_whitespace();
        let mut word = || words.next().expect("five words");
        Row { call: word(), fault: word(), provoked_by: word(), alone: word(), log: word() }
    })
}

impl Row {
    fn name(&self) -> String {
        format!("{} {} by {}", self.call, self.fault, self.provoked_by)
    }
}

/// What happens to a call, as an argument of strace.
fn injection(call: &str, fault: &str) -> String {
    let what = match fault.split_once('-') {
        None if fault == "slow" => "delay_enter=20ms".to_owned(),
        None if fault == "hung" => "delay_enter=1000s".to_owned(),
        None => format!("error={fault}"),
        Some((error, "once")) => format!("error={error}:when=1"),
        Some((error, "twice")) => format!("error={error}:when=1..2"),
        Some(other) => panic!("{other:?}"),
    };
    format!("inject={call}:{what}")
}

/// A call that goes wrong until this is dropped.
struct Injected {
    strace: Strace,
    call: &'static str,
    fault: &'static str,
}

impl Injected {
    /// Into all calls of the server on a file.
    fn attach(server: &Server, file: &Path, row: &Row) -> Self {
        // The device opens it from its directory's descriptor.
        let name = file.file_name().expect("a name");
        let more = [OsStr::new("-f"), "-P".as_ref(), file.as_os_str(), "-P".as_ref(), name];
        let trace = file.with_file_name("strace");
        Self::into(server.pid(), &more, (row.call, row.fault), &[], &trace)
    }

    /// Into the calls of a thread, this fault and what else is to be injected to provoke it.
    fn into(
        thread: u32,
        more: &[&OsStr],
        (call, fault): (&'static str, &'static str),
        provoking: &[(&'static str, &'static str)],
        trace: &Path,
    ) -> Self {
        let all = || provoking.iter().copied().chain([(call, fault)]);
        let calls = all().map(|(call, _)| call).collect::<Vec<_>>().join(",");
        let mut args: Vec<OsString> = more.iter().map(Into::into).collect();
        args.extend(["-e".into(), format!("trace={calls}").into()]);
        args.extend(all().flat_map(|(call, fault)| ["-e".into(), injection(call, fault).into()]));
        Self { strace: Strace::attach(thread, trace, args), call, fault }
    }

    /// Whether the call was made and went wrong. Of one that hangs the trace has only the beginning.
    fn happened(&self) -> bool {
        let mark = match self.fault {
            "hung" => "",
            "slow" => "(DELAYED)",
            _ => "(INJECTED)",
        };
        let (begun, resumed) = (format!("{}(", self.call), format!("<... {} resumed>", self.call));
        let of_the_call = |line: &&str| line.contains(&begun) || line.contains(&resumed);
        self.strace.trace().lines().filter(of_the_call).any(|line| line.contains(mark))
    }

    /// Waits until the call went wrong.
    fn wait_for_call(&self, server: &Server, name: &str) {
        server.eventually(&format!("{name}: the call is made"), || self.happened());
    }

    /// Waits until the call went wrong. Later calls are as they should be.
    fn ends(self, server: &Server, name: &str) {
        self.wait_for_call(server, name);
    }
}

struct Scene {
    server: Server,
    place: Place,
    answered: Vec<String>,
    turn: usize,
}

impl Scene {
    /// A server with the device to be tried, and with one that works if it is to have company.
    fn new(company: bool) -> Self {
        let place = Place::new();
        let config = format!("audit {{\n  audit_timeout = \"{}\"\n}}", if company { "60s" } else { "700ms" });
        let server = place.in_memory(&config);
        let scene = Self { server, place, answered: Vec::new(), turn: 0 };
        scene.server.mount_kv(1);
        scene.enable("sick");
        if company {
            scene.enable("well");
        }
        assert_eq!(scene.server.call("POST", "kv/a", Some(json!({"value": "b"}))).status, 204);
        scene
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.path(format!("{name}.log"))
    }

    fn enable(&self, name: &str) {
        let options = json!({"file_path": self.file(name), "durability": "fsync", "mode": "0640"});
        self.server.enable(name, "file", &options);
    }

    /// A read; whether it was answered.
    fn read(&mut self) -> bool {
        let answer = self.server.call("GET", "kv/a", None);
        match answer.status {
            200 => {
                let id = answer.request_id();
                self.answered.push(id);
                true
            }
            500 => false,
            other => panic!("an unexpected status: {other} {}", answer.error()),
        }
    }

    /// Provokes the call, and waits for it if it is not a request that does.
    fn provoke(&mut self, row: &Row, injected: &Injected) {
        match row.provoked_by {
            "requests" => return,
            "reopening" => {}
            "rotation" => {
                self.turn += 1;
                let to = self.place.path(format!("sick.log.{}", self.turn));
                // Nothing is there if the file could not be made again before.
                drop(std::fs::rename(self.file("sick"), to));
            }
            other => panic!("{other}"),
        }
        self.server.signal(Signal::HUP);
        injected.wait_for_call(&self.server, &row.name());
    }

    /// Reads until both entries of a read are in the file of the device: it works again, and has declared what it missed.
    fn recover(&mut self, row: &Row) {
        let recovered = wait::holds(|| {
            let answered = self.read();
            let text = std::fs::read(self.file("sick")).unwrap_or_default();
            let last = self.answered.last().cloned().unwrap_or_default();
            let both = text.windows(last.len().max(1)).filter(|part| *part == last.as_bytes()).count() == 2;
            answered && both
        });
        assert!(recovered, "{}: it does not recover: {}", row.name(), self.server.stderr());
        // The one that works may be a moment behind.
        let last = self.answered.last().expect("it was answered");
        log::wait_for(&log::files(self.place.dir(), "well.log"), last);
    }

    /// The checker's verdict. Not `exactly`: gap entries may declare more than is missing, and a device that was disabled
    /// has no entry after its last one, which no log says.
    fn assert_nothing_lost(&self, row: &Row, exactly: bool) {
        let mut logs = log::files(self.place.dir(), "sick.log");
        logs.extend(log::files(self.place.dir(), "well.log"));
        if exactly {
            // A device beside another one may have its last entries a moment later.
            wait::holds(|| log::check(&logs, &self.answered).code == 0);
            log::assert_nothing_lost(&logs, &self.answered);
            return;
        }
        let verdict = log::check(&logs, &self.answered);
        assert_eq!(verdict.report["union"]["unanswered"]["count"], 0, "{}: {verdict:?}", row.name());
        for (salt, boot) in verdict.boots() {
            let ranges = boot["undeclared"]["first"].as_array().expect("ranges");
            assert_eq!(ranges.len() as u64, boot["undeclared"]["ranges"], "{}: all: {verdict:?}", row.name());
            let known = ranges.iter().all(|range| range["from"].as_u64() > boot["last"].as_u64());
            assert!(known, "{}: {salt}: {verdict:?}", row.name());
        }
    }
}

/// Rows after which the log is exact, and then the others.
fn in_order(exact: impl Fn(&Row) -> bool) -> Vec<(Row, bool)> {
    let (first, then): (Vec<_>, Vec<_>) = rows().partition(exact);
    first.into_iter().map(|row| (row, true)).chain(then.into_iter().map(|row| (row, false))).collect()
}

#[test]
fn beside_a_device_that_works_every_call_may_fail_be_slow_or_hang() {
    if !Strace::is_possible() {
        return;
    }
    let mut scene = Scene::new(true);
    let disabled = |row: &Row| row.fault == "hung" && row.provoked_by == "requests";
    for (row, exactly) in in_order(|row| row.log == "exact" && !disabled(row)) {
        let injected = Injected::attach(&scene.server, &scene.file("sick"), &row);
        scene.provoke(&row, &injected);
        for _ in 0..4 {
            assert!(scene.read(), "{}: refused", row.name());
        }
        if disabled(&row) {
            disable_and_enable(&mut scene, &row, injected);
        } else {
            injected.ends(&scene.server, &row.name());
            scene.recover(&row);
        }
        scene.assert_nothing_lost(&row, exactly);
    }
    assert!(scene.server.stop(), "{}", scene.server.stderr());
}

/// A device that hangs is disabled and another enabled, and neither waits.
fn disable_and_enable(scene: &mut Scene, row: &Row, injected: Injected) {
    assert_eq!(scene.server.call("DELETE", "sys/audit/sick", None).status, 204, "{}", row.name());
    assert!(scene.read(), "{}", row.name());
    injected.ends(&scene.server, &row.name());
    // The old one has written or declared its entries, and closes the file; the path in the API is free at once.
    wait::until(|| {
        let options = json!({"file_path": scene.file("sick"), "durability": "fsync", "mode": "0640"});
        let answer = scene.server.try_enable("sick", "file", &options);
        if answer.status == 204 { Ok(()) } else { Err(format!("{}: {}", row.name(), answer.error())) }
    });
    scene.recover(row);
}

#[test]
fn alone_a_device_whose_calls_fail_refuses_and_recovers_by_itself() {
    if !Strace::is_possible() {
        return;
    }
    let mut scene = Scene::new(false);
    for (row, exactly) in in_order(|row| row.log == "exact") {
        let injected = Injected::attach(&scene.server, &scene.file("sick"), &row);
        scene.provoke(&row, &injected);
        let answered = (0..2).map(|_| scene.read()).collect::<Vec<_>>();
        let expected = row.alone == "answered";
        assert_eq!(answered, [expected; 2], "{}: {}", row.name(), scene.server.stderr());
        injected.ends(&scene.server, &row.name());
        scene.recover(&row);
        scene.assert_nothing_lost(&row, exactly);
    }
    assert!(scene.server.stop(), "{}", scene.server.stderr());
}
