//! The threads that serve connections: one per core, each with its own runtime, so that a task never moves to another
//! thread and waking it does not wake another thread. See docs/adr/0008-runtime-per-core.md.
//! Never in it: what a connection does. Large requests go elsewhere: see
//! [`Workers::large_requests`].

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use crate::turn;
use crate::wake_queue::WakeQueue;

/// By how much large requests give way to small ones (`nice`, see setpriority(2)).
const GIVE_WAY: i32 = 10;

/// The threads.
pub(crate) struct Workers {
    threads: Vec<Worker>,
    /// Where large requests are worked on; there until this is dropped.
    runtimes: Vec<Runtime>,
    large_requests: LargeRequests,
}

/// The threads for large requests: they run beside the others.
#[derive(Clone)]
pub(crate) struct LargeRequests {
    /// One thread that reads their bodies, so that none waits until another request has been worked on. It paces the turns
    /// of large transfers.
    pub(crate) bodies: Handle,
    /// They give way to small requests.
    pub(crate) ordinary: Handle,
    /// One thread for those below `sys/`: they start devices' threads, which have the priority of the thread that starts
    /// them, and devices must not give way to anything.
    pub(crate) operators: Handle,
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
    /// Starts this many threads, half as many for large requests, one for operators' and one for large bodies.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let bodies = runtime(1, "serve-bodies").on_thread_start(give_way).build()?;
        let start = |number| Worker::start(number, bodies.handle().clone());
        let threads = (0..count.max(1)).map(start).collect::<io::Result<_>>()?;
        let ordinary = runtime((count / 2).max(1), "serve-large").on_thread_start(give_way).build()?;
        let operators = runtime(1, "serve-operator").build()?;
        let large_requests = LargeRequests {
            bodies: bodies.handle().clone(),
            ordinary: ordinary.handle().clone(),
            operators: operators.handle().clone(),
        };
        Ok(Self { threads, runtimes: vec![bodies, ordinary, operators], large_requests })
    }

    /// The threads for large requests.
    pub(crate) fn large_requests(&self) -> LargeRequests {
        self.large_requests.clone()
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

impl Drop for Workers {
    fn drop(&mut self) {
        // Dropping a runtime waits for it, which a task must not.
        for runtime in self.runtimes.drain(..) {
            runtime.shutdown_background();
        }
    }
}

fn runtime(threads: usize, name: &str) -> Builder {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(threads).thread_name(name).enable_all();
    builder
}

/// Lowers the priority of the calling thread. Where that is not possible it stays as it is.
fn give_way() {
    let thread = rustix::thread::gettid();
    rustix::process::setpriority_process(Some(thread), GIVE_WAY).ok();
}

impl Worker {
    /// Starts one whose large transfers are paced by a thread of lower priority.
    fn start(number: usize, pacer: Handle) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (handle, wake_queue) = (runtime.handle().clone(), Arc::new(WakeQueue::default()));
        let (open, closed) = oneshot::channel();
        let drain = Arc::clone(&wake_queue).drain();
        let thread = std::thread::Builder::new().name(format!("serve-{number}")).spawn(move || {
            turn::set_pacer(pacer);
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
