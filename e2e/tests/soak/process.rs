//! The peer of a socket device as a process, which can be stopped and killed: this test's own program, started once more.
//! Never in it: what the lines say.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use onrecord_e2e::wait;
use rustix::process::{Pid, Signal, kill_process};

/// Where the process keeps what it reads, how the files' names begin, and where it listens.
const VARIABLES: [&str; 3] = ["SOAK_PROCESS_DIR", "SOAK_PROCESS_NAME", "SOAK_PROCESS_ADDRESS"];

/// A process that keeps what it reads.
pub struct Process {
    pub address: String,
    dir: PathBuf,
    /// `None` while it does not run.
    child: Option<Child>,
    lives: u64,
    stopped: bool,
}

impl Process {
    pub fn start(dir: &Path) -> Self {
        let mut process = Self {
            // No client's port is at this address, so it is free when the process starts again.
            address: "127.0.0.2:0".to_owned(),
            dir: dir.to_owned(),
            child: None,
            lives: 0,
            stopped: false,
        };
        process.live();
        process
    }

    /// Starts it, if it does not run, at the address it had.
    fn live(&mut self) {
        if self.child.is_some() {
            return;
        }
        self.lives += 1;
        let name = format!("process.log.{}", self.lives);
        let child = Command::new(std::env::current_exe().expect("this program"))
            .args(["the_peer_as_a_process", "--exact", "--ignored"])
            .envs(VARIABLES.iter().zip([self.dir.as_os_str(), name.as_ref(), self.address.as_ref()]))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("this program starts");
        self.child = Some(child);
        let address_file = self.dir.join(format!("{name}.address"));
        wait::eventually("the peer listens", || address_file.exists());
        self.address = std::fs::read_to_string(&address_file).expect("an address");
        std::fs::remove_file(address_file).expect("removed");
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            kill_process(Pid::from_child(child), signal).expect("the process is there");
        }
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.kill());
            drop(child.wait());
        }
        self.stopped = false;
    }

    /// What the plan's number says is done to it.
    pub fn take(&mut self, detail: u64) -> &'static str {
        match (&self.child, self.stopped) {
            (None, _) => {
                self.live();
                "process started"
            }
            (Some(_), true) if detail.is_multiple_of(2) => {
                self.go_on();
                "process went on"
            }
            (Some(_), false) if detail.is_multiple_of(2) => {
                self.signal(Signal::STOP);
                self.stopped = true;
                "process stopped"
            }
            (Some(_), _) => {
                self.kill();
                "process killed"
            }
        }
    }

    /// It is there and reads.
    pub fn go_on(&mut self) {
        self.signal(Signal::CONT);
        self.stopped = false;
        self.live();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What the process does: listens, and keeps what comes, a file a connection, until the process that started it has ended.
pub fn run() {
    let [Some(dir), Some(name), Some(address)] = VARIABLES.map(std::env::var_os) else { return };
    let (dir, name) = (PathBuf::from(dir), name.to_string_lossy().into_owned());
    let listener = TcpListener::bind(address.to_string_lossy().as_ref()).expect("the address");
    let address_file = dir.join(format!("{name}.writing"));
    std::fs::write(&address_file, listener.local_addr().expect("an address").to_string()).expect("written");
    std::fs::rename(&address_file, dir.join(format!("{name}.address"))).expect("a rename");
    let accept = move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(stream) = stream else { continue };
            let path = dir.join(format!("{name}-{number}"));
            std::thread::spawn(move || keep(stream, &path));
        }
    };
    std::thread::spawn(accept);
    // Ends when the other end of the pipe does.
    drop(std::io::stdin().read(&mut [0]));
}

fn keep(mut stream: TcpStream, path: &Path) {
    let mut file = File::create(path).expect("a file");
    let mut block = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut block) {
        file.write_all(&block[..count]).expect("written");
    }
}
