//! `sys/rekey`, `sys/rotate/root` and `sys/generate-root`: what holders of key shares do together.
//! Never in it: key shares kept after a call, and how a root token is decoded.

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use http::Method;
use onrecord_value::{Object, object};

/// A ceremony to which key shares are given, one a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ceremony {
    /// New key shares, made with the old ones.
    Rekey,
    /// The proof that the holders of new key shares have them.
    RekeyVerification,
    /// As `Rekey`, for callers with a token whose policies allow it.
    RotateRoot,
    /// As `RekeyVerification`, for callers with a token whose policies allow it.
    RotateRootVerification,
    /// A new root token.
    GenerateRoot,
}

impl Ceremony {
    /// The path at which it is begun, read and cancelled.
    const fn path(self) -> &'static str {
        match self {
            Self::Rekey => "sys/rekey/init",
            Self::RekeyVerification => "sys/rekey/verify",
            Self::RotateRoot => "sys/rotate/root/init",
            Self::RotateRootVerification => "sys/rotate/root/verify",
            Self::GenerateRoot => "sys/generate-root/attempt",
        }
    }

    /// The path that takes key shares.
    const fn update_path(self) -> &'static str {
        match self {
            Self::Rekey => "sys/rekey/update",
            Self::RekeyVerification => "sys/rekey/verify",
            Self::RotateRoot => "sys/rotate/root/update",
            Self::RotateRootVerification => "sys/rotate/root/verify",
            Self::GenerateRoot => "sys/generate-root/update",
        }
    }
}

impl Client {
    /// How far a ceremony is: `started`, `nonce`, `progress`, …
    pub async fn ceremony_status(&self, ceremony: Ceremony) -> Result<Object, Error> {
        Ok(self.send(Request::new(Method::GET, ceremony.path())).await?.object()?)
    }

    /// Begins a ceremony. A verification begins by itself, with the last of the old key shares.
    pub async fn ceremony_begin(&self, ceremony: Ceremony, body: Object) -> Result<Object, Error> {
        Ok(self.put(ceremony.path(), body).await?.object()?)
    }

    /// Cancels a ceremony, if there is one. A cancelled verification begins again.
    pub async fn ceremony_cancel(&self, ceremony: Ceremony, nonce: Option<&str>) -> Result<(), Error> {
        let request = Request::new(Method::DELETE, ceremony.path());
        let nonce = nonce.map(|nonce| object! { "nonce" => nonce }.into());
        self.send(match nonce {
            Some(body) => request.body(&body),
            None => request,
        })
        .await
        .map(drop)
    }

    /// Gives one key share. The answer to the last one needed has the result.
    pub async fn ceremony_update(&self, ceremony: Ceremony, key: &str, nonce: &str) -> Result<Object, Error> {
        let body = object! { "key" => key, "nonce" => nonce };
        Ok(self.put(ceremony.update_path(), body).await?.object()?)
    }
}
