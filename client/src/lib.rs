//! The typed client of the HTTP API, for the command line, for tests and for other programs.
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
//! Calls need a tokio runtime with IO and time, of any flavour.
//!
//! Never in it: internals of the server, printing, prompts, and the environment of the process (a caller passes variables to
//! [`environment`]).

mod address;
mod api;
mod client;
mod config;
pub mod environment;
mod error;
mod os_text;
mod outside_api;
mod request;
mod response;
#[cfg(feature = "test-support")]
pub mod scripted;
mod sudo;
mod token;
mod transport;

pub use address::{Address, AddressError};
pub use api::audit::{AuditDevice, AuditSalt};
pub use api::ceremony::Ceremony;
pub use api::kv::KvMount;
pub use api::seal::InitAnswer;
pub use api::token::TokenRef;
pub use client::Client;
pub use config::{Config, ConfigError, Tls};
pub use error::{ApiError, Cause, Error, TransportError};
pub use http::Method;
pub use os_text::os_text;
pub use request::{PreparedRequest, Request};
pub use response::{AnswerError, Auth, Response, Secret, WrapInfo};
pub use sudo::needs_sudo;
pub use token::Token;
