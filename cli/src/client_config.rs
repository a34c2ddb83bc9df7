//! Configures a client from flags and environment: the flag, else `ONRECORD_X`, else `VAULT_X`, else the default.
//! Never in it: calls.

use crate::failure::Failure;
use crate::hint;
use crate::invocation::Invocation;
use crate::process::Process;
use onrecord_client::environment::{self, Variables};
use onrecord_client::{Address, Client, Config, ConfigError, os_text};
use onrecord_value::duration;
use std::fmt::Display;

pub(crate) fn build(process: &Process, invocation: &Invocation, with_token: bool) -> Result<Client, Failure> {
    let mut config = Config::new(address(process, invocation)?);
    // A person can repeat the command; programs set the number of retries themselves.
    config.retries = 0;
    environment::fill(&mut config, process).map_err(|error| wrong_variable(&error))?;
    wrap_ttl(&mut config, process, invocation)?;
    flags(&mut config, invocation);
    if with_token {
        config.token = environment::token(process).map_err(|error| {
            Failure::server(format!("failed to read the token file: {}", os_text(&error)))
        })?;
    }
    let client = Client::new(config).map_err(|error| match error {
        ConfigError::ReservedHeader(_) => Failure::server(format!("failed to setup {error}")),
        _ => wrong_variable(&error),
    })?;
    let dry_run = invocation.is_set("output-curl-string") || invocation.is_set("output-policy");
    Ok(if dry_run { client.dry_run() } else { client })
}

/// A client for a service that is not the API: the settings of TLS and the time-out are those of other commands.
pub(crate) fn outside_api(
    process: &Process,
    invocation: &Invocation,
    url: &str,
    answer_bytes_max: usize,
) -> Result<Client, String> {
    let mut config = Config::new(Address::parse(url).map_err(|error| error.to_string())?);
    environment::fill(&mut config, process).map_err(|error| error.to_string())?;
    flags(&mut config, invocation);
    config.answer_bytes_max = answer_bytes_max;
    Client::new(config).map_err(|error| error.to_string())
}

/// The error of a variable, with what is accepted where its text leaves that out.
fn wrong_variable(error: &dyn Display) -> Failure {
    let text = format!("failed to read environment: {error}");
    let accepted = hint::accepted(&text);
    Failure::server(accepted.map_or_else(|| text.clone(), |accepted| format!("{text}\n{accepted}")))
}

fn address(process: &Process, invocation: &Invocation) -> Result<Address, Failure> {
    let flags = ["agent-address", "address"].into_iter().filter_map(|name| invocation.text(name));
    let given = flags.map(str::to_owned).find(|text| !text.is_empty());
    Address::parse(&given.unwrap_or_else(|| environment::address(process)))
        .map_err(|error| Failure::server(format!("failed to create client: {error}")))
}

fn wrap_ttl(config: &mut Config, process: &Process, invocation: &Invocation) -> Result<(), Failure> {
    let mut ttl = invocation.duration("wrap-ttl");
    if let (None, Some((name, value))) = (ttl, process.setting_filled("WRAP_TTL")) {
        ttl = Some(
            duration::parse(&value)
                .map_err(|error| wrong_variable(&format!("could not parse {name:?}: {error}")))?,
        );
    }
    config.wrap_ttl = ttl.filter(|ttl| !ttl.is_zero()).map(duration::format);
    Ok(())
}

fn flags(config: &mut Config, invocation: &Invocation) {
    let text = |name: &str| invocation.text(name).map(str::to_owned);
    let path = |name: &str| invocation.text(name).map(std::path::PathBuf::from);
    if let Some(file) = path("ca-cert") {
        config.tls.ca_cert = Some(file);
        config.tls.ca_cert_bytes = None;
    }
    config.tls.ca_path = path("ca-path").or(config.tls.ca_path.take());
    config.tls.client_cert = path("client-cert").or(config.tls.client_cert.take());
    config.tls.client_key = path("client-key").or(config.tls.client_key.take());
    config.tls.server_name = text("tls-server-name").or(config.tls.server_name.take());
    config.tls.skip_verify = invocation.truth("tls-skip-verify").unwrap_or(config.tls.skip_verify);
    config.namespace = text("namespace").or(config.namespace.take());
    config.redirects = invocation.truth("disable-redirects").map_or(config.redirects, |off| !off);
    config.policy_override = invocation.is_set("policy-override");
    config.headers = invocation.pairs("header");
    let codes = invocation.texts("mfa");
    if !codes.is_empty() {
        config.mfa = codes;
    }
}
