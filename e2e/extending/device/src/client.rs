//! An async HTTP client behind a blocking face: the client and its runtime live on a thread of their own, which ends with
//! the last [`Client`]. The library that calls it knows no runtime.
//! Never in it: devices.

use std::io;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, RecvError, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use onrecord_audit::Placement;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Why a collector did not take what it was sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("connect {url}: {error}")]
    Connect {
        url: Uri,
        #[source]
        error: io::Error,
    },
    #[error("connect {url}: a device made through the API may not talk to {address}")]
    Forbidden { url: Uri, address: IpAddr },
    #[error("POST {url}: {error}")]
    Post {
        url: Uri,
        #[source]
        error: hyper::Error,
    },
    #[error("POST {url}: the collector answered {status}")]
    Refused { url: Uri, status: StatusCode },
    #[error("{url}: no answer within {} ms", .limit.as_millis())]
    Timeout { url: Uri, limit: Duration },
    #[error("the request could not be made: {0}")]
    Request(#[from] http::Error),
    #[error("the client has ended: {0}")]
    Ended(#[from] RecvError),
}

/// Asks the thread of the client, and waits for its answer.
pub(crate) struct Client {
    jobs: UnboundedSender<Job>,
}

/// What the thread is asked for.
struct Job {
    /// What is posted; `None` to connect only.
    body: Option<Bytes>,
    answer: SyncSender<Result<(), HttpError>>,
}

impl Client {
    /// Starts the thread. It connects when it is first asked for something.
    pub(crate) fn start(url: Uri, limit: Option<Duration>, placement: Placement) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (jobs, waiting) = unbounded_channel();
        let connection = Connection { url, limit, placement, sender: None };
        std::thread::Builder::new()
            .name("audit-http".to_owned())
            .spawn(move || runtime.block_on(connection.serve(waiting)))?;
        Ok(Self { jobs })
    }

    /// Posts a body, and waits until the collector has answered.
    pub(crate) fn post(&self, body: &[u8]) -> Result<(), HttpError> {
        self.ask(Some(Bytes::copy_from_slice(body)))
    }

    /// Makes sure of a connection.
    pub(crate) fn connect(&self) -> Result<(), HttpError> {
        self.ask(None)
    }

    fn ask(&self, body: Option<Bytes>) -> Result<(), HttpError> {
        let (answer, answered): (_, Receiver<_>) = sync_channel(1);
        // If the thread has ended, the answer's other end is dropped with the job.
        drop(self.jobs.send(Job { body, answer }));
        answered.recv()?
    }
}

/// The connection to the collector, on the client's thread.
struct Connection {
    url: Uri,
    limit: Option<Duration>,
    placement: Placement,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    async fn serve(mut self, mut jobs: UnboundedReceiver<Job>) {
        while let Some(Job { body, answer }) = jobs.recv().await {
            let done = match self.limit {
                None => self.carry_out(body).await,
                Some(limit) => tokio::time::timeout(limit, self.carry_out(body))
                    .await
                    .unwrap_or_else(|_| Err(HttpError::Timeout { url: self.url.clone(), limit })),
            };
            if done.is_err() {
                self.sender = None;
            }
            // Without a receiver the device is gone, and its answer is not needed.
            drop(answer.send(done));
        }
    }

    async fn carry_out(&mut self, body: Option<Bytes>) -> Result<(), HttpError> {
        let sender = self.ready().await?;
        match body {
            None => self.sender = Some(sender),
            Some(body) => self.post(sender, body).await?,
        }
        Ok(())
    }

    /// The connection; a new one if there is none, or the collector has closed it.
    async fn ready(&mut self) -> Result<SendRequest<Full<Bytes>>, HttpError> {
        if let Some(mut sender) = self.sender.take()
            && sender.ready().await.is_ok()
        {
            return Ok(sender);
        }
        let stream = self.dial().await?;
        let failed = |error| HttpError::Post { url: self.url.clone(), error };
        let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(failed)?;
        tokio::spawn(connection);
        sender.ready().await.map_err(failed)?;
        Ok(sender)
    }

    /// Dials the first address that the device's limits allow.
    async fn dial(&self) -> Result<TcpStream, HttpError> {
        let failed = |error| HttpError::Connect { url: self.url.clone(), error };
        let host = self.url.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = self.url.port_u16().unwrap_or(80);
        let mut last = io::ErrorKind::NotFound.into();
        for address in lookup_host((host, port)).await.map_err(failed)? {
            if self.placement.check_address(address).is_err() {
                return Err(HttpError::Forbidden { url: self.url.clone(), address: address.ip() });
            }
            match TcpStream::connect(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(failed(last))
    }

    async fn post(&mut self, mut sender: SendRequest<Full<Bytes>>, body: Bytes) -> Result<(), HttpError> {
        let failed = |error| HttpError::Post { url: self.url.clone(), error };
        let authority = self.url.authority().map_or("", |authority| authority.as_str());
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let request = Request::post(path)
            .header("host", authority)
            .header("content-type", "application/x-ndjson")
            .body(Full::new(body))?;
        let response = sender.send_request(request).await.map_err(failed)?;
        let status = response.status();
        response.into_body().collect().await.map_err(failed)?;
        if !status.is_success() {
            return Err(HttpError::Refused { url: self.url.clone(), status });
        }
        self.sender = Some(sender);
        Ok(())
    }
}
