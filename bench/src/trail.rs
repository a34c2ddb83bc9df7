//! The checker of logs, and their verification with a tree, on one core: gigabytes a second of its CPU, and its memory at peak,
//! over logs of our own formatter that are read from memory.
//! Never in it: what a report says, beyond that nothing is missing in logs that are whole.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use onrecord_entry::format::Format;
use onrecord_entry::{Boot, Clear, Entry, FormatOptions, Formatter, Salt, Stamp};
use onrecord_evidence::{
    Checkpoint, Ed25519Key, Signer as _, Store, StoreReader, TreeLog, VerifierKey, line_digest,
};
use onrecord_trail::verify::{TreeFolder, Verdict, VerifyOptions, verify};
use onrecord_trail::{Input, Judge, check};
use onrecord_value::Time;
use tempfile::TempDir;

use crate::effort::Effort;
use crate::library::{SampleData, thread_cpu_time};
use crate::memory::memory;
use crate::table::median;

/// One response in this many is that of a list of 100.
const LIST_EVERY: u64 = 16;
/// Requests in flight at any moment: a response comes this many entries after its request.
const IN_FLIGHT: usize = 64;
/// The file system in memory, if there is one.
const IN_MEMORY: &str = "/dev/shm";

/// A log to be made.
#[derive(Clone, Copy)]
struct Plan {
    name: &'static str,
    format: Format,
    /// One log each, of the same entries.
    devices: usize,
    thorough: bool,
}

const PLANS: [Plan; 4] = [
    Plan { name: "JSON", format: Format::Json, devices: 1, thorough: false },
    Plan { name: "JSONx", format: Format::Jsonx, devices: 1, thorough: false },
    Plan { name: "JSON, three devices", format: Format::Json, devices: 3, thorough: false },
    Plan { name: "JSON, `-thorough`", format: Format::Json, devices: 1, thorough: true },
];

/// Where logs are written: memory, or else a folder for temporary files.
fn folder() -> TempDir {
    let memory = Path::new(IN_MEMORY);
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder")
}

/// Ids as a server makes them: every one differs, and neighbours in the log have nothing in common.
fn id(number: u64) -> String {
    let mixed = |salt: u64| {
        let mut bits = (number ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ bits >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
        bits ^ bits >> 32
    };
    let (a, b) = (mixed(1), mixed(2));
    let (c, d) = (b >> 48, b & 0xffff_ffff_ffff);
    format!("{:08x}-{:04x}-{:04x}-{c:04x}-{d:012x}", a >> 32, a >> 16 & 0xffff, a & 0xffff)
}

/// Writes the log of one device, of about this many bytes. Returns its entries and its bytes.
fn write(path: &Path, sample: &'static SampleData, plan: &Plan, device: usize, bytes: u64) -> (u64, u64) {
    let options = FormatOptions { format: plan.format, ..FormatOptions::default() };
    let form = Formatter::new(options, Arc::new(Salt::new(&format!("salt {device}"))));
    let mut log = BufWriter::with_capacity(1 << 20, File::create(path).expect("a file"));
    let (request, read, list) = (sample.request(), sample.response_of_read(), sample.response_of_list());
    let (mut line, mut seq, mut written) = (Vec::new(), 0, 0);
    let mut put = |entry: &Entry<'_>, id: &str| {
        let mut entry = *entry;
        entry.request.id = Clear::new(id);
        let time = Time::from_unix_nanos(1_795_343_122_459_819_797 + i128::from(seq));
        line.clear();
        form.format(&entry, &Stamp { time, seq, boot: Boot::new(7) }, &mut line).expect("it has a line");
        log.write_all(&line).expect("room");
        seq += 1;
        written += line.len() as u64;
        written
    };
    let mut open = VecDeque::new();
    for number in 0.. {
        let asked = id(number);
        let full = put(&request, &asked) >= bytes;
        open.push_back((number, asked));
        while open.len() > if full { 0 } else { IN_FLIGHT } {
            let Some((number, asked)) = open.pop_front() else { break };
            put(if number % LIST_EVERY == 0 { &list } else { &read }, &asked);
        }
        if full {
            break;
        }
    }
    log.flush().expect("room");
    (seq, written)
}

/// The figures of one line of a table, a round each.
#[derive(Default)]
struct Figures {
    /// Seconds of CPU time, and by the clock.
    on_core: Vec<f64>,
    passed: Vec<f64>,
    /// MiB of the process.
    peaks: Vec<f64>,
}

impl Figures {
    /// Prints the line under [`COLUMNS`].
    fn print(mut self, name: &str, bytes: u64, entries: u64) {
        let seconds = median(&mut self.on_core);
        println!(
            "| {} | {:.0} | {entries} | {:.2} | {:.0} | {:.2} | {:.1} |",
            name,
            bytes as f64 / 1e6,
            bytes as f64 / seconds / 1e9,
            seconds * 1e9 / entries as f64,
            bytes as f64 / median(&mut self.passed) / 1e9,
            median(&mut self.peaks),
        );
    }
}

