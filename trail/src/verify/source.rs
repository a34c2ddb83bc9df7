//! A source of lines while it is verified: opened as often as needed, or a stream that is read once.
//! Never in it: the comparison of its lines (`walk`).

use std::io;
use std::path::Path;

use super::line_hashes::LineHashes;
use super::locate::{FIRST_LINES, Probe, Start, search};
use super::report::VerifiedSource;
use super::walk::{Track, Walk};
use super::{PROGRESS_STEP, VerifyError};
use crate::check::Progress;
use crate::input::Input;

/// A source while it is verified.
pub(super) struct Source {
    pub(super) name: String,
    /// A file is opened as often as needed.
    pub(super) input: Option<Input>,
    /// A stream is read once.
    stream: Option<LineHashes>,
}

/// Whether a file has the name that a device gives to a torn end; the folder's name does not count.
fn is_torn_aside(name: &str) -> bool {
    Path::new(name).file_name().is_some_and(|name| name.to_string_lossy().contains(".torn-"))
}

impl Source {
    pub(super) fn new(input: Input) -> Self {
        Self { name: input.name().to_owned(), input: Some(input), stream: None }
    }

    fn open(&mut self) -> Result<LineHashes, VerifyError> {
        if let Some(stream) = self.stream.take() {
            return Ok(stream);
        }
        let input = match self.input.as_ref().and_then(Input::again) {
            Some(file) => file,
            None => self.input.take().unwrap_or_else(|| Input::stream(&self.name, io::empty())),
        };
        LineHashes::open(input).map_err(|error| VerifyError::Input { name: self.name.clone(), error })
    }

    /// Has its first lines searched for.
    pub(super) fn probe(&mut self, at: usize, probe: &mut Probe) -> Result<(), VerifyError> {
        let mut lines = self.open()?;
        for (line, hash) in (0..).zip(&lines.ahead(FIRST_LINES)) {
            probe.add(at, line, *hash);
        }
        self.keep(lines);
        Ok(())
    }

    fn keep(&mut self, lines: LineHashes) {
        if self.input.is_none() {
            self.stream = Some(lines);
        }
    }

    pub(super) fn walk(
        &mut self,
        at: usize,
        start: Option<Start>,
        walk: &mut Walk<'_>,
        progress: &mut dyn FnMut(&Progress<'_>),
    ) -> Result<Track, VerifyError> {
        let mut lines = self.open()?;
        let is_stream = self.input.is_none();
        let start = match start {
            Some(start) => start,
            None => match search(&mut lines, &mut walk.leaves, is_stream) {
                Some(start) => {
                    if !is_stream {
                        lines = self.open()?;
                    }
                    start
                }
                None => {
                    while lines.pop().is_some() {}
                    let error = lines.error.take().map(|error| error.to_string());
                    return Ok(Track { lines: lines.passed(), error, ..Track::default() });
                }
            },
        };
        let mut reported = 0;
        let name = &self.name;
        Ok(walk.source(at, &mut lines, start, &mut |lines| {
            let (read, total) = lines.bytes();
            if read >= reported + PROGRESS_STEP {
                reported = read;
                progress(&Progress { source: name, read, total });
            }
        }))
    }

    pub(super) fn report(&self, track: &Track) -> VerifiedSource {
        VerifiedSource {
            name: self.name.clone(),
            lines: track.lines,
            covered: track.covered,
            first_leaf: track.first,
            last_leaf: track.last,
            torn_aside: track.lines <= 1 && is_torn_aside(&self.name),
        }
    }
}
