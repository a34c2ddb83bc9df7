//! Benches of the library and of the server: one command, figures as Markdown tables on standard output.
//! Never in it: assertions about time. docs/PERFORMANCE.md keeps the figures, with the machine they come from.

mod bare;
mod load;
mod server;
mod table;

use std::time::Duration;

const HELP: &str = "\
Usage: onrecord-bench [server] [--smoke] [--rounds N] [--seconds S]

  server        the server over HTTP: reads and writes, with and without devices
  (nothing)     all of it
  --smoke       just long enough to see that everything runs
  --rounds N    measurements of each variant (default 5)
  --seconds S   length of one measurement (default 3)
";

fn main() {
    let mut effort = server::Effort { time: Duration::from_secs(3), rounds: 5 };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number =
            || words.next().and_then(|n| n.parse().ok()).unwrap_or_else(|| quit("a number is missing"));
        match word.as_str() {
            "server" => {}
            "--smoke" => effort = server::Effort { time: Duration::from_millis(200), rounds: 1 },
            "--rounds" => effort.rounds = number(),
            "--seconds" => effort.time = Duration::from_secs(u64::try_from(number()).unwrap_or(3)),
            "--help" | "-h" => quit(""),
            other => quit(&format!("unknown word {other:?}")),
        }
    }
    server::run(effort);
}

/// Says what is wrong, if anything is, and how it goes.
fn quit(what: &str) -> ! {
    if what.is_empty() {
        print!("{HELP}");
        std::process::exit(0);
    }
    eprintln!("{what}\n\n{HELP}");
    std::process::exit(1);
}
