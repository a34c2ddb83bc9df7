//! Ctrl-C during long work: the work ends early with what it has; a second one ends the process.
//! Never in it: the work.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

/// Exit code of work that was interrupted, as shells count it: 128 and the number of the signal.
pub(crate) const INTERRUPTED: u8 = 130;

static SEEN: AtomicBool = AtomicBool::new(false);
static WATCH: OnceLock<()> = OnceLock::new();

/// Takes the signal from now on. If that cannot be done, the signal ends the process as ever.
pub(crate) fn watch() {
    WATCH.get_or_init(|| {
        let Ok(runtime) = runtime::Builder::new_current_thread().enable_io().build() else { return };
        let taken = runtime.block_on(async { signal(SignalKind::interrupt()) });
        let Ok(mut interrupts) = taken else { return };
        let wait = move || {
            runtime.block_on(async {
                while interrupts.recv().await.is_some() {
                    if SEEN.swap(true, Ordering::Relaxed) {
                        std::process::exit(i32::from(INTERRUPTED));
                    }
                }
            });
        };
        // Without the thread the signal is lost: nothing else to be done where no thread can be made.
        drop(std::thread::Builder::new().name("ctrl-c".to_owned()).spawn(wait));
    });
}

/// Whether Ctrl-C was pressed.
pub(crate) fn seen() -> bool {
    SEEN.load(Ordering::Relaxed)
}
