//! A device of these tests: a log with its tree in a temporary folder, and the verification of what became of it.
//! Never in it: expectations.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::write::GzEncoder;
use onrecord_entry::{Boot, Entry, FormatOptions, Formatter, Salt, Stamp};
use onrecord_evidence::{
    Checkpoint, Ed25519Key, Note, Signer as _, Store, StoreReader, TreeLog, VerifierKey, line_digest,
};
use onrecord_trail::Input;
use onrecord_trail::verify::{Finding, FindingKind, TreeFolder, Verification, VerifyOptions, verify};
use onrecord_value::Time;
use tempfile::TempDir;

pub(crate) const ORIGIN: &str = "example.com/file";

/// A folder that a tree is written to.
pub(crate) struct Folder(pub(crate) PathBuf);

impl StoreReader for Folder {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        TreeFolder::new(&self.0).read(path)
    }
}

impl Store for Folder {
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap())?;
        fs::write(path, bytes)
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(path))
    }
}

/// A file device: its lines, its tree, its key.
pub(crate) struct Device {
    pub(crate) dir: TempDir,
    pub(crate) key: Ed25519Key,
    pub(crate) origin: String,
    pub(crate) lines: Vec<Vec<u8>>,
    tree: TreeLog,
}

/// An entry of another server's form, which decodes.
pub(crate) fn entry(number: u64) -> Vec<u8> {
    let (minute, second) = (number / 60 % 60, number % 60);
    format!(
        r#"{{"time":"2026-01-01T00:{minute:02}:{second:02}Z","type":"request","auth":{{}},"request":{{"id":"{number}"}}}}"#
    )
    .into_bytes()
}

/// The line of an entry of the server.
pub(crate) fn line_of(entry: &Entry<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    let stamp = Stamp { time: Time::from_unix_nanos(0), seq: 1, boot: Boot::new(1) };
    let formatter = Formatter::new(FormatOptions::default(), Arc::new(Salt::new("a salt")));
    formatter.format(entry, &stamp, &mut line).unwrap();
    assert_eq!(line.pop(), Some(b'\n'));
    line
}

/// The lines with their newlines.
pub(crate) fn text(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect()
}

impl Device {
    pub(crate) fn new(lines: u64) -> Self {
        Self::with(ORIGIN, (0..lines).map(entry).collect())
    }

    pub(crate) fn with(origin: &str, lines: Vec<Vec<u8>>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = Ed25519Key::generate().unwrap();
        let mut device =
            Self { dir, key, origin: origin.to_owned(), lines: Vec::new(), tree: TreeLog::new() };
        device.append(lines);
        device
    }

    /// Lines that the device writes, with the checkpoint after them.
    pub(crate) fn append(&mut self, lines: Vec<Vec<u8>>) {
        for line in &lines {
            self.tree.append(line_digest(line));
        }
        self.lines.extend(lines);
        let mut folder = self.folder();
        self.tree.flush(&mut folder).unwrap();
        folder.write("checkpoint", self.checkpoint().to_string().as_bytes()).unwrap();
        fs::write(self.log(), text(&self.lines)).unwrap();
    }

    /// The signed checkpoint of now.
    pub(crate) fn checkpoint(&self) -> Note {
        let (size, root) = (self.tree.size(), self.tree.root());
        Checkpoint { origin: self.origin.clone(), size, root }.sign(&self.key).unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path("audit.log")
    }

    pub(crate) fn folder(&self) -> Folder {
        Folder(self.path("audit.log.tlog"))
    }

    pub(crate) fn verifier(&self) -> VerifierKey {
        self.key.verifier(&self.origin)
    }

    pub(crate) fn options(&self) -> VerifyOptions {
        VerifyOptions { keys: vec![self.verifier()], ..VerifyOptions::default() }
    }

    /// Verifies these files with the tree of the device.
    pub(crate) fn verify(&self, files: &[PathBuf], options: VerifyOptions) -> Verification {
        let inputs = files.iter().map(Input::file).collect();
        verify(inputs, &TreeFolder::new(self.folder().0), options, &mut |_| {}).unwrap()
    }

    /// Verifies a text in the place of the log.
    pub(crate) fn verify_text(&self, text: &[u8]) -> Verification {
        fs::write(self.log(), text).unwrap();
        self.verify(&[self.log()], self.options())
    }

    /// Writes a rotated file.
    pub(crate) fn write(&self, name: &str, lines: &[Vec<u8>]) -> PathBuf {
        let path = self.path(name);
        if Path::new(name).extension().is_some_and(|end| end == "gz") {
            let mut file = GzEncoder::new(fs::File::create(&path).unwrap(), flate2::Compression::fast());
            file.write_all(&text(lines)).unwrap();
            file.finish().unwrap();
        } else {
            fs::write(&path, text(lines)).unwrap();
        }
        path
    }
}

/// The findings as kind, line, number of lines, leaf and number of leaves.
pub(crate) type Row = (FindingKind, u64, u64, Option<u64>, u64);

pub(crate) fn rows(found: &Verification) -> Vec<Row> {
    let row = |one: &Finding| (one.kind, one.line, one.lines, one.leaf, one.leaves);
    found.findings.values().flat_map(|sample| sample.first.iter().map(row)).collect()
}
