//! Listeners with TLS: the command line trusts the certificates it is given, client certificates are on record, and certificates can be
//! exchanged while the server runs. The certificates are test data, valid until 2119, and their authorities' keys are lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use onrecord_e2e::log;
use onrecord_e2e::place::Place;
use onrecord_e2e::process::{Server, binary};
use onrecord_e2e::shell::Shell;
use rustix::process::Signal;
use serde_json::Value;

/// The number of the client's certificate, in decimal as entries have it.
const SERIAL: &str = "41446156801443023912711736649337669384";

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("certificates").join(name)
}

/// A server whose listener speaks TLS, with copies of its certificate and key, and a shell that trusts its authority.
struct Scene {
    server: Server,
    shell: Shell,
    place: Place,
}

impl Scene {
    fn new(more: &str) -> Self {
        let place = Place::new();
        let path = |name: &str| place.path(name);
        fs::copy(certificate("server.pem"), path("cert.pem")).expect("a copy");
        fs::copy(certificate("server.key"), path("key.pem")).expect("a copy");
        let config = config(&path("cert.pem"), &path("key.pem"), more);
        fs::write(place.config(), config).expect("a file");
        let mut server = place.start();
        let shell = Shell::new()
            .with("VAULT_ADDR", &format!("https://{}", server.addr))
            .with("VAULT_CACERT", certificate("authority.pem").to_str().expect("UTF-8"))
            .with("VAULT_CLIENT_CERT", certificate("client.pem").to_str().expect("UTF-8"))
            .with("VAULT_CLIENT_KEY", certificate("client.key").to_str().expect("UTF-8"));
        let made = shell.does("onrecord operator init -n=1 -t=1 -format=json");
        let made: Value = serde_json::from_str(&made).expect("JSON");
        let key = made["unseal_keys_b64"][0].as_str().expect("a share");
        shell.does(&format!("onrecord operator unseal {key}"));
        made["root_token"].as_str().expect("a token").clone_into(&mut server.token);
        let shell = shell.with("VAULT_TOKEN", &server.token);
        Self { server, shell, place }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// The shell without a client certificate.
    fn anonymous(self) -> Self {
        let shell = self.shell.without("VAULT_CLIENT_CERT").without("VAULT_CLIENT_KEY");
        Self { shell, ..self }
    }

    fn exchange(&self, name: &str) {
        fs::copy(certificate(&format!("{name}.pem")), self.path("cert.pem")).expect("a copy");
        fs::copy(certificate(&format!("{name}.key")), self.path("key.pem")).expect("a copy");
        self.server.signal(Signal::HUP);
    }

    fn eventually(&self, what: &str, so: impl FnMut() -> bool) {
        self.server.eventually(what, so);
    }
}

fn config(cert: &Path, key: &Path, more: &str) -> String {
    format!(
        "storage \"inmem\" {{}}\ndisable_mlock = true\nlistener \"tcp\" {{\n  address = \"127.0.0.1:0\"\n  \
         tls_cert_file = \"{}\"\n  tls_key_file = \"{}\"\n  {more}\n}}\n",
        cert.display(),
        key.display()
    )
}

/// A listener that takes client certificates of our authority.
fn with_client_certificates() -> String {
    format!("tls_client_ca_file = \"{}\"", certificate("authority.pem").display())
}

#[test]
fn the_command_line_trusts_what_it_is_told_to() {
    let scene = Scene::new("").anonymous();
    let authority = certificate("authority.pem");
    scene.shell.does("onrecord status");
    let shell = Scene { shell: scene.shell.without("VAULT_CACERT"), ..scene };
    let folder = shell.path("trusted");
    fs::create_dir(&folder).expect("a folder");
    fs::copy(&authority, folder.join("authority.pem")).expect("a copy");
    for trust in [
        format!("-ca-cert={}", authority.display()),
        format!("--ca-cert {}", authority.display()),
        format!("-ca-path={}", folder.display()),
        "-tls-skip-verify".to_owned(),
        format!("-ca-cert={} -tls-server-name=before.test", authority.display()),
    ] {
        shell.shell.does(&format!("onrecord read {trust} sys/health"));
    }
    for distrust in [
        String::new(),
        format!("-ca-cert={}", certificate("stranger.pem").display()),
        format!("-ca-cert={} -tls-server-name=other.test", authority.display()),
    ] {
        let output = shell.shell.refuses(2, &format!("onrecord read {distrust} sys/health"));
        assert!(
            output.starts_with("Error reading sys/health: Get \"https://127.0.0.1:"),
            "{distrust}: {output}"
        );
        assert!(output.to_lowercase().contains("certificate"), "{distrust}: {output}");
    }
    let output = shell.shell.refuses(2, "onrecord read -ca-cert=/nowhere.pem sys/health");
    assert!(
        output.contains("Error loading CA File: open /nowhere.pem: no such file or directory"),
        "{output}"
    );
}

#[test]
fn a_client_certificate_of_x509_version_1_is_no_obstacle_where_any_is_taken() {
    // The client of this command line has no such certificate.
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("no curl: certificates of version 1 are not tried");
        return;
    }
    let Scene { server: _server, shell, place: _place } = Scene::new("");
    let file = |name: &str| certificate(name).display().to_string();
    shell.does(&format!(
        "curl -fsS --cacert {} --cert {} --key {} -H \"X-Vault-Token: $VAULT_TOKEN\" $VAULT_ADDR/v1/sys/mounts",
        file("authority.pem"),
        file("version-1.pem"),
        file("version-1.key"),
    ));
}

