//! Misspelt keys, unknown kinds and keys given twice: what decides about auditing, sealing and storage is refused, the rest
//! is warned about.

use super::{Kinds, read, refusal};
use crate::config::Config;

#[test]
fn an_unknown_key_that_decides_about_auditing_sealing_or_storage_is_refused() {
    let audit_keys = "the keys are allowed_addresses, allowed_directories, api_creation, audit_timeout, drills, minimum, \
                      only_directories, origin, prefixing, queue_size, settle_grace, syslog_socket, witness";
    let cases = [
        ("audits {\n minimum = 1\n}", "1: unknown key \"audits\": did you mean \"audit\"?".to_owned()),
        ("\nstroage \"inmem\" {}", "2: unknown key \"stroage\": did you mean \"storage\"?".to_owned()),
        ("seals \"shamir\" {}", "1: unknown key \"seals\": did you mean \"seal\"?".to_owned()),
        (
            "unsafe_allow_api_audit_creatoin = false",
            "1: unknown key \"unsafe_allow_api_audit_creatoin\": did you mean \"unsafe_allow_api_audit_creation\"?"
                .to_owned(),
        ),
        ("audit {\n minimun = 1\n}", "2: audit: unknown key \"minimun\": did you mean \"minimum\"?".to_owned()),
        ("audit {\n zzz = [\"a\"]\n}", format!("2: audit: unknown key \"zzz\": {audit_keys}")),
        (
            "audit {\n minimum = 1\n optoins {\n }\n}",
            format!("3: audit: unknown key \"optoins\": {audit_keys}"),
        ),
        ("audit {\n orgin = \"a\"\n}", "2: audit: unknown key \"orgin\": did you mean \"origin\"?".to_owned()),
        ("audit {\n minimum \"x\" {}\n}", "2: audit: minimum takes no labels".to_owned()),
        (
            "audit \"file\" \"a\" {\n optoins {\n  file_path = \"/a.log\"\n }\n}",
            "2: audit device: unknown key \"optoins\": did you mean \"options\"?".to_owned(),
        ),
        ("audit \"file\" {}", "1: an audit device is missing its path".to_owned()),
        ("audit \"file\" \"a\" \"b\" {}", "1: an audit device has two labels: its type and its path".to_owned()),
        (
            "seal \"awskms\" {\n region = \"x\"\n}",
            "1: unknown seal \"awskms\": there are \"shamir\" (key shares, see operator init), which needs no stanza, and \"transit\" (the transit engine of another server)"
                .to_owned(),
        ),
        (
            "seal \"shamir\" {\n shares = 5\n}",
            "2: seal \"shamir\": unknown key \"shares\": it takes no keys".to_owned(),
        ),
        (
            "storage \"file\" {\n path = \"/x\"\n paht = \"/y\"\n}",
            "3: storage \"file\": unknown key \"paht\": did you mean \"path\"?".to_owned(),
        ),
        (
            "storage \"inmem\" {\n path = \"/x\"\n}",
            "2: storage \"inmem\": unknown key \"path\": it takes no keys".to_owned(),
        ),
        (
            "{\"audit\": {\n\"minimun\": 1}}",
            "2: audit: unknown key \"minimun\": did you mean \"minimum\"?".to_owned(),
        ),
        (
            "{\"audit\": [{\"file\": {\"a\": {\"options\": {\n\"file_path\": \"/a.log\",\n\"lograw\": true}}}}]}",
            "3: audit device a/: unknown option \"lograw\": did you mean \"log_raw\"?".to_owned(),
        ),
        ("{\"seal\": [{\"transit\": {}}]}", {
            "1: seal \"transit\": it needs address: the address of the other server".to_owned()
        }),
    ];
    for (text, wanted) in cases {
        assert_eq!(refusal(text), wanted, "{text}");
    }
}

/// A device with these lines as its options, the first in line 3.
fn device(kind: &str, options: &str) -> String {
    format!("audit \"{kind}\" \"a\" {{\n options {{\n{options}\n }}\n}}")
}

