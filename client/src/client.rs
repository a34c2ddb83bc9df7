//! The client: headers, retries, redirects and the time-out of a whole call.
//! Never in it: paths of the API (`api`).

use crate::address::Address;
use crate::config::{Config, ConfigError};
use crate::error::{ApiError, Cause, Error, TransportError};
use crate::request::{Method, PreparedRequest, Request};
use crate::response::{self, AnswerError, Response};
use crate::token::Token;
use crate::transport::{Answer, Transport};
use bytes::Bytes;
use http_body_util::Full;
use std::sync::Arc;
use std::time::Duration;

/// A client. Clones share connections.
#[derive(Clone)]
pub struct Client {
    config: Config,
    transport: Arc<Transport>,
    dry_run: bool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("address", &self.config.address).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has not connected yet. Named certificate files are read now.
    pub fn new(mut config: Config) -> Result<Self, ConfigError> {
        for (name, _) in &config.headers {
            if name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("x-vault-")) {
                return Err(ConfigError::ReservedHeader(name.clone()));
            }
        }
        if let Some(namespace) = &mut config.namespace
            && !namespace.is_empty()
            && !namespace.ends_with('/')
        {
            namespace.push('/');
        }
        let transport = Arc::new(Transport::new(config.tls.clone(), false)?);
        Ok(Self { config, transport, dry_run: false })
    }

    /// A client that sends nothing: each call returns [`Error::NotSent`] with the request.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// A clone that sends, even if this client is in dry-run mode, and does not ask for wrapped responses.
    #[must_use]
    pub fn plain(&self) -> Self {
        let mut clone = self.clone();
        clone.dry_run = false;
        clone.config.wrap_ttl = None;
        clone
    }

    /// The token in use.
    pub fn token(&self) -> Option<&Token> {
        self.config.token.as_ref()
    }

    /// A clone that calls with another token.
    #[must_use]
    pub fn with_token(&self, token: Token) -> Self {
        let mut clone = self.clone();
        clone.config.token = Some(token);
        clone
    }

    /// Address of the server.
    pub fn address(&self) -> &Address {
        &self.config.address
    }

    /// Sends a request and waits for the whole response. A status of 400 and more is an [`Error::Api`], except 429 of `sys/health`.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        if self.config.token.as_ref().is_some_and(|token| !token.printable()) {
            return Err(Error::UnprintableToken);
        }
        if request.path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(Error::DotSegments(request.path));
        }
        let prepared = self.prepare(&request);
        if self.dry_run {
            return Err(Error::NotSent(Box::new(prepared)));
        }
        let failed = |cause| {
            Error::Transport(Box::new(TransportError {
                method: prepared.method.as_str().to_owned(),
                url: prepared.url.clone(),
                cause,
            }))
        };
        let work = self.send_with_retries(&request, &prepared);
        let (answer, url) = match tokio::time::timeout(self.config.timeout, work).await {
            Err(_elapsed) => return Err(failed(Cause::Timeout)),
            Ok(Err(Cause::TooLong)) => {
                return Err(AnswerError::TooLong(self.config.answer_bytes_max).into());
            }
            Ok(Err(cause)) => return Err(failed(cause)),
            Ok(Ok(done)) => done,
        };
        let health = answer.status == 429 && prepared.path == "sys/health";
        if (200..400).contains(&answer.status) || health {
            return Ok(Response { status: answer.status, body: answer.body.to_vec() });
        }
        let namespace = answer
            .headers
            .get("x-vault-namespace")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let (raw, errors) = response::errors_of(&answer.body);
        Err(Error::Api(Box::new(ApiError {
            method: prepared.method.as_str().to_owned(),
            url,
            status: answer.status,
            namespace,
            raw,
            errors,
            body: Response { status: answer.status, body: answer.body.to_vec() },
        })))
    }

    async fn send_with_retries(
        &self,
        request: &Request,
        prepared: &PreparedRequest,
    ) -> Result<(Answer, String), Cause> {
        let mut left = self.config.retries;
        let mut pause = Duration::from_secs(1);
        loop {
            let outcome = self.send_following(request, prepared).await;
            let again = match &outcome {
                Ok((answer, _)) => matches!(answer.status, 412 | 429 | 500 | 502..=599),
                Err(Cause::Dial { .. } | Cause::Closed | Cause::Io(_) | Cause::Lookup { .. }) => true,
                Err(_) => false,
            };
            if !again || left == 0 {
                return outcome;
            }
            left -= 1;
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(Duration::from_secs(5));
        }
    }

    /// One exchange, and one more if the response is a redirect.
    async fn send_following(
        &self,
        request: &Request,
        prepared: &PreparedRequest,
    ) -> Result<(Answer, String), Cause> {
        let address = &self.config.address;
        let target = address.url(&request.path, &request.query).target().to_owned();
        let answer = self.exchange(address, &target, request, prepared).await?;
        if !self.config.redirects || !matches!(answer.status, 301 | 302 | 307) {
            return Ok((answer, prepared.url.clone()));
        }
        let Some(location) = answer.headers.get(http::header::LOCATION).and_then(|value| value.to_str().ok())
        else {
            return Ok((answer, prepared.url.clone()));
        };
        let (elsewhere, target) =
            address.redirected(location).ok_or_else(|| Cause::Location(location.to_owned()))?;
        if address.protected() && !elsewhere.protected() {
            return Err(Cause::Downgrade);
        }
        let url = elsewhere.url_of_target(target.clone()).to_string();
        let answer = self.exchange(&elsewhere, &target, request, prepared).await?;
        Ok((answer, url))
    }

    async fn exchange(
        &self,
        address: &Address,
        target: &str,
        request: &Request,
        prepared: &PreparedRequest,
    ) -> Result<Answer, Cause> {
        let mut head = http::Request::builder()
            .method(prepared.method.http())
            .uri(target)
            .header(http::header::HOST, address.authority())
            .header(http::header::USER_AGENT, concat!("onrecord/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &prepared.headers {
            let wrong = || Cause::Header(name.clone());
            let parsed = http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            head = head.header(parsed, http::HeaderValue::from_str(value).map_err(|_| wrong())?);
        }
        if let Some(token) =
            self.config.token.as_ref().filter(|token| request.with_token && !token.is_empty())
        {
            let mut value = http::HeaderValue::from_str(token.expose())
                .map_err(|_| Cause::Header("X-Vault-Token".to_owned()))?;
            value.set_sensitive(true);
            head = head.header("X-Vault-Token", value);
        }
        let body = Full::new(Bytes::from(prepared.body.clone().unwrap_or_default()));
        let whole = head.body(body).map_err(|_| Cause::Header("URL".to_owned()))?;
        self.transport
            .exchange(address, &whole, self.config.answer_bytes_max)
            .await
            .map_err(|failed| failed.cause)
    }

    fn prepare(&self, request: &Request) -> PreparedRequest {
        let url = self.config.address.url(&request.path, &request.query).to_string();
        let mut headers = vec![("X-Vault-Request".to_owned(), "true".to_owned())];
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        if let Some(namespace) = self.config.namespace.as_deref().filter(|text| !text.is_empty()) {
            add("X-Vault-Namespace", namespace);
        }
        if let Some(ttl) = self.config.wrap_ttl.as_deref().filter(|text| !text.is_empty()) {
            add("X-Vault-Wrap-Ttl", ttl);
        }
        for code in &self.config.mfa {
            add("X-Vault-Mfa", code);
        }
        if self.config.policy_override {
            add("X-Vault-Policy-Override", "true");
        }
        if let Some(content_type) = request.content_type {
            add("Content-Type", content_type);
        }
        for (name, value) in &self.config.headers {
            add(name, value);
        }
        headers.sort();
        PreparedRequest {
            method: request.method,
            url,
            path: crate::address::clean(&request.path).trim_start_matches('/').to_owned(),
            list: request.method == Method::Get && request.query.iter().any(|(name, _)| name == "list"),
            headers,
            has_token: request.with_token
                && self.config.token.as_ref().is_some_and(|token| !token.is_empty()),
            body: request.body.clone(),
        }
    }
}
