//! A queue of wake-ups from other threads to the tasks of one thread's runtime. An audit device finishes a whole batch of
//! requests at once; waking the thread once for each of them would cost more than their work, so it is woken once for all.
//! Never in it: what is woken, or when a thread sleeps.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

thread_local! {
    /// The address of the queue that this thread drains; 0 if it drains none.
    static CURRENT: Cell<usize> = const { Cell::new(0) };
}

#[derive(Default)]
pub(crate) struct WakeQueue {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waker>,
    /// Wakes the task that drains the queue.
    drainer: Option<Waker>,
}

impl WakeQueue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn address(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Adds a wake-up. The first one wakes the drainer, which takes all that have arrived by the time it runs.
    fn push(&self, waker: Waker) {
        let drainer = {
            let mut state = self.state();
            state.waiting.push(waker);
            if state.waiting.len() == 1 { state.drainer.take() } else { None }
        };
        if let Some(drainer) = drainer {
            drainer.wake();
        }
    }

    /// A future that never ends and wakes the queued tasks, on the thread that polls it.
    pub(crate) fn drain(self: Arc<Self>) -> impl Future<Output = ()> + Unpin {
        let mut taken = Vec::new();
        poll_fn(move |context| {
            CURRENT.set(self.address());
            let mut state = self.state();
            state.drainer = Some(context.waker().clone());
            std::mem::swap(&mut state.waiting, &mut taken);
            drop(state);
            taken.drain(..).for_each(Waker::wake);
            Poll::Pending
        })
    }

    /// Runs a task whose wake-ups from other threads go through this queue.
    pub(crate) async fn run<T>(self: Arc<Self>, task: impl Future<Output = T>) -> T {
        let mut task = pin!(task);
        // The task's own waker, and the forwarding one that the task sees.
        let mut wakers: Option<(Waker, Waker)> = None;
        poll_fn(move |context| {
            let known = wakers.take().filter(|(own, _)| own.will_wake(context.waker()));
            let (_, out) = wakers.insert(known.unwrap_or_else(|| {
                let own = context.waker().clone();
                let forwarding = ForwardingWaker { queue: Arc::clone(&self), task: own.clone() };
                (own, Waker::from(Arc::new(forwarding)))
            }));
            task.as_mut().poll(&mut Context::from_waker(out))
        })
        .await
    }
}

/// The waker of a task that lives on one thread: from another thread it goes through the queue.
struct ForwardingWaker {
    queue: Arc<WakeQueue>,
    task: Waker,
}

impl Wake for ForwardingWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if CURRENT.get() == self.queue.address() {
            self.task.wake_by_ref();
        } else {
            self.queue.push(self.task.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    /// A waker that counts.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Count {
        fn get(&self) -> usize {
            self.0.load(Ordering::SeqCst)
        }
    }

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The waker that a task which never ends sees.
    fn waker_of(queue: &Arc<WakeQueue>, own: &Waker) -> Waker {
        let handed = Arc::new(Mutex::new(None));
        let to = Arc::clone(&handed);
        let task = pin!(Arc::clone(queue).run(poll_fn(move |context| {
            *to.lock().unwrap() = Some(context.waker().clone());
            Poll::<()>::Pending
        })));
        assert!(task.poll(&mut Context::from_waker(own)).is_pending());
        handed.lock().unwrap().take().unwrap()
    }

    #[test]
    fn wake_ups_from_another_thread_wake_the_drainer_once_and_the_tasks_when_it_runs() {
        let queue = Arc::new(WakeQueue::default());
        let (drainer, tasks) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let (drainer_waker, own) = (Waker::from(Arc::clone(&drainer)), Waker::from(Arc::clone(&tasks)));
        let mut drain = Arc::clone(&queue).drain();
        let mut turn =
            || assert!(Pin::new(&mut drain).poll(&mut Context::from_waker(&drainer_waker)).is_pending());
        turn();
        let (one, two) = (waker_of(&queue, &own), waker_of(&queue, &own));
        for round in 1..3 {
            let wakers = [one.clone(), two.clone(), one.clone()];
            thread::spawn(move || wakers.into_iter().for_each(Waker::wake)).join().unwrap();
            assert_eq!((drainer.get(), tasks.get()), (round, 4 * (round - 1)));
            turn();
            assert_eq!((drainer.get(), tasks.get()), (round, 4 * round - 1));
            // A wake-up on the thread itself does not go through the queue.
            one.wake_by_ref();
            assert_eq!((drainer.get(), tasks.get()), (round, 4 * round));
        }
    }

    #[test]
    fn wake_ups_before_the_first_drain_are_not_lost() {
        let queue = Arc::new(WakeQueue::default());
        let tasks = Arc::new(Count::default());
        let waker = waker_of(&queue, &Waker::from(Arc::clone(&tasks)));
        waker.wake();
        assert_eq!(tasks.get(), 0);
        let mut drain = Arc::clone(&queue).drain();
        assert!(Pin::new(&mut drain).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(tasks.get(), 1);
    }
}