#[test]
fn the_serial_number_of_a_clients_certificate_is_on_record() {
    let scene = Scene::new(&with_client_certificates());
    let path = scene.path("audit.log");
    scene.shell.does(&format!("onrecord audit enable file file_path={}", path.display()));
    scene.shell.does("onrecord secrets enable -version=1 kv");
    scene.shell.does("onrecord kv put kv/with a=b");
    let scene = scene.anonymous();
    scene.shell.does("onrecord kv put kv/without a=b");
    let entries = log::lines(&path);
    let of = |path: &str| entries.iter().filter(|e| e["request"]["path"] == path).collect::<Vec<_>>();
    for entry in of("kv/with") {
        assert_eq!(entry["request"]["client_certificate_serial_number"], SERIAL, "{entry}");
    }
    for entry in of("kv/without") {
        assert!(entry["request"].get("client_certificate_serial_number").is_none(), "{entry}");
    }
    assert_eq!((of("kv/with").len(), of("kv/without").len()), (2, 2));
}

#[test]
fn a_client_certificate_of_a_stranger_is_refused() {
    let scene = Scene::new(&with_client_certificates());
    let foreign = format!(
        "onrecord read -client-cert={} -client-key={} sys/health",
        certificate("foreign.pem").display(),
        certificate("foreign.key").display()
    );
    let output = scene.shell.refuses(2, &foreign);
    assert!(output.starts_with("Error reading sys/health: Get"), "{output}");
    scene.shell.does("onrecord read sys/health");
}

#[test]
fn a_client_certificate_can_be_required() {
    let required = with_client_certificates() + "\n  tls_require_and_verify_client_cert = true";
    let scene = Scene::new(&required);
    scene.shell.does("onrecord read sys/health");
    let scene = scene.anonymous();
    assert!(scene.shell.refuses(2, "onrecord read sys/health").starts_with("Error reading sys/health: Get"));
}

#[test]
fn sighup_exchanges_the_certificate() {
    let scene = Scene::new("").anonymous();
    let serves = |name: &str| {
        let line = format!("onrecord read -tls-server-name={name} sys/health");
        scene.shell.run(&line).code == Some(0)
    };
    assert!(serves("before.test") && !serves("after.test"));
    scene.exchange("renewed");
    scene.eventually("the new certificate is used", || serves("after.test"));
    assert!(!serves("before.test"));
    // What cannot be used leaves what is there.
    fs::write(scene.path("cert.pem"), "no certificate\n").expect("a file");
    scene.server.signal(Signal::HUP);
    let log = scene.server.wait_for_log("the old one stays");
    assert!(log.contains(scene.path("cert.pem").to_str().expect("UTF-8")));
    assert!(serves("after.test"));
    fs::copy(certificate("server.pem"), scene.path("cert.pem")).expect("a copy");
    let before = scene.server.stderr().matches("the old one stays").count();
    scene.server.signal(Signal::HUP);
    scene.eventually("a key of another certificate is refused", || {
        scene.server.stderr().matches("the old one stays").count() > before
    });
    assert!(serves("after.test"));
    scene.exchange("server");
    scene.eventually("it goes on", || serves("before.test"));
}

