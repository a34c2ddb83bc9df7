//! The threads that serve connections: one per core, each with its own runtime, so that a task never moves to another
//! thread and waking it does not wake another thread. See docs/adr/0008-runtime-per-core.md.
//! Never in it: what a connection does. Long work is done elsewhere: see [`Workers::shared_runtime`].

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::wake_queue::WakeQueue;

/// The threads.
pub(crate) struct Workers {
    threads: Vec<Worker>,
    /// The runtime for long work, whose threads share their work.
    shared_runtime: Handle,
}

struct Worker {
    handle: Handle,
    wake_queue: Arc<WakeQueue>,
    /// Each task that lives on it holds a clone.
    tasks: Arc<()>,
    /// The thread ends when this is dropped.
    _open: oneshot::Sender<()>,
    _thread: JoinHandle<()>,
}

impl Workers {
    /// Starts this many threads. Long work goes to the runtime of the caller.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let threads = (0..count.max(1)).map(Worker::start).collect::<io::Result<_>>()?;
        Ok(Self { threads, shared_runtime: Handle::current() })
    }

    /// The runtime for long work, so that the other connections of a thread do not wait for it.
    pub(crate) fn shared_runtime(&self) -> Handle {
        self.shared_runtime.clone()
    }

    /// Runs a task on the thread that has the fewest.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let least_busy = self.threads.iter().min_by_key(|worker| Arc::strong_count(&worker.tasks));
        let Some(worker) = least_busy else { return };
        let counted = Arc::clone(&worker.tasks);
        let task = async move {
            task.await;
            drop(counted);
        };
        worker.handle.spawn(Arc::clone(&worker.wake_queue).run(task));
    }
}

impl Worker {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, wake_queue) = (runtime.handle().clone(), Arc::new(WakeQueue::default()));
        let (open, closed) = oneshot::channel();
        let drain = Arc::clone(&wake_queue).drain();
        let thread = std::thread::Builder::new().name(format!("serve-{number}")).spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = drain => {}
                    _ended = closed => {}
                }
            });
        })?;
        Ok(Self { handle, wake_queue, tasks: Arc::default(), _open: open, _thread: thread })
    }
}
