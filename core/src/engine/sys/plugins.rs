//! `sys/plugins/catalog`: the kinds of engine that are built in, as other servers list their plugins. None can be registered.
//! Never in it: the table of kinds (`kinds`).

use onrecord_value::{Object, Value, object};

use crate::VERSION;
use crate::engine::mount::RUNNING_VERSION;
use crate::engine::sys::{Sys, refused};
use crate::engine::{Call, EngineKind, Handled, Mounting, Path, Unsealed};
use crate::operation::Operation::{Delete, List, Read, Update};
use crate::outcome::{Outcome, Refusal};

const NO_PLUGINS: &str = "this server has no plugins: its engines and login methods are built in, and sys/plugins/catalog lists them";
const NO_RELOAD: &str = "there is no plugin to be reloaded: engines and login methods are part of the server";

pub(super) const PATHS: &[Path<Sys>] = &[
    Path::new("plugins/catalog/?", "List the kinds of engine that are built in.")
        .read(|_, unsealed, _| Handled::ready(all(unsealed)))
        .list(|_, unsealed, _| Handled::ready(all(unsealed))),
    Path::new("plugins/catalog/{*plugin}", "Read a kind of engine, or list those of a type.")
        .description("TYPE/NAME, where the type is `auth`, `database` or `secret`. None can be registered.")
        .sudo()
        .read(|_, unsealed, call| Handled::ready(one(unsealed, call)))
        .list(|_, unsealed, call| Handled::ready(names_of(unsealed, call)))
        .write(|_, _, _| Handled::ready(Refusal::invalid(NO_PLUGINS)))
        .delete(|_, _, _| Handled::ready(Refusal::invalid(NO_PLUGINS))),
    refused("plugins/reload/backend/status", "Read how far a reload is.", NO_RELOAD, &[Read]),
    refused("plugins/reload/{*what}", "Reload a plugin.", NO_RELOAD, &[Update]),
    refused("plugins/pins/?", "List the versions of plugins that are pinned.", NO_PLUGINS, &[Read, List]),
    refused("plugins/pins/{*plugin}", "Pin the version of a plugin.", NO_PLUGINS, &[Read, Update, Delete]),
    refused("plugins/runtimes/catalog/?", "List the runtimes of plugins.", NO_PLUGINS, &[Read, List]),
    refused(
        "plugins/runtimes/catalog/{*runtime}",
        "Register a runtime of plugins.",
        NO_PLUGINS,
        &[Read, Update, Delete],
    ),
];

/// The types of plugins that clients know.
const TYPES: [&str; 3] = ["auth", "database", "secret"];

fn type_of(kind: &EngineKind) -> Option<&'static str> {
    match kind.mounting {
        Mounting::Secrets => Some("secret"),
        Mounting::Login => Some("auth"),
        Mounting::Builtin(_) => None,
    }
}

/// The names of a type, without repetition.
fn names(unsealed: &Unsealed, wanted: &str) -> Vec<&'static str> {
    let kinds = unsealed.mounts.kinds().iter();
    let mut names: Vec<&str> =
        kinds.filter(|kind| type_of(kind) == Some(wanted)).map(|kind| kind.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn all(unsealed: &Unsealed) -> Outcome {
    let mut data = Object::new();
    let mut detailed = Vec::new();
    for kind in TYPES {
        let names = names(unsealed, kind);
        detailed.extend(names.iter().map(|name| {
            Value::from(object! {
                "builtin" => true,
                "deprecation_status" => "supported",
                "name" => *name,
                "type" => kind,
                "version" => RUNNING_VERSION,
            })
        }));
        data.insert(kind, names.into_iter().collect::<Value>());
    }
    data.insert("detailed", Value::Array(detailed));
    Outcome::data(data)
}

fn names_of(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let kind = call.captured.trim_matches('/');
    if !TYPES.contains(&kind) {
        return Err(unknown_type());
    }
    Ok(Outcome::keys(names(unsealed, kind).into_iter().map(str::to_owned).collect()))
}

fn unknown_type() -> Refusal {
    Refusal::invalid("the type of a plugin is auth, database or secret")
}

fn one(unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let (kind, name) = call.captured.trim_matches('/').split_once('/').ok_or_else(unknown_type)?;
    if !TYPES.contains(&kind) {
        return Err(unknown_type());
    }
    if !names(unsealed, kind).contains(&name) {
        return Ok(Outcome::absent());
    }
    Ok(Outcome::data(object! {
        "args" => Vec::<String>::new(),
        "builtin" => true,
        "command" => "",
        "deprecation_status" => "supported",
        "name" => name,
        "sha256" => "",
        "version" => VERSION,
    }))
}
