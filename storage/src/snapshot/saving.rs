//! Makes a snapshot of a store, a page at a time, and opens each value on the way: what does not open is not saved as if
//! it were whole.
//! Never in it: who may do so, or files.

use super::{Encoder, Header, Records, SnapshotError, Summary};
use crate::backend::embedded;
use crate::barrier::{Barrier, OWN};

/// The bytes of values after which a page ends: with the longest value, a page is this much longer than that.
const PAGE: usize = 1 << 20;

/// A snapshot that is being made. Its pages, one after the other, are the file. It sees the store as it was when it began.
pub struct Saving {
    barrier: Barrier,
    records: Box<dyn Records>,
    header: Header,
    next: u64,
    /// Where the next page begins.
    position: Position,
    /// Where the page before began, so that it can be had again.
    previous: Option<Position>,
}

#[derive(Clone)]
struct Position {
    after: String,
    encoder: Encoder,
    is_over: bool,
}

/// A page of a snapshot.
pub struct Page {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// How many records it holds.
    pub records: u64,
    /// With the last page: what is known of the whole.
    pub summary: Option<Summary>,
}

impl Barrier {
    /// Begins a snapshot of the store; `created` in seconds since 1970. The cluster and the server are named in it.
    pub fn begin_snapshot(
        &self,
        created: i64,
        cluster: String,
        server: String,
    ) -> Result<Saving, SnapshotError> {
        self.check_unsealed()?;
        let records = self.storage().backend()?.records()?;
        let header = Header {
            created,
            cluster,
            server,
            storage: self.storage().kind().to_owned(),
            store_format: embedded::FORMAT,
            records: records.count()?,
        };
        let position = Position { after: String::new(), encoder: Encoder::new(), is_over: false };
        Ok(Saving { barrier: self.clone(), records, header, next: 0, position, previous: None })
    }
}

impl Saving {
    /// What stands before its records.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Makes a page: the next one, or the one before once more.
    pub fn page(&mut self, number: u64) -> Result<Page, SnapshotError> {
        let refused = SnapshotError::Page { asked: number, next: self.next };
        let again = self.previous.clone().filter(|_| number.checked_add(1) == Some(self.next));
        let from = match again {
            Some(previous) => previous,
            None if number == self.next && !self.position.is_over => self.position.clone(),
            None => return Err(refused),
        };
        let (page, position) = self.make(number, from.clone())?;
        self.previous = Some(from);
        self.position = position;
        self.next = number + 1;
        Ok(page)
    }

    fn make(&self, number: u64, mut from: Position) -> Result<(Page, Position), SnapshotError> {
        let mut bytes = Vec::with_capacity(PAGE + PAGE / 4);
        if number == 0 {
            from.encoder.header(&self.header, &mut bytes);
        }
        let records = self.records.after(&from.after, PAGE)?;
        for (key, value) in &records {
            self.check(key, value)?;
            from.encoder.record(key, value, &mut bytes)?;
        }
        let count = records.len() as u64;
        let summary = match records.into_iter().next_back() {
            Some((last, _)) => {
                from.after = last;
                None
            }
            None => {
                from.is_over = true;
                let mac = |text: &str| self.barrier.hash_name(text);
                Some(from.encoder.clone().finish(mac, &mut bytes)?)
            }
        };
        Ok((Page { bytes, records: count, summary }, from))
    }

    /// Opens a value. Those of the barrier's own are in the clear or under other keys.
    fn check(&self, key: &str, value: &[u8]) -> Result<(), SnapshotError> {
        if !key.starts_with(OWN) {
            self.barrier.open(key, value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use onrecord_seal::{OsEntropy, SealConfig};

    use crate::key::MAX_BYTES;
    use crate::memory::Memory;
    use crate::read::block_on;
    use crate::{Barrier, Batch, Storage, snapshot};

    #[test]
    fn a_key_that_an_earlier_version_let_be_too_long_is_read_saved_and_read_again() {
        let barrier = Barrier::new(Storage::start(Memory::new()).unwrap(), Arc::new(OsEntropy::new()));
        let config = SealConfig::new(1, 1).unwrap();
        let (_shares, batch) = block_on(barrier.initialize(config, 1)).unwrap();
        block_on(barrier.commit(batch)).unwrap();
        // It did not count the prefix of the view.
        let name = "a".repeat(MAX_BYTES);
        let key = format!("values/{name}");
        let mut batch = Batch::new();
        batch.put(key.clone(), barrier.encrypt(&key, b"1").unwrap());
        block_on(barrier.commit(batch)).unwrap();
        let view = barrier.view("values/").unwrap();
        assert_eq!(block_on(view.get(&name)).unwrap().unwrap().expose(), b"1");
        let mut saving = barrier.begin_snapshot(1, "cluster".into(), "1.2.3".into()).unwrap();
        let mut whole = Vec::new();
        for number in 0.. {
            let page = saving.page(number).unwrap();
            whole.extend_from_slice(&page.bytes);
            if page.summary.is_some() {
                break;
            }
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), whole).unwrap();
        let mut keys = Vec::new();
        let read = snapshot::read(file.path(), |key, _| {
            keys.push(key.to_owned());
            Ok::<_, snapshot::SnapshotError>(())
        });
        read.unwrap();
        assert!(keys.contains(&key));
    }
}
