//! An error of an option, a flag or an address names it, its value, what is accepted and what to do, beside the text that
//! clients know.
//! Never in it: the texts of the API (`e2e`), and every value of every option (`e2e/option_matrix`).

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use onrecord_e2e::place::Place;
use onrecord_e2e::process::Server;
use onrecord_e2e::shell::Shell;

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("certificates").join(name)
}

/// A server whose only listener speaks TLS.
fn tls_server(place: &Place) -> Server {
    let config = format!(
        "storage \"inmem\" {{}}\ndisable_mlock = true\nlistener \"tcp\" {{\n  address = \"127.0.0.1:0\"\n  tls_cert_file = \"{}\"\n  tls_key_file = \"{}\"\n}}\n",
        certificate("server.pem").display(),
        certificate("server.key").display()
    );
    fs::write(place.config(), config).expect("a file");
    place.start()
}

/// All that a server answers to these bytes.
fn answer_to(addr: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(addr).expect("a connection");
    stream.write_all(bytes).expect("sent");
    stream.shutdown(Shutdown::Write).expect("the end is sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn plain_http_to_a_listener_with_tls_is_told_to_use_https() {
    let place = Place::new();
    let server = tls_server(&place);
    let told = "\r\n\r\nClient sent an HTTP request to an HTTPS server.\nUse https:// in the address.\n";
    for bytes in [
        "GET /v1/sys/health HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        // A body that the server does not read must not lose the answer.
        format!(
            "PUT /v1/secret/a HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n{}",
            "x".repeat(30_000)
        ),
        "G".to_owned(),
    ] {
        let answer = answer_to(server.addr, bytes.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n") && answer.ends_with(told), "{answer}");
    }
    // What is neither HTTP nor TLS gets no such answer.
    assert!(!answer_to(server.addr, b"\x00\x01").contains("HTTP"));
    let addr = server.addr;
    let advice = format!(
        "The server at {addr} uses TLS. Use https: set VAULT_ADDR=https://{addr}, or give -address=https://{addr}."
    );
    let shell = Shell::new().with("VAULT_ADDR", &format!("http://{addr}"));
    for (code, line) in
        [(1, "onrecord status"), (2, "onrecord kv get secret/a"), (2, "vault read sys/mounts")]
    {
        let output = shell.refuses(code, line);
        assert!(output.contains("Client sent an HTTP request to an HTTPS server."), "{output}");
        assert!(output.ends_with(&format!("\n\n{advice}\n")), "{output}");
    }
}

#[test]
fn tls_to_a_listener_without_it_is_told_to_use_http() {
    let server = Server::dev(&["-dev-audit=off"]);
    let addr = server.addr;
    let advice = format!(
        "The server at {addr} does not use TLS. Use http: set VAULT_ADDR=http://{addr}, or give -address=http://{addr}."
    );
    let shell = Shell::new().with("VAULT_ADDR", &format!("https://{addr}"));
    for (code, line) in
        [(1, "onrecord status"), (2, "onrecord audit list"), (2, "onrecord kv put secret/a b=c")]
    {
        let output = shell.refuses(code, line);
        assert!(output.contains("http: server gave HTTP response to HTTPS client"), "{output}");
        assert!(output.ends_with(&format!("\n\n{advice}\n")), "{output}");
    }
    let hello = [22, 3, 1, 0, 5, 1, 0, 0, 1, 3];
    assert!(answer_to(addr, &hello).starts_with("HTTP/1.1 400 "), "a client of TLS sees that this is HTTP");
}

#[test]
fn kv_at_a_path_without_a_mount_names_those_that_there_are() {
    let server = Server::dev(&["-dev-audit=off"]);
    let shell = Shell::of(&server);
    shell.does("onrecord secrets enable -path=team/kv kv");
    let ours = |path: &str, mounts: &str| {
        format!(
            "\n\nNo secrets engine that this token may use is mounted at \"{path}\".{mounts} \"secrets list\" lists all mounts.\n"
        )
    };
    let mounts = " It may use the key/value engines at secret/, team/kv/.";
    for line in [
        "kv get sceret/app",
        "kv put sceret/app a=b",
        "kv patch sceret/app a=b",
        "kv delete sceret/app",
        "kv list sceret/app",
        "kv metadata get sceret/app",
        "kv metadata delete sceret/app",
        "kv destroy -versions=1 sceret/app",
        "kv undelete -versions=1 sceret/app",
        "kv rollback -version=1 sceret/app",
    ] {
        let output = shell.refuses(2, &format!("onrecord {line}"));
        assert!(output.contains("* preflight capability check returned 403, "), "{line}: {output}");
        assert!(output.ends_with(&ours("sceret/app", mounts)), "{line}: {output}");
    }
    let output = shell.refuses(2, "onrecord kv put -mount=sceret app a=b");
    assert!(output.ends_with(&ours("sceret", mounts)), "{output}");
    // A token sees only what it may use.
    shell.does("printf 'path \"team/kv/*\" { capabilities = [\"read\"] }' | onrecord policy write team -");
    let token = shell.does("onrecord token create -policy=team -field=token");
    let shell = shell.with("VAULT_TOKEN", token.trim());
    let output = shell.refuses(2, "onrecord kv get sceret/app");
    assert!(
        output.ends_with(&ours("sceret/app", " It may use the key/value engines at team/kv/.")),
        "{output}"
    );
    // Where nothing is mounted, a write says so.
    let output = Shell::of(&server).refuses(2, "onrecord write sceret/app a=b");
    assert!(
        output.ends_with("\n\nNothing is mounted at this path. \"secrets list\" lists the mounts.\n"),
        "{output}"
    );
}

#[test]
fn the_command_line_says_what_is_accepted_where_the_api_does_not() {
    let place = Place::new();
    let server = Server::dev(&["-dev-audit=off"]);
    let shell = Shell::of(&server);
    let policy = |text: &str| {
        let path = place.path("policy.hcl");
        fs::write(&path, text).expect("a file");
        format!("policy write p {}", path.display())
    };
    let log = place.path("a.log").display().to_string();
    let cases = [
        (
            "audit enable flie file_path=x".to_owned(),
            "unknown type \"flie\": the types of audit devices are file, socket, syslog (did you mean \"file\"?)",
        ),
        (
            format!("audit enable file fil_path={log}"),
            "unknown option \"fil_path\": did you mean \"file_path\"?",
        ),
        ("audit enable file".to_owned(), "a file device needs file_path: Path of the file; "),
        (
            "audit enable socket".to_owned(),
            "a socket device needs address: Where the peer listens: host:port",
        ),
        (
            format!("audit enable file file_path={log} log_raw=maybe"),
            "log_raw=\"maybe\": it must be true or false",
        ),
        ("audit hash nosuch x".to_owned(), "\"audit list\" lists the audit devices."),
        ("audit hash -salt=zz x".to_owned(), "\"audit salts\" lists the ids of salts."),
        ("secrets enable nosuch".to_owned(), "\"plugin list\" lists the secrets engines and login methods"),
        ("secrets enable -version=7 kv".to_owned(), "Accepted: 1 or 2."),
        ("secrets enable -local=maybe kv".to_owned(), "Accepted: true or false, as in -local=true."),
        ("token create -type=foo".to_owned(), "Accepted: service or batch."),
        (
            "kv put -cas=7 secret/app a=b".to_owned(),
            "must be the current version, or 0 if the secret does not exist",
        ),
        ("write sys/mounts/kk type=kv local=maybe".to_owned(), "Accepted: true or false (also 1, 0, t, f)."),
        (
            "write sys/mounts/secret/tune max_lease_ttl=5x".to_owned(),
            "Accepted: seconds, or a number with a unit, ",
        ),
        ("write auth/token/create num_uses=x".to_owned(), "Accepted: a whole number"),
        ("audit list -format=jsn".to_owned(), "Accepted: table, json or yaml."),
        (
            policy("path \"x\" {\n capabilites = [\"read\"]\n}"),
            "invalid key \"capabilites\" on line 2 (did you mean \"capabilities\"?)",
        ),
    ];
    for (line, ours) in cases {
        let ran = shell.run(&format!("onrecord {line}"));
        assert_ne!(ran.code, Some(0), "{line}: {}", ran.stdout);
        assert!(ran.stderr.contains(ours), "{line}: nothing of {ours:?} in {}", ran.stderr);
    }
    let output =
        shell.refuses(2, &format!("onrecord {}", policy("path \"x\" { capabilities = [\"raed\"] }")));
    for part in [
        "* failed to parse policy: path \"x\": invalid capability \"raed\"",
        "\n\ninvalid capability \"raed\" (did you mean \"read\"?)\nAccepted: create, delete, deny, list, ",
    ] {
        assert!(output.contains(part), "nothing of {part:?} in {output}");
    }
    assert_eq!(server.devices(), serde_json::json!({}), "nothing was enabled");
}

#[test]
fn a_misspelt_environment_variable_is_named_and_another_seal_refuses_the_start() {
    let server = Server::dev(&["-dev-audit=off"]);
    let shell = Shell::of(&server).with("ONRECORD_TOKNE", "a-secret");
    let ran = shell.run("onrecord secrets list").exits(0);
    let warning =
        "WARNING! The environment variable ONRECORD_TOKNE has no effect: did you mean ONRECORD_TOKEN?\n\n";
    assert_eq!(ran.stderr, warning, "its value is not shown");
    let output = Shell::new().with("VAULT_SEAL_TYPE", "awskms").refuses(1, "onrecord server -dev");
    assert!(output.starts_with("VAULT_SEAL_TYPE=\"awskms\": there is \"shamir\" only"), "{output}");
}
