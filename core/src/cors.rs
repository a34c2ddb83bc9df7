//! Which origins a browser may let ask this server (`sys/config/cors`): kept in storage, read from a snapshot.
//! Never in it: HTTP headers (the transport's).

use std::sync::Arc;

use onrecord_storage::{BarrierError, Batch, View};

use crate::current::Current;
use crate::stored::{Record as _, record};

/// Where they are stored, among the server's own tables.
pub(crate) const KEY: &str = "cors";

/// The settings for browsers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cors {
    /// Whether any other origin may ask. If not, the lists are empty.
    pub enabled: bool,
    /// `https://example.com`; `*` alone is every origin.
    pub allowed_origins: Vec<String>,
    /// Request headers beside those that clients of this API send.
    pub allowed_headers: Vec<String>,
}

record! { Cors() {
    "allowed_headers" => allowed_headers,
    "allowed_origins" => allowed_origins,
    "enabled" => enabled,
} }

impl Cors {
    /// Whether a browser may let a page of this origin ask.
    pub fn allows(&self, origin: &str) -> bool {
        self.enabled && self.allowed_origins.iter().any(|allowed| allowed == "*" || allowed == origin)
    }
}

/// The settings of the server.
pub(crate) struct CorsSettings {
    view: View,
    current: Current<Cors>,
    gate: tokio::sync::Mutex<()>,
}

impl CorsSettings {
    pub(crate) async fn load(view: View) -> Result<Self, BarrierError> {
        let current = stored(&view).await?;
        Ok(Self { view, current: Current::new(current), gate: tokio::sync::Mutex::new(()) })
    }

    pub(crate) fn current(&self) -> Arc<Cors> {
        self.current.get()
    }

    /// Reads them again.
    pub(crate) async fn invalidate(&self) -> Result<(), BarrierError> {
        let _gate = self.gate.lock().await;
        self.current.set(stored(&self.view).await?);
        Ok(())
    }

    pub(crate) async fn set(&self, cors: Cors) -> Result<(), BarrierError> {
        let _gate = self.gate.lock().await;
        let mut batch = Batch::new();
        self.view.put(&mut batch, KEY, &cors.encode())?;
        self.view.commit(batch).await?;
        self.current.set(cors);
        Ok(())
    }
}

async fn stored(view: &View) -> Result<Cors, BarrierError> {
    let Some(stored) = view.get(KEY).await? else { return Ok(Cors::default()) };
    Ok(Cors::decode(stored.expose(), ()).ok_or_else(|| view.unreadable(KEY))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_allowed_by_its_whole_text_or_by_a_star() {
        let cors = |origin: &str| Cors {
            enabled: true,
            allowed_origins: vec![origin.to_owned()],
            ..Cors::default()
        };
        assert!(cors("*").allows("https://any.example"));
        assert!(cors("https://a.example").allows("https://a.example"));
        assert!(!cors("https://a.example").allows("https://a.example.evil"));
        assert!(!Cors { enabled: false, ..cors("*") }.allows("https://a.example"));
        assert_eq!(Cors::decode(&cors("*").encode(), ()), Some(cors("*")));
    }
}
