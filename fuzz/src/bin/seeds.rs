//! `seeds TARGET FOLDER`: writes the seeds of a target as files, for libFuzzer.
//! Never in it: making them.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use onrecord_fuzz::TARGETS;

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let (Some(name), Some(folder)) = (words.next(), words.next()) else {
        eprintln!("seeds TARGET FOLDER");
        return ExitCode::FAILURE;
    };
    let Some(target) = TARGETS.iter().find(|target| target.name == name) else {
        let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("{name}: there are {}", names.join(", "));
        return ExitCode::FAILURE;
    };
    let folder = Path::new(&folder);
    let written = fs::create_dir_all(folder).and_then(|()| {
        let mut seeds = (target.seeds)().into_iter().enumerate();
        seeds.try_for_each(|(number, seed)| fs::write(folder.join(format!("seed-{number:03}")), seed))
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}
