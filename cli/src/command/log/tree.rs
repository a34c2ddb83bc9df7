//! What the commands of `log` that know trees take alike: the tree of a log, keys, checkpoints that were kept, `FILE:LINE`.
//! Never in it: a verification.

use std::path::Path;

use onrecord_evidence::{Algorithm, VerifierKey};
use onrecord_trail::Input;
use onrecord_trail::verify::{KeptNote, TreeFolder};
use onrecord_value::printable::printable;

use super::unreadable;
use crate::command::{Failure, Flag, Invocation};

pub(super) const TLOG: Flag = Flag::text(
    "tlog",
    "Folder with the tree of the log, or a copy of it. By default it is FILE.tlog beside the first FILE that has one.",
);
pub(super) const KEY: Flag = Flag::texts(
    "key",
    "Verifier key of the server, NAME+ID+KEY, or a file with such keys, one a line. May be given several times. Get it \
     from the server with `log key`, or from whom you trust; a key that lies beside the log proves nothing.",
);
pub(super) const WITNESS: Flag = Flag::texts(
    "witness",
    "Verifier key of a witness that must have cosigned, or a file with such keys, one a line. May be given several times.",
);

/// The tree that a command was given, or that lies beside the first of these files that has one.
pub(super) fn folder(invocation: &Invocation, files: &[String]) -> Result<TreeFolder, Failure> {
    if let Some(given) = invocation.text("tlog").filter(|given| !given.is_empty()) {
        if given.starts_with("http://") || given.starts_with("https://") {
            return Err(unreadable(format!(
                "-tlog={}: a tree is read from a folder only. Copy it first, for example with `wget -r -np`, and give the \
                 folder that has its file \"checkpoint\".",
                printable(given)
            )));
        }
        if !Path::new(given).is_dir() {
            return Err(unreadable(format!(
                "-tlog={}: there is no such folder. Give the folder that has the file \"checkpoint\".",
                printable(given)
            )));
        }
        return Ok(TreeFolder::new(given));
    }
    let mut found: Vec<TreeFolder> =
        files.iter().filter_map(|file| TreeFolder::beside(Path::new(file))).collect();
    found.dedup();
    match found.as_slice() {
        [] => Err(unreadable(format!(
            "There is no tree beside {}: no folder FILE.tlog. Give the tree with -tlog=DIR. Logs that were written with \
             evidence=off, and logs of other servers, have none.",
            printable(files.first().map_or("-", String::as_str))
        ))),
        [only] => Ok(only.clone()),
        [first, second, ..] => Err(unreadable(format!(
            "These files are of more than one device: {} and {}. Verify one device at a time, or give -tlog=DIR.",
            printable(&first.path().display().to_string()),
            printable(&second.path().display().to_string())
        ))),
    }
}

/// The keys that a flag names.
pub(super) fn keys(invocation: &Invocation, flag: &str) -> Result<Vec<VerifierKey>, Failure> {
    let mut keys = Vec::new();
    for given in invocation.texts(flag) {
        if Path::new(&given).is_file() {
            let text = read(&given, flag)?;
            let lines = text.lines().map(str::trim);
            for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
                keys.push(key(line, flag)?);
            }
        } else {
            keys.push(key(&given, flag)?);
        }
    }
    Ok(keys)
}

fn key(text: &str, flag: &str) -> Result<VerifierKey, Failure> {
    let wrong = |why: String| unreadable(format!("-{flag}={}: {why}", printable(text)));
    let key = VerifierKey::parse(text)
        .map_err(|error| wrong(format!("{error}; nor is there a file of this name")))?;
    match (flag, key.algorithm()) {
        ("witness", Algorithm::Ed25519) => {
            Err(wrong("this is the key of a log, not of a witness (type 4)".to_owned()))
        }
        ("key", Algorithm::Cosignature) => {
            Err(wrong("this is the key of a witness: give it as -witness".to_owned()))
        }
        _ => Ok(key),
    }
}

/// The checkpoints of `-since`.
pub(super) fn kept(invocation: &Invocation) -> Result<Vec<KeptNote>, Failure> {
    let parse = |name: &String| {
        KeptNote::parse(name, &read(name, "since")?)
            .map_err(|error| unreadable(printable(&error.to_string())))
    };
    invocation.texts("since").iter().map(parse).collect()
}

/// The text of a file that a flag names.
pub(super) fn read(path: &str, flag: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| unreadable(format!("Cannot read the file of -{flag}, {}: {error}", printable(path))))
}

/// File and number of a line.
pub(super) fn position(argument: &str) -> Result<(&str, u64), Failure> {
    let parts = argument.rsplit_once(':').filter(|(file, _)| !file.is_empty());
    let position = parts.and_then(|(file, line)| Some((file, line.parse().ok().filter(|line| *line > 0)?)));
    position.ok_or_else(|| {
        unreadable(format!(
            "{}: give a file and the number of a line, from 1, as FILE:LINE",
            printable(argument)
        ))
    })
}

/// The text of a line of a file.
pub(super) fn line(argument: &str) -> Result<Vec<u8>, Failure> {
    let (file, number) = position(argument)?;
    onrecord_trail::verify::read_line(Input::file(file), number)
        .map_err(|error| unreadable(printable(&error.to_string())))
}
