//! Damage of a data directory: a file of it with bits flipped or its end cut off, by seed; a server started on it; and
//! what became of everything that was stored.
//! Never in it: repairs, or another judgement than "read right, or refused with the remedy".

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use onrecord_audit::{ManualClock, Placement};
use onrecord_seal::{Entropy, EntropyError};
use onrecord_storage::Storage;
use onrecord_storage::embedded::Embedded;
use serde_json::{Value, json};

use crate::mutate::Random;
use crate::server::{ROOT_TOKEN, Server};

/// The files of a data directory that are not empty. The second is damaged in one case of eight.
const FILES: [&str; 2] = ["store.redb", "newest-commit"];
/// What every refusal says.
const REMEDY: &str = "restore a backup";
/// A start that takes longer hangs.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How many audit devices there are.
const DEVICES: usize = 2;

/// How the store was left before it was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// The server was shut down.
    Closed,
    /// The server was killed: the file is as a running server has it.
    Killed,
}

/// A data directory and what must be in it.
pub struct Directory {
    files: [Vec<u8>; 2],
    key: String,
    reads: Vec<Read>,
}

/// A request, and the data of its answer on the undamaged store.
#[derive(Clone)]
struct Read {
    method: &'static str,
    path: String,
    token: String,
    body: Option<Value>,
    data: Value,
}

/// What became of a damaged store. The later, the worse.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Everything is read right.
    Intact,
    /// The store is not opened.
    OpenRefused,
    /// The server is not unsealed.
    UnsealRefused,
    /// Some reads are refused with an error of the server, the others are right.
    ReadRefused,
    /// It is refused, and nothing is said of what to do about it.
    NoRemedy,
    /// Something is answered as if it had never been stored.
    SilentLoss,
    /// The server runs with fewer audit devices, or with other mounts.
    FewerTables,
    /// The start or a read does not end.
    Hang,
    /// A panic.
    Panic,
    /// Another value than the stored one.
    WrongValue,
}

impl Outcome {
    /// Whether a damaged store may end so.
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Intact | Self::OpenRefused | Self::UnsealRefused | Self::ReadRefused)
    }
}

/// One damaged store.
#[derive(Clone, Debug)]
pub struct Case {
    /// The seed of the damage.
    pub seed: u64,
    /// What was done: `byte 4711 ^ 0x20`, `cut to 4711 bytes`.
    pub damage: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What was said: the message of the error, or what was lost.
    pub message: String,
    /// How many reads were neither right nor refused.
    pub lost: usize,
}

/// The last panic of any thread, with its place.
fn last_panic() -> &'static Mutex<Option<String>> {
    static LAST: OnceLock<Mutex<Option<String>>> = OnceLock::new();
    LAST.get_or_init(|| {
        std::panic::set_hook(Box::new(|info| {
            *last_panic().lock().unwrap_or_else(PoisonError::into_inner) = Some(info.to_string());
        }));
        Mutex::default()
    })
}

fn take_panic() -> Option<String> {
    last_panic().lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Randomness by seed: the same directory is made each time, so that a seed is the same damage.
struct SeededEntropy(Mutex<Random>);

impl Entropy for SeededEntropy {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        let mut random = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        out.fill_with(|| random.number().to_le_bytes()[7]);
        Ok(())
    }
}

/// A server on a store. Its time of day stands still.
fn start(directory: &Path) -> Result<Server, String> {
    let store = Embedded::open(directory).map_err(|error| error.to_string())?;
    let storage = Storage::start(store).map_err(|error| error.to_string())?;
    let entropy = SeededEntropy(Mutex::new(Random::new(1)));
    Ok(Server::on(storage, Placement::api(), Arc::new(ManualClock::running()), Arc::new(entropy)))
}

