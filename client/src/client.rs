//! The client: headers, retries, redirects and the time-out of a whole call.
//! Never in it: paths of the API (`api`).

use crate::address::Address;
use crate::config::{Config, ConfigError};
use crate::error::{ApiError, Cause, Error, TransportError};
use crate::request::{PreparedRequest, Request};
use crate::response::{self, AnswerError, Response};
use crate::token::Token;
use crate::transport::Transport;
use bytes::Bytes;
use http::Method;
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
        config.namespace = config.namespace.filter(|namespace| !namespace.is_empty());
        if let Some(namespace) = config.namespace.as_mut().filter(|namespace| !namespace.ends_with('/')) {
            namespace.push('/');
        }
        let transport = Arc::new(Transport::new(config.tls.clone())?);
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

    /// What a call outside of the API needs.
    pub(crate) fn parts(&self) -> (&Config, &Transport) {
        (&self.config, &self.transport)
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

    /// Sends a request and waits for the whole response. A status of 400 and more is an [`Error::Api`], except 429 of `sys/health`.
    pub async fn send(&self, request: Request) -> Result<Response, Error> {
        if self.config.token.as_ref().is_some_and(|token| !token.printable()) {
            return Err(Error::UnprintableToken);
        }
        if request.path.split('/').any(|segment| matches!(segment, "." | "..")) {
            return Err(Error::DotSegments(request.path));
        }
        let prepared = self.prepare(request);
        if self.dry_run {
            return Err(Error::NotSent(Box::new(prepared)));
        }
        let method = prepared.method.to_string();
        let work = self.send_with_retries(&prepared);
        let outcome = tokio::time::timeout(self.config.timeout, work).await;
        let (answer, url) = match outcome.unwrap_or(Err(Cause::Timeout)) {
            Err(Cause::TooLong) => return Err(AnswerError::TooLong(self.config.answer_bytes_max).into()),
            Err(cause) => {
                return Err(Error::Transport(Box::new(TransportError { method, url: prepared.url, cause })));
            }
            Ok(done) => done,
        };
        let (head, body) = answer.into_parts();
        let body = Response { status: head.status.as_u16(), body: body.to_vec() };
        let health = body.status == 429 && prepared.path == "sys/health";
        if (200..400).contains(&body.status) || health {
            return Ok(body);
        }
        let namespace = head.headers.get("x-vault-namespace").and_then(|value| value.to_str().ok());
        let namespace = namespace.unwrap_or_default().to_owned();
        let (raw, errors) = response::errors_of(&body.body);
        Err(Error::Api(Box::new(ApiError { method, url, status: body.status, namespace, raw, errors, body })))
    }

    /// The response, and the URL that it came from.
    async fn send_with_retries(
        &self,
        prepared: &PreparedRequest,
    ) -> Result<(http::Response<Bytes>, String), Cause> {
        let mut left = self.config.retries;
        let mut pause = Duration::from_secs(1);
        loop {
            let outcome = self.send_following(prepared).await;
            let again = match &outcome {
                Ok((answer, _)) => matches!(answer.status().as_u16(), 412 | 429 | 500 | 502..=599),
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
        prepared: &PreparedRequest,
    ) -> Result<(http::Response<Bytes>, String), Cause> {
        let address = &self.config.address;
        let answer = self.exchange(address, &prepared.target, prepared).await?;
        let location = answer.headers().get(http::header::LOCATION).and_then(|value| value.to_str().ok());
        let is_redirect = self.config.redirects && matches!(answer.status().as_u16(), 301 | 302 | 307);
        let Some(location) = location.filter(|_| is_redirect) else {
            return Ok((answer, prepared.url.clone()));
        };
        let (elsewhere, target) =
            address.redirected(location).ok_or_else(|| Cause::Location(location.to_owned()))?;
        if address.protected() && !elsewhere.protected() {
            return Err(Cause::Downgrade);
        }
        let answer = self.exchange(&elsewhere, &target, prepared).await?;
        Ok((answer, elsewhere.url(&target)))
    }

    async fn exchange(
        &self,
        address: &Address,
        target: &str,
        prepared: &PreparedRequest,
    ) -> Result<http::Response<Bytes>, Cause> {
        let mut head = http::Request::builder()
            .method(&prepared.method)
            .uri(target)
            .header(http::header::HOST, address.authority())
            .header(http::header::USER_AGENT, concat!("onrecord/", env!("CARGO_PKG_VERSION")));
        for (name, value) in &prepared.headers {
            let wrong = || Cause::Header(name.clone());
            let parsed = http::HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            head = head.header(parsed, http::HeaderValue::from_str(value).map_err(|_| wrong())?);
        }
        if let Some(token) = self.config.token.as_ref().filter(|_| prepared.has_token) {
            let mut value = http::HeaderValue::from_str(token.expose())
                .map_err(|_| Cause::Header("X-Vault-Token".to_owned()))?;
            value.set_sensitive(true);
            head = head.header("X-Vault-Token", value);
        }
        let body = Full::new(Bytes::from(prepared.body.clone().unwrap_or_default()));
        let whole = head.body(body).map_err(|_| Cause::Header("URL".to_owned()))?;
        self.transport.exchange(address, &whole, self.config.answer_bytes_max).await
    }

    fn prepare(&self, request: Request) -> PreparedRequest {
        let Config { address, namespace, wrap_ttl, mfa, token, .. } = &self.config;
        let target = address.target(&request.path, &request.query);
        let wrap_ttl = wrap_ttl.as_deref().filter(|text| !text.is_empty());
        let single = [
            ("X-Vault-Request", Some("true")),
            ("X-Vault-Namespace", namespace.as_deref()),
            ("X-Vault-Wrap-Ttl", wrap_ttl),
            ("X-Vault-Policy-Override", self.config.policy_override.then_some("true")),
            ("Content-Type", request.content_type),
        ];
        let single = single.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let all = single.chain(mfa.iter().map(|code| ("X-Vault-Mfa", code.as_str())));
        let mut headers: Vec<_> = all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        headers.extend_from_slice(&self.config.headers);
        headers.sort();
        PreparedRequest {
            url: address.url(&target),
            target,
            path: crate::address::clean(&request.path).trim_start_matches('/').to_owned(),
            list: request.method == Method::GET && request.query.iter().any(|(name, _)| name == "list"),
            method: request.method,
            headers,
            has_token: request.with_token && token.as_ref().is_some_and(|token| !token.is_empty()),
            body: request.body,
        }
    }
}
