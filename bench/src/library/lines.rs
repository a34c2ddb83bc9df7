//! Hash and format: nanoseconds and heap allocations an entry, for one device and for a further one with the same
//! options, beside the same HMACs bare and a copy of the line.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use onrecord_entry::format::Lines;
use onrecord_entry::{Boot, Formatter, Salt, Stamp};
use onrecord_value::Time;
use sha2::Sha256;

use super::entries::{EntryKind, SampleData};
use crate::allocations;
use crate::effort::Effort;
use crate::table::median;

/// Calls between two readings of the clock.
const CALLS: u32 = 256;

/// The CPU time of this thread: time that other programs take is not counted.
pub fn thread_cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("a time since the thread began")
}

/// Nanoseconds a call takes, over about this time.
fn nanos(time: Duration, mut call: impl FnMut()) -> f64 {
    let start = thread_cpu_time();
    let mut calls = 0_u32;
    loop {
        for _ in 0..CALLS {
            call();
        }
        calls += CALLS;
        let elapsed = thread_cpu_time().saturating_sub(start);
        if elapsed >= time {
            return elapsed.as_secs_f64() * 1e9 / f64::from(calls);
        }
    }
}

/// The HMACs of some texts in hex, by the bare crate with the key's state made beforehand.
fn bare_hmacs(keyed: &Hmac<Sha256>, texts: &[String], hex: &mut [u8; 64]) {
    for text in texts {
        let mut mac = keyed.clone();
        mac.update(text.as_bytes());
        const_hex::encode_to_slice(mac.finalize().into_bytes(), hex).expect("twice as long");
        black_box(&hex);
    }
}

/// The figures of one kind.
#[derive(Default)]
struct Figures {
    format: Vec<f64>,
    further: Vec<f64>,
    hmacs: Vec<f64>,
    copy: Vec<f64>,
}

fn measure(kind: &EntryKind, line: &mut Vec<u8>, slice: Duration, figures: &mut Figures) {
    let stamp =
        Stamp { time: Time::from_unix_nanos(1_795_343_122_459_819_797), seq: 4711, boot: Boot::new(7) };
    figures.format.push(nanos(slice, || {
        line.clear();
        kind.form.format(black_box(&kind.entry), &stamp, line).expect("it has a line");
    }));
    // The two take turns, so that each line is made of the other's.
    let others = ["another", "a third"]
        .map(|salt| Formatter::new(kind.form.options().clone(), Arc::new(Salt::new(salt))));
    let mut lines = Lines::new(&kind.entry, stamp);
    let mut turn = others.iter().cycle();
    figures.further.push(nanos(slice, || {
        let form = turn.next().expect("it never ends");
        black_box(lines.make(form).expect("it has a line"));
    }));
    let keyed = Hmac::<Sha256>::new_from_slice(b"5b0c6d5e-0f5e-4d0a-9f0a-3c8f1d2b7a10").expect("any key");
    let mut hex = [0; 64];
    figures.hmacs.push(nanos(slice, || bare_hmacs(&keyed, black_box(&kind.hashed), &mut hex)));
    let mut copy: Vec<u8> = Vec::with_capacity(line.len());
    figures.copy.push(nanos(slice, || {
        copy.clear();
        copy.extend_from_slice(black_box(line));
        black_box(&copy);
    }));
}

/// Heap allocations a line takes in the steady state.
fn allocated(kind: &EntryKind, line: &mut Vec<u8>) -> f64 {
    let stamp =
        Stamp { time: Time::from_unix_nanos(1_795_343_122_459_819_797), seq: 4711, boot: Boot::new(7) };
    let before = allocations::so_far();
    for _ in 0..1000 {
        line.clear();
        kind.form.format(&kind.entry, &stamp, line).expect("it has a line");
    }
    (allocations::so_far() - before) as f64 / 1000.0
}

/// Prints the table.
pub fn run(sample: &'static SampleData, effort: Effort) {
    println!("\n### Hash and format, one device, one thread (nanoseconds of its CPU)\n");
    println!(
        "| entry | bytes | hashes | of them cached | hash + format, ns | for a further device, ns | allocations \
         | its HMACs alone (not cached), ns | copy of the line, ns |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    );
    let mut kinds = sample.kinds();
    kinds.retain(|kind| effort.wants(kind.name));
    let mut all: Vec<Figures> = kinds.iter().map(|_| Figures::default()).collect();
    let mut lines = vec![Vec::new(); kinds.len()];
    for round in 0..=effort.rounds {
        for ((kind, figures), line) in kinds.iter().zip(&mut all).zip(&mut lines) {
            measure(kind, line, effort.part(30), figures);
            // The first round warms up.
            if round == 0 {
                *figures = Figures::default();
            }
        }
    }
    for ((kind, figures), line) in kinds.iter().zip(&mut all).zip(&mut lines) {
        let taken = allocated(kind, line);
        let hashes = line.windows(12).filter(|window| window == b"hmac-sha256:").count();
        println!(
            "| {} | {} | {hashes} | {} | {:.0} | {:.0} | {taken} | {:.0} | {:.0} |",
            kind.name,
            line.len(),
            hashes - kind.hashed.len(),
            median(&mut figures.format),
            median(&mut figures.further),
            median(&mut figures.hmacs),
            median(&mut figures.copy),
        );
    }
}