/// What `openssl req -x509` makes by default is not a certificate for a server, and the client's error says what to do.
#[test]
fn a_certificate_of_an_authority_is_named_with_what_to_do() {
    let place = Place::new();
    let (cert, key) = (place.path("cert.pem"), place.path("key.pem"));
    let made = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=self -addext".split(' '))
        .args(["subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:TRUE"])
        .args(["-keyout".as_ref(), key.as_os_str(), "-out".as_ref(), cert.as_os_str()])
        .output();
    let made = made.expect("openssl is there");
    assert!(made.status.success(), "{made:?}");
    fs::write(place.config(), config(&cert, &key, "")).expect("a file");
    let server = place.start();
    let line = format!("onrecord status -address=https://{} -ca-cert={}", server.addr, cert.display());
    let output = Shell::new().refuses(1, &line);
    let advice = "is one of an authority (CA:TRUE); give the server one with basicConstraints=CA:FALSE";
    assert!(output.contains(advice), "{output}");
}

#[test]
fn a_client_that_speaks_the_wrong_protocol_is_told() {
    let scene = Scene::new("").anonymous();
    let plain = format!("onrecord read -address=http://{} sys/health", scene.server.addr);
    let output = scene.shell.refuses(2, &plain);
    assert!(
        output.contains("Code: 400. Raw Message:\n\nClient sent an HTTP request to an HTTPS server."),
        "{output}"
    );
    scene.shell.does("onrecord read sys/health");
    let other = Server::dev(&["-dev-audit=off"]);
    let output = scene.shell.refuses(2, &format!("onrecord read -address=https://{} sys/health", other.addr));
    assert!(output.contains("http: server gave HTTP response to HTTPS client"), "{output}");
}

#[test]
fn only_tls_1_3_can_be_asked_for() {
    let scene = Scene::new("tls_min_version = \"tls13\"").anonymous();
    scene.shell.does("onrecord read sys/health");
}

#[test]
fn a_listener_that_cannot_be_set_up_keeps_the_server_from_starting() {
    let place = Place::new();
    let path = place.path("onrecord.hcl");
    let absent = place.path("absent.pem");
    let broken = place.path("broken.pem");
    fs::write(&broken, "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n").expect("a file");
    let (cert, key) = (certificate("server.pem"), certificate("server.key"));
    for (config, parts) in [
        (config(&absent, &key, ""), vec![absent.display().to_string(), "no such file".to_owned()]),
        (config(&cert, &absent, ""), vec![absent.display().to_string(), "no such file".to_owned()]),
        (config(&broken, &key, ""), vec![broken.display().to_string()]),
        (config(&cert, &cert, ""), vec![cert.display().to_string()]),
        (
            config(&cert, &certificate("renewed.key"), ""),
            vec![
                certificate("renewed.key").display().to_string(),
                "not the key of the certificate".to_owned(),
            ],
        ),
        (
            config(&cert, &key, "tls_min_version = \"tls11\""),
            vec![path.display().to_string(), "tls_min_version".to_owned()],
        ),
        (
            "storage \"inmem\" {}\nlistener \"tcp\" {\n  address = \"127.0.0.1:0\"\n}\n".to_owned(),
            vec![format!("{}:2", path.display()), "tls_cert_file, or tls_disable = true".to_owned()],
        ),
    ] {
        fs::write(&path, &config).expect("a file");
        let output = Command::new(binary())
            .args(["server", &format!("-config={}", path.display())])
            .output()
            .expect("the binary runs");
        assert_eq!(output.status.code(), Some(1), "{config}");
        let output = String::from_utf8_lossy(&output.stderr);
        for part in parts {
            assert!(output.contains(&part), "{part:?} in {output:?}");
        }
    }
}
