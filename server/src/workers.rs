//! The threads that serve connections: one a core, each with a runtime of its own, so that a task never changes its
//! thread and waking one costs no other thread's sleep. See docs/adr/0008-a-runtime-a-core.md.
//! Never in it: what a connection does. Long work is done elsewhere: see [`Workers::aside`].

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::inbox::{Delivered, Inbox};

/// The threads.
pub(crate) struct Workers {
    threads: Vec<Worker>,
    /// The runtime beside them, whose threads share their work.
    aside: Handle,
}

struct Worker {
    handle: Handle,
    inbox: Arc<Inbox>,
    /// Tasks that live on it.
    tasks: Arc<AtomicUsize>,
    /// Dropped, it ends the thread.
    _open: oneshot::Sender<()>,
    _thread: JoinHandle<()>,
}

/// Counts a task as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Workers {
    /// Starts this many threads beside the runtime of the caller.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let threads = (0..count.max(1)).map(Worker::start).collect::<io::Result<_>>()?;
        Ok(Self { threads, aside: Handle::current() })
    }

    /// Where long work is done, so that the other connections of a thread do not wait for it.
    pub(crate) fn aside(&self) -> Handle {
        self.aside.clone()
    }

    /// Runs a task on the thread that has the fewest.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let Some(worker) = self.threads.iter().min_by_key(|worker| worker.tasks.load(Ordering::Relaxed))
        else {
            return;
        };
        worker.tasks.fetch_add(1, Ordering::Relaxed);
        let counted = Counted(Arc::clone(&worker.tasks));
        let task = async move {
            task.await;
            drop(counted);
        };
        worker.handle.spawn(Delivered::new(Arc::clone(&worker.inbox), task));
    }
}

impl Worker {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, inbox) = (runtime.handle().clone(), Arc::new(Inbox::default()));
        let (open, closed) = oneshot::channel();
        let deliver = Arc::clone(&inbox).deliver();
        let thread = std::thread::Builder::new().name(format!("serve-{number}")).spawn(move || {
            runtime.block_on(async move {
                tokio::select! {
                    () = deliver => {}
                    _ended = closed => {}
                }
            });
        })?;
        Ok(Self { handle, inbox, tasks: Arc::default(), _open: open, _thread: thread })
    }
}
