//! What all steps share: the client, what is kept from step to step, how a step is reported.

use std::collections::HashMap;
use std::fmt::Debug;

use rustify::enums::RequestMethod;
use serde_json::{Value, json};
use vaultrs::client::{Client, VaultClient, VaultClientSettingsBuilder};
use vaultrs::error::ClientError;

use crate::ask::Ask;

/// Why a step did not do what it should.
pub enum Failure {
    Client(ClientError),
    Wrong(String),
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::Client(error)
    }
}

pub type Done = Result<(), Failure>;

pub struct Walk {
    pub client: VaultClient,
    pub kept: HashMap<&'static str, String>,
    pub keys: Vec<String>,
    canary: String,
}

impl Walk {
    pub fn new() -> Self {
        let settings = VaultClientSettingsBuilder::default().address(variable("VAULT_ADDR")).token("").build();
        let client = VaultClient::new(settings.expect("settings")).expect("a client");
        Self { client, kept: HashMap::new(), keys: Vec::new(), canary: variable("WALK_CANARY") }
    }

    pub fn secret(&self, name: &str) -> String {
        format!("{}-{name}", self.canary)
    }

    pub fn encoded(&self, name: &str) -> String {
        base64(self.secret(name).as_bytes())
    }

    pub fn kept(&self, name: &str) -> Result<String, Failure> {
        self.kept.get(name).cloned().ok_or_else(|| Failure::Wrong(format!("no step kept {name}")))
    }

    pub fn token(&self) -> String {
        self.client.settings().token.clone()
    }

    pub fn act_as(&mut self, token: &str) {
        self.client.set_token(token);
    }

    /// A request that vaultrs has no call for.
    pub async fn ask(&self, method: RequestMethod, path: &str, sent: Option<Value>) -> Result<Value, Failure> {
        Ok(vaultrs::api::exec_with_no_result(&self.client, Ask { method, path: path.to_owned(), sent }).await?)
    }

    pub async fn read(&self, path: &str) -> Result<Value, Failure> {
        self.ask(RequestMethod::GET, path, None).await
    }

    pub async fn list(&self, path: &str) -> Result<Value, Failure> {
        self.ask(RequestMethod::LIST, path, None).await
    }

    pub async fn write(&self, path: &str, sent: Value) -> Result<Value, Failure> {
        self.ask(RequestMethod::POST, path, Some(sent)).await
    }

    /// A request whose answer has no body.
    pub async fn order(&self, method: RequestMethod, path: &str, sent: Option<Value>) -> Done {
        Ok(vaultrs::api::exec_with_empty(&self.client, Ask { method, path: path.to_owned(), sent }).await?)
    }

    pub async fn put(&self, path: &str, sent: Value) -> Done {
        self.order(RequestMethod::PUT, path, Some(sent)).await
    }

    pub async fn remove(&self, path: &str) -> Done {
        self.order(RequestMethod::DELETE, path, None).await
    }

    /// Reports how a step ended, and acts as before again.
    pub fn report(&mut self, step: &str, before: &str, ended: Done) {
        let mut report = json!({"client": "vaultrs", "step": step, "outcome": "done"});
        match ended {
            Ok(()) => {}
            Err(Failure::Client(error)) => match status(&error) {
                Some(status) => {
                    report["outcome"] = "refused".into();
                    report["status"] = status.into();
                }
                None => {
                    report["outcome"] = "failed".into();
                    report["why"] = format!("{error:?}").into();
                }
            },
            Err(Failure::Wrong(why)) => {
                report["outcome"] = "failed".into();
                report["why"] = why.into();
            }
        }
        println!("{report}");
        if step != "init/init" {
            self.act_as(before);
        }
    }
}

/// Runs the block, which may use `?`, and reports how it ended.
#[macro_export]
macro_rules! step {
    ($walk:ident, $name:literal, $block:block) => {
        let before = $walk.token();
        let ended: $crate::walk::Done = async {
            $block
            Ok(())
        }
        .await;
        $walk.report($name, &before, ended);
    };
}

/// The status, where the library tells one.
fn status(error: &ClientError) -> Option<u16> {
    match error {
        ClientError::APIError { code, .. } => Some(*code),
        ClientError::RestClientError { source: rustify::errors::ClientError::ServerResponseError { code, .. } } => {
            Some(*code)
        }
        _ => None,
    }
}

pub fn same<T: PartialEq<U> + Debug, U: Debug>(got: T, wanted: U) -> Done {
    if got == wanted { Ok(()) } else { Err(Failure::Wrong(format!("{got:?}, not {wanted:?}"))) }
}

pub fn holds(condition: bool, what: impl Debug) -> Done {
    if condition { Ok(()) } else { Err(Failure::Wrong(format!("does not hold: {what:?}"))) }
}

/// A text of an answer.
pub fn text(value: &Value) -> Result<String, Failure> {
    value.as_str().map(str::to_owned).ok_or_else(|| Failure::Wrong(format!("not a text: {value}")))
}

pub fn variable(name: &str) -> String {
    std::env::var(name).expect(name)
}

pub fn data(name: &str) -> String {
    let path = std::path::Path::new(&variable("WALK_DATA")).join(name);
    std::fs::read_to_string(path).expect(name).trim().to_owned()
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let joined = (0..3).fold(0_usize, |joined, at| joined << 8 | usize::from(*group.get(at).unwrap_or(&0)));
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            text.push(if at <= group.len() { char::from(LETTERS[joined >> shift & 63]) } else { '=' });
        }
    }
    text
}

pub fn decoded(text: &str) -> Vec<u8> {
    let mut bits = 0_u32;
    let mut held = 0;
    let mut bytes = Vec::new();
    for letter in text.bytes() {
        let Some(value) = LETTERS.iter().position(|known| *known == letter) else { continue };
        bits = bits << 6 | u32::try_from(value).expect("below 64");
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 255).expect("a byte"));
        }
    }
    bytes
}
