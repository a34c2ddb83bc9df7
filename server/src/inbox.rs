//! Wake-ups that come to a thread's runtime from other threads, delivered together: an audit device tells a whole batch
//! of requests at once, and waking the thread once for each of them would cost more than their work.
//! Never in it: what is woken, or when a thread sleeps.

use std::cell::Cell;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

thread_local! {
    /// Which inbox is this thread's, by its address; 0 for none.
    static OWN: Cell<usize> = const { Cell::new(0) };
}

/// Wake-ups on their way to one thread.
#[derive(Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Waker>,
    /// The task of the thread's runtime that delivers.
    reader: Option<Waker>,
}

impl Inbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn address(self: &Arc<Self>) -> usize {
        Arc::as_ptr(self).addr()
    }

    /// Whoever finds the inbox empty wakes its reader: it then takes all that has come until it runs.
    fn post(&self, waker: Waker) {
        let reader = {
            let mut state = self.state();
            state.waiting.push(waker);
            if state.waiting.len() == 1 { state.reader.take() } else { None }
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Delivers for ever, on the thread that calls it first.
    pub(crate) fn deliver(self: Arc<Self>) -> Deliver {
        Deliver { inbox: self, taken: Vec::new() }
    }
}

/// Delivers to its own thread what others have posted.
pub(crate) struct Deliver {
    inbox: Arc<Inbox>,
    taken: Vec<Waker>,
}

impl Future for Deliver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { inbox, taken } = &mut *self;
        OWN.set(inbox.address());
        {
            let mut state = inbox.state();
            state.reader = Some(context.waker().clone());
            std::mem::swap(&mut state.waiting, taken);
        }
        taken.drain(..).for_each(Waker::wake);
        Poll::Pending
    }
}

/// A waker of a task that lives on one thread.
struct Letter {
    inbox: Arc<Inbox>,
    task: Waker,
}

impl Wake for Letter {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if OWN.get() == self.inbox.address() {
            self.task.wake_by_ref();
        } else {
            self.inbox.post(self.task.clone());
        }
    }
}

/// A task whose wake-ups go through its thread's inbox.
pub(crate) struct Delivered<F> {
    inbox: Arc<Inbox>,
    /// The task's own waker, and the one that is handed out for it.
    wakers: Option<(Waker, Waker)>,
    task: Pin<Box<F>>,
}

impl<F> Delivered<F> {
    /// Sends the wake-ups of a task through an inbox.
    pub(crate) fn new(inbox: Arc<Inbox>, task: F) -> Self {
        Self { inbox, wakers: None, task: Box::pin(task) }
    }
}

impl<F: Future> Future for Delivered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { inbox, wakers, task } = &mut *self;
        let known = wakers.take().filter(|(own, _)| own.will_wake(context.waker()));
        let (_, out) = wakers.insert(known.unwrap_or_else(|| {
            let own = context.waker().clone();
            let letter = Letter { inbox: Arc::clone(inbox), task: own.clone() };
            (own, Waker::from(Arc::new(letter)))
        }));
        task.as_mut().poll(&mut Context::from_waker(out))
    }
}

#[cfg(test)]
mod tests {
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

    /// A task that hands out its waker and never ends.
    fn waker_of(inbox: &Arc<Inbox>, own: &Waker) -> Waker {
        let handed = Arc::new(Mutex::new(None));
        let to = Arc::clone(&handed);
        let mut task = Delivered::new(
            Arc::clone(inbox),
            std::future::poll_fn(move |context| {
                *to.lock().unwrap() = Some(context.waker().clone());
                Poll::<()>::Pending
            }),
        );
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(own)).is_pending());
        handed.lock().unwrap().take().unwrap()
    }

    #[test]
    fn what_other_threads_wake_is_woken_here_and_the_thread_once() {
        let inbox = Arc::new(Inbox::default());
        let (reader, tasks) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let (reads, own) = (Waker::from(Arc::clone(&reader)), Waker::from(Arc::clone(&tasks)));
        let mut deliver = Arc::clone(&inbox).deliver();
        let mut turn = || assert!(Pin::new(&mut deliver).poll(&mut Context::from_waker(&reads)).is_pending());
        turn();
        let (one, two) = (waker_of(&inbox, &own), waker_of(&inbox, &own));
        for round in 1..3 {
            let wakers = [one.clone(), two.clone(), one.clone()];
            thread::spawn(move || wakers.into_iter().for_each(Waker::wake)).join().unwrap();
            assert_eq!((reader.get(), tasks.get()), (round, 4 * (round - 1)));
            turn();
            assert_eq!((reader.get(), tasks.get()), (round, 4 * round - 1));
            // On the thread itself there is nothing to collect.
            one.wake_by_ref();
            assert_eq!((reader.get(), tasks.get()), (round, 4 * round));
        }
    }

    #[test]
    fn what_was_woken_before_the_first_delivery_is_delivered_by_it() {
        let inbox = Arc::new(Inbox::default());
        let tasks = Arc::new(Count::default());
        let waker = waker_of(&inbox, &Waker::from(Arc::clone(&tasks)));
        waker.wake();
        assert_eq!(tasks.get(), 0);
        let mut deliver = Arc::clone(&inbox).deliver();
        assert!(Pin::new(&mut deliver).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(tasks.get(), 1);
    }
}
