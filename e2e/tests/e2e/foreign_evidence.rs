//! Tools that nobody here wrote agree on the tree of an audit log: the packages of the Go checksum database, the checker of
//! tlog-tiles logs, and a witness. `.ci/clients` installs them.
//! Never in it: code of the server's own verification.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use onrecord_e2e::clients;
use onrecord_e2e::load::{self, Load};
use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::wait;
use rustix::process::Signal;

/// A tool that `.ci/clients` built; `None`, after a notice, where it did not.
fn tool(name: &str) -> Option<PathBuf> {
    clients::installed(&format!("bin/{name}"))
}

/// What a tool said on both streams.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The logs of a server that was killed twice under load while its log was rotated, in the order in which they were written; and
/// the key to check them with.
struct Written {
    place: Place,
    logs: Vec<PathBuf>,
    key: String,
}

impl Written {
    fn under_load_with_rotations_and_kills() -> Self {
        let place = Place::new();
        let mut server = place.embedded("");
        let unseal_key = server.open_up();
        let token = server.token.clone();
        let log = place.path("audit.log");
        server.enable_file("file", &log);
        let mut logs = Vec::new();
        for life in 0..3 {
            let load = Load::begin(&server, 2, load::reads);
            for turn in 0..2 {
                let rotated = place.path(format!("audit.log.{life}{turn}"));
                server.eventually("entries come", || log::lines(&log).len() > 300);
                std::fs::rename(&log, &rotated).expect("a rename");
                server.signal(Signal::HUP);
                server.eventually("the file is made again", || log.exists());
                logs.push(rotated);
            }
            server.eventually("entries come", || log::lines(&log).len() > 100);
            if life < 2 {
                server.kill();
                drop(load);
                server = place.restart(&unseal_key, token.clone());
            } else {
                assert!(!load.end().all_answered().is_empty());
            }
        }
        logs.push(log);
        let key = verifier_key(&server);
        assert!(server.stop(), "it stops well");
        Self { place, logs, key }
    }

    fn folder(&self) -> PathBuf {
        self.place.path("audit.log.tlog")
    }

    fn checkpoint(&self) -> PathBuf {
        self.folder().join("checkpoint")
    }

    fn key_file(&self) -> PathBuf {
        let file = self.place.path("verifier.key");
        std::fs::write(&file, &self.key).expect("written");
        file
    }
}

/// The key of the only device.
fn verifier_key(server: &Server) -> String {
    let answer = server.call("GET", "sys/audit-log/keys", None).json();
    answer["data"]["keys"][0]["verifier_key"]
        .as_str()
        .unwrap_or_else(|| panic!("a key in {answer}"))
        .to_owned()
}

#[test]
fn the_go_checksum_database_s_packages_find_each_line_in_the_tree() {
    let Some(check) = tool("evidence-check") else { return };
    let written = Written::under_load_with_rotations_and_kills();
    let run = |old: &Path| {
        Command::new(&check)
            .args(["check".as_ref(), written.folder().as_os_str(), written.key.as_ref(), old.as_os_str()])
            .args(&written.logs)
            .output()
            .expect("it runs")
    };
    let output = run(&written.checkpoint());
    assert!(output.status.success(), "{}", said(&output));
    let lines: usize = written.logs.iter().map(|log| log::lines(log).len()).sum();
    assert_eq!(said(&output), format!("{lines} entries, {lines} lines\n"));

    // One letter of one line.
    let mut text = std::fs::read(&written.logs[1]).expect("readable");
    let middle = text.len() / 2;
    text[middle] ^= 1;
    std::fs::write(&written.logs[1], &text).expect("written");
    let output = run(Path::new("-"));
    assert!(!output.status.success() && said(&output).contains("is not entry"), "{}", said(&output));
}

