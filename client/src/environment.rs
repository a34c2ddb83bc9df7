//! Settings from environment variables: `ONRECORD_X` if it is set, even to an empty text; else `VAULT_X`.
//! Never in it: a read of the process's environment; the caller passes the variables.

use crate::address::Address;
use crate::config::{Config, ConfigError};
use crate::token::Token;
use onrecord_value::{GoDuration, boolean, duration};
use std::path::{Path, PathBuf};
use thiserror::Error;

const DEFAULT_ADDRESS: &str = "https://127.0.0.1:8200";

/// The names of all variables that a client reads, without their prefix.
pub const NAMES: [&str; 19] = [
    "ADDR",
    "AGENT_ADDR",
    "CACERT",
    "CACERT_BYTES",
    "CAPATH",
    "CLIENT_CERT",
    "CLIENT_KEY",
    "CLIENT_TIMEOUT",
    "DISABLE_REDIRECTS",
    "HTTP_PROXY",
    "MAX_RETRIES",
    "MFA",
    "NAMESPACE",
    "PROXY_ADDR",
    "SKIP_VERIFY",
    "SRV_LOOKUP",
    "TLS_SERVER_NAME",
    "TOKEN",
    "TOKEN_PATH",
];

/// Environment variables.
pub trait Variables {
    /// The value of a variable, if it is set to UTF-8 text.
    fn variable(&self, name: &str) -> Option<String>;

    /// `ONRECORD_NAME`, else `VAULT_NAME`, with the name of the variable that was set.
    fn setting(&self, name: &str) -> Option<(String, String)> {
        ["ONRECORD_", "VAULT_"].into_iter().find_map(|prefix| {
            let whole = format!("{prefix}{name}");
            self.variable(&whole).map(|value| (whole, value))
        })
    }

    /// Like [`Variables::setting`], but an empty value counts as not set.
    fn setting_filled(&self, name: &str) -> Option<(String, String)> {
        self.setting(name).filter(|(_, value)| !value.is_empty())
    }

    /// The value of [`Variables::setting_filled`].
    fn filled(&self, name: &str) -> Option<String> {
        self.setting_filled(name).map(|(_, value)| value)
    }
}

