//! The configuration as its users write it, and each wrong value with its file and line.

use super::*;

mod in_the_wild;
mod misspelt;

fn read(text: &str) -> Result<Config, FileError> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.hcl");
    std::fs::write(&file, text).unwrap();
    Config::read(&[file], &Kinds::default())
}

/// The refusal without the folder's name.
fn refusal(text: &str) -> String {
    let error = read(text).expect_err(text).to_string();
    error.split_once("c.hcl:").map_or(error.clone(), |(_, rest)| rest.to_owned())
}

#[test]
fn a_usual_configuration_is_read() {
    let config = read(
        r#"
        listener "tcp" {
          address = "0.0.0.0:8200"
          tls_disable = "true"
          max_request_size = 1048576
        }
        storage "file" { path = "/srv/onrecord" }
        audit { minimum = 1 origin = "example.com/logs" settle_grace = "10ms" queue_size = "16MiB" syslog_socket = "/log" }
        audit "file" "main" {
          description = "the log"
          options { file_path = "/var/log/audit.log" mode = "0640" log_raw = false }
        }
        default_lease_ttl = "1h"
        max_lease_ttl = 7200
        log_level = "Debug"
        disable_mlock = true
        "#,
    )
    .unwrap();
    assert_eq!(config.storage.unwrap().to_string(), "file (/srv/onrecord)");
    let [listener] = config.listeners.as_slice() else { panic!("one listener") };
    assert_eq!((listener.address.as_str(), listener.bounds.max_request_size), ("0.0.0.0:8200", 1 << 20));
    assert_eq!(listener.tls, None);
    assert_eq!(config.audit.minimum, Some(1));
    assert_eq!(config.audit.origin.as_deref(), Some("example.com/logs"));
    assert_eq!(config.audit.settle_grace, Some(Duration::from_millis(10)));
    assert_eq!(config.audit.queue_size, Some(16 << 20));
    assert_eq!(config.audit.syslog_socket, Some("/log".into()));
    let [device] = config.devices.as_slice() else { panic!("one device") };
    assert_eq!((device.declared.kind.as_str(), device.declared.path.as_str()), ("file", "main"));
    assert_eq!(device.declared.options["log_raw"], "false");
    assert_eq!(config.max_lease_ttl, Some(Duration::from_hours(2)));
    assert_eq!(config.log_level, Some(tracing::Level::DEBUG));
    assert!(config.disable_mlock);
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn a_listener_gives_metrics_to_anybody_only_if_it_says_so() {
    let open = |telemetry: &str| {
        let text = format!("listener \"tcp\" {{ tls_disable = true\n {telemetry} }}\nstorage \"inmem\" {{}}");
        read(&text).map(|config| (config.listeners[0].open_metrics, config.warnings.len()))
    };
    assert_eq!(open("").unwrap(), (false, 0));
    assert_eq!(open("telemetry { unauthenticated_metrics_access = true }").unwrap(), (true, 0));
    assert_eq!(open("telemetry { unauthenticated_metrics_access = \"false\" }").unwrap(), (false, 0));
    assert_eq!(open("telemetry { unknown = 1 }").unwrap(), (false, 1));
    assert!(open("telemetry { unauthenticated_metrics_access = \"maybe\" }").is_err());
}

#[test]
fn a_listener_says_whom_it_believes_about_clients() {
    let config = read(
        r#"
        listener "tcp" {
          tls_disable = true
          x_forwarded_for_authorized_addrs = ["10.0.0.0/8", "192.0.2.1"]
          x_forwarded_for_hop_skips = "1"
          x_forwarded_for_reject_not_present = false
          proxy_protocol_behavior = "allow_authorized"
          proxy_protocol_authorized_addrs = "10.0.0.1, 10.0.0.2"
        }
        listener "unix" { address = "/run/s.sock" socket_mode = "660" socket_user = "root" socket_group = "7" }
        listener "tcp" {
          tls_disable = true
          x_forwarded_for_hop_skips = 2
        }
        "#,
    )
    .unwrap();
    let [tcp, unix, unread] = config.listeners.as_slice() else { panic!("three listeners") };
    let rules = tcp.forwarded_for.as_ref().unwrap();
    assert_eq!((rules.authorized.len(), rules.hop_skips), (2, 1));
    assert_eq!((rules.reject_not_present, rules.reject_not_authorized), (false, true));
    assert_eq!(tcp.proxy_protocol.as_ref().unwrap().authorized.len(), 2);
    let file = unix.unix.as_ref().unwrap();
    assert_eq!(
        (unix.address.as_str(), file.mode, file.group.as_deref()),
        ("/run/s.sock", Some(0o660), Some("7"))
    );
    assert_eq!(unread.forwarded_for, None);
    let [warning] = config.warnings.as_slice() else { panic!("{:?}", config.warnings) };
    assert!(warning.ends_with("x_forwarded_for_hop_skips has no effect: X-Forwarded-For is only read with x_forwarded_for_authorized_addrs"), "{warning}");
}

#[test]
fn the_json_form_says_the_same() {
    let config = read(
        r#"{
          "listener": [{"tcp": {"address": "127.0.0.1:1", "tls_disable": true}}],
          "storage": {"inmem": {}},
          "audit": [{"minimum": 1}, {"file": {"to-stdout": {"options": {"file_path": "stdout"}}}}]
        }"#,
    )
    .unwrap();
    assert_eq!(config.storage.unwrap().to_string(), "inmem");
    assert_eq!(config.audit.minimum, Some(1));
    assert_eq!(
        config.devices.first().map(|d| (d.declared.kind.as_str(), d.declared.path.as_str())),
        Some(("file", "to-stdout"))
    );
}

