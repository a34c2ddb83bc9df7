//! Which request headers are recorded, and whether their values are hashed: kept in storage, read from a snapshot.
//! Never in it: picking them out of a request (`record`).

use std::collections::BTreeMap;
use std::sync::Arc;

use onrecord_storage::{BarrierError, Batch, View};
use onrecord_value::{Object, Value, object};

use crate::current::Current;
use crate::stored::parse;

const KEY: &str = "audited-headers";

/// The audited headers: name in lower case → whether the values are hashed.
pub(crate) type Snapshot = BTreeMap<String, bool>;

/// The configured headers.
pub struct AuditedHeaders {
    view: View,
    current: Current<Snapshot>,
    gate: tokio::sync::Mutex<()>,
}

impl AuditedHeaders {
    /// Reads them from a view.
    pub async fn load(view: View) -> Result<Self, BarrierError> {
        let current = stored(&view).await?;
        Ok(Self { view, current: Current::new(current), gate: tokio::sync::Mutex::new(()) })
    }

    /// What is configured now.
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.get()
    }

    /// Reads them again.
    pub async fn invalidate(&self) -> Result<(), BarrierError> {
        let _gate = self.gate.lock().await;
        self.current.set(stored(&self.view).await?);
        Ok(())
    }

    /// Sets or replaces one; `None` removes it.
    pub async fn change(&self, name: &str, hmac: Option<bool>) -> Result<(), BarrierError> {
        let _gate = self.gate.lock().await;
        let mut headers = Snapshot::clone(&self.current());
        headers.remove(&name.to_ascii_lowercase());
        headers.extend(hmac.map(|hmac| (name.to_ascii_lowercase(), hmac)));
        let mut batch = Batch::new();
        self.view.put(&mut batch, KEY, &encode(&headers))?;
        self.view.commit(batch).await?;
        self.current.set(headers);
        Ok(())
    }
}

async fn stored(view: &View) -> Result<Snapshot, BarrierError> {
    let Some(stored) = view.get(KEY).await? else { return Ok(Snapshot::new()) };
    Ok(decode(stored.expose()).ok_or_else(|| view.unreadable(KEY))?)
}

/// `{"x-name":{"hmac":false}}`, as other servers store it.
fn encode(headers: &Snapshot) -> Vec<u8> {
    let all: Object = headers
        .iter()
        .map(|(name, hmac)| (name.as_str(), Value::from(object! { "hmac" => *hmac })))
        .collect();
    Value::Object(all).to_json()
}

fn decode(stored: &[u8]) -> Option<Snapshot> {
    let all = parse(stored)?;
    let hmac = |value: &Value| value.as_object().and_then(|o| o.get("hmac")).and_then(Value::as_bool);
    // A record that does not say it is taken for hashed: nothing becomes clear by damage.
    Some(all.iter().map(|(name, value)| (name.to_owned(), hmac(value).unwrap_or(true))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_form_reads_back_and_damage_hides() {
        let headers = Snapshot::from([("x-test-header".to_owned(), false), ("y".to_owned(), true)]);
        assert_eq!(encode(&headers), b"{\"x-test-header\":{\"hmac\":false},\"y\":{\"hmac\":true}}");
        assert_eq!(decode(&encode(&headers)), Some(headers));
        assert_eq!(decode(b"{\"y\":{}}"), Some(Snapshot::from([("y".to_owned(), true)])));
        assert_eq!(decode(b"{"), None);
    }
}
