//! What a server says about itself to anybody: sealed or not, healthy or not.
//! Never in it: anything that needs a key.

use std::sync::PoisonError;

use onrecord_value::{Object, Value, json};

use super::{CeremonyError, Core};
use crate::VERSION;
use crate::engine::sys::evidence_status;
use crate::engine::unsealed::Cluster;

/// The state of the seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealStatus {
    /// The kind of seal: `shamir`, or that of the key service.
    pub kind: &'static str,
    /// Whether keys exist.
    pub initialised: bool,
    /// Whether the keys are not in memory.
    pub sealed: bool,
    /// How many shares are needed.
    pub threshold: u8,
    /// How many shares there are.
    pub shares: u8,
    /// How many were given.
    pub progress: usize,
    /// Names the round of giving; empty between rounds.
    pub nonce: String,
    /// `inmem`, `file`.
    pub storage_type: &'static str,
    /// The cluster, while unsealed.
    pub cluster: Option<Cluster>,
    /// How many audit devices are enabled, while unsealed.
    pub audit_devices: Option<usize>,
    /// Whether any of them keeps entries, while unsealed.
    pub audited: Option<bool>,
}

pub(super) struct AuditHealth {
    /// Whether the audit rule can be met.
    pub(super) met: bool,
    /// Whether it could be for a while.
    pub(super) ready: bool,
    pub(super) states: Object,
    /// What is wrong with the trees of devices.
    pub(super) evidence: Object,
}

impl Core {
    /// The state of the seal.
    pub async fn seal_status(&self) -> Result<SealStatus, CeremonyError> {
        let config = self.inner.barrier.seal_config().await?;
        let recovery = match self.auto_seal() {
            Some(_) => self.stored_seal().await?,
            None => None,
        };
        let recovery = recovery.map(|stored| (stored.recovery_threshold, stored.recovery_shares));
        let byte = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
        let (threshold, shares_made) = match (recovery, config) {
            (Some((threshold, shares)), _) => (byte(threshold), byte(shares)),
            (None, Some(config)) => (config.threshold(), config.shares()),
            (None, None) => (0, 0),
        };
        let unsealed = self.unsealed();
        let shares = self.inner.shares.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(SealStatus {
            initialised: config.is_some(),
            sealed: unsealed.is_none(),
            kind: self.auto_seal().unwrap_or("shamir"),
            threshold,
            shares: shares_made,
            progress: shares.progress(),
            nonce: shares.nonce().to_owned(),
            storage_type: self.inner.barrier.storage().kind(),
            cluster: unsealed.as_ref().map(|unsealed| unsealed.cluster.clone()),
            audit_devices: unsealed.as_ref().map(|unsealed| unsealed.broker.devices()),
            audited: unsealed.as_ref().map(|unsealed| unsealed.broker.is_audited()),
        })
    }

    pub(super) fn audit_health(&self) -> Option<AuditHealth> {
        let unsealed = self.unsealed()?;
        let devices = unsealed.broker.status();
        let (_, met) = unsealed.outlook_of(&devices);
        let ready = unsealed.alarm.is_ready(self.inner.host.clock.monotonic(), met);
        let mut states: Object =
            devices.iter().map(|device| (&*device.path, Value::from(device.health.to_string()))).collect();
        for path in
            unsealed.devices.table().keys().filter(|path| states.get(path).is_none()).collect::<Vec<_>>()
        {
            states.insert(path, "unopened");
        }
        let evidence = evidence_status::troubles(&unsealed, &devices);
        Some(AuditHealth { met, ready, states, evidence })
    }
}

impl SealStatus {
    /// Name and id of the cluster, if it is known.
    pub(super) fn cluster_members(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let members = |cluster: &Cluster| {
            [("cluster_name", cluster.name.as_str().into()), ("cluster_id", cluster.id.as_str().into())]
        };
        self.cluster.iter().flat_map(members)
    }

    /// How many audit devices are enabled, and whether any keeps entries, while unsealed.
    pub(super) fn audit_members(&self) -> impl Iterator<Item = (&'static str, Value)> {
        let devices = self.audit_devices.map(|devices| ("audit_devices", devices.into()));
        devices.into_iter().chain(self.audited.map(|audited| ("audited", audited.into())))
    }

    /// The body of `sys/seal-status`, in the API's order; ours at the end.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut members: Vec<(&str, Value)> = vec![
            ("type", self.kind.into()),
            ("initialized", self.initialised.into()),
            ("sealed", self.sealed.into()),
            ("t", self.threshold.into()),
            ("n", self.shares.into()),
            ("progress", self.progress.into()),
            ("nonce", self.nonce.as_str().into()),
            ("version", VERSION.into()),
            ("commit_date", "".into()),
            ("migration", false.into()),
        ];
        members.extend(self.cluster_members());
        members.push(("recovery_seal", (self.kind != "shamir").into()));
        members.push(("storage_type", self.storage_type.into()));
        members.extend(self.audit_members());
        body(&members)
    }
}

/// An object whose members keep their order, with the newline that answers end in.
pub(super) fn body(members: &[(&str, Value)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(384);
    out.push(b'{');
    for (at, (key, value)) in members.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        json::write_str(key, &mut out);
        out.push(b':');
        json::write(value, &mut out);
    }
    out.extend_from_slice(b"}\n");
    out
}