#[test]
fn unknown_keys_are_named_in_a_warning() {
    let config = read("storage \"inmem\" {}\nlistner \"tcp\" {}\nui = true\n").unwrap();
    let warnings = config.warnings.join("\n");
    assert!(warnings.contains("c.hcl:2: unknown key \"listner\" is ignored"), "{warnings}");
    assert!(warnings.contains("c.hcl:3: ui has no effect"), "{warnings}");
}

#[test]
fn a_wrong_value_is_refused_with_its_line() {
    let cases = [
        (
            "\nstorage \"consul\" {}",
            "2: unknown storage \"consul\": there are \"file\" (with a path) and \"inmem\"",
        ),
        ("\nstorage \"raft\" {}", "2: storage \"file\" needs a path: the directory of its data"),
        (
            "storage \"raft\" {\n path = \"/x\"\n nod_id = \"1\"\n}",
            "3: storage \"raft\": unknown key \"nod_id\": did you mean \"node_id\"?",
        ),
        ("storage \"file\" {}", "1: storage \"file\" needs a path: the directory of its data"),
        ("listener \"udp\" {}", "1: unknown listener \"udp\": there are \"tcp\" and \"unix\""),
        ("listener \"unix\" {}", "1: listener \"unix\": it needs an address: the path of the socket"),
        (
            "listener \"unix\" {\n address = \"/s\"\n socket_mode = \"rw\"\n}",
            "3: socket_mode = \"rw\": it must be permissions in octal, such as 660",
        ),
        (
            "listener \"unix\" {\n address = \"/s\"\n tls_cert_file = \"/c.pem\"\n}",
            "1: listener \"unix\": tls_cert_file: a Unix socket is served without TLS; take tls_cert_file out",
        ),
        (
            "listener \"tcp\" {\n tls_disable = 1\n x_forwarded_for_authorized_addrs = \"10.0.0.0/8,lb\"\n}",
            "3: x_forwarded_for_authorized_addrs: \"lb\" is not an IP address, nor a block of them such as 10.0.0.0/8",
        ),
        (
            "listener \"tcp\" {\n tls_disable = 1\n proxy_protocol_behavior = \"deny_unauthorized\"\n}",
            "1: proxy_protocol_behavior = \"deny_unauthorized\" needs proxy_protocol_authorized_addrs: the addresses of the proxies",
        ),
        (
            "listener \"tcp\" {\n tls_disable = 1\n proxy_protocol_behavior = \"always\"\n}",
            "3: proxy_protocol_behavior = \"always\": it must be one of use_always, allow_authorized, deny_unauthorized",
        ),
        ("listener \"tcp\" {}", "1: a listener needs tls_cert_file, or tls_disable = true"),
        (
            "listener \"tcp\" {\n tls_require_and_verify_client_cert = true\n}",
            "1: tls_require_and_verify_client_cert needs tls_client_ca_file: the authorities whose certificates are accepted",
        ),
        (
            "listener \"tcp\" {\n tls_require_and_verify_client_cert = true\n tls_disable_client_certs = true\n}",
            "1: tls_require_and_verify_client_cert and tls_disable_client_certs contradict each other",
        ),
        (
            "\n\ndefault_lease_ttl = \"soon\"",
            "3: default_lease_ttl = \"soon\": it must be a duration such as 30s, 5m or 1h30m, or a number of seconds",
        ),
        (
            "log_level = \"loud\"",
            "1: log_level = \"loud\": it must be one of trace, debug, info, warn, error",
        ),
        ("disable_mlock = \"maybe\"", "1: disable_mlock = \"maybe\": it must be true or false"),
    ];
    for (text, wanted) in cases {
        assert_eq!(refusal(text), wanted, "{text}");
    }
}

