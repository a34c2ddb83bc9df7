//! What a server says of itself to those whose policies allow it: its place in a cluster of one, its versions, its machine, its
//! configuration, its counters.
//! Never in it: a secret, or anything that needs no token (`lifecycle::status`).

use onrecord_value::{Object, Value, object};

use crate::VERSION;
use crate::engine::space::failed;
use crate::engine::sys::{Sys, injected, sudo};
use crate::engine::{Handled, Path, Unsealed};
use crate::outcome::{Outcome, Refusal};
use crate::versions;

pub(super) const PATHS: &[Path<Sys>] = &[
    Path::new("ha-status", "List the nodes of the cluster: this one.")
        .read(|_, unsealed, _| Handled::ready(nodes(unsealed))),
    sudo("step-down", "Give up being the active node. This server is the only one, and stays active.")
        .write(|_, _, _| Handled::ready(())),
    Path::new("replication/status", "Read the state of replication: there is none.")
        .injected()
        .read(|_, _, _| Handled::ready(replication())),
    Path::new("replication/dr/status", "Read the state of replication for disaster recovery: there is none.")
        .injected()
        .read(|_, _, _| Handled::ready(disabled())),
    Path::new(
        "replication/performance/status",
        "Read the state of replication for performance: there is none.",
    )
    .injected()
    .read(|_, _, _| Handled::ready(disabled())),
    Path::new("seal-backend-status", "Read whether the seal works.")
        .injected()
        .read(|_, unsealed, _| Handled::ready(seal_backends(unsealed))),
    Path::new("version-history/?", "List the versions of the server that have run with this storage.")
        .list(|_, unsealed, _| Handled::pending(version_history(unsealed))),
    Path::new("host-info", "Read facts of the machine.")
        .read(|_, unsealed, _| Handled::ready(host_info(unsealed))),
    Path::new("config/state/sanitized", "Read the configuration, without secrets.")
        .injected()
        .read(|_, unsealed, _| Handled::ready(configuration(unsealed))),
    Path::new("experiments", "List the experiments that are enabled: there are none.")
        .read(|_, _, _| Handled::ready(experiments())),
    injected("internal/counters/tokens", "Count the tokens.")
        .read(|_, unsealed, _| Handled::pending(tokens(unsealed))),
    Path::new("internal/ui/namespaces", "List the namespaces that the caller can see: the root namespace.")
        .needs_no_token()
        .read(|_, _, _| Handled::ready(Outcome::data(object! { "keys" => vec![""] }))),
    Path::new("internal/ui/feature-flags", "List what a user interface may show.")
        .needs_no_token()
        .read(|_, _, _| Handled::ready(Outcome::data(object! { "feature_flags" => Vec::<String>::new() }))),
];

fn nodes(unsealed: &Unsealed) -> Outcome {
    let facts = unsealed.host.process.host_facts();
    let hostname =
        facts.as_ref().and_then(|facts| facts.object("host")).and_then(|host| host.str("hostname"));
    let node = object! {
        "active_node" => true,
        "api_address" => "",
        "cluster_address" => "",
        "hostname" => hostname.unwrap_or_default(),
        "last_echo" => Value::Null,
        "version" => VERSION,
    };
    Outcome::data(object! { "nodes" => vec![node] })
}

fn replication() -> Outcome {
    let disabled = || object! { "mode" => "disabled" };
    Outcome::data(object! { "dr" => disabled(), "performance" => disabled() })
}

fn disabled() -> Outcome {
    Outcome::data(object! { "mode" => "disabled" })
}

fn seal_backends(unsealed: &Unsealed) -> Outcome {
    let seal = unsealed.settings.auto_seal.as_ref().map_or("shamir", |seal| seal.kind());
    let backends = vec![object! { "healthy" => true, "name" => seal }];
    Outcome::data(object! { "backends" => backends, "fully_wrapped" => true, "healthy" => true })
}

async fn version_history(unsealed: &Unsealed) -> Result<Outcome, Refusal> {
    let versions = versions::all(&unsealed.barrier).await.map_err(|error| failed(&error))?;
    let mut info = Object::new();
    let mut previous = Value::Null;
    for known in &versions {
        let shown = object! {
            "build_date" => Value::Null,
            "previous_version" => previous,
            "timestamp_installed" => known.installed,
        };
        info.insert(known.version.as_str(), shown);
        previous = known.version.as_str().into();
    }
    let keys: Value = versions.iter().map(|known| known.version.as_str()).collect();
    Ok(Outcome::data(object! { "key_info" => info, "keys" => keys }))
}

fn host_info(unsealed: &Unsealed) -> Result<Outcome, Refusal> {
    let facts = unsealed.host.process.host_facts();
    let mut facts = facts
        .ok_or_else(|| Refusal::invalid("the program that runs this server knows nothing of its machine"))?;
    facts.insert("timestamp", unsealed.machine_clock.now());
    Ok(Outcome::data(facts))
}

fn configuration(unsealed: &Unsealed) -> Outcome {
    let settings = &unsealed.settings;
    let mut shown = settings.configuration.clone();
    shown.extend(object! {
        "default_lease_ttl" => settings.default_lease_ttl.as_secs(),
        "max_lease_ttl" => settings.max_lease_ttl.as_secs(),
        "raw_storage_endpoint" => false,
    });
    Outcome::data(shown)
}

fn experiments() -> Outcome {
    let none = Vec::<String>::new;
    Outcome::data(object! { "available" => none(), "enabled" => none() })
}

async fn tokens(unsealed: &Unsealed) -> Result<Outcome, Refusal> {
    let total = unsealed.tokens.accessors(unsealed.host.clock.now()).await?.len();
    let counters = object! { "service_tokens" => object! { "total" => total } };
    Ok(Outcome::data(object! { "counters" => counters }))
}
