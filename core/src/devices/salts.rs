//! Salts, of enabled devices and of those that are gone: listed, asked for a hash, exported, replaced (I8). A salt is never
//! removed, so that every old log can still be searched.
//! Never in it: a salt's text on its way out; all that leaves is an id, a hash, or an export that is sealed.

use std::sync::Arc;

use onrecord_audit::Broker;
use onrecord_entry::salt_export::SaltExport;
use onrecord_entry::{Salt, SaltId};
use onrecord_seal::age::{self, Recipient};
use onrecord_storage::{BarrierError, Batch};
use onrecord_value::Time;

use super::opening::{formatter, new_salt};
use super::stored::{self, KeptSalt};
use super::{Device, Devices, DevicesError, SaltLines, Table, with_slash};

/// Exported salts.
#[derive(Debug)]
pub struct SealedSalts {
    /// How many there are.
    pub count: usize,
    /// A file in the age format.
    pub file: String,
}

/// What a change of salt has done.
#[derive(Debug)]
pub struct Resalted {
    /// The device's path.
    pub path: String,
    /// The salt of lines from now on.
    pub salt: SaltId,
    /// The salt of those before.
    pub retired: SaltId,
}

impl Devices {
    /// All salts there ever were, in the order of their beginnings.
    pub async fn salts(&self) -> Result<Vec<KeptSalt>, DevicesError> {
        let mut salts = stored::salts(&self.view).await?;
        salts.sort_by(|one, other| (one.from, &one.path, one.to).cmp(&(other.from, &other.path, other.to)));
        Ok(salts)
    }

    /// The HMAC of a text under a salt, in use or retired; `None` if there is none of that id.
    pub async fn hash_by_id(&self, id: SaltId, text: &str) -> Result<Option<String>, DevicesError> {
        let salts = stored::salts(&self.view).await?;
        Ok(salts.iter().find(|salt| salt.id == id).map(|salt| salt.hash(text)))
    }

    /// All salts there ever were, sealed to a public key, and how many they are.
    pub async fn export_salts(
        &self,
        server: String,
        recipient: &Recipient,
        now: Time,
    ) -> Result<SealedSalts, DevicesError> {
        let mut salts = stored::with_texts(&self.view).await?;
        salts.sort_by(|one, other| (one.from, &one.path, one.to).cmp(&(other.from, &other.path, other.to)));
        let count = salts.len();
        let export = SaltExport { server, exported: now, salts };
        let sealed = age::seal_to(recipient, &export.to_text(), &*self.host.entropy);
        Ok(SealedSalts { count, file: sealed? })
    }

    /// Gives the device at a path a new salt, and keeps the old one; `None` if none is enabled there. Entries before it
    /// have the old salt's id, those after it the new one's, and none is missing.
    pub async fn rotate_salt(
        &self,
        broker: &Broker,
        path: &str,
        now: Time,
    ) -> Result<Option<Resalted>, DevicesError> {
        let path = with_slash(path);
        let _gate = self.gate.lock().await;
        let table = self.table();
        let Some(device) = table.get(&path) else { return Ok(None) };
        let Some(old) = stored::salt(&self.view, &device.uuid).await? else { return Ok(None) };
        let retired = Salt::new(&old).id();
        let (salt, text) = new_salt(&*self.host.entropy)?;
        let id = salt.id();
        let first_salt = device.first_salt.or(Some(retired));
        // A stored device whose options are refused has no lines; its salt is changed all the same.
        let options = self.kinds.parse(&device.kind, &device.options).ok();
        let salt_lines = options.as_ref().map(SaltLines::of);
        let resalted = Device { salt_since: now, first_salt, salt_lines, ..Device::clone(device) };
        // One batch, and durable before the first line that needs it.
        let mut batch = Batch::new();
        stored::archive(&self.view, &mut batch, device, &self.host.entropy.uuid()?, &old, now)?;
        stored::put(&self.view, &mut batch, &resalted, &text)?;
        self.view.commit(batch).await.map_err(BarrierError::from)?;
        if let Some(options) = options {
            broker.set_formatter(&path, formatter(&resalted, &options, salt));
        }
        tracing::info!(path, salt = %id, %retired, "an audit device has a new salt");
        let mut table = Table::clone(&table);
        table.insert(path.clone(), Arc::new(resalted));
        self.show(table);
        Ok(Some(Resalted { path, salt: id, retired }))
    }
}