impl Directory {
    /// Makes one: mounts, policies, tokens, devices, values.
    pub fn new(left: Left) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = start(folder.path()).expect("a new store");
        let key = server.init();
        server.unseal(&key).expect("it is unsealed");
        let logs = tempfile::tempdir().expect("a folder").keep();
        let mut reads = fill(&server, &logs);
        for read in &mut reads {
            let (status, body) = server.call(read.method, &read.path, &read.token, read.body.as_ref());
            assert_eq!(status, 200, "{} {}: {body}", read.method, read.path);
            read.data = data_of(&body);
        }
        if left == Left::Closed {
            server.runtime.block_on(server.core.seal(Duration::from_secs(5)));
            drop(server);
            return Self { files: read_files(folder.path()), key, reads };
        }
        Self { files: read_files(folder.path()), key, reads }
    }

    /// How large its files are.
    pub fn bytes(&self) -> usize {
        self.files.iter().map(Vec::len).sum()
    }

    /// Damages a copy by seed, starts a server on it and reads everything.
    pub fn damage(self: &Arc<Self>, seed: u64) -> Case {
        let mut files = self.files.clone();
        let mut random = Random::new(seed);
        let damaged = usize::from(seed % 8 == 7);
        let damage = format!("{}: {}", FILES[damaged], damage(&mut files[damaged], &mut random));
        drop(take_panic());
        let (tell, told) = channel();
        let directory = Arc::clone(self);
        std::thread::spawn(move || {
            let folder = tempfile::tempdir().expect("a folder");
            for (name, file) in FILES.iter().zip(files) {
                std::fs::write(folder.path().join(name), file).expect("the file is written");
            }
            let judged = catch_unwind(AssertUnwindSafe(|| directory.judge(folder.path())));
            // The case may have been given up.
            tell.send(judged.unwrap_or((Outcome::Panic, String::new(), 0))).ok();
        });
        let (outcome, message, lost) = match told.recv_timeout(TIMEOUT) {
            Ok(told) => told,
            Err(RecvTimeoutError::Timeout) => (Outcome::Hang, String::new(), 0),
            Err(RecvTimeoutError::Disconnected) => (Outcome::Panic, String::new(), 0),
        };
        // A panic that something caught is one all the same.
        let (outcome, message) = match take_panic() {
            Some(panic) if outcome <= Outcome::Panic => (Outcome::Panic, panic),
            _ => (outcome, message),
        };
        Case { seed, damage, outcome, message, lost }
    }

    fn judge(&self, directory: &Path) -> (Outcome, String, usize) {
        let server = match start(directory) {
            Ok(server) => server,
            Err(error) => {
                let error = error.replace(&directory.display().to_string(), "DIRECTORY");
                return (refused(Outcome::OpenRefused, &error), error, 0);
            }
        };
        if let Err(error) = server.unseal(&self.key) {
            let error = error.to_string();
            return (refused(Outcome::UnsealRefused, &error), error, 0);
        }
        let mut worst = (Outcome::Intact, String::new());
        let mut lost = 0;
        let devices = server.core.unsealed().map_or(0, |open| open.broker.devices());
        if devices < DEVICES {
            worst = (Outcome::FewerTables, format!("{devices} audit devices"));
        }
        for read in &self.reads {
            let (status, body) = server.call(read.method, &read.path, &read.token, read.body.as_ref());
            let found = read.judge(status, &body);
            lost += usize::from(!found.is_allowed());
            if found > worst.0 {
                let said = body["errors"].to_string();
                worst = (found, format!("{} {}: {status} {said}", read.method, read.path));
            }
        }
        (worst.0, worst.1, lost)
    }
}

fn read_files(directory: &Path) -> [Vec<u8>; 2] {
    FILES.map(|name| std::fs::read(directory.join(name)).expect("the file"))
}

fn refused(outcome: Outcome, message: &str) -> Outcome {
    if message.contains(REMEDY) { outcome } else { Outcome::NoRemedy }
}

impl Read {
    fn judge(&self, status: u16, body: &Value) -> Outcome {
        match status {
            200 if data_of(body) == self.data => Outcome::Intact,
            200 if self.path == "sys/mounts" || self.path == "sys/audit" => Outcome::FewerTables,
            200 if is_part(&data_of(body), &self.data) => Outcome::SilentLoss,
            200 => Outcome::WrongValue,
            500.. => Outcome::ReadRefused,
            _ => Outcome::SilentLoss,
        }
    }
}

/// The data of an answer, without what the clock changes.
fn data_of(body: &Value) -> Value {
    let mut data = body["data"].clone();
    if let Some(members) = data.as_object_mut() {
        members.remove("ttl");
    }
    data
}

/// Whether something lacks only members of what it should be.
fn is_part(found: &Value, whole: &Value) -> bool {
    match (found, whole) {
        (Value::Array(found), Value::Array(whole)) => found.iter().all(|item| whole.contains(item)),
        (Value::Object(found), Value::Object(whole)) => {
            found.iter().all(|(key, value)| whole.get(key).is_some_and(|known| is_part(value, known)))
        }
        (found, whole) => found == whole,
    }
}

