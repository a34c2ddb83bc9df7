//! The real binary as a process: built once, started on a free port in a temporary directory, ended when dropped.
//! Never in it: expectations.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;

use serde_json::{Value, json};

use crate::http::{self, Response};
use crate::{mounts, wait};

/// The binary `onrecord`, built from this workspace in the profile of the tests.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.current_dir(&root).args([
            "build",
            "--quiet",
            "--locked",
            "-p",
            "onrecord-cli",
            "--message-format=json",
        ]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        let output = build.stderr(Stdio::inherit()).output().expect("cargo runs");
        assert!(output.status.success(), "the binary does not build");
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .find_map(|message| message["executable"].as_str().map(PathBuf::from))
            .expect("cargo names the executable")
    })
}

/// How a server is started.
#[derive(Debug, Default)]
pub struct Launch {
    args: Vec<String>,
    silent_stdout: bool,
    wrapper: Vec<String>,
    program: Option<PathBuf>,
}

impl Launch {
    /// `onrecord server` with these arguments.
    pub fn new(args: &[&str]) -> Self {
        Self { args: args.iter().map(|a| (*a).to_owned()).collect(), ..Self::default() }
    }

    /// A development server on a free port, with a known root token.
    pub fn dev(more: &[&str]) -> Self {
        let mut args =
            vec!["-dev", "-dev-listen-address=127.0.0.1:0", "-dev-root-token-id=root", "-dev-no-store-token"];
        args.extend(more);
        Self::new(&args)
    }

    /// Limits the size of its files in bytes, until [`Server::lift_file_limit`]: a disk that is soon full.
    #[must_use]
    pub fn with_file_limit(mut self, bytes: u64) -> Self {
        self.wrapper = vec!["prlimit".to_owned(), format!("--fsize={bytes}:unlimited")];
        self
    }

    /// Starts it in a [mount namespace](mounts) of its own, after a script of the shell that begins in `folder`.
    #[must_use]
    pub fn with_mounts(mut self, script: &str, folder: &Path) -> Self {
        self.wrapper = mounts::wrapper(script, folder);
        self
    }

    /// Starts another program than [`binary`], which takes the same command line.
    #[must_use]
    pub fn program(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// Stops reading the server's standard output once it has said its address.
    #[must_use]
    pub fn unread(mut self) -> Self {
        self.silent_stdout = true;
        self
    }

    /// Starts it and waits for its address.
    pub fn start(self) -> Server {
        let mut words = self.wrapper.clone();
        let program = self.program.unwrap_or_else(|| binary().to_owned());
        words.push(program.display().to_string());
        words.push("server".to_owned());
        words.extend(self.args);
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let (stderr, collector) = collect(child.stderr.take().expect("piped"));
        let unread = Arc::new(Mutex::new(None));
        let (said, stdout) = read_address(&mut child, self.silent_stdout.then(|| Arc::clone(&unread)));
        let Ok(addr) = said.recv_timeout(wait::TIMEOUT) else {
            drop(child.kill());
            drop(child.wait());
            panic!("the server said no address; its log: {}", stderr.lock().expect("no panic while held"));
        };
        let collector = Some(collector);
        Server { child, program, addr, token: String::new(), stdout, stderr, collector, unread }
    }
}

/// Collects all that a stream says, until its end.
fn collect(mut stream: impl Read + Send + 'static) -> (Arc<Mutex<String>>, JoinHandle<()>) {
    let text = Arc::new(Mutex::new(String::new()));
    let keep = Arc::clone(&text);
    let collector = std::thread::spawn(move || {
        let mut block = [0; 8192];
        while let Ok(count @ 1..) = stream.read(&mut block) {
            keep.lock().expect("no panic while held").push_str(&String::from_utf8_lossy(&block[..count]));
        }
    });
    (text, collector)
}

/// The server's standard output while it is not read.
type Unread = Arc<Mutex<Option<BufReader<ChildStdout>>>>;

/// Watches standard output for the line that names the listener, and keeps all of it.
fn read_address(child: &mut Child, unread: Option<Unread>) -> (Receiver<SocketAddr>, Arc<Mutex<String>>) {
    let (sender, said) = mpsc::channel();
    let text = Arc::new(Mutex::new(String::new()));
    let keep = Arc::clone(&text);
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    std::thread::spawn(move || {
        let mut line = String::new();
        while let Ok(1..) = stdout.read_line(&mut line) {
            if let Some(addr) = line.split("(addr: \"").nth(1).and_then(|rest| rest.split('"').next()) {
                // The path of a Unix socket is not one.
                addr.parse().ok().and_then(|addr| sender.send(addr).ok());
            }
            keep.lock().expect("no panic while held").push_str(&line);
            if let Some(unread) = unread.as_ref().filter(|_| line.contains("server started")) {
                *unread.lock().expect("no panic while held") = Some(stdout);
                return;
            }
            line.clear();
        }
    });
    (said, text)
}

/// A running server.
pub struct Server {
    child: Child,
    program: PathBuf,
    /// Where it listens.
    pub addr: SocketAddr,
    /// The token that [`Server::call`] sends.
    pub token: String,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    /// The thread that reads standard error, which ends with the process.
    collector: Option<JoinHandle<()>>,
    unread: Unread,
}

impl Server {
    /// A development server whose root token is `root`.
    pub fn dev(more: &[&str]) -> Self {
        let mut server = Launch::dev(more).start();
        "root".clone_into(&mut server.token);
        server
    }

