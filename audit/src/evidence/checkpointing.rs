//! Makes a checkpoint: the tiles first, then the signed note, then the note of how far the file is covered; and begins
//! another tree where this one was removed.
//! Never in it: when a checkpoint is due.

use std::io;

use onrecord_evidence::{Checkpoint, Hash, Note, Store as _, TreeLog, VerifierKey, remove_outdated};

use super::head::TreeHead;
use super::notice::{TreeEvent, TreeNotice};
use super::state::{self, State};
use super::worker::Worker;
use super::{CheckpointFailed, SignedCheckpoint};

fn failed(error: &io::Error) -> String {
    format!("the folder of the tree cannot be written: {error}")
}

impl Worker {
    /// Covers all entries by a checkpoint. `ends`: the devices have ended in order.
    pub(super) fn checkpoint(&mut self, ends: bool) -> Result<(), CheckpointFailed> {
        match self.try_checkpoint(ends) {
            Ok(true) => {
                // What others keep in the folder holds up no checkpoint.
                let kept = self.write_extras();
                let error = kept.err().map(|error| failed(&error));
                self.keeper.note_error(error, self.clock.now());
                Ok(())
            }
            Ok(false) => Err(CheckpointFailed::Empty),
            Err(error) => {
                self.keeper.note_error(Some(error.clone()), self.clock.now());
                Err(CheckpointFailed::Failed(error))
            }
        }
    }

    /// False: the tree has no entries.
    fn try_checkpoint(&mut self, ends: bool) -> Result<bool, String> {
        let failed = |error: io::Error| failed(&error);
        if !self.store.folder.with(|folder| folder.is_in_place()).map_err(failed)? {
            self.begin_again().map_err(failed)?;
        }
        let size = self.log.size();
        if size == 0 {
            return Ok(false);
        }
        if self.signed == Some(size) && !ends {
            return Ok(true);
        }
        let root = self.log.flush(&mut self.store).map_err(failed)?;
        if self.flushed.last() != Some(&size) {
            self.flushed.push(size);
        }
        let fresh = self.signed != Some(size);
        if fresh {
            let checkpoint = Checkpoint { origin: self.config.origin.clone(), size, root };
            let note = self.keeper.sign(&checkpoint).map_err(|error| error.to_string())?;
            let signed = SignedCheckpoint { checkpoint, note: note.to_string(), at: self.clock.now() };
            self.store.write("checkpoint", signed.note.as_bytes()).map_err(failed)?;
            self.write_state(ends).map_err(failed)?;
            self.note_checkpoint(&signed);
        } else {
            self.write_state(ends).map_err(failed)?;
        }
        Ok(true)
    }

    /// Writes what others keep in the folder. What cannot be written is tried again with the next checkpoint.
    fn write_extras(&mut self) -> io::Result<()> {
        let mut written = Ok(());
        for (name, bytes) in self.keeper.take_extras() {
            if let Err(error) = self.store.write(&name, &bytes) {
                written = Err(io::Error::new(error.kind(), format!("{name}: {error}")));
                self.keeper.put_back_extra(name, bytes);
            }
        }
        written
    }

    fn note_checkpoint(&mut self, signed: &SignedCheckpoint) {
        let size = signed.checkpoint.size;
        for old in std::mem::take(&mut self.flushed).into_iter().filter(|old| *old != size) {
            // What is left behind takes room and does no harm.
            let _left_over = remove_outdated(&mut self.store, old, size);
        }
        (self.signed, self.flushed) = (Some(size), vec![size]);
        self.covered_at_checkpoint = self.covered;
        self.recent.clear();
        if !self.mark.covered {
            self.mark.covered = true;
            self.named = self.mark.write(&self.file.file);
        }
        self.keeper.publish(Some(signed.clone()));
        self.publish_head();
        if std::mem::take(&mut self.news)
            && let Some(sink) = self.keeper.sink()
        {
            sink(signed);
        }
    }

    /// What is to be remembered of the tree as its last checkpoint has it.
    pub(super) fn publish_head(&self) {
        let newest = self.keeper.newest();
        let (size, root) = newest
            .as_ref()
            .map_or((0, Hash::empty()), |signed| (signed.checkpoint.size, signed.checkpoint.root));
        self.keeper.publish_head(TreeHead {
            folder: self.keeper.path().to_owned(),
            size,
            root,
            key: newest.and_then(|signed| self.key_of(&signed)),
            inode: self.file.id.ino,
            offset: self.covered_at_checkpoint,
            ended: false,
        });
    }

    /// The newest key of the signer that has signed a checkpoint.
    fn key_of(&self, signed: &SignedCheckpoint) -> Option<VerifierKey> {
        let note = Note::parse(&signed.note).ok()?;
        let keys = self.keeper.signer().verifiers(&self.config.origin);
        keys.into_iter().find(|key| note.signatures.iter().any(|signature| key.made(signature)))
    }

    fn write_state(&mut self, ended: bool) -> io::Result<()> {
        let state = State {
            size: self.log.size(),
            inode: self.file.id.ino,
            offset: self.covered,
            since: self.since,
            named: self.named,
            ended,
        };
        self.store.write(state::NAME, state.to_text().as_bytes())
    }

    /// Notes which file follows. Where that fails, the file's own mark leads there.
    pub(super) fn write_state_at_beginning(&mut self) {
        if self.signed == Some(self.log.size())
            && let Err(error) = self.write_state(false)
        {
            self.keeper.note_error(Some(error.to_string()), self.clock.now());
        }
    }

    /// The folder is gone: the entries since the last checkpoint begin another tree.
    fn begin_again(&mut self) -> io::Result<()> {
        let now = self.clock.now();
        let kept_as = self.store.folder.with(|folder| folder.keep_aside(now))?;
        let newest = self.keeper.newest();
        let size = newest.as_ref().map_or(0, |signed| signed.checkpoint.size);
        let root = newest.map(|signed| signed.checkpoint.root.to_base64());
        self.log = TreeLog::new();
        self.log.append_all(&self.recent);
        (self.signed, self.flushed) = (None, Vec::new());
        self.since = (self.log.size(), self.covered);
        self.mark.begins = Some((0, self.covered_at_checkpoint));
        self.mark.covered = false;
        self.named = self.mark.write(&self.file.file);
        self.keeper.publish(None);
        self.publish_head();
        self.keeper.note_size(self.log.size());
        self.keeper
            .add_notice(TreeNotice { root, kept_as, ..TreeNotice::new(TreeEvent::Removed, size, 0) }, now);
        Ok(())
    }
}
