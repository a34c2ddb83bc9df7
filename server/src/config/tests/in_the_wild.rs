//! Configurations as the documents, charts and images of compatible servers produce them: each is read, with the warnings
//! given here, or refused with the line and what to write instead.
//! Never in it: keys one by one.

use super::{Kinds, read, refusal};
use crate::config::Config;

/// What becomes of a configuration.
enum Fate {
    /// It is read: its storage as the start shows it, how many listeners there are, and a part of each warning, in order.
    Read(&'static str, usize, &'static [&'static str]),
    /// It is refused with this text.
    Refused(&'static str),
}

use Fate::{Read, Refused};

/// A name, the text, and what becomes of it.
const CONFIGURATIONS: &[(&str, &str, Fate)] = &[
    (
        "the first server of a tutorial",
        r#"
storage "raft" {
  path    = "/nowhere/vault/data"
  node_id = "node1"
}

listener "tcp" {
  address     = "127.0.0.1:8200"
  tls_disable = "true"
}

api_addr = "http://127.0.0.1:8200"
cluster_addr = "https://127.0.0.1:8201"
ui = true
disable_mlock = true
"#,
        Read(
            "file (/nowhere/vault/data)",
            1,
            &[
                "c.hcl:13: cluster_addr has no effect: there is no cluster",
                "c.hcl:14: ui has no effect: there is no web console yet",
                "c.hcl:2: storage \"raft\": this server runs as a single node and keeps its data in its embedded store at \
                 the same path: write storage \"file\" { path = \"/nowhere/vault/data\" }; without effect: node_id",
            ],
        ),
    ),
    (
        "a chart, standalone",
        r#"ui = true
listener "tcp" {
  tls_disable = 1
  address = "[::]:8200"
  cluster_address = "[::]:8201"
}
storage "file" {
  path = "/nowhere/vault/data"
}
telemetry {
  prometheus_retention_time = "30s"
  disable_hostname = true
}
"#,
        Read("file (/nowhere/vault/data)", 1, &["telemetry has no effect", "ui has no effect"]),
    ),
    (
        "a chart, highly available with integrated storage",
        r#"ui = true
listener "tcp" {
  tls_disable = 1
  address = "[::]:8200"
  cluster_address = "[::]:8201"
  telemetry {
    unauthenticated_metrics_access = "true"
  }
}
storage "raft" {
  path = "/nowhere/vault/data"
  retry_join {
    leader_api_addr = "http://vault-0.vault-internal:8200"
  }
  retry_join {
    leader_api_addr = "http://vault-1.vault-internal:8200"
  }
}
service_registration "kubernetes" {}
disable_mlock = true
"#,
        Read(
            "file (/nowhere/vault/data)",
            1,
            &[
                "service_registration has no effect: no service is registered",
                "ui has no effect",
                "without effect: retry_join",
            ],
        ),
    ),
    (
        "a package of a distribution",
        r#"
# Full configuration options can be found in the documents
ui = true
#mlock = true
storage "file" {
  path = "/nowhere/vault/data"
}
#listener "tcp" {
#  address = "127.0.0.1:8200"
#  tls_disable = 1
#}
listener "tcp" {
  address       = "0.0.0.0:8200"
  tls_cert_file = "/nowhere/tls/tls.crt"
  tls_key_file  = "/nowhere/tls/tls.key"
}
"#,
        Read("file (/nowhere/vault/data)", 1, &["ui has no effect"]),
    ),
    (
        "an image's local configuration in JSON",
        r#"{"storage": {"file": {"path": "/nowhere/vault/file"}}, "listener": [{"tcp": {"address": "0.0.0.0:8200", "tls_disable": true}}],
            "default_lease_ttl": "168h", "max_lease_ttl": "720h", "ui": true}"#,
        Read("file (/nowhere/vault/file)", 1, &["ui has no effect"]),
    ),
    (
        "an old file with a back end in memory",
        r#"
backend "inmem" {
}
listener "tcp" {
  address = "127.0.0.1:8200"
  tls_disable = 1
}
disable_mlock = true
"#,
        Read("inmem", 1, &[]),
    ),
    (
        "behind a balancer, with several listeners",
        r#"
listener "tcp" {
  address = "10.0.0.5:8200"
  tls_cert_file = "/nowhere/cert.pem"
  tls_key_file = "/nowhere/key.pem"
  tls_min_version = "tls12"
  tls_cipher_suites = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
  x_forwarded_for_authorized_addrs = "10.0.0.0/16"
  x_forwarded_for_reject_not_present = "false"
  max_request_duration = "90s"
}
listener "tcp" {
  address = "127.0.0.1:8202"
  tls_disable = true
  custom_response_headers {
    "default" = { "Strict-Transport-Security" = ["max-age=1"] }
  }
}
listener "unix" {
  address = "/nowhere/vault.sock"
  socket_mode = "644"
  socket_user = "1000"
  socket_group = "1000"
}
storage "file" { path = "/nowhere/data" }
log_level = "Warning"
log_format = "json"
log_file = "/nowhere/vault.log"
log_rotate_duration = "24h"
pid_file = "/nowhere/vault.pid"
plugin_directory = "/nowhere/plugins"
disable_cache = false
raw_storage_endpoint = false
introspection_endpoint = false
"#,
        Read(
            "file (/nowhere/data)",
            3,
            &[
                "disable_cache has no effect",
                "introspection_endpoint has no effect",
                "log_file has no effect: the log is on standard error",
                "log_rotate_duration has no effect",
                "pid_file has no effect",
                "plugin_directory has no effect: there are no external plugins",
                "raw_storage_endpoint has no effect",
                "listener \"tcp\": max_request_duration has no effect",
                "listener \"tcp\": tls_cipher_suites has no effect",
                "listener \"tcp\": custom_response_headers has no effect",
            ],
        ),
    ),
    (
        "auto-unseal by the transit engine of another server",
        r#"
storage "file" { path = "/nowhere/data" }
listener "tcp" {
  tls_disable = 1
}
seal "transit" {
  address            = "https://vault.example:8200"
  token              = "s.token"
  disable_renewal    = "false"
  key_name           = "unseal"
  mount_path         = "transit/"
  namespace          = "ns1/"
  tls_ca_cert        = "/nowhere/ca.pem"
  tls_skip_verify    = "false"
}
"#,
        Read("file (/nowhere/data)", 1, &[]),
    ),
    (
        "a catalogue as storage",
        r#"
storage "consul" {
  address = "127.0.0.1:8500"
  path    = "vault/"
}
listener "tcp" {
  address = "127.0.0.1:8200"
  tls_disable = 1
}
"#,
        Refused("2: unknown storage \"consul\": there are \"file\" (with a path) and \"inmem\""),
    ),
    (
        "a key service of a cloud",
        r#"
storage "raft" { path = "/nowhere/data" }
seal "awskms" {
  region     = "us-east-1"
  kms_key_id = "alias/vault"
}
"#,
        Refused(
            "3: unknown seal \"awskms\": there are \"shamir\" (key shares, see operator init), which needs no stanza, and \"transit\" \
             (the transit engine of another server)",
        ),
    ),
    (
        "a listener for one namespace",
        r#"
storage "inmem" {}
listener "tcp" {
  tls_disable = 1
  chroot_namespace = "team/"
}
"#,
        Refused(
            "5: listener \"tcp\": chroot_namespace is not supported: there are no namespaces, so the listener would give access \
             to everything; take it out",
        ),
    ),
    (
        "a server that initialises itself",
        r#"
storage "inmem" {}
initialize "first" {
  request "mount" {
    operation = "update"
    path = "sys/mounts/kv"
  }
}
"#,
        Refused(
            "3: initialize is not supported: this server is initialised through the API (operator init); take the stanza out",
        ),
    ),
];

#[test]
fn configurations_of_compatible_servers_are_read_or_refused_with_what_to_write_instead() {
    for (name, text, fate) in CONFIGURATIONS {
        match fate {
            Read(storage, listeners, warnings) => {
                let config = read(text).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_eq!(
                    config.storage.map(|storage| storage.to_string()).as_deref(),
                    Some(*storage),
                    "{name}"
                );
                assert_eq!(config.listeners.len(), *listeners, "{name}");
                assert_eq!(config.warnings.len(), warnings.len(), "{name}: {:#?}", config.warnings);
                for (warning, part) in config.warnings.iter().zip(*warnings) {
                    assert!(warning.contains(part), "{name}: {part:?} in {warning:?}");
                }
            }
            Refused(wanted) => {
                let refused = refusal(text);
                let lines: Vec<&str> = wanted.lines().collect();
                assert_eq!(refused.lines().next(), lines.first().copied(), "{name}");
                assert_eq!(refused.lines().count(), lines.len(), "{name}: {refused}");
            }
        }
    }
}

#[test]
fn a_directory_that_another_server_has_filled_is_refused() {
    for (file, whose) in [("vault.db", "integrated storage"), ("core/_keyring", "file storage")] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let foreign = data.join(file);
        std::fs::create_dir_all(foreign.parent().unwrap()).unwrap();
        std::fs::write(&foreign, "x").unwrap();
        for kind in ["raft", "file"] {
            let text = format!("storage \"{kind}\" {{ path = \"{}\" }}", data.display());
            let file = folder.path().join("c.hcl");
            std::fs::write(&file, text).unwrap();
            let refused = Config::read(&[file], &Kinds::default()).unwrap_err().to_string();
            assert!(refused.contains(&format!("holds the {whose} of another server")), "{refused}");
        }
    }
}
