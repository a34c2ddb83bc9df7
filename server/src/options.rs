//! What the command line says about a server, and the configuration that it leads to.
//! Never in it: the parsing of command lines.

use std::path::PathBuf;

use crate::config::{Config, LogFormat};
use crate::error::StartError;
use crate::kinds::Kinds;
use crate::settings::check_memory;

/// What the command line says about a server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Configuration files and folders, in order.
    pub config: Vec<PathBuf>,
    /// A development server, if one is asked for.
    pub dev: Option<Dev>,
    /// Overrides the configuration's `log_level`.
    pub log_level: Option<String>,
    /// Overrides the configuration's `log_format`.
    pub log_format: Option<String>,
    /// The variable that names the kind of seal, and the kind. It must be that of the configuration.
    pub seal_type: Option<(String, String)>,
    /// Overrides the configuration's `api_addr`.
    pub api_addr: Option<String>,
    /// The kinds of audit devices and storage.
    pub kinds: Kinds,
}

/// A development server: unsealed from the start, with a root token that is printed.
#[derive(Debug, Clone, Default)]
pub struct Dev {
    /// A directory to keep secrets in; in memory without.
    pub storage: Option<PathBuf>,
    /// The root token; random without.
    pub root_token_id: Option<String>,
    /// Where it listens; `127.0.0.1:8200` without.
    pub listen_address: Option<String>,
    /// Where its audit log goes: a file's path, `stdout` or `off`; a file of its own without.
    pub audit: Option<String>,
    /// Whether the root token is kept out of `~/.vault-token`.
    pub no_store_token: bool,
}

impl Options {
    /// Reads the configuration files; the command line overrides what they say.
    pub(crate) fn read_config(&self) -> Result<Config, StartError> {
        let mut config = Config::read(&self.config, &self.kinds)?;
        check_memory(&config)?;
        if let Some(level) = &self.log_level {
            let accepted = "it must be one of trace, debug, info, warn, error";
            config.log_level = Some(level.parse().map_err(|_| format!("-log-level={level}: {accepted}"))?);
        }
        match self.log_format.as_deref() {
            None => {}
            Some("json") => config.log_format = LogFormat::Json,
            Some("standard") => config.log_format = LogFormat::Standard,
            Some(other) => return Err(format!("-log-format={other}: it must be standard or json").into()),
        }
        if let Some((name, _)) =
            self.seal_type.as_ref().filter(|(_, kind)| kind == "transit" && config.seal.is_none())
        {
            return Err(format!("{name}=\"transit\": the configuration has no stanza seal \"transit\": add it, or unset {name}").into());
        }
        config.api_addr = self.api_addr.clone().or(config.api_addr);
        Ok(config)
    }
}
