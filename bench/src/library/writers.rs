//! Entries a second through the broker to its devices, at 1, 8 and 64 writers, beside bare writes of the same bytes.
//! A writer is a task that waits for each entry before its next, as a request does.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use onrecord_audit::{
    Boot, Broker, DeviceOptions, Enrolment, Form, Placement, Recorded, Rules, Salt, Stamp, SystemClock,
};
use onrecord_value::Time;

use super::kinds::World;
use crate::effort::Effort;
use crate::table::{median, ratio};

/// The devices of one variant.
#[derive(Clone, Copy)]
struct Variant {
    name: &'static str,
    files: usize,
    fsync: bool,
}

const VARIANTS: [Variant; 4] = [
    Variant { name: "one file", files: 1, fsync: false },
    Variant { name: "three files", files: 3, fsync: false },
    Variant { name: "discard", files: 0, fsync: false },
    Variant { name: "one file, `durability=fsync`", files: 1, fsync: true },
];

fn broker(variant: Variant, folder: &Path) -> Broker {
    let clock = Arc::new(SystemClock::new());
    let broker = Broker::new(Rules::default(), Boot::new(1), Arc::clone(&clock) as _);
    let placement = Placement::api();
    for number in 0..variant.files.max(1) {
        let path = folder.join(format!("audit{number}.log")).display().to_string();
        let path = if variant.files == 0 { "discard".to_owned() } else { path };
        let durability = if variant.fsync { "fsync" } else { "os" };
        let words = [("file_path", path.as_str()), ("durability", durability)];
        let words = words.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let options = DeviceOptions::parse("file", &words).expect("known options");
        let device = options.open(&placement, Arc::clone(&clock) as _).expect("a device");
        let form = Form::new(options.form, Arc::new(Salt::new("5b0c6d5e-0f5e-4d0a-9f0a-3c8f1d2b7a10")));
        broker.restore(Enrolment::new(format!("file{number}/"), device, form)).expect("it is enabled");
    }
    broker
}

/// Entries a second of this many writers.
fn load(world: &'static World, variant: Variant, writers: usize, time: Duration) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let broker = Arc::new(broker(variant, folder.path()));
    let (stop, count) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let begin = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|_| {
            let (broker, stop, count) = (Arc::clone(&broker), Arc::clone(&stop), Arc::clone(&count));
            runtime.spawn(async move {
                let entry = world.request();
                let mut own = 0;
                while !stop.load(Ordering::Relaxed) {
                    let recorded = broker.record(&entry).await.expect("it settles");
                    assert!(matches!(recorded, Recorded::Settled(_)), "a device is enabled");
                    own += 1;
                    if own % 64 == 0 {
                        // Where nothing is waited for (`discard`), the others must have their turn.
                        tokio::task::yield_now().await;
                    }
                }
                count.fetch_add(own, Ordering::Relaxed);
            })
        })
        .collect();
    std::thread::sleep(time);
    stop.store(true, Ordering::Relaxed);
    runtime.block_on(async {
        for task in tasks {
            task.await.expect("it ends well");
        }
    });
    count.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64()
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

/// Prints the tables.
pub fn run(world: &'static World, effort: Effort) {
    let form = Form::new(onrecord_audit::Options::default(), Arc::new(Salt::new("a salt")));
    let mut line = Vec::new();
    let stamp =
        Stamp { time: Time::from_unix_nanos(1_795_343_122_459_819_797), seq: 4711, boot: Boot::new(7) };
    form.format(&world.request(), &stamp, &mut line).expect("it has a line");
    let time = effort.part(3);

    println!("\n### Entries a second through the broker, {} bytes an entry\n", line.len());
    println!(
        "| devices | 1 writer | 8 writers | 64 writers | 64 writers, to one file |\n|---|---:|---:|---:|---:|"
    );
    let variants: Vec<Variant> = VARIANTS.into_iter().filter(|variant| effort.wants(variant.name)).collect();
    let mut rates = vec![[const { Vec::new() }; 3]; variants.len()];
    let mut floors = [const { Vec::new() }; 2];
    for _ in 0..effort.rounds {
        for (variant, rates) in variants.iter().zip(&mut rates) {
            for (writers, rates) in [1, 8, 64].into_iter().zip(rates) {
                rates.push(load(world, *variant, writers, time));
            }
        }
        for (lines, rates) in [1, 64].into_iter().zip(&mut floors) {
            rates.push(bare(&line, lines, time));
        }
    }
    let Some(one) = rates.first().map(|rates| rates[2].clone()) else { return };
    for (variant, rates) in variants.iter().zip(&mut rates) {
        let to_one = ratio(&rates[2], &one);
        let [a, b, c] = rates.each_mut().map(|rates| median(rates));
        println!("| {} | {a:.0} | {b:.0} | {c:.0} | {to_one:.2} |", variant.name);
    }
    for (name, rates) in
        ["bare `write(2)`, one line each", "bare `write(2)`, 64 lines each"].iter().zip(&mut floors)
    {
        let to_one = ratio(rates, &one);
        println!("| {name} | {:.0} | | | {to_one:.2} |", median(rates));
    }
}
