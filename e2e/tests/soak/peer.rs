//! The peer of a socket device: keeps what it reads, a file a connection; stops reading on command.
//! Never in it: what the lines say.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Whether a receiver has stopped reading.
#[derive(Default)]
struct Hangs {
    now: Mutex<bool>,
    changed: Condvar,
}

impl Hangs {
    /// Changes it; returns whether it hangs now.
    fn set(&self, change: impl FnOnce(bool) -> bool) -> bool {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = change(*now);
        self.changed.notify_all();
        *now
    }

    fn wait_for_end(&self) {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(now, |hangs| *hangs));
    }
}

/// A receiver.
pub struct Peer {
    pub address: String,
    hangs: Arc<Hangs>,
    streams: Arc<Mutex<Vec<TcpStream>>>,
}

impl Peer {
    /// Listens, and keeps what comes in files of this folder.
    pub fn start(dir: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let hangs = Arc::<Hangs>::default();
        let streams: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let (dir, hung, open) = (dir.to_owned(), Arc::clone(&hangs), Arc::clone(&streams));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { continue };
                if let Ok(other) = stream.try_clone() {
                    open.lock().unwrap_or_else(PoisonError::into_inner).push(other);
                }
                let (file, hung) = (dir.join(format!("peer.log.{number}")), Arc::clone(&hung));
                std::thread::spawn(move || keep(stream, file, &hung));
            }
        });
        Self { address, hangs, streams }
    }

    /// Stops reading, or reads again. Says whether it hangs now.
    pub fn turn(&self) -> bool {
        self.hangs.set(|hangs| !hangs)
    }

    /// Reads again.
    pub fn go_on(&self) {
        self.hangs.set(|_| false);
    }

    /// Ends all connections.
    pub fn cut(&self) {
        for stream in self.streams.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

fn keep(mut stream: TcpStream, path: PathBuf, hangs: &Hangs) {
    let mut file = File::create(path).expect("a file");
    let mut block = vec![0; 64 * 1024];
    loop {
        hangs.wait_for_end();
        match stream.read(&mut block) {
            Ok(count @ 1..) => file.write_all(&block[..count]).expect("written"),
            _ => return,
        }
    }
}