#[test]
fn the_checker_of_tiled_logs_accepts_the_tree_and_finds_a_changed_tile() {
    let Some(fsck) = tool("fsck") else { return };
    let written = Written::under_load_with_rotations_and_kills();
    let run = || {
        let url = format!("file://{}", written.folder().display());
        Command::new(&fsck)
            // With a single worker it waits for ever after a tile that is wrong.
            .args(["-ui=false", "-v=1", "-N=4", "-storage_url", &url, "-public_key"])
            .arg(written.key_file())
            .output()
            .expect("it runs")
    };
    let good = said(&run());
    let is_good = !good.contains("fsck failed") && !good.contains("Invalid");
    assert!(is_good && good.contains("Completed ranges"), "{good}");

    let tile = written.folder().join("tile/0/000");
    let mut bytes = std::fs::read(&tile).expect("readable");
    bytes[77] ^= 1;
    std::fs::write(&tile, bytes).expect("written");
    let bad = said(&run());
    assert!(bad.contains("fsck failed") && bad.contains("Invalid"), "{bad}");
}

#[test]
fn openssl_verifies_the_time_stamp_of_an_anchored_checkpoint() {
    let place = Place::new();
    let mut server = place.embedded("");
    server.open_up();
    let log = place.path("audit.log");
    server.enable_file("file", &log);
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
    assert!(server.stop(), "it stops well");

    let (query, reply) = (place.path("anchor.tsq"), place.path("anchor.tsr"));
    let output = Command::new(onrecord_e2e::process::binary())
        .args(["log", "anchor", &format!("-rfc3161={}", query.display())])
        .arg(&log)
        .output()
        .expect("it runs");
    assert!(output.status.success(), "{}", said(&output));
    let checkpoint = place.path("audit.log.tlog/checkpoint");
    assert_eq!(output.stdout, std::fs::read(&checkpoint).expect("readable"));

    time_stamp_authority(&place);
    let openssl = |args: &[&str]| {
        let output =
            Command::new("openssl").args(args).current_dir(place.dir()).output().expect("openssl runs");
        (output.status.success(), said(&output))
    };
    let (query, reply) = (query.display().to_string(), reply.display().to_string());
    let (done, text) = openssl(&["ts", "-reply", "-config", "tsa.cnf", "-queryfile", &query, "-out", &reply]);
    assert!(done, "{text}");
    let data = checkpoint.display().to_string();
    let verify = ["ts", "-verify", "-data", &data, "-in", &reply, "-CAfile", "tsa.pem"];
    let (done, text) = openssl(&verify);
    assert!(done && text.contains("Verification: OK"), "{text}");

    let mut changed = std::fs::read(&checkpoint).expect("readable");
    changed[0] ^= 1;
    std::fs::write(&checkpoint, changed).expect("written");
    assert!(!openssl(&verify).0, "another checkpoint was not stamped");
}

/// Makes a time-stamp authority: a key, a certificate for time stamps alone, and its configuration.
fn time_stamp_authority(place: &Place) {
    let config = "[tsa]\ndefault_tsa = tsa_config\n[tsa_config]\nserial = ./serial\nsigner_cert = ./tsa.pem\nsigner_key = ./tsa.key\n\
        signer_digest = sha256\ndefault_policy = 1.2.3.4\ndigests = sha256\ness_cert_id_alg = sha256\naccuracy = secs:1\n";
    std::fs::write(place.path("tsa.cnf"), config).expect("written");
    std::fs::write(place.path("serial"), "01\n").expect("written");
    let output = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.pem",
            "-days", "2",
        ])
        .args(["-subj", "/CN=time.example", "-addext", "extendedKeyUsage=critical,timeStamping"])
        .current_dir(place.dir())
        .output()
        .expect("openssl runs");
    assert!(output.status.success(), "{}", said(&output));
}

/// A program of a test, which ends with it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A litewitness with a key in an agent of its own.
struct Witness {
    url: String,
    verifier_key: String,
    database: PathBuf,
    _processes: [Running; 2],
}

