//! Settings from environment variables: `ONRECORD_X` if it is set, even to an empty text; else `VAULT_X`.
//! Never in it: a read of the process's environment; the caller passes the variables.

use crate::address::Address;
use crate::config::{Config, ConfigError};
use crate::token::Token;
use onrecord_value::{boolean, duration};
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// The default address.
pub const DEFAULT_ADDRESS: &str = "https://127.0.0.1:8200";

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

/// Fills a configuration from variables; the token is not among them (see [`token`]).
pub fn config(variables: &impl Variables) -> Result<Config, EnvironmentError> {
    let address = variables
        .setting("AGENT_ADDR")
        .filter(|(_, value)| !value.is_empty())
        .or_else(|| variables.setting_filled("ADDR"))
        .map_or_else(|| DEFAULT_ADDRESS.to_owned(), |(_, value)| value);
    let mut config = Config::new(Address::parse(&address).map_err(ConfigError::from)?);
    fill(&mut config, variables)?;
    Ok(config)
}

/// Fills everything but the address and the token.
pub fn fill(config: &mut Config, variables: &impl Variables) -> Result<(), EnvironmentError> {
    for name in ["PROXY_ADDR", "HTTP_PROXY", "SRV_LOOKUP"] {
        if let Some((name, _)) = variables.setting_filled(name) {
            return Err(EnvironmentError::Unsupported(name));
        }
    }
    let path = |name: &str| variables.setting_filled(name).map(|(_, value)| PathBuf::from(value));
    config.tls.ca_cert = path("CACERT");
    config.tls.ca_path = path("CAPATH");
    config.tls.client_cert = path("CLIENT_CERT");
    config.tls.client_key = path("CLIENT_KEY");
    config.tls.ca_cert_bytes = variables.setting_filled("CACERT_BYTES").map(|(_, value)| value);
    config.tls.server_name = variables.setting_filled("TLS_SERVER_NAME").map(|(_, value)| value);
    config.namespace = variables.setting_filled("NAMESPACE").map(|(_, value)| value);
    if let Some(skip) = truth(variables, "SKIP_VERIFY")? {
        config.tls.skip_verify = skip;
    }
    if let Some(off) = truth(variables, "DISABLE_REDIRECTS")? {
        config.redirects = !off;
    }
    if let Some((name, value)) = variables.setting_filled("CLIENT_TIMEOUT") {
        let wrong = || EnvironmentError::Variable(name.clone(), String::new());
        let nanos = duration::parse(&value).map_err(|_| wrong())?.nanos();
        config.timeout = Duration::from_nanos(u64::try_from(nanos).map_err(|_| wrong())?);
    }
    if let Some((name, value)) = variables.setting_filled("MAX_RETRIES") {
        config.retries = value.parse().map_err(|_| {
            EnvironmentError::Variable(name, format!("strconv.ParseInt: parsing {value:?}: invalid syntax"))
        })?;
    }
    if let Some((_, value)) = variables.setting_filled("MFA") {
        config.mfa = vec![value];
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
    if let Some((_, value)) = variables.setting_filled("TOKEN_PATH") {
        return Some(PathBuf::from(value));
    }
    let home = variables.variable("HOME").filter(|home| !home.is_empty())?;
    Some(Path::new(&home).join(".vault-token"))
}

/// The token of the environment, else of the token file (trimmed); `None` without both.
///
/// # Errors
/// The file exists but cannot be read.
pub fn token(variables: &impl Variables) -> std::io::Result<Option<Token>> {
    if let Some((_, value)) = variables.setting_filled("TOKEN") {
        return Ok(Some(Token::new(value)));
    }
    stored_token(variables)
}

/// The token of the token file.
///
/// # Errors
/// The file exists but cannot be read.
pub fn stored_token(variables: &impl Variables) -> std::io::Result<Option<Token>> {
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
            assert_eq!(config.address.url("x", &[]).to_string(), expected);
        }
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
