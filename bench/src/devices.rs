//! Every device alone and several at once: entries a second and how long one takes, beside bare writes of the same bytes;
//! what a device that hangs costs the others, in time and in memory.
//! Never in it: the server.

mod peer;
mod stage;

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use onrecord_entry::{Boot, FormatOptions, Formatter, Salt, Stamp};
use onrecord_value::Time;

use crate::effort::Effort;
use crate::library::SampleData;
use crate::memory::memory;
use crate::table::{median, ratio};
use stage::{DeviceKind, Stage};

/// Writers at once.
const WRITERS: [usize; 3] = [1, 8, 64];

const ONE_FILE: &str = "file";
const FSYNC: &str = "file, `durability=fsync`";

const VARIANTS: [(&str, &[DeviceKind]); 11] = [
    (ONE_FILE, &[DeviceKind::File]),
    ("file with its tree", &[DeviceKind::FileWithTree]),
    ("three files", &[DeviceKind::File, DeviceKind::File, DeviceKind::File]),
    ("file, tcp and syslog at once", &[DeviceKind::File, DeviceKind::Tcp, DeviceKind::Syslog]),
    (FSYNC, &[DeviceKind::Fsync]),
    ("syslog", &[DeviceKind::Syslog]),
    ("socket, `tcp`", &[DeviceKind::Tcp]),
    ("socket, `udp`", &[DeviceKind::Udp]),
    ("socket, `unix`", &[DeviceKind::Unix]),
    ("discard", &[DeviceKind::Discard]),
    (BESIDE, &[DeviceKind::BlackHole, DeviceKind::File]),
];
const BESIDE: &str = "file beside a peer that never reads";

/// What was measured of one variant with one number of writers.
#[derive(Default)]
struct Figures {
    rates: Vec<f64>,
    middles: Vec<f64>,
    tails: Vec<f64>,
}

impl Figures {
    fn cell(&mut self) -> String {
        let micros = |seconds: &mut Vec<f64>| median(seconds) * 1e6;
        let (middle, tail) = (micros(&mut self.middles), micros(&mut self.tails));
        format!("{:.0} | {middle:.0} / {tail:.0}", median(&mut self.rates))
    }
}

/// Lines a second of bare writes of `lines` lines each.
fn bare(line: &[u8], lines: usize, time: Duration) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("bare.log");
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).expect("a file");
    let block = line.repeat(lines);
    let (begin, mut written) = (Instant::now(), 0);
    while begin.elapsed() < time {
        file.write_all(&block).expect("room");
        written += lines;
    }
    written as f64 / begin.elapsed().as_secs_f64()
}

fn line(sample: &'static SampleData) -> Vec<u8> {
    let form = Formatter::new(FormatOptions::default(), Arc::new(Salt::new("a salt")));
    let time = Time::from_unix_nanos(1_795_343_122_459_819_797);
    let mut line = Vec::new();
    form.format(&sample.request(), &Stamp { time, seq: 4711, boot: Boot::new(7) }, &mut line)
        .expect("it has a line");
    line
}

/// All variants in turn within each round.
fn rates(sample: &'static SampleData, effort: Effort) {
    let line = line(sample);
    let time = effort.part(3);
    println!("\n### Entries a second through the broker, {} bytes an entry\n", line.len());
    println!(
        "| devices | 1 writer | p50 / p99 µs | 8 writers | p50 / p99 µs | 64 writers | p50 / p99 µs | 64 writers, to one \
         file |\n|---|---:|---:|---:|---:|---:|---:|---:|"
    );
    let stages: Vec<(&str, Stage)> = VARIANTS
        .iter()
        .filter(|(name, _)| effort.wants(name))
        .map(|(name, kinds)| (*name, Stage::new(kinds)))
        .collect();
    let mut all: Vec<[Figures; 3]> = stages.iter().map(|_| Default::default()).collect();
    let mut floors = [const { Vec::new() }; 2];
    for round in 0..=effort.rounds {
        for ((_, stage), figures) in stages.iter().zip(&mut all) {
            for (writers, figures) in WRITERS.into_iter().zip(figures) {
                let found = stage.load(sample, writers, time);
                // The first round warms up, and fills the queue of a device that hangs.
                if round > 0 {
                    figures.rates.push(found.rate);
                    figures.middles.push(found.percentile(0.5));
                    figures.tails.push(found.percentile(0.99));
                }
            }
        }
        for (lines, rates) in [1, 64].into_iter().zip(&mut floors).filter(|_| round > 0) {
            rates.push(bare(&line, lines, time));
        }
    }
    let one = all.first().map(|figures| figures[2].rates.clone()).unwrap_or_default();
    for ((name, _), figures) in stages.iter().zip(&mut all) {
        let to_one = ratio(&figures[2].rates, &one);
        let [single, eight, many] = figures.each_mut().map(Figures::cell);
        println!("| {name} | {single} | {eight} | {many} | {to_one:.2} |");
    }
    for (name, rates) in
        ["bare `write(2)`, one line each", "bare `write(2)`, 64 lines each"].iter().zip(&mut floors)
    {
        let to_one = ratio(rates, &one);
        println!("| {name} | {:.0} | | | | | | {to_one:.2} |", median(rates));
    }
    if let Some(at) = stages.iter().position(|(name, _)| *name == FSYNC) {
        let grouped = ratio(&all[at][2].rates, &all[at][0].rates);
        println!("\n`durability=fsync`: 64 writers get {grouped:.1} x the entries of one that syncs each.");
    }
}

/// What a device that takes nothing costs in memory while another is loaded.
fn stuck(sample: &'static SampleData, effort: Effort) {
    let seconds = if effort.rounds > 1 { 60 } else { 1 };
    let loads = [("file", &[DeviceKind::File][..]), (BESIDE, &[DeviceKind::BlackHole, DeviceKind::File][..])];
    println!("\n### Memory of 64 writers for {seconds} s (a queue may hold 16 MiB)\n");
    println!("| devices | resident before, MiB | peak, MiB | resident after, MiB |\n|---|---:|---:|---:|");
    for (name, kinds) in loads.into_iter().filter(|(name, _)| effort.wants(name)) {
        let stage = Stage::new(kinds);
        stage.load(sample, 64, effort.part(10));
        let (before, _) = memory();
        for _ in 0..seconds {
            stage.load(sample, 64, Duration::from_secs(1));
        }
        let (after, peak) = memory();
        println!("| {name} | {before:.1} | {peak:.1} | {after:.1} |");
    }
}

/// All device benches.
pub fn run(effort: Effort) {
    let sample = SampleData::leak();
    rates(sample, effort);
    stuck(sample, effort);
}