/// The type of a device, its options, the line of the wrong one, and what is said of it.
const WRONG_OPTIONS: &[(&str, &str, &str, &str)] = &[
    (
        "file",
        "file_path = \"/a.log\"\ndurabilty = \"fsync\"",
        "4",
        "unknown option \"durabilty\": did you mean \"durability\"?",
    ),
    (
        "file",
        "file_path = \"/a.log\"\ndurability = \"fsnyc\"",
        "4",
        "unknown durability \"fsnyc\"; it is \"os\" or \"fsync\"",
    ),
    ("file", "file_path = \"/a.log\"\nlog_raw = \"yes\"", "4", "log_raw=\"yes\": it must be true or false"),
    (
        "file",
        "file_path = \"/a.log\"\nmode = \"rw\"",
        "4",
        "mode=\"rw\": it must be permissions in octal, such as 0640",
    ),
    ("file", "file_path = \"/a.log\"\nformat = \"xml\"", "4", "format=\"xml\": it must be json or jsonx"),
    (
        "flie",
        "file_path = \"/a.log\"",
        "1",
        "unknown type \"flie\": the types of audit devices are file, socket, syslog (did you mean \"file\"?)",
    ),
    (
        "syslog",
        "facility = \"local9\"",
        "3",
        "facility=\"local9\": it must be one of KERN, USER, MAIL, DAEMON, AUTH, SYSLOG, LPR, NEWS, UUCP, CRON, AUTHPRIV, FTP, LOCAL0, LOCAL1, LOCAL2, LOCAL3, LOCAL4, LOCAL5, LOCAL6 or LOCAL7, in any case",
    ),
    (
        "socket",
        "write_timeout = \"5x\"\naddress = \"h:1\"",
        "3",
        "write_timeout=\"5x\": it must be a duration such as 500ms, 2s or 1m30s, or a number of seconds; 0 or nothing is no time-out",
    ),
    (
        "socket",
        "address = \"h:1\"\nsocket_type = \"TCP\"",
        "4",
        "socket_type=\"TCP\": it must be tcp, tcp4, tcp6, udp, udp4, udp6, unix, unixgram or unixpacket",
    ),
    (
        "socket",
        "address = \"h\"",
        "3",
        "address=\"h\": it must be host:port, such as 127.0.0.1:9090 or [::1]:9090",
    ),
    (
        "socket",
        "address = \"\"\nsocket_type = \"unix\"",
        "3",
        "address=\"\": it must be the path of the peer's Unix socket",
    ),
];

#[test]
fn a_wrong_option_of_a_device_is_refused_with_its_own_line_and_what_is_accepted() {
    for (kind, options, line, wanted) in WRONG_OPTIONS {
        let text = device(kind, options);
        assert_eq!(refusal(&text), format!("{line}: audit device a/: {wanted}"), "{text}");
    }
    let both = refusal(&device("file", "fil_path = \"/a.log\""));
    let [unknown, missing] = both.lines().collect::<Vec<_>>()[..] else { panic!("{both}") };
    assert_eq!(unknown, "3: audit device a/: unknown option \"fil_path\": did you mean \"file_path\"?");
    assert!(
        missing.contains("c.hcl:1: audit device a/: a file device needs file_path: Path of the file;"),
        "{missing}"
    );
}

#[test]
fn what_may_be_given_once_is_refused_with_both_places() {
    let twice = |text: &str| {
        let told = refusal(text);
        let (start, first) = told.split_once(" is given twice: first at ").expect(&told);
        format!("{start} {}", first.rsplit(':').next().expect("a line"))
    };
    for (text, wanted) in [
        ("storage \"inmem\" {}\n\nstorage \"inmem\" {}", "3: storage 1"),
        ("storage \"inmem\" {}\nbackend \"inmem\" {}", "2: storage 1"),
        ("{\"storage\": {\"inmem\": {},\n\"file\": {\"path\": \"/x\"}}}", "2: storage 1"),
        ("seal \"shamir\" {}\nseal \"shamir\" {}", "2: seal 1"),
        ("storage \"file\" {\n path = \"/x\"\n path = \"/y\"\n}", "3: storage \"file\": path 2"),
        ("audit {\n minimum = 1\n minimum = 0\n}", "3: audit: minimum 2"),
        ("audit {\n minimum = 1\n}\naudit {\n minimum = 0\n}", "5: audit: minimum 2"),
        (
            &device("file", "file_path = \"/a.log\"\nfile_path = \"/b.log\""),
            "4: audit device: option file_path 3",
        ),
    ] {
        assert_eq!(twice(text), wanted, "{text}");
    }
    let listeners = "listener \"tcp\" { tls_disable = true }\n";
    assert_eq!(read(&listeners.repeat(2)).unwrap().listeners.len(), 2, "several listeners are usual");
}

