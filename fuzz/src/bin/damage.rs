//! `damage CASES [FIRST-SEED]`: that many damaged stores, of a server that was shut down and of one that was killed, and a
//! table of what became of them. Exits with 1 if any ended as none may end.
//! Never in it: judgements.

use std::process::ExitCode;
use std::sync::Arc;

use onrecord_fuzz::damage::{Directory, Left, Table};

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let (cases, first) = (numbers.next().unwrap_or(200), numbers.next().unwrap_or(0));
    let mut findings = 0;
    for left in [Left::Closed, Left::Killed] {
        let directory = Arc::new(Directory::new(left));
        let mut table = Table::default();
        for seed in first..first + cases / 2 {
            table.add(directory.damage(seed));
        }
        println!("== {left:?}: {} bytes, {} cases", directory.bytes(), cases / 2);
        table.print();
        findings += table.findings().count();
    }
    if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
