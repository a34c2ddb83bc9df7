//! Commands of the binary over a large log, as people run them: gigabytes a second by the clock and of a core, and memory.
//! Never in it: what they print.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use onrecord_e2e::process::binary;
use onrecord_entry::salt_export::{ExportedSalt, SaltExport};
use onrecord_seal::OsEntropy;
use onrecord_seal::age::{WORK_FACTOR, seal_with_passphrase};
use onrecord_value::Time;

use super::log;
use crate::effort::Effort;
use crate::memory::memory_of;
use crate::table::median;

const PASSPHRASE: &str = "correct horse battery";
/// How often the memory and the CPU time of a command are looked at: what it uses after the last look is not counted.
const LOOK: Duration = Duration::from_millis(10);
/// Ticks of CPU time a second, as /proc has them (proc(5)).
const TICKS: f64 = 100.0;

/// What a run took.
struct Taken {
    seconds: f64,
    cpu_seconds: f64,
    peak_mib: f64,
}

/// Prints a row for each command over the log of that number of bytes; `folder` is for what they write.
pub fn run(effort: Effort, path: &Path, bytes: u64, folder: &Path) {
    let salts = salts_file(folder);
    let page = folder.join("report.html").display().to_string();
    let typed = log::typed_path(4711);
    let find_secret = ["find-secret", &salts.0, &salts.1, "-"];
    let report = ["report", "-force", "-out", &page];
    let commands: [&[&str]; 6] =
        [&["who", &typed], &find_secret, &["denied"], &["stats"], &["top", "path"], &report];
    println!("\n### Commands over {:.1} GB\n", bytes as f64 / 1e9);
    println!("| command | GB/s by the clock | GB/s of a core | process at peak, MiB |\n|---|---:|---:|---:|");
    for arguments in commands {
        let runs: Vec<Taken> = (0..effort.rounds).map(|_| take(arguments, path)).collect();
        let middle = |of: fn(&Taken) -> f64| median(&mut runs.iter().map(of).collect::<Vec<_>>());
        println!(
            "| `log {}` | {:.2} | {:.2} | {:.1} |",
            arguments.first().unwrap_or(&""),
            bytes as f64 / middle(|taken| taken.seconds) / 1e9,
            bytes as f64 / middle(|taken| taken.cpu_seconds) / 1e9,
            middle(|taken| taken.peak_mib),
        );
    }
}

/// A file with the salt of the log, and one with its passphrase, as options.
fn salts_file(folder: &Path) -> (String, String) {
    let text = String::from(log::SALT).into();
    let salt = ExportedSalt::new(text, "file/".to_owned(), "file".to_owned(), Time::from_unix(0, 0), None);
    let export = SaltExport {
        server: "bench".to_owned(),
        exported: Time::from_unix(log::BEGIN, 0),
        salts: vec![salt],
    };
    let sealed = seal_with_passphrase(PASSPHRASE, WORK_FACTOR, &export.to_text(), &OsEntropy::new());
    let (salts, passphrase) = (folder.join("salts.age"), folder.join("passphrase"));
    fs::write(&salts, sealed.expect("it is sealed")).expect("room");
    fs::write(&passphrase, PASSPHRASE).expect("room");
    (format!("-salts={}", salts.display()), format!("-passphrase-file={}", passphrase.display()))
}

fn take(arguments: &[&str], path: &Path) -> Taken {
    let begin = Instant::now();
    let mut child = Command::new(binary())
        .arg("log")
        .args(arguments)
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    // The text that is looked for; the log does not have it. Commands that read none have ended their input already.
    drop(child.stdin.take().map(|mut input| input.write_all(b"battery staple")));
    let (mut peak_mib, mut cpu_seconds) = (0.0, 0.0);
    let status = loop {
        // Once it has ended it has none: the last number stands.
        peak_mib = f64::max(peak_mib, memory_of(&child.id().to_string()).1);
        cpu_seconds = ticks(child.id()).map_or(cpu_seconds, |ticks| ticks / TICKS);
        if let Some(status) = child.try_wait().expect("it is a child") {
            break status;
        }
        thread::sleep(LOOK);
    };
    assert!(status.success(), "{arguments:?} failed: {status}");
    Taken { seconds: begin.elapsed().as_secs_f64(), cpu_seconds, peak_mib }
}

/// Its CPU time: the 14th and the 15th field of /proc/PID/stat, counted behind the name, which may have blanks.
fn ticks(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut number = || fields.next()?.parse::<f64>().ok();
    Some(number()? + number()?)
}
