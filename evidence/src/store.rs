//! Where tiles, bundles and checkpoints are kept: resources by their names below the log's prefix.
//! Never in it: a file system; those who have one implement the traits.

use std::collections::BTreeMap;
use std::io;

/// Reads resources of a tiled log.
pub trait StoreReader {
    /// The bytes of a resource such as `checkpoint` or `tile/0/000.p/7`; `None` if there is none of that name.
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>>;
}

/// Keeps resources of a tiled log.
pub trait Store: StoreReader {
    /// Puts a resource in the place of what has that name: a reader finds the old bytes or the new ones, never a part.
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()>;

    /// Keeps a resource that no checkpoint covers yet, so that no reader asks for it: until this returns, and after an
    /// error, a part of it may be found. What has that name already is replaced.
    fn add(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.write(path, bytes)
    }

    /// Removes a resource that is not needed any more, if it is there.
    fn remove(&mut self, path: &str) -> io::Result<()>;
}

/// A store in memory: for tests, and for logs that are sent elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryStore {
    /// All resources by their names.
    pub resources: BTreeMap<String, Vec<u8>>,
}

impl StoreReader for MemoryStore {
    fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.resources.get(path).cloned())
    }
}

impl Store for MemoryStore {
    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        self.resources.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn remove(&mut self, path: &str) -> io::Result<()> {
        self.resources.remove(path);
        Ok(())
    }
}
