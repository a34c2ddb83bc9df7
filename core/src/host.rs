//! The world as the domain may see it: a clock, a source of randomness, and a way to let work go on that nobody waits
//! for, handed in at the start. Never in it: files, environment, network.

use std::pin::Pin;
use std::sync::Arc;

use onrecord_audit::Clock;
use onrecord_seal::Entropy;
use onrecord_value::Object;

/// Work that goes on by itself.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The runtime of the host, as far as the core needs it: a journey whose client has left is handed to it, so that it
/// ends like any other.
pub trait Spawn: Send + Sync {
    /// Runs the task to completion, even if its caller drops its handle.
    fn spawn(&self, task: Task);
}

/// What the system says about this process, and does for it. Asked for metrics and for `sys/host-info`; what is not known is left
/// out.
pub trait Process: Send + Sync {
    /// Resident memory, in bytes.
    fn resident_bytes(&self) -> Option<u64> {
        None
    }

    /// Open file descriptors.
    fn open_files(&self) -> Option<u64> {
        None
    }

    /// Lets the calling thread, and those that it starts, run only where others leave the processor to it.
    fn lower_priority(&self) {}

    /// Facts of its machine, as `sys/host-info` shows them: `host` with `hostname`, `memory`, `cpu`, …
    fn host_facts(&self) -> Option<Object> {
        None
    }
}

/// A process of which nothing is known.
impl Process for () {}

/// Clock, entropy, runtime and process.
#[derive(Clone)]
pub struct Host {
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Fills buffers with randomness fit for keys.
    pub entropy: Arc<dyn Entropy>,
    /// Takes over journeys whose client has left.
    pub spawn: Arc<dyn Spawn>,
    /// Knows the process.
    pub process: Arc<dyn Process>,
}
