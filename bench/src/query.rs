//! Queries over a large log: gigabytes a second of a core and by the clock, and the memory of this process, beside the tools that
//! people use for the same question, where they are installed; the commands that people run; and what a query on the server costs
//! its reads.
//! Never in it: what a row is.

mod beside;
mod commands;
mod follow;
mod log;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use onrecord_trail::Input;
use onrecord_trail::query::{Field, Filter, Query, Row, TimeContext, Zone, run as run_query};
use onrecord_value::Time;
use rustix::time::{ClockId, clock_gettime};

use crate::effort::Effort;
use crate::memory::memory;
use crate::table::median;

/// What is asked, and how other tools are asked the same.
struct Question {
    name: &'static str,
    filter: String,
    /// What rows are used for: whether each is only counted.
    counted: bool,
    ripgrep: Option<String>,
    jq: Option<String>,
    duckdb: Option<String>,
}

fn questions() -> Vec<Question> {
    let (path, typed) = (log::logged_path(4711), log::typed_path(4711));
    let duckdb = |what: &str| {
        Some(format!(
            "select {what} from read_json('LOG', format='newline_delimited', union_by_name=true, columns={{type: 'VARCHAR', \
             auth: 'STRUCT(display_name VARCHAR)', request: 'STRUCT(path VARCHAR)'}}) where type = 'response'"
        ))
    };
    vec![
        Question {
            name: "search that matches little",
            filter: format!("path={typed}"),
            counted: true,
            ripgrep: Some(path.clone()),
            jq: Some(format!("select(.type==\"response\" and .request.path==\"{path}\") | .request.id")),
            duckdb: duckdb("count(*)").map(|query| format!("{query} and request.path = '{path}'")),
        },
        Question {
            name: "one identity (1 of 500)",
            filter: "who=approle-app-017".to_owned(),
            counted: false,
            ripgrep: Some("\"display_name\":\"approle-app-017\"".to_owned()),
            jq: Some(
                "select(.type==\"response\" and .auth.display_name==\"approle-app-017\") | .request.path"
                    .to_owned(),
            ),
            duckdb: None,
        },
        Question {
            name: "refused (1 of 200)",
            filter: "denied".to_owned(),
            counted: false,
            ripgrep: Some("\"allowed\":false".to_owned()),
            jq: Some(
                "select(.type==\"response\" and .auth.policy_results.allowed==false) | .request.path"
                    .to_owned(),
            ),
            duckdb: None,
        },
        Question {
            name: "everything: five fields of each row",
            filter: String::new(),
            counted: false,
            ripgrep: None,
            jq: Some("select(.type==\"response\") | .auth.display_name".to_owned()),
            duckdb: duckdb("auth.display_name, count(*)")
                .map(|query| format!("{query} group by 1 order by 2 desc limit 1")),
        },
    ]
}

fn process_cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Asks once: rows, seconds of CPU time, seconds by the clock, MiB at peak.
fn ask(log: &Path, question: &Question) -> (u64, f64, f64, f64) {
    let context = TimeContext { now: Time::from_unix(log::BEGIN, 0), zone: Zone::UTC };
    let query = Query::new(Filter::parse(&question.filter, &context).expect("a filter"));
    memory();
    let (cpu, begin) = (process_cpu_time(), Instant::now());
    let mut used = 0;
    let summary = run_query(vec![Input::file(log)], &query, &mut |row: &Row| {
        if !question.counted {
            for field in [Field::Path, Field::Who, Field::Address, Field::Operation] {
                used += row.text(field).map_or(0, |text| text.len());
            }
            used += usize::from(row.number(Field::Status) == Some(403));
        }
        ControlFlow::Continue(())
    });
    assert!(summary.damaged.is_empty(), "it can be read");
    std::hint::black_box(used);
    let (cpu, time) = (process_cpu_time() - cpu, begin.elapsed().as_secs_f64());
    (summary.rows, cpu, time, memory().1)
}

/// Gigabytes a second of another tool by the clock, or why there are none.
fn other(bytes: u64, program: &str, arguments: &[&str]) -> String {
    let begin = Instant::now();
    let status = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Err(_) => "not installed".to_owned(),
        // ripgrep says with 1 that it found nothing.
        Ok(status) if status.success() || status.code() == Some(1) => {
            format!("{:.2}", bytes as f64 / begin.elapsed().as_secs_f64() / 1e9)
        }
        Ok(_) => "failed".to_owned(),
    }
}

/// Where the log is written: memory, or else the folder for temporary files.
fn folder(bytes: u64) -> tempfile::TempDir {
    let memory = PathBuf::from("/dev/shm");
    let room = 2 * bytes < 8_000_000_000;
    if memory.is_dir() && room { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
        .expect("a folder")
}

/// All questions and commands over a log of this many megabytes, what `follow` takes, and reads of a server beside queries of such
/// a log.
pub fn run(effort: Effort, megabytes: u64) {
    let bytes = if effort.rounds > 1 { megabytes * 1_000_000 } else { 8_000_000 };
    let questions: Vec<Question> =
        questions().into_iter().filter(|question| effort.wants(question.name)).collect();
    if !questions.is_empty() || effort.wants("commands") {
        let folder = folder(bytes);
        let path = folder.path().join("audit.log");
        let (requests, bytes) = log::write(&path, bytes);
        if !questions.is_empty() {
            compare(effort, &questions, &path, (requests, bytes));
        }
        if effort.wants("commands") {
            commands::run(effort, &path, bytes, folder.path());
        }
    }
    if effort.wants("follow") {
        follow::run(effort);
    }
    if effort.wants("beside") {
        beside::run(effort, bytes);
    }
}

/// Prints a row for each question.
fn compare(effort: Effort, questions: &[Question], path: &Path, (requests, bytes): (u64, u64)) {
    let name = path.display().to_string();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    println!("\n### Queries over {:.1} GB, {requests} requests, {cores} cores\n", bytes as f64 / 1e9);
    println!(
        "| question | rows | GB/s of a core | GB/s by the clock | process at peak, MiB | ripgrep | jq | DuckDB |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|");
    for question in questions {
        let (mut cpus, mut times, mut peaks, mut rows) = (Vec::new(), Vec::new(), Vec::new(), 0);
        // The first round warms up.
        for round in 0..=effort.rounds {
            let (found, cpu, time, peak) = ask(path, question);
            rows = found;
            if round > 0 {
                cpus.push(cpu);
                times.push(time);
                peaks.push(peak);
            }
        }
        let ripgrep = question
            .ripgrep
            .as_ref()
            .map_or_else(String::new, |text| other(bytes, "rg", &["-c", "-F", text, &name]));
        let jq =
            question.jq.as_ref().map_or_else(String::new, |text| other(bytes, "jq", &["-r", text, &name]));
        let duckdb = question
            .duckdb
            .as_ref()
            .map_or_else(String::new, |text| other(bytes, "duckdb", &["-c", &text.replace("LOG", &name)]));
        println!(
            "| {} | {rows} | {:.2} | {:.2} | {:.1} | {ripgrep} | {jq} | {duckdb} |",
            question.name,
            bytes as f64 / median(&mut cpus) / 1e9,
            bytes as f64 / median(&mut times) / 1e9,
            median(&mut peaks),
        );
    }
}