/// One plan: a line of the table.
fn measure(sample: &'static SampleData, plan: &Plan, effort: Effort) {
    let all = if effort.rounds > 1 { 400_000_000 } else { 4_000_000 };
    // Some ten times slower, and steady sooner.
    let each = all / plan.devices as u64 / if plan.thorough { 8 } else { 1 };
    let folder = folder();
    let (mut entries, mut bytes) = (0, 0);
    let mut paths: Vec<PathBuf> = Vec::new();
    for device in 0..plan.devices {
        let path = folder.path().join(format!("{device}.log"));
        let (more, size) = write(&path, sample, plan, device, each);
        (entries, bytes) = (entries + more, bytes + size);
        paths.push(path);
    }
    let options = onrecord_trail::Options { thorough: plan.thorough, ..Default::default() };
    let mut figures = Figures::default();
    // The first round warms up.
    for round in 0..=effort.rounds {
        memory();
        let (cpu, begin) = (thread_cpu_time(), Instant::now());
        let report =
            check(paths.iter().map(Input::file).collect(), &options, &mut |_| {}).expect("logs can be read");
        let (cpu, time) =
            (thread_cpu_time().saturating_sub(cpu).as_secs_f64(), begin.elapsed().as_secs_f64());
        let (_, peak) = memory();
        let found: u64 = report.sources.iter().map(|source| source.entries).sum();
        assert!(report.is_complete(Judge::EachDevice) && found == entries, "the logs are whole");
        if round > 0 {
            figures.on_core.push(cpu);
            figures.passed.push(time);
            figures.peaks.push(peak);
        }
    }
    figures.print(plan.name, bytes, entries);
}

/// The tree of a log, in a folder: its lines were read back.
struct Folder(PathBuf);

impl StoreReader for Folder {
    fn read(&self, path: &str) -> std::io::Result<Option<Vec<u8>>> {
        TreeFolder::new(&self.0).read(path)
    }
}

impl Store for Folder {
    fn write(&mut self, path: &str, bytes: &[u8]) -> std::io::Result<()> {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder"))?;
        std::fs::write(path, bytes)
    }

    fn remove(&mut self, path: &str) -> std::io::Result<()> {
        std::fs::remove_file(self.0.join(path))
    }
}

/// Writes the tree of a log. Returns the key that signed it.
fn write_tree(log: &Path, folder: PathBuf) -> VerifierKey {
    let origin = "example.com/audit/file";
    let (mut tree, mut store) = (TreeLog::new(), Folder(folder));
    for line in BufReader::with_capacity(1 << 20, File::open(log).expect("a file")).split(b'\n') {
        tree.append(line_digest(&line.expect("a line")));
        if tree.unflushed() == 65536 {
            tree.flush(&mut store).expect("room");
        }
    }
    let root = tree.flush(&mut store).expect("room");
    let key = Ed25519Key::generate().expect("random numbers");
    let checkpoint = Checkpoint { origin: origin.to_owned(), size: tree.size(), root };
    let note = checkpoint.sign(&key).expect("a signature").to_string();
    store.write("checkpoint", note.as_bytes()).expect("room");
    key.verifier(origin)
}

/// The verification of one log: a line of the table.
fn measure_verification(sample: &'static SampleData, plan: &Plan, effort: Effort) {
    let all = if effort.rounds > 1 { 400_000_000 } else { 4_000_000 };
    let folder = folder();
    let (log, tree) = (folder.path().join("audit.log"), folder.path().join("audit.log.tlog"));
    let (entries, bytes) = write(&log, sample, plan, 0, all);
    let key = write_tree(&log, tree.clone());
    let tree = TreeFolder::new(tree);
    let mut figures = Figures::default();
    for round in 0..=effort.rounds {
        memory();
        let (cpu, begin) = (thread_cpu_time(), Instant::now());
        let options = VerifyOptions { keys: vec![key.clone()], ..VerifyOptions::default() };
        let found = verify(vec![Input::file(&log)], &tree, options, &mut |_| {}).expect("it can be read");
        let cpu = thread_cpu_time().saturating_sub(cpu).as_secs_f64();
        let time = begin.elapsed().as_secs_f64();
        let (_, peak) = memory();
        assert!(found.verdict() == Verdict::Intact && found.tree.size == entries, "the log is whole");
        if round > 0 {
            figures.on_core.push(cpu);
            figures.passed.push(time);
            figures.peaks.push(peak);
        }
    }
    figures.print(plan.name, bytes, entries);
}

/// The columns of both tables.
const COLUMNS: &str = "| logs | MB | entries | GB/s of its CPU | ns an entry | GB/s by the clock | process at peak, MiB |\n\
                       |---|---:|---:|---:|---:|---:|---:|";

/// The checker over each kind of log, and the verification of those of one device.
pub fn run(effort: Effort) {
    let sample = SampleData::leak();
    println!("\n### `log check`, one thread, logs in memory\n");
    println!("{COLUMNS}");
    for plan in PLANS.iter().filter(|plan| effort.wants(plan.name)) {
        measure(sample, plan, effort);
    }
    println!("\n### `log verify`, one thread, logs and trees in memory\n\n{COLUMNS}");
    let one = |plan: &&Plan| plan.devices == 1 && !plan.thorough && effort.wants(plan.name);
    for plan in PLANS.iter().filter(one) {
        measure_verification(sample, plan, effort);
    }
}
