//! Work that may hang, such as a look at a file system, waited for with a bound.
//! Never in it: tasks of a runtime, or what the work is.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// What comes of work in a thread of its own, if it ends in time. It is left behind otherwise.
pub(crate) fn within<T: Send + 'static>(
    name: &str,
    patience: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (done, heard) = mpsc::channel();
    let work = move || drop(done.send(work()));
    thread::Builder::new().name(name.to_owned()).spawn(work).ok()?;
    heard.recv_timeout(patience).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_hangs_is_given_up() {
        let (release, hang) = mpsc::channel::<()>();
        assert!(within("test", Duration::from_millis(10), move || hang.recv()).is_none());
        drop(release);
        assert_eq!(within("test", Duration::from_mins(10), || 7), Some(7));
    }
}
