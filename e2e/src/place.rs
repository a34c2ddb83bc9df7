//! A server's folder: its configuration, its data and its logs.
//! Never in it: expectations.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::process::{Launch, Server};
use crate::wait;

/// A server stores the losses of its devices so long after it has stored them before, if they have changed.
const LOSS_INTERVAL: Duration = Duration::from_millis(500);

/// A temporary folder for one server, which may be started there several times.
pub struct Place(TempDir);

impl Place {
    /// An empty folder.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.0.path()
    }

    /// A path in it.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir().join(name)
    }

    /// A folder in it, which is made.
    pub fn folder(&self, name: impl AsRef<Path>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(&path).expect("a folder");
        path
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.path("onrecord.hcl")
    }

    /// Writes the configuration: a listener on a free port, and this.
    pub fn write_config(&self, config: &str) {
        let listener = "listener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  tls_disable = true\n}\ndisable_mlock = true\n";
        std::fs::write(self.config(), format!("{listener}{config}\n")).expect("the configuration is written");
    }

    /// Writes the configuration of a server on embedded storage.
    pub fn configure(&self, more: &str) {
        self.write_config(&format!(
            "storage \"file\" {{\n  path = \"{}\"\n}}\n{more}",
            self.path("data").display()
        ));
    }

    /// Starts a server with the configuration written last.
    pub fn start(&self) -> Server {
        self.launch().start()
    }

    /// A launch with the configuration written last.
    pub fn launch(&self) -> Launch {
        Launch::new(&[&format!("-config={}", self.config().display())])
    }

    /// A server on embedded storage, sealed. It is not initialised, unless an earlier one was.
    pub fn embedded(&self, more: &str) -> Server {
        self.configure(more);
        self.start()
    }

    /// Starts the server again with the configuration written last, and unseals it.
    pub fn restart(&self, key: &str, token: String) -> Server {
        let mut server = self.start();
        server.token = token;
        server.unseal(key);
        server
    }

    /// When the embedded store was last written.
    fn stored_at(&self) -> SystemTime {
        let file = std::fs::metadata(self.path("data/store.redb")).expect("the store");
        file.modified().expect("a time")
    }

    /// Loses entries and waits until the server has stored that loss. `lose` sends a request that a device loses and that
    /// itself stores nothing. Returns what the last call of it returned.
    pub fn lose_and_wait_until_stored<T>(&self, mut lose: impl FnMut() -> T) -> T {
        loop {
            let before = self.stored_at();
            lose();
            wait::eventually("a loss is stored", || self.stored_at() > before);
            // That write may have been prepared before the request. The next one is prepared an interval later: it has
            // all losses until then.
            let next = self.stored_at() + LOSS_INTERVAL;
            let result = lose();
            if SystemTime::now() < next {
                wait::eventually("the last loss is stored", || self.stored_at() > next);
                return result;
            }
        }
    }

    /// A server on memory storage, initialised and unsealed.
    pub fn in_memory(&self, more: &str) -> Server {
        self.in_memory_as(more, |launch| launch)
    }

    /// As [`Place::in_memory`], with a say in how it is started.
    pub fn in_memory_as(&self, more: &str, how: impl FnOnce(Launch) -> Launch) -> Server {
        self.write_config(&format!("storage \"inmem\" {{}}\n{more}"));
        let mut server = how(self.launch()).start();
        server.open_up();
        server
    }
}
