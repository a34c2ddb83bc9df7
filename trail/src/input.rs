//! The sources of lines: files, plain or compressed by gzip or zstd, and streams.
//! Never in it: lines.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder;

/// How gzip and zstd begin.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The logarithm of the largest window of zstd that is read: 32 MiB, which levels up to 20 need at most.
const WINDOW_LOG_MAX: u32 = 25;

/// Whether a file that begins so is read as a compressed one.
pub fn is_compressed(beginning: &[u8]) -> bool {
    beginning.starts_with(&GZIP) || beginning.starts_with(&ZSTD)
}

/// One source of lines.
pub struct Input {
    name: String,
    source: Source,
}

enum Source {
    File(PathBuf),
    Stream(Box<dyn Read>),
}

pub(crate) struct Opened {
    pub(crate) reader: Box<dyn Read>,
    /// How many bytes were read from the source.
    pub(crate) taken: Rc<Cell<u64>>,
    /// How many it has, if that is known.
    pub(crate) total: Option<u64>,
}

impl Input {
    /// A file, by its path.
    pub fn file(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        Self { name: path.display().to_string(), source: Source::File(path.to_owned()) }
    }

    /// A stream, with its name in reports.
    pub fn stream(name: impl Into<String>, reader: impl Read + 'static) -> Self {
        Self { name: name.into(), source: Source::Stream(Box::new(reader)) }
    }

    /// Its name in reports.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same source once more, if it can be read twice.
    pub(crate) fn again(&self) -> Option<Self> {
        match &self.source {
            Source::File(path) => Some(Self { name: self.name.clone(), source: Source::File(path.clone()) }),
            Source::Stream(_) => None,
        }
    }

    /// Opens it. A source that begins with the magic bytes of gzip or zstd is decompressed.
    pub(crate) fn open(self) -> io::Result<Opened> {
        let (raw, total): (Box<dyn Read>, _) = match self.source {
            Source::File(path) => {
                let file = File::open(path)?;
                let known = file.metadata()?;
                if known.is_dir() {
                    return Err(io::ErrorKind::IsADirectory.into());
                }
                (Box::new(file), known.is_file().then_some(known.len()))
            }
            Source::Stream(reader) => (reader, None),
        };
        let taken = Rc::new(Cell::new(0));
        let mut counted = CountingReader { raw, taken: Rc::clone(&taken) };
        let mut magic = Vec::with_capacity(ZSTD.len());
        (&mut counted).take(ZSTD.len() as u64).read_to_end(&mut magic)?;
        let (gzip, zstd) = (magic.starts_with(&GZIP), magic == ZSTD);
        let whole = Cursor::new(magic).chain(counted);
        let reader: Box<dyn Read> = if gzip {
            Box::new(MultiGzDecoder::new(whole))
        } else if zstd {
            let mut decoder = Decoder::new(whole)?;
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            Box::new(decoder)
        } else {
            Box::new(whole)
        };
        Ok(Opened { reader, taken, total })
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("name", &self.name).finish_non_exhaustive()
    }
}

struct CountingReader {
    raw: Box<dyn Read>,
    taken: Rc<Cell<u64>>,
}

impl Read for CountingReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.raw.read(into)?;
        self.taken.set(self.taken.get() + count as u64);
        Ok(count)
    }
}