    /// Initialises with one share and unseals; keeps the root token. Returns the share.
    pub fn open_up(&mut self) -> String {
        let answer = self.call("PUT", "sys/init", Some(json!({"secret_shares": 1, "secret_threshold": 1})));
        assert_eq!(answer.status, 200, "{}", answer.error());
        let answer = answer.json();
        answer["root_token"].as_str().expect("a root token").clone_into(&mut self.token);
        let key = answer["keys_base64"][0].as_str().expect("a share").to_owned();
        self.unseal(&key);
        key
    }

    /// Unseals with one share.
    pub fn unseal(&self, key: &str) {
        let answer = self.call("PUT", "sys/unseal", Some(json!({"key": key})));
        assert_eq!(
            (answer.status, answer.json()["sealed"].as_bool()),
            (200, Some(false)),
            "{}",
            answer.error()
        );
    }

    /// A request to the API with the server's token.
    pub fn call(&self, method: &str, path: &str, body: Option<Value>) -> Response {
        self.try_call(method, path, body).expect("the server answers")
    }

    /// As [`Server::call`], for a server that may be gone.
    pub fn try_call(&self, method: &str, path: &str, body: Option<Value>) -> std::io::Result<Response> {
        let body = body.map(|body| body.to_string().into_bytes());
        let headers = [("X-Vault-Token", self.token.as_str())];
        let headers = if self.token.is_empty() { &headers[..0] } else { &headers[..] };
        http::send(self.addr, method, &format!("/v1/{path}"), headers, body.as_deref())
    }

    /// Mounts a KV engine of this version at `kv/`.
    pub fn mount_kv(&self, version: u8) {
        let body = json!({"type": "kv", "options": {"version": version.to_string()}});
        let answer = self.call("POST", "sys/mounts/kv", Some(body));
        assert_eq!(answer.status, 204, "{}", answer.error());
    }

    /// Asks for an audit device.
    pub fn try_enable(&self, name: &str, kind: &str, options: &Value) -> Response {
        let body = json!({"type": kind, "options": options});
        self.call("PUT", &format!("sys/audit/{name}"), Some(body))
    }

    /// Enables an audit device.
    pub fn enable(&self, name: &str, kind: &str, options: &Value) {
        let answer = self.try_enable(name, kind, options);
        assert_eq!(answer.status, 204, "{}", answer.error());
    }

    /// Enables a file device.
    pub fn enable_file(&self, name: &str, path: &Path) {
        self.enable(name, "file", &json!({"file_path": path}));
    }

    /// Disables an audit device.
    pub fn disable(&self, name: &str) {
        let answer = self.call("DELETE", &format!("sys/audit/{name}"), None);
        assert_eq!(answer.status, 204, "{}", answer.error());
    }

    /// The table of audit devices.
    pub fn devices(&self) -> Value {
        self.call("GET", "sys/audit", None).json()["data"].clone()
    }

    /// How many requests have no answer yet, this one included.
    pub fn requests_in_flight(&self) -> u64 {
        let answer = self.call("GET", "sys/metrics?format=prometheus", None);
        let text = String::from_utf8(answer.body).expect("text");
        let figure = text.lines().find_map(|line| line.strip_prefix("onrecord_requests_in_flight "));
        figure.and_then(|figure| figure.parse().ok()).unwrap_or_else(|| panic!("a figure in {text}"))
    }