#[test]
fn what_may_be_given_once_is_refused_across_files_too() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a.hcl", "b.json"].map(|name| folder.path().join(name));
    std::fs::write(&a, "storage \"inmem\" {}\nlog_level = \"info\"\naudit {\n minimum = 1\n}").unwrap();
    let read = |text: &str| {
        std::fs::write(&b, text).unwrap();
        Config::read(&[folder.path().to_owned()], &Kinds::default())
    };
    for (text, key, line) in [
        ("{\"storage\": {\"inmem\": {}}}", "storage", 1),
        ("{\"audit\": {\"minimum\": 0}}", "audit: minimum", 4),
    ] {
        let told = read(text).unwrap_err().to_string();
        let wanted = format!("{}:1: {key} is given twice: first at {}:{line}", b.display(), a.display());
        assert_eq!(told, wanted);
    }
    let config = read("{\"log_level\": \"warn\"}").unwrap();
    assert_eq!(config.log_level, Some(tracing::Level::WARN), "a later file wins");
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn an_unknown_key_elsewhere_is_warned_about_with_the_near_name() {
    let config = read(
        "storage \"inmem\" {}\nlog_levle = \"warn\"\nlistener \"tcp\" {\n tls_disable = true\n max_request_siz = 5\n telemetry {\n  \
         unauthenticated_metric_access = true\n }\n}\nlog_level = \"info\"\nlog_level = \"warn\"",
    )
    .unwrap();
    let warnings: Vec<&str> =
        config.warnings.iter().map(|warning| warning.split_once("c.hcl:").unwrap().1).collect();
    assert_eq!(
        warnings,
        [
            "2: unknown key \"log_levle\" is ignored (did you mean \"log_level\"?)",
            "11: log_level is given twice: the one of line 10 is ignored",
            "5: listener \"tcp\": unknown key \"max_request_siz\" is ignored (did you mean \"max_request_size\"?)",
            "7: listener \"tcp\": telemetry: unknown key \"unauthenticated_metric_access\" is ignored (did you mean \
             \"unauthenticated_metrics_access\"?)",
        ]
    );
}

#[test]
fn what_was_ignored_stands_beside_the_error_that_it_causes() {
    let told = refusal("listener \"tcp\" {\n tls_disabled = true\n}");
    let [error, note] = told.lines().collect::<Vec<_>>()[..] else { panic!("{told}") };
    assert_eq!(error, "1: a listener needs tls_cert_file, or tls_disable = true");
    assert!(note.ends_with("c.hcl:2: listener \"tcp\": unknown key \"tls_disabled\" is ignored (did you mean \"tls_disable\"?)"), "{note}");
}

#[test]
fn the_keys_of_compatible_servers_are_not_taken_for_misspelt_ones() {
    for key in [
        "administrative_namespace_path",
        "cluster_addr",
        "cluster_name",
        "default_max_request_duration",
        "detect_deadlocks",
        "disable_cache",
        "disable_clustering",
        "disable_performance_standby",
        "disable_printable_check",
        "disable_sealwrap",
        "disable_sentinel_trace",
        "enable_response_header_hostname",
        "enable_response_header_raft_node_id",
        "enable_ui",
        "entropy",
        "experiments",
        "ha_storage",
        "hsm",
        "imprecise_lease_role_tracking",
        "introspection_endpoint",
        "kms_library",
        "license_path",
        "log_file",
        "log_requests_level",
        "log_rotate_bytes",
        "pid_file",
        "plugin_directory",
        "plugin_file_permissions",
        "raw_storage_endpoint",
        "redirect_addr",
        "replication",
        "reporting",
        "request_limiter",
        "sentinel",
        "service_registration",
        "telemetry",
        "ui",
        "user_lockout",
    ] {
        let config = read(&format!("{key} = \"x\"")).expect(key);
        assert_eq!(config.warnings.len(), 1, "{key}: {:?}", config.warnings);
        assert!(!config.warnings[0].contains("did you mean"), "{:?}", config.warnings);
    }
}