#[test]
fn a_wrong_value_of_an_audit_stanza_is_refused_with_its_line() {
    let cases = [
        ("audit {\n minimum = \"x\"\n}", "2: minimum = \"x\": it must be a whole number, 0 or more"),
        (
            "audit { allowed_addresses = [\"10.0.0.0/33\"] }",
            "1: audit: allowed_addresses: \"10.0.0.0/33\" is not an IP address, nor a block of them such as 10.0.0.0/8",
        ),
        ("audit { allowed_directories = [\"logs\"] }", "1: audit: the directory \"logs\" must be absolute"),
        ("audit { syslog_socket = \"log\" }", "1: audit: the socket \"log\" must be absolute"),
        (
            "audit {\n origin = \"a b\"\n}",
            "2: audit: origin = \"a b\": it must have no spaces, no control characters and no \"+\": a name such as \
             example.com/production",
        ),
        (
            "audit { origin = \"a/\" }",
            "1: audit: origin = \"a/\": it must not begin or end with \"/\": the path of a device follows it",
        ),
        (
            "audit {\n witness \"w\" {\n  url = \"https://w.example\"\n }\n}",
            "2: audit: witness \"w\": it needs verifier_key: the key that verifies its cosignatures",
        ),
        (
            "audit {\n witness \"w\" {\n  url = \"w.example\"\n }\n}",
            "3: audit: witness \"w\": url = \"w.example\": parse \"w.example\": missing protocol scheme (write \
             http://w.example or https://w.example)",
        ),
        (
            "audit {\n witness \"w\" {\n  url = \"https://w\"\n  verifier_key = \"w\"\n }\n}",
            "4: audit: witness \"w\": verifier_key = \"w\": not a verifier key: it has the form NAME+ID+KEY, with 8 \
             hexadecimal digits and Base64",
        ),
        (
            "audit {\n witness \"../w\" {\n }\n}",
            "2: audit: witness \"../w\": its name is made of letters, digits, \"-\" and \".\", and begins with a letter \
             or digit",
        ),
        (
            "audit {\n witness \"w\" {\n  uri = \"https://w\"\n }\n}",
            "3: audit: witness \"w\": unknown key \"uri\": did you mean \"url\"?",
        ),
        (
            "audit {\n witness {\n  url = \"https://w\"\n }\n}",
            "2: audit: a witness has one label, its name: witness \"NAME\" { url = …, verifier_key = … }",
        ),
        ("audit \"file\" { options { } }", "1: an audit device is missing its path"),
    ];
    for (text, wanted) in cases {
        assert_eq!(refusal(text), wanted, "{text}");
    }
}

#[test]
fn a_text_that_is_not_hcl_is_refused_with_its_line() {
    assert!(refusal("a = 1\nb = \"").starts_with("2: "), "{}", refusal("a = 1\nb = \""));
}

