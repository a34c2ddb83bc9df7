//! Benches of the library and of the server: one command, figures as Markdown tables on standard output.
//! Never in it: assertions about time. docs/PERFORMANCE.md keeps the figures, with the machine they come from.

mod allocations;
mod bare;
mod devices;
mod effort;
mod evidence;
mod journey;
mod leases;
mod library;
mod load;
mod logins;
mod memory;
mod query;
mod server;
mod starving;
mod table;
mod trail;

use std::time::Duration;

use effort::Effort;

const HELP: &str = "\
Usage: onrecord-bench [library|devices|evidence|journey|leases|logins|query|server|starving|trail|all] [--smoke]
                      [--rounds N] [--seconds S] [--only NAME] [--count N] [--at-once N]

  library       the library beside its floors: an entry by kind
  devices       entries a second and latency by device, alone and together; a device that hangs
  evidence      the tree of a log: what an entry costs, memory with 100 million,
                the opening of one, and audited reads with it and without it
  journey       the server without HTTP: nanoseconds and allocations of a request
  leases        what a look-up, a renewal and a revocation cost with up to a million leases
  logins        logins by name and password, beside the hash of the password alone
  query         queries over a large log, beside other tools; commands over it
                (--only commands); how fast `log follow` is (--only follow); and
                reads of a server beside a query of its own log (--only beside)
  server        the server over HTTP: reads and writes, with and without devices
  starving      memory, and small reads of others, while one client attacks
  trail         the checker of logs: gigabytes a second of one core, and memory
  all           all of it (default)
  --smoke       just long enough to see that everything runs
  --rounds N    measurements of each variant (default 5)
  --seconds S   length of one measurement (default 3)
  --only NAME   only the variant of this name, for a profiler
  --megabytes N query: the size of the log (default 1000)
  --count N     journey: exactly N requests, for counters of instructions
  --at-once N   journey: how many requests are made at once (default 64)
";

fn main() {
    let mut effort = Effort::USUAL;
    let mut megabytes = 1000;
    let mut wanted = String::from("all");
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        if word == "--only" {
            effort.only = String::leak(words.next().unwrap_or_else(|| exit_with("a name is missing")));
            continue;
        }
        let mut number =
            || words.next().and_then(|n| n.parse().ok()).unwrap_or_else(|| exit_with("a number is missing"));
        match word.as_str() {
            "library" | "devices" | "evidence" | "journey" | "leases" | "logins" | "query" | "server"
            | "starving" | "trail" | "all" => {
                wanted = word;
            }
            "--smoke" => effort = Effort::SMOKE,
            "--megabytes" => megabytes = number(),
            "--count" => effort.count = number(),
            "--at-once" => effort.at_once = number(),
            "--rounds" => effort.rounds = usize::try_from(number()).unwrap_or(1),
            "--seconds" => effort.time = Duration::from_secs(number()),
            "--help" | "-h" => exit_with(""),
            // For this program itself: the floor of the server benches runs in a process of its own.
            "bare" => bare::serve(server::BODY),
            "bare-large" => bare::serve("x".repeat(30_000_000).leak()),
            "attack" => attack(words),
            other => exit_with(&format!("unknown word {other:?}")),
        }
    }
    let part = |name: &str| wanted == name || wanted == "all";
    if part("library") {
        library::run(effort);
    }
    if part("devices") {
        devices::run(effort);
    }
    if part("evidence") {
        evidence::run(effort);
    }
    if part("journey") {
        journey::run(effort);
    }
    if part("leases") {
        leases::run(effort);
    }
    if part("logins") {
        logins::run(effort);
    }
    if part("query") {
        query::run(effort, megabytes);
    }
    if part("server") {
        server::run(effort);
    }
    if part("starving") {
        starving::run(effort);
    }
    if part("trail") {
        trail::run(effort);
    }
}

/// For this program itself: an attack runs in a process of its own.
fn attack(mut words: impl Iterator<Item = String>) -> ! {
    let mut word = || words.next().unwrap_or_else(|| exit_with("a word is missing"));
    let (name, server, token) = (word(), word(), word());
    let server = server.parse().unwrap_or_else(|_| exit_with("no address"));
    starving::attacks::run(&name, server, &token)
}

/// Prints what is wrong, if anything is, and the help.
fn exit_with(message: &str) -> ! {
    if message.is_empty() {
        print!("{HELP}");
        std::process::exit(0);
    }
    eprintln!("{message}\n\n{HELP}");
    std::process::exit(1);
}
