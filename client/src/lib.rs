//! The one typed client of the HTTP API: for the command line, for tests, and for whatever stands before another service.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use onrecord_client::{Address, Client, Config, Token};
//!
//! let mut config = Config::new(Address::parse("http://127.0.0.1:8200")?);
//! config.token = Some(Token::new("root"));
//! let client = Client::new(config)?;
//! for (path, device) in client.audit_list().await? {
//!     println!("{path} {}", device.kind);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Never in it: how the server works inside, printing, prompts, and the environment of the process (a caller hands variables in
//! through [`environment`]). Calls need a tokio runtime with IO and time, of any flavour.

mod address;
mod answer;
mod api;
mod client;
mod config;
pub mod environment;
mod error;
mod request;
#[cfg(feature = "test-support")]
pub mod scripted;
mod sudo;
mod token;
mod transport;

pub use address::{Address, AddressError, Endpoint, Url};
pub use answer::{Auth, Response, Secret, WrapInfo};
pub use api::audit::{AuditDevice, AuditSalt};
pub use api::kv::KvMount;
pub use api::seal::{InitAnswer, InitRequest, SealStatus};
pub use client::Client;
pub use config::{Config, ConfigError, Tls};
pub use error::{AnswerError, ApiError, Cause, Error, TransportError, os_text};
pub use request::{Method, Prepared, Request};
pub use sudo::needs_sudo;
pub use token::Token;
