//! The real binary as a process: built once, started on a free port in a temporary directory, ended when dropped.
//! Never in it: expectations.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::http::{self, Response};

/// How long a test waits for a server to say its address. It only ends a hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// A log in which nothing came for so long has said what it had to say.
const QUIET: Duration = Duration::from_millis(100);

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

    /// Runs the server under another command, e.g. `prlimit --fsize=…`.
    #[must_use]
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|a| (*a).to_owned()).collect();
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
        let stderr = collect(child.stderr.take().expect("piped"));
        let unread = Arc::new(Mutex::new(None));
        let (said, stdout) = read_address(&mut child, self.silent_stdout.then(|| Arc::clone(&unread)));
        let Ok(addr) = said.recv_timeout(PATIENCE) else {
            drop(child.kill());
            drop(child.wait());
            panic!("the server said no address; its log: {}", stderr.lock().expect("no panic while held"));
        };
        Server { child, program, addr, token: String::new(), stdout, stderr, unread }
    }
}

/// Collects all that a stream says.
fn collect(mut stream: impl Read + Send + 'static) -> Arc<Mutex<String>> {
    let text = Arc::new(Mutex::new(String::new()));
    let keep = Arc::clone(&text);
    std::thread::spawn(move || {
        let mut block = [0; 8192];
        while let Ok(count @ 1..) = stream.read(&mut block) {
            keep.lock().expect("no panic while held").push_str(&String::from_utf8_lossy(&block[..count]));
        }
    });
    text
}

/// The server's standard output while nobody reads it.
type Unread = Arc<Mutex<Option<BufReader<ChildStdout>>>>;

/// Watches standard output for the line that names the listener, and keeps all of it.
fn read_address(child: &mut Child, unread: Option<Unread>) -> (Receiver<SocketAddr>, Arc<Mutex<String>>) {
    let (tell, said) = mpsc::channel();
    let text = Arc::new(Mutex::new(String::new()));
    let keep = Arc::clone(&text);
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    std::thread::spawn(move || {
        let mut line = String::new();
        while let Ok(1..) = stdout.read_line(&mut line) {
            if let Some(addr) = line.split("(addr: \"").nth(1).and_then(|rest| rest.split('"').next()) {
                tell.send(addr.parse().expect("an address")).ok();
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
    unread: Unread,
}

impl Server {
    /// A development server whose root token is `root`.
    pub fn dev(more: &[&str]) -> Self {
        let mut server = Launch::dev(more).start();
        "root".clone_into(&mut server.token);
        server
    }

    /// A server with this configuration, on a free port; not initialised.
    pub fn with_config(dir: &Path, config: &str) -> Self {
        Self::launch_config(dir, config, |launch| launch)
    }

    /// As [`Server::with_config`], with a say in how it is started.
    pub fn launch_config(dir: &Path, config: &str, how: impl FnOnce(Launch) -> Launch) -> Self {
        let file = Self::write_config(dir, config);
        how(Launch::new(&[&format!("-config={}", file.display())])).start()
    }

    /// Writes the configuration, for a server that is to be started or to read it again. Returns where it is.
    pub fn write_config(dir: &Path, config: &str) -> PathBuf {
        let file = dir.join("onrecord.hcl");
        let listener = "listener \"tcp\" {\n  address = \"127.0.0.1:0\"\n  tls_disable = true\n}\ndisable_mlock = true\n";
        std::fs::write(&file, format!("{listener}{config}\n")).expect("the configuration is written");
        file
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

    /// Enables a file device.
    pub fn enable_file(&self, name: &str, path: &Path) {
        let body = json!({"type": "file", "options": {"file_path": path}});
        let answer = self.call("PUT", &format!("sys/audit/{name}"), Some(body));
        assert_eq!(answer.status, 204, "{}", answer.error());
    }

    /// How many requests have no answer yet; the one that asks is among them.
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

    /// Kills it (SIGKILL) and waits for its end.
    pub fn kill(&mut self) {
        drop(self.child.kill());
        self.child.wait().expect("it ends");
    }

    /// Asks it to stop (SIGTERM) and waits for its end. Returns whether it ended well.
    pub fn stop(&mut self) -> bool {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().expect("it ends").success()
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

    /// What it said on standard error so far. A thread of the server's own writes its log, a moment after what it is about:
    /// so this waits until nothing more comes.
    pub fn stderr(&self) -> String {
        let said = || self.stderr.lock().expect("no panic while held").clone();
        let mut known = said();
        for _ in 0..20 {
            std::thread::sleep(QUIET);
            let now = said();
            if now.len() == known.len() {
                break;
            }
            known = now;
        }
        known
    }

    /// Waits until something is so. `patience` only ends a hang, with the server's log.
    pub fn eventually(&self, patience: Duration, what: &str, mut so: impl FnMut() -> bool) {
        let deadline = Instant::now() + patience;
        while !so() {
            assert!(Instant::now() < deadline, "{what}; the server's log: {}", self.stderr());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What it said on standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.lock().expect("no panic while held").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
