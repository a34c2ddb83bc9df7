//! What the commands of `log` that know trees take alike: the tree of a log, keys, checkpoints that were kept, `FILE:LINE`.
//! Never in it: a verification.

use std::io;
use std::path::Path;

use onrecord_evidence::{Algorithm, StoreReader, VerifierKey};
use onrecord_trail::Input;
use onrecord_trail::verify::{KeptNote, TreeFolder};
use onrecord_value::printable::printable;

use super::unreadable;
use super::web_tree::WebTree;
use crate::command::{Failure, Flag, Invocation};
use crate::process::Process;

pub(super) const TLOG: Flag = Flag::text(
    "tlog",
    "Folder with the tree of the log, or a copy of it, or the URL of one (http or https). By default it is FILE.tlog beside the \
     first FILE that has one.",
);
pub(super) const KEY: Flag = Flag::texts(
    "key",
    "Verifier key of the server, NAME+ID+KEY, or a file with such keys, one a line. May be given several times. Get it \
     from the server with `log key`, or from whom you trust; a key that lies beside the log proves nothing. A line of a file \
     that says `# retired at TIME: NAME+ID+KEY` has a key for checkpoints of before, and not for the newest.",
);
pub(super) const ORIGIN: Flag = Flag::text(
    "origin",
    "Name of the log that is meant, such as vault-prod/file: the first line of its checkpoint. It is needed if the keys are of \
     several logs.",
);
pub(super) const WITNESS: Flag = Flag::texts(
    "witness",
    "Verifier key of a witness that must have cosigned, or a file with such keys, one a line. May be given several times.",
);

/// Where a line of a file of keys says that its key was retired.
pub(super) const RETIRED: &str = "# retired at ";

/// A tree in a folder or on a web server.
pub(super) enum Tree {
    Folder(TreeFolder),
    Web(Box<WebTree>),
}

impl Tree {
    /// Where it is.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Folder(folder) => folder.path().display().to_string(),
            Self::Web(web) => web.url().to_owned(),
        }
    }

    /// The checkpoints beside the newest that witnesses cosigned. A web server does not say which ones it has.
    pub(super) fn cosigned(&self) -> Vec<KeptNote> {
        match self {
            Self::Folder(folder) => folder.cosigned(),
            Self::Web(_) => Vec::new(),
        }
    }

    /// Why it could not be read to its end, where that says nothing of the tree.
    pub(super) fn failure(&self) -> Option<String> {
        match self {
            Self::Folder(_) => None,
            Self::Web(web) => web.failure(),
        }
    }

    /// An error if it could not be read to its end: what was found then says nothing.
    pub(super) fn check_read(&self) -> Result<(), Failure> {
        self.failure().map_or(Ok(()), |failure| {
            Err(unreadable(printable(&format!("The tree cannot be read: {failure} ({})", self.place()))))
        })
    }
}

impl StoreReader for Tree {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Folder(folder) => folder.read(path),
            Self::Web(web) => web.read(path),
        }
    }
}

/// The tree that a command was given, or that lies beside the first of these files that has one.
pub(super) fn find(process: &Process, invocation: &Invocation, files: &[String]) -> Result<Tree, Failure> {
    find_any(process, invocation, files)?.ok_or_else(|| {
        unreadable(format!(
            "There is no tree beside {}: no folder FILE.tlog. Give the tree with -tlog=DIR. Logs that were written with \
             evidence=off, and logs of other servers, have none.",
            printable(files.first().map_or("-", String::as_str))
        ))
    })
}

/// As [`find`]; `None` if none was given and there is none.
pub(super) fn find_any(
    process: &Process,
    invocation: &Invocation,
    files: &[String],
) -> Result<Option<Tree>, Failure> {
    if let Some(given) = invocation.text("tlog").filter(|given| !given.is_empty()) {
        if given.starts_with("http://") || given.starts_with("https://") {
            return Ok(Some(Tree::Web(Box::new(WebTree::new(process, invocation, given)?))));
        }
        if !Path::new(given).is_dir() {
            return Err(unreadable(format!(
                "-tlog={}: there is no such folder. Give the folder that has the file \"checkpoint\".",
                printable(given)
            )));
        }
        return Ok(Some(Tree::Folder(TreeFolder::new(given))));
    }
    match trees_beside(files).as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(Tree::Folder(only.clone()))),
        [first, second, ..] => Err(unreadable(format!(
            "These files are of more than one device: {} and {}. Verify one device at a time, or give -tlog=DIR.",
            printable(&first.path().display().to_string()),
            printable(&second.path().display().to_string())
        ))),
    }
}

/// The trees beside files, each once.
pub(super) fn trees_beside(files: &[String]) -> Vec<TreeFolder> {
    let mut trees = Vec::new();
    for tree in files.iter().filter_map(|file| TreeFolder::beside(Path::new(file))) {
        if !trees.contains(&tree) {
            trees.push(tree);
        }
    }
    trees
}

/// Keys, and those that were retired.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) live: Vec<VerifierKey>,
    pub(super) retired: Vec<VerifierKey>,
}

impl Keys {
    pub(super) const fn is_empty(&self) -> bool {
        self.live.is_empty() && self.retired.is_empty()
    }
}

/// The keys that a flag names.
pub(super) fn keys(invocation: &Invocation, flag: &str) -> Result<Keys, Failure> {
    let mut keys = Keys::default();
    for given in invocation.texts(flag) {
        if !Path::new(&given).is_file() {
            keys.live.push(key(&given, flag)?);
            continue;
        }
        for line in read(&given, flag)?.lines().map(str::trim) {
            let retired = line.strip_prefix(RETIRED).and_then(|rest| rest.split_once(": "));
            if let Some((_, text)) = retired {
                // Without a key it is a comment as any other.
                keys.retired.extend(key(text.trim(), flag).ok());
            } else if !line.is_empty() && !line.starts_with('#') {
                keys.live.push(key(line, flag)?);
            }
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