/// Stores something of every kind, and says how to read it back.
fn fill(server: &Server, logs: &Path) -> Vec<Read> {
    let mut reads = Vec::new();
    let write = |path: &str, token: &str, body: &Value| {
        let (status, answer) = server.call("POST", path, token, Some(body));
        assert!(matches!(status, 200 | 204), "{path}: {status} {answer}");
        answer
    };
    let read = |method, path: String, token: &str, body| Read {
        method,
        path,
        token: token.to_owned(),
        body,
        data: Value::Null,
    };
    for number in 0..DEVICES {
        let options = json!({"file_path": logs.join(format!("audit-{number}.log"))});
        write(
            &format!("sys/audit/device-{number}"),
            ROOT_TOKEN,
            &json!({"type": "file", "options": options}),
        );
    }
    write("sys/mounts/one", ROOT_TOKEN, &json!({"type": "kv", "description": "the first"}));
    write("sys/mounts/two", ROOT_TOKEN, &json!({"type": "kv", "options": {"version": "2"}}));
    write("sys/config/auditing/request-headers/X-Damage", ROOT_TOKEN, &json!({"hmac": true}));
    for number in 0..8 {
        let policy = format!("path \"one/{number}/*\" {{ capabilities = [\"read\", \"list\"] }}\n").repeat(4);
        write(&format!("sys/policies/acl/policy-{number}"), ROOT_TOKEN, &json!({"policy": policy}));
        reads.push(read("GET", format!("sys/policies/acl/policy-{number}"), ROOT_TOKEN, None));
    }
    for number in 0..24 {
        let text = format!("value {number} ").repeat(1 + number * 20);
        write(
            &format!("one/folder-{}/{number}", number % 3),
            ROOT_TOKEN,
            &json!({"text": text, "number": number}),
        );
        reads.push(read("GET", format!("one/folder-{}/{number}", number % 3), ROOT_TOKEN, None));
        for version in 0..2 {
            write(
                &format!("two/data/{number}"),
                ROOT_TOKEN,
                &json!({"data": {"text": text, "version": version}}),
            );
        }
        reads.push(read("GET", format!("two/data/{number}"), ROOT_TOKEN, None));
        reads.push(read("GET", format!("two/metadata/{number}"), ROOT_TOKEN, None));
    }
    for number in 0..6 {
        let draft = json!({"policies": [format!("policy-{number}")], "ttl": "24h", "meta": {"number": number.to_string()}});
        let made = write("auth/token/create", ROOT_TOKEN, &draft);
        let token = made["auth"]["client_token"].as_str().expect("a token").to_owned();
        write("cubbyhole/mine", &token, &json!({"number": number}));
        reads.push(read("GET", "cubbyhole/mine".to_owned(), &token, None));
        reads.push(read("GET", "auth/token/lookup-self".to_owned(), &token, None));
        let accessor = json!({"accessor": made["auth"]["accessor"]});
        reads.push(read("POST", "auth/token/lookup-accessor".to_owned(), ROOT_TOKEN, Some(accessor)));
    }
    for path in [
        "one/folder-0/",
        "one/folder-1/",
        "one/folder-2/",
        "two/metadata/",
        "sys/policies/acl/",
        "auth/token/accessors/",
    ] {
        reads.push(read("LIST", path.to_owned(), ROOT_TOKEN, None));
    }
    for path in ["sys/mounts", "sys/audit", "sys/audit-salts", "sys/config/auditing/request-headers"] {
        reads.push(read("GET", path.to_owned(), ROOT_TOKEN, None));
    }
    reads
}

/// Damages a file: a bit, up to 64 bits, or its end. Half of the bits are where something is stored.
fn damage(file: &mut Vec<u8>, random: &mut Random) -> String {
    if random.below(8) == 0 {
        let end = random.below(file.len());
        file.truncate(end);
        return format!("cut to {end} bytes");
    }
    let count = if random.below(4) == 0 { 1 + random.below(64) } else { 1 };
    let in_use = random.below(2) == 0;
    let mut told = String::new();
    for _ in 0..count {
        let mut place = random.below(file.len());
        while in_use && file.get(place) == Some(&0) {
            place = random.below(file.len());
        }
        let bit = 1_u8 << random.below(8);
        if let Some(byte) = file.get_mut(place) {
            *byte ^= bit;
        }
        if told.is_empty() {
            told = format!("byte {place} ^ {bit:#04x}");
        }
    }
    if count > 1 { format!("{told} and {} more", count - 1) } else { told }
}

/// Cases by outcome.
#[derive(Default)]
pub struct Table(BTreeMap<Outcome, Vec<Case>>);

impl Table {
    /// Adds a case.
    pub fn add(&mut self, case: Case) {
        self.0.entry(case.outcome.clone()).or_default().push(case);
    }

    /// The cases that end as none may end.
    pub fn findings(&self) -> impl Iterator<Item = &Case> {
        self.0.iter().filter(|(outcome, _)| !outcome.is_allowed()).flat_map(|(_, cases)| cases)
    }

    /// For people: how often each outcome, and its kinds of messages with the seed of the first.
    pub fn print(&self) {
        for (outcome, cases) in &self.0 {
            println!("{outcome:?}: {}", cases.len());
            let mut kinds: BTreeMap<String, (usize, &Case)> = BTreeMap::new();
            for case in cases {
                let kind: String =
                    case.message.chars().filter(|sign| !sign.is_ascii_digit()).take(160).collect();
                kinds.entry(kind).or_insert((0, case)).0 += 1;
            }
            let mut kinds: Vec<_> = kinds.into_values().collect();
            kinds.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
            for (count, case) in kinds.iter().take(12) {
                let message: String = case.message.chars().take(300).collect();
                println!(
                    "  {count:6} × seed {} ({}): {}",
                    case.seed,
                    case.damage,
                    message.replace('\n', " ")
                );
            }
        }
    }
}