impl<F: Fn(&str) -> Option<String>> Variables for F {
    fn variable(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// Why the environment is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// The value of a variable cannot be parsed: its name, and the reason.
    #[error("could not parse {0:?}{reason}", reason = if .1.is_empty() { String::new() } else { format!(": {}", .1) })]
    Variable(String, String),
    /// A variable of other clients that this one does not support.
    #[error("{0} is set, but is not supported; unset it")]
    Unsupported(String),
    /// The configuration that the variables describe is refused.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// A configuration from variables; the token is not in it (see [`token`]).
pub fn config(variables: &impl Variables) -> Result<Config, EnvironmentError> {
    let mut config = Config::new(Address::parse(&address(variables)).map_err(ConfigError::from)?);
    fill(&mut config, variables)?;
    Ok(config)
}

/// The address of an agent, else of the server, else the default.
pub fn address(variables: &impl Variables) -> String {
    let set = ["AGENT_ADDR", "ADDR"].into_iter().find_map(|name| variables.filled(name));
    set.unwrap_or_else(|| DEFAULT_ADDRESS.to_owned())
}

/// Fills everything but the address and the token.
pub fn fill(config: &mut Config, variables: &impl Variables) -> Result<(), EnvironmentError> {
    for name in ["PROXY_ADDR", "HTTP_PROXY", "SRV_LOOKUP"] {
        if let Some((name, _)) = variables.setting_filled(name) {
            return Err(EnvironmentError::Unsupported(name));
        }
    }
    let path = |name: &str| variables.filled(name).map(PathBuf::from);
    config.tls.ca_cert = path("CACERT");
    config.tls.ca_path = path("CAPATH");
    config.tls.client_cert = path("CLIENT_CERT");
    config.tls.client_key = path("CLIENT_KEY");
    config.tls.ca_cert_bytes = variables.filled("CACERT_BYTES");
    config.tls.server_name = variables.filled("TLS_SERVER_NAME");
    config.tls.skip_verify = truth(variables, "SKIP_VERIFY")?.unwrap_or(config.tls.skip_verify);
    config.namespace = variables.filled("NAMESPACE");
    config.redirects = truth(variables, "DISABLE_REDIRECTS")?.map_or(config.redirects, |off| !off);
    if let Some((name, value)) = variables.setting_filled("CLIENT_TIMEOUT") {
        let timeout = duration::parse(&value).ok().and_then(GoDuration::to_std);
        config.timeout = timeout.ok_or(EnvironmentError::Variable(name, String::new()))?;
    }
    if let Some((name, value)) = variables.setting_filled("MAX_RETRIES") {
        config.retries = value.parse().map_err(|_| {
            EnvironmentError::Variable(name, format!("strconv.ParseInt: parsing {value:?}: invalid syntax"))
        })?;
    }
    if let Some(code) = variables.filled("MFA") {
        config.mfa = vec![code];
    }
    Ok(())
}

fn truth(variables: &impl Variables, name: &str) -> Result<Option<bool>, EnvironmentError> {
    let Some((name, value)) = variables.setting_filled(name) else {
        return Ok(None);
    };
    boolean::parse(&value).map(Some).map_err(|error| EnvironmentError::Variable(name, error.to_string()))
}

/// The file that keeps the token: `TOKEN_PATH`, else `~/.vault-token`.
pub fn token_file(variables: &impl Variables) -> Option<PathBuf> {
    let in_home = || {
        let home = variables.variable("HOME").filter(|home| !home.is_empty())?;
        Some(Path::new(&home).join(".vault-token"))
    };
    variables.filled("TOKEN_PATH").map(PathBuf::from).or_else(in_home)
}

/// The token of the environment, else of the token file (trimmed); `None` without both.
///
/// # Errors
/// The file exists but cannot be read.
pub fn token(variables: &impl Variables) -> std::io::Result<Option<Token>> {
    if let Some(token) = variables.filled("TOKEN") {
        return Ok(Some(Token::new(token)));
    }
    let Some(path) = token_file(variables) else {
        return Ok(None);
    };
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(Token::new(text.trim())).filter(|token| !token.is_empty())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(list: &'static [(&str, &str)]) -> impl Variables {
        move |name: &str| list.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    }

    #[test]
    fn onrecord_variables_replace_vault_variables_even_when_empty() {
        for (list, expected) in [
            (&[("VAULT_ADDR", "http://v:1")][..], "http://v:1/v1/x"),
            (&[("VAULT_ADDR", "http://v:1"), ("ONRECORD_ADDR", "http://o:2")], "http://o:2/v1/x"),
            (&[("VAULT_ADDR", "http://v:1"), ("ONRECORD_ADDR", "")], "https://127.0.0.1:8200/v1/x"),
        ] {
            let config = config(&variables(list)).unwrap();
            assert_eq!(config.address.url("/v1/x"), expected);
        }
    }

    #[test]
    fn every_variable_that_is_read_is_among_the_names() {
        let read = std::cell::RefCell::new(Vec::new());
        let variables = |name: &str| {
            read.borrow_mut().push(name.to_owned());
            None
        };
        config(&variables).unwrap();
        token(&variables).unwrap();
        let mut read: Vec<String> = read
            .into_inner()
            .iter()
            .filter_map(|name| name.strip_prefix("VAULT_").map(str::to_owned))
            .collect();
        read.sort();
        read.dedup();
        assert_eq!(read, NAMES);
    }

    #[test]
    fn an_error_names_the_variable() {
        for (list, expected) in [
            (&[("VAULT_CLIENT_TIMEOUT", "abc")][..], "could not parse \"VAULT_CLIENT_TIMEOUT\""),
            (
                &[("ONRECORD_MAX_RETRIES", "abc")],
                "could not parse \"ONRECORD_MAX_RETRIES\": strconv.ParseInt: parsing \"abc\": invalid syntax",
            ),
            (
                &[("VAULT_SKIP_VERIFY", "maybe")],
                "could not parse \"VAULT_SKIP_VERIFY\": strconv.ParseBool: parsing \"maybe\": invalid syntax",
            ),
            (&[("VAULT_PROXY_ADDR", "http://p")], "VAULT_PROXY_ADDR is set, but is not supported; unset it"),
            (&[("VAULT_ADDR", "://nowhere")], "parse \"://nowhere\": missing protocol scheme"),
        ] {
            assert_eq!(config(&variables(list)).unwrap_err().to_string(), expected);
        }
    }
}