impl Witness {
    fn start(program: &Path, folder: &Path) -> Self {
        let run = |name: &str, args: &[&str]| {
            let output = Command::new(name).args(args).env("SSH_AUTH_SOCK", folder.join("agent")).output();
            let output = output.expect("it runs");
            assert!(output.status.success(), "{name}: {}", said(&output));
            String::from_utf8(output.stdout).expect("text")
        };
        let (key, socket) = (folder.join("key").display().to_string(), folder.join("agent"));
        run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", &key]);
        let mut agent = Command::new("ssh-agent");
        let agent = agent.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().expect("it starts");
        let agent = Running(agent);
        wait::eventually("the agent listens", || socket.exists());
        run("ssh-add", &["-q", &key]);
        let printed = run("ssh-keygen", &["-l", "-f", &format!("{key}.pub")]);
        let fingerprint = printed.split(' ').nth(1).expect("a fingerprint").to_owned();
        // It cannot be told to choose one itself.
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr());
        let address = free.expect("a free port").to_string();
        let database = folder.join("witness.db");
        let mut program = Command::new(program);
        program.args([
            "-name",
            "witness.example/w1",
            "-key",
            &fingerprint,
            "-listen",
            &address,
            "-ssh-agent",
        ]);
        program.arg(&socket).arg("-db").arg(&database).stderr(Stdio::piped());
        let mut witness = program.spawn().expect("it starts");
        let mut log = BufReader::new(witness.stderr.take().expect("piped"));
        let witness = Running(witness);
        let mut line = String::new();
        let verifier_key = loop {
            line.clear();
            assert!(log.read_line(&mut line).expect("readable") > 0, "it ended");
            if let Some((_, key)) = line.trim().split_once("vkey=") {
                break key.to_owned();
            }
        };
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Self { url: format!("http://{address}"), verifier_key, database, _processes: [agent, witness] }
    }
}

#[test]
fn a_witness_cosigns_each_log_and_refuses_one_that_was_rolled_back() {
    let (Some(litewitness), Some(check)) = (tool("litewitness"), tool("evidence-check")) else { return };
    let place = Place::new();
    let witness = Witness::start(&litewitness, &place.folder("witness"));
    let mut server = place.embedded(&format!(
        "audit {{\n  origin = \"example.com/test\"\n  witness \"w1\" {{\n    url = \"{}\"\n    verifier_key = \"{}\"\n  }}\n}}",
        witness.url, witness.verifier_key
    ));
    let unseal_key = server.open_up();
    let token = server.token.clone();
    let log = place.path("audit.log");
    server.enable_file("file", &log);
    let key = verifier_key(&server);
    let added = Command::new(&check)
        .arg("add-log")
        .arg(&witness.database)
        .args(["example.com/test/file", &key])
        .output();
    let added = added.expect("it runs");
    assert!(added.status.success(), "{}", said(&added));

    let of_witness = |server: &Server| server.device("file/")["evidence"]["witnesses"]["w1"].clone();
    let cosigned = |server: &Server| of_witness(server)["size"].as_u64().unwrap_or(0);
    server.eventually("the witness cosigns", || cosigned(&server) > 0);
    assert!(server.stop(), "it stops well");
    let folder = place.path("audit.log.tlog");
    let verify = |since: &Path| {
        Command::new(onrecord_e2e::process::binary())
            .args(["log", "verify", &format!("-key={key}"), &format!("-witness={}", witness.verifier_key)])
            .arg(format!("-since={}", since.display()))
            .arg(&log)
            .output()
            .expect("it runs")
    };
    let output = verify(&folder.join("cosigned.w1"));
    assert!(output.status.success(), "{}", said(&output));

    // What an attacker puts back later: the log, its tree, and all that the witness has signed until now.
    let old_length = std::fs::metadata(&log).expect("a log").len();
    let old = place.path("old.tlog");
    copy_folder(&folder, &old);
    let before = u64::try_from(log::lines(&log).len()).expect("a count");
    server = place.restart(&unseal_key, token.clone());
    server.eventually("the witness cosigns more", || {
        assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
        cosigned(&server) > before
    });
    assert!(server.stop(), "it stops well");
    let kept = place.path("kept-elsewhere");
    std::fs::copy(folder.join("cosigned.w1"), &kept).expect("copied");
    std::fs::File::options().write(true).open(&log).and_then(|log| log.set_len(old_length)).expect("cut");
    std::fs::remove_dir_all(&folder).expect("removed");
    copy_folder(&old, &folder);
    let output = verify(&kept);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));

    server = place.restart(&unseal_key, token);
    assert_eq!(server.call("GET", "sys/mounts", None).status, 200);
    server.wait_for_log("A WITNESS REFUSES A CHECKPOINT");
    server.eventually("its state says so", || of_witness(&server)["contradiction"] == true);
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("readable") {
        let entry = entry.expect("readable");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).expect("copied");
        }
    }
}