    /// What `sys/audit-status` says of a device.
    pub fn device(&self, path: &str) -> Value {
        self.call("GET", "sys/audit-status", None).json()["data"]["devices"][path].clone()
    }

    /// Runs the command line against this server.
    pub fn cli(&self, args: &[&str]) -> Output {
        self.cli_with(args, &[])
    }

    /// As [`Server::cli`], with more environment.
    pub fn cli_with(&self, args: &[&str], env: &[(&str, &str)]) -> Output {
        let home = tempfile::tempdir().expect("a home");
        Command::new(&self.program)
            .args(args)
            .env_clear()
            .env("HOME", home.path())
            .env("VAULT_ADDR", format!("http://{}", self.addr))
            .env("VAULT_TOKEN", &self.token)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .output()
            .expect("the command line runs")
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the process is there");
    }

    /// Lets it end by a signal of which the kernel makes a core dump, and waits for its end.
    pub fn crash(&mut self, signal: rustix::process::Signal) -> std::process::ExitStatus {
        self.signal(signal);
        self.child.wait().expect("it ends")
    }

    /// Kills it (SIGKILL) and waits for its end.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        self.wait_for_end();
    }

    /// Asks it to stop (SIGTERM) and waits for its end. Returns whether it ended well.
    pub fn stop(&mut self) -> bool {
        self.signal(rustix::process::Signal::TERM);
        self.wait_for_end()
    }

    /// After this, [`Server::stderr`] is its whole log.
    fn wait_for_end(&mut self) -> bool {
        let status = self.child.wait().expect("it ends");
        if let Some(collector) = self.collector.take() {
            collector.join().expect("no panic");
        }
        status.success()
    }

    /// Reads its standard output from now on, of a server that was [unread](Launch::unread).
    pub fn reads_stdout(&self) {
        if let Some(mut stdout) = self.unread.lock().expect("no panic while held").take() {
            let keep = Arc::clone(&self.stdout);
            std::thread::spawn(move || {
                let mut line = String::new();
                while let Ok(1..) = stdout.read_line(&mut line) {
                    keep.lock().expect("no panic while held").push_str(&line);
                    line.clear();
                }
            });
        }
    }

    /// Its log (standard error) so far. A line is written a moment after its event, by a thread for it: a test that expects
    /// one calls [`Server::wait_for_log`], and a test that expects none looks after a later line or the server's end.
    pub fn stderr(&self) -> String {
        self.stderr.lock().expect("no panic while held").clone()
    }

    /// Waits until its log contains this text, and returns the log so far.
    pub fn wait_for_log(&self, text: &str) -> String {
        self.eventually(text, || self.stderr().contains(text));
        self.stderr()
    }

    /// Waits until a condition holds; if it never does, the test fails with the server's log.
    pub fn eventually(&self, what: &str, condition: impl FnMut() -> bool) {
        assert!(wait::holds(condition), "timed out: {what}; the server's log: {}", self.stderr());
    }

    /// Sends SIGHUP and waits until the log has this message once more.
    pub fn hang_up(&self, message: &str) {
        let before = self.stderr().matches(message).count();
        self.signal(rustix::process::Signal::HUP);
        self.eventually(message, || self.stderr().matches(message).count() > before);
    }

    /// Its resident memory.
    pub fn memory_kib(&self) -> u64 {
        self.status_kib("VmRSS:")
    }

    /// The most that its resident memory ever was.
    pub fn peak_memory_kib(&self) -> u64 {
        self.status_kib("VmHWM:")
    }

    fn status_kib(&self, name: &str) -> u64 {
        status_kib(&self.pid().to_string(), name).expect("the process is there, with a figure")
    }

    /// Lifts the limit of the size of its files, which a [launch](Launch::with_file_limit) has set.
    pub fn lift_file_limit(&self) {
        let pid = self.pid().to_string();
        let done = Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:unlimited"]).status();
        assert!(done.expect("prlimit runs").success());
    }

    /// What it said on standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.lock().expect("no panic while held").clone()
    }
}

/// A figure in KiB, such as `VmRSS:`, of a process: its id, or `self`. `None` once it has ended.
pub fn status_kib(process: &str, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let figure = status.lines().find_map(|line| line.strip_prefix(name))?;
    figure.trim().trim_end_matches(" kB").trim().parse().ok()
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