#[test]
fn a_missing_file_and_an_empty_folder_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let missing =
        Config::read(&[folder.path().join("absent.hcl")], &Kinds::default()).unwrap_err().to_string();
    assert!(missing.ends_with("cannot be read: No such file or directory (os error 2)"), "{missing}");
    let empty = Config::read(&[folder.path().to_owned()], &Kinds::default()).unwrap_err().to_string();
    assert!(empty.ends_with("the folder holds no .hcl or .json file"), "{empty}");
}

#[test]
fn two_devices_of_the_same_path_are_refused_with_both_lines() {
    let device = "audit \"file\" \"a\" { options { file_path = \"/a.log\" } }\n";
    let told = refusal(&device.repeat(2));
    assert!(
        told.starts_with("1: two audit devices with same path (a/) exist in config: the other is at /"),
        "{told}"
    );
    assert!(told.ends_with("c.hcl:2"), "{told}");
}

#[test]
fn the_memory_of_requests_must_have_room_for_the_largest() {
    let text = |size: &str, more: &str| {
        format!("listener \"tcp\" {{\n tls_disable = true\n {size}\n}}\nstorage \"inmem\" {{}}\n{more}\n")
    };
    for zero in ["request_memory = 0", "requests_in_flight = 0"] {
        let refused = refusal(&text("", zero));
        assert!(refused.contains(&format!("{zero}: it must be at least 1")), "{refused}");
    }
    let check = |text: String| crate::settings::check_memory(&read(&text).unwrap());
    let refused = check(text("max_request_size = \"64MiB\"", "request_memory = \"1GiB\""));
    let refused = refused.expect_err("too little").to_string();
    assert!(
        refused
            .contains("request_memory = 1073741824 bytes: max_request_size = 67108864 bytes needs at least"),
        "{refused}"
    );
    assert!(check(text("", "request_memory = \"1GiB\"")).is_ok(), "the defaults are enough for each other");
    let raised = read(&text("max_request_size = \"64MiB\"", "")).unwrap();
    let settings = crate::settings::settings(&[], &raised);
    assert!(settings.request_memory >= settings.least_request_memory());
}

#[test]
fn witnesses_are_read_in_both_forms_beside_the_rule() {
    use onrecord_evidence::{Algorithm, VerifierKey};
    let key = VerifierKey::new("witness.example/w1", Algorithm::Cosignature, [7; 32]);
    let hcl = format!(
        "audit {{\n minimum = 1\n witness \"one\" {{\n url = \"https://one.example/w\"\n verifier_key = \"{key}\"\n }}\n \
         witness \"two\" {{\n url = \"http://two.example\"\n verifier_key = \"{key}\"\n }}\n}}"
    );
    let one = format!("{{\"url\": \"https://one.example/w\", \"verifier_key\": \"{key}\"}}");
    let two = format!("{{\"url\": \"http://two.example\", \"verifier_key\": \"{key}\"}}");
    let json = format!("{{\"audit\": {{\"minimum\": 1, \"witness\": {{\"one\": {one}, \"two\": {two}}}}}}}");
    for text in [hcl, json] {
        let config = read(&text).unwrap();
        assert_eq!(config.audit.minimum, Some(1), "{text}");
        let found: Vec<_> =
            config.witnesses.iter().map(|one| (one.name.as_str(), one.url.as_str())).collect();
        assert_eq!(found, [("one", "https://one.example/w"), ("two", "http://two.example")], "{text}");
        assert!(config.witnesses.iter().all(|one| one.key == key));
    }
}

#[test]
fn a_witness_has_its_own_name_and_a_key_for_cosignatures() {
    use onrecord_evidence::{Algorithm, VerifierKey};
    let witness = |name: &str, algorithm| {
        let key = VerifierKey::new("w", algorithm, [7; 32]);
        format!("audit {{\n witness \"{name}\" {{\n url = \"http://w\"\n verifier_key = \"{key}\"\n }}\n}}\n")
    };
    let twice = [witness("w", Algorithm::Cosignature), witness("w", Algorithm::Cosignature)].concat();
    let told = refusal(&twice);
    assert!(told.starts_with("8: audit: witness \"w\" is given twice: first at /"), "{told}");
    let told = refusal(&witness("w", Algorithm::Ed25519));
    assert!(
        told.ends_with("it is the key of a log; that of a witness is of the type of cosignatures (4)"),
        "{told}"
    );
}
