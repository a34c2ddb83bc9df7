//! Keys of compatible servers that this one accepts and does not go by: each with the reason, for the log; and those that
//! are refused, because the server would be less than its operator wrote.
//! Never in it: keys that have an effect.

use onrecord_hcl::{Body, Item};

use super::reader::Reader;
use crate::error::FileError;

/// A key and the reason.
type Row = (&'static str, &'static str);

/// Keys at the top level.
pub(super) const TOP: [Row; 36] = [
    ("cluster_addr", "there is no cluster"),
    ("cluster_cipher_suites", "there is no cluster"),
    ("cluster_name", "the cluster's name is made when the server is initialised"),
    ("detect_deadlocks", "there is nothing to detect"),
    ("disable_cache", "what is cached is what was read last, and is never stale"),
    ("disable_clustering", "there is no cluster"),
    ("disable_indexing", "there are no replicas"),
    ("disable_performance_standby", "there is no cluster"),
    ("disable_printable_check", "names are checked as docs/OPERATING.md says"),
    ("disable_sealwrap", "nothing is wrapped by the seal"),
    ("enable_response_header_hostname", "no such header is sent"),
    ("enable_response_header_raft_node_id", "no such header is sent"),
    ("entropy", "keys are made from the operating system's randomness alone"),
    ("ha_storage", "there is no cluster"),
    ("imprecise_lease_role_tracking", "leases are counted exactly"),
    ("introspection_endpoint", "there is no such endpoint"),
    ("kms_library", "there are no seals in hardware"),
    ("license_path", "no licence is needed"),
    ("log_file", "the log is on standard error"),
    ("log_requests_level", "requests are on record in audit devices"),
    ("log_rotate_bytes", "the log is on standard error"),
    ("log_rotate_duration", "the log is on standard error"),
    ("log_rotate_max_files", "the log is on standard error"),
    ("max_json_depth", "JSON is bounded already"),
    ("pid_file", "no PID file is written"),
    ("plugin_directory", "there are no external plugins"),
    ("plugin_file_permissions", "there are no external plugins"),
    ("plugin_file_uid", "there are no external plugins"),
    ("plugin_tmpdir", "there are no external plugins"),
    ("raw_storage_endpoint", "there is no sys/raw"),
    ("reporting", "nothing is reported to anybody"),
    ("service_registration", "no service is registered: point the check of the catalogue at /v1/sys/health"),
    ("telemetry", "no metrics are sent"),
    ("ui", "there is no web console yet"),
    ("unsafe_cross_namespace_identity", "there are no namespaces"),
    ("user_lockout", "lockout goes by the settings of each login mount"),
];

/// Keys of `listener "tcp"`.
pub(super) const LISTENER: [Row; 19] = [
    ("agent_api", "that is a setting of an agent"),
    ("custom_response_headers", "answers have fixed headers"),
    ("disable_unauthed_generate_root_endpoints", "they are always there"),
    ("disable_unauthed_rekey_endpoints", "they are always there"),
    ("http_idle_timeout", "http_read_header_timeout bounds idle connections too"),
    ("inflight_requests_logging", "requests in progress are shown to those with a token"),
    ("max_json_array_element_count", "JSON is bounded already"),
    ("max_json_depth", "JSON is bounded already"),
    ("max_json_object_entry_count", "JSON is bounded already"),
    ("max_json_string_value_length", "JSON is bounded already"),
    ("max_request_duration", "http_read_timeout, http_write_timeout and audit_timeout bound a request"),
    ("profiling", "there are no profiles"),
    ("proxy_api", "that is a setting of a proxy"),
    ("redact_addresses", "addresses are not shown without a token"),
    ("redact_cluster_name", "the cluster's name is shown"),
    ("redact_version", "the version is shown"),
    (
        "tls_cipher_suites",
        "the cipher suites are those of TLS 1.3, and of TLS 1.2 those with forward secrecy and AEAD",
    ),
    ("tls_max_version", "TLS 1.3 is spoken to those who can"),
    ("tls_prefer_server_cipher_suites", "the server prefers its own"),
];

/// Keys at the top level that are refused, and what to do.
const REFUSED_TOP: [Row; 1] =
    [("initialize", "this server is initialised through the API (operator init); take the stanza out")];

/// Keys of `listener "tcp"` that are refused, and what to do.
const REFUSED_LISTENER: [Row; 3] = [
    (
        "chroot_namespace",
        "there are no namespaces, so the listener would give access to everything; take it out",
    ),
    (
        "x_forwarded_for_client_cert_header",
        "client certificates are taken from the TLS connection alone; take it out, and let the proxy pass TLS through",
    ),
    ("require_request_header", "that is a setting of an agent; take it out"),
];

/// Refuses keys of the top level.
pub(super) fn refuse_top(reader: &Reader, body: &Body) -> Result<(), FileError> {
    refuse(reader, body, &REFUSED_TOP, "")
}

/// Refuses keys of a listener.
pub(super) fn refuse_listener(reader: &Reader, body: &Body, place: &str) -> Result<(), FileError> {
    refuse(reader, body, &REFUSED_LISTENER, place)
}

fn refuse(reader: &Reader, body: &Body, rows: &[Row], place: &str) -> Result<(), FileError> {
    let mut items = body.items.iter().filter_map(|item| Some((item, row(rows, item)?)));
    items.next().map_or(Ok(()), |(item, (key, why))| {
        Err(reader.error(item.position(), format!("{place}{key} is not supported: {why}")))
    })
}

/// Warns about keys that have no effect.
pub(super) fn warn(reader: &mut Reader, body: &Body, rows: &[Row], place: &str) {
    for (key, reason) in rows {
        if let Some(item) = body.all(key).next() {
            reader.warn(item.position(), format!("{place}{key} has no effect: {reason}"));
        }
    }
}

/// The names of keys.
pub(super) fn names(rows: &[Row]) -> impl Iterator<Item = &'static str> {
    rows.iter().map(|(key, _)| *key)
}

fn row(rows: &[Row], item: &Item) -> Option<Row> {
    rows.iter().copied().find(|(key, _)| *key == item.name())
}
