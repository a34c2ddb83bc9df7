//! `auth/token`, and the capabilities of tokens.
//! Never in it: the token file, and what a policy means.

use crate::client::Client;
use crate::error::Error;
use crate::request::Request;
use crate::response::{AnswerError, Response, Secret, strings};
use http::Method;
use onrecord_value::{Object, object};

/// The token that a call is about.
#[derive(Clone, Copy, Debug)]
pub enum TokenRef<'a> {
    /// The caller's own.
    Own,
    /// The one with this text.
    Token(&'a str),
    /// The one with this accessor. It is changed or shown without the caller knowing its text.
    Accessor(&'a str),
}

impl TokenRef<'_> {
    /// How the path of a call ends, and the body that names the token.
    fn parts(self) -> (&'static str, Object) {
        match self {
            Self::Own => ("-self", Object::new()),
            Self::Token(token) => ("", object! { "token" => token }),
            Self::Accessor(accessor) => ("-accessor", object! { "accessor" => accessor }),
        }
    }
}

impl Client {
    /// Creates a token. The body has `policies`, `ttl`, …; `role` and `orphan` select the endpoint.
    pub async fn token_create(
        &self,
        role: Option<&str>,
        orphan: bool,
        body: Object,
    ) -> Result<Secret, Error> {
        let path = match role {
            Some(role) => format!("auth/token/create/{role}"),
            None if orphan => "auth/token/create-orphan".to_owned(),
            None => "auth/token/create".to_owned(),
        };
        whole(&self.post(path, body).await?)
    }

    /// The properties of a token.
    pub async fn token_lookup(&self, token: TokenRef<'_>) -> Result<Secret, Error> {
        let (end, body) = token.parts();
        let path = format!("auth/token/lookup{end}");
        whole(&match token {
            TokenRef::Own => self.send(Request::new(Method::GET, path)).await?,
            TokenRef::Token(_) | TokenRef::Accessor(_) => self.post(path, body).await?,
        })
    }

    /// Renews a token by `increment` seconds (0: as its own settings say).
    pub async fn token_renew(&self, token: TokenRef<'_>, increment: i64) -> Result<Secret, Error> {
        let (end, mut body) = token.parts();
        body.insert("increment", increment);
        whole(&self.change(token, format!("auth/token/renew{end}"), body).await?)
    }

    /// Revokes a token and its children.
    pub async fn token_revoke(&self, token: TokenRef<'_>) -> Result<(), Error> {
        let (end, body) = token.parts();
        self.change(token, format!("auth/token/revoke{end}"), body).await.map(drop)
    }

    /// Revokes a token; its children stay.
    pub async fn token_revoke_orphan(&self, token: &str) -> Result<(), Error> {
        self.put("auth/token/revoke-orphan", object! { "token" => token }).await.map(drop)
    }

    /// What a token may do at a path.
    pub async fn capabilities(&self, token: TokenRef<'_>, path: &str) -> Result<Vec<String>, Error> {
        let (end, mut body) = token.parts();
        if let (TokenRef::Own, Some(own)) = (token, self.token()) {
            body.insert("token", own.expose());
        }
        body.insert("path", path);
        let data = self.post(format!("sys/capabilities{end}"), body).await?.data()?;
        let found = strings(&data, "capabilities").or_else(|| strings(&data, path));
        found.ok_or(AnswerError::Field("capabilities").into())
    }

    /// `POST` for an accessor, else `PUT`; an empty body is not sent.
    async fn change(&self, token: TokenRef<'_>, path: String, body: Object) -> Result<Response, Error> {
        let is_accessor = matches!(token, TokenRef::Accessor(_));
        let request = Request::new(if is_accessor { Method::POST } else { Method::PUT }, path);
        self.send(if body.is_empty() { request } else { request.body(&body.into()) }).await
    }
}

fn whole(response: &Response) -> Result<Secret, Error> {
    response.secret()?.ok_or(AnswerError::NoData.into())
}
