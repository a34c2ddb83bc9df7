//! The commands of Vault and OpenBao that OnRecord does not have, each with the reason and what to do instead. A row holds
//! for all commands below its words too.
//! Never in it: commands that run.

/// A command of other servers that is refused.
#[derive(Clone, Copy, Debug)]
pub struct Unsupported {
    /// Its words, such as `operator raft`.
    pub words: &'static str,
    /// Why, and what to do instead.
    pub why: &'static str,
}

impl Unsupported {
    /// What is printed for it.
    pub fn message(&self, program: &str) -> String {
        format!("\"{program} {}\" is not supported by OnRecord: {}.", self.words, self.why)
    }
}

const fn row(words: &'static str, why: &'static str) -> Unsupported {
    Unsupported { words, why }
}

const NO_PLUGINS: &str =
    "engines and login methods are part of the server, and none can be added; \"plugin list\" lists them";
const READ_AND_WRITE: &str = "use \"read\", \"write\" and \"list\" with the paths of the mount, such as \"write pki/issue/ROLE \
    common_name=NAME\"; \"path-help pki\" lists them";

/// All of them, sorted.
pub const NAMES: &[Unsupported] = &[
    row(
        "agent",
        "there is no agent; programs log in through the API, or with \"login -method=approle\", and send their token themselves",
    ),
    row(
        "debug",
        "the server gives out no profiles; \"audit status\", \"operator diagnose\" and \"read sys/metrics\" show its state",
    ),
    row(
        "events",
        "there are no event subscriptions; an audit device of type socket sends each request and response as it is recorded",
    ),
    row("hcp", "there is no connection to the HashiCorp Cloud Platform; set VAULT_ADDR and use \"login\""),
    row("kmip", "there is no KMIP engine; keys are kept and used in the transit engine"),
    row(
        "kv enable-versioning",
        "the version of a mount does not change; mount version 2 with \"secrets enable -path=NEW -version=2 kv\" and copy \
         the secrets with \"kv get\" and \"kv put\"",
    ),
    row("license", "no licence key is needed"),
    row(
        "monitor",
        "answers are not streamed; read the log of the server on its machine, where -log-level sets how much is in it",
    ),
    row("namespace", "there is one namespace only; separate teams by paths of mounts and by policies"),
    row(
        "operator import",
        "secrets are not imported from other servers; read them there, and write them here with \"kv put\"",
    ),
    row(
        "operator migrate",
        "data is not moved from one kind of storage to another; use \"operator snapshot save\" and \"operator snapshot restore\"",
    ),
    row(
        "operator raft",
        "the storage is not Raft, and the server is a single node; \"operator snapshot\" saves and restores it",
    ),
    row(
        "operator usage",
        "clients are not counted; each entry of the audit log names its token and its entity",
    ),
    row(
        "operator utilization",
        "there is no utilization report; each entry of the audit log names its token, its entity and its mount",
    ),
    row("operator validate-config", "use \"operator diagnose -config=FILE\""),
    row("pki", READ_AND_WRITE),
    row("plugin deregister", NO_PLUGINS),
    row("plugin init", NO_PLUGINS),
    row("plugin register", NO_PLUGINS),
    row("plugin reload", NO_PLUGINS),
    row("plugin reload-status", NO_PLUGINS),
    row("plugin runtime", NO_PLUGINS),
    row("proxy", "there is no proxy; programs call the server itself"),
    row("scan", "lists have one level; use \"list\" with each path that ends in a slash"),
    row("secrets import", "secrets are not imported from other stores; write them with \"kv put\""),
    row("ssh", "there is no ssh engine; \"plugin list\" lists the engines that there are"),
    row("transform", "there is no transform engine; \"plugin list\" lists the engines that there are"),
    row(
        "transit",
        "wrap the key for the one that \"read transit/wrapping_key\" shows, and write it with \"write \
         transit/keys/NAME/import ciphertext=TEXT type=TYPE\"",
    ),
];
