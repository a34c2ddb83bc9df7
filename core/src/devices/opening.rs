//! Opening a device and trying it, before it is enabled. Never in it: the table, or what is enabled already.

use std::sync::Arc;
use std::time::Duration;

use onrecord_audit::broker::{Candidate, Probe};
use onrecord_audit::device::{HINTS_MAX, OptionError};
use onrecord_audit::{Broker, Clock, Device as Sink, DeviceConfig, DeviceOptions, Placement};
use onrecord_entry::{Formatter, Salt};
use onrecord_seal::{Entropy, EntropyError};
use onrecord_value::Time;
use onrecord_value::quote::quote;
use zeroize::Zeroizing;

use super::{Device, Devices, DevicesError, SaltLines, stored, with_slash};
use crate::blocking_task::BlockingTask;
use crate::log_keys::LogKeys;
use crate::settings::EnableRequest;

/// How long the opening of a device is waited for. What hangs longer is given up, or opens when it is written to.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) type Opened = Result<Box<dyn Sink>, OptionError>;

/// A device that took its probe and is not enabled yet.
pub(super) struct Prepared {
    pub(super) device: Device,
    pub(super) salt: Zeroizing<String>,
    pub(super) candidate: Candidate,
    /// For each option that means nothing to the device, what may have been meant.
    pub(super) warnings: Vec<String>,
}

pub(super) struct Origin<'a> {
    pub(super) declared: bool,
    pub(super) placement: Placement,
    /// The enabled device in whose place it is put: it keeps its salt and its name in storage.
    pub(super) instead_of: Option<&'a Device>,
}

impl Devices {
    pub(super) async fn prepare(
        &self,
        broker: &Broker,
        wanted: EnableRequest,
        origin: Origin<'_>,
        now: Time,
    ) -> Result<Prepared, DevicesError> {
        let Origin { declared, placement, instead_of } = origin;
        let path = with_slash(&wanted.path);
        let (uuid, since, salt_since) = match instead_of {
            Some(old) => (old.uuid.clone(), old.since, old.salt_since),
            None => (self.host.entropy.uuid()?, now, now),
        };
        let accessor = match instead_of {
            Some(old) if old.kind == wanted.kind => old.accessor.clone(),
            _ => {
                let random = self.host.entropy.uuid()?;
                format!("audit_{}_{}", wanted.kind, random.get(..8).unwrap_or_default())
            }
        };
        let options = self.kinds.parse(&wanted.kind, &wanted.options)?;
        warn_of_unknown(&path, &options);
        let warnings = self.unknown_options(&wanted.kind, &options.unknown);
        let opening = begin_opening(options.clone(), placement, Arc::clone(&self.host.clock))?;
        let sink = opening.wait(OPEN_TIMEOUT).await.ok_or(DevicesError::OpenTimedOut)??;
        let (salt, text) = match instead_of {
            Some(old) => {
                let text = stored::salt(&self.view, &old.uuid).await?.ok_or(DevicesError::NoSalt)?;
                (Arc::new(Salt::new(&text)), text)
            }
            None => new_salt(&*self.host.entropy)?,
        };
        let first_salt = instead_of.and_then(|old| old.first_salt);
        let lines = SaltLines::of(&options);
        // The salt stays that of the lines before.
        let salt_lines =
            Some(lines).filter(|lines| instead_of.is_none_or(|old| old.salt_lines == Some(*lines)));
        let EnableRequest { kind, description, local, options: given, .. } = wanted;
        let device = Device {
            path,
            uuid,
            accessor,
            kind,
            description,
            local,
            options: given,
            declared,
            since,
            salt_since,
            first_salt,
            salt_lines,
        };
        let config = config(&device, &options, sink, salt, &self.log_keys);
        // It is tried with a salt that is thrown away.
        let probe = if options.skip_test {
            None
        } else {
            Some(Probe { id: self.host.entropy.uuid()?, salt: new_salt(&*self.host.entropy)?.0 })
        };
        let candidate = broker.try_out(config, probe).await.map_err(DevicesError::Enable)?;
        Ok(Prepared { device, salt: text, candidate, warnings })
    }
}

impl Devices {
    /// Warnings about unknown options: each with what may have been meant, as far as there are not too many.
    fn unknown_options(&self, kind: &str, unknown: &[String]) -> Vec<String> {
        let hinted = unknown.iter().take(HINTS_MAX).map(|key| {
            let hint = self.kinds.hint(kind, key);
            format!("the audit device does not know the option {}: it has no effect; {hint}", quote(key))
        });
        let more = unknown.len().saturating_sub(HINTS_MAX);
        let more = (more > 0).then(|| format!("the audit device does not know {more} more of its options"));
        hinted.chain(more).collect()
    }
}

pub(super) fn config(
    device: &Device,
    options: &DeviceOptions,
    sink: Box<dyn Sink>,
    salt: Arc<Salt>,
    log_keys: &Arc<LogKeys>,
) -> DeviceConfig {
    let evidence = log_keys.evidence(&device.path);
    let config = DeviceConfig::new(device.path.as_str(), sink, formatter(device, options, salt));
    let config = config.evidence(evidence);
    if options.required { config.required() } else { config }
}

pub(super) fn formatter(device: &Device, options: &DeviceOptions, salt: Arc<Salt>) -> Formatter {
    Formatter::new(options.form.clone(), salt).with_first_salt(device.first_salt)
}

/// Names the keys that mean nothing; never their values (decision 7).
fn warn_of_unknown(path: &str, options: &DeviceOptions) {
    if !options.unknown.is_empty() {
        tracing::warn!(path, keys = ?options.unknown, "unknown audit device options are stored and ignored");
    }
}

pub(super) fn new_salt(entropy: &dyn Entropy) -> Result<(Arc<Salt>, Zeroizing<String>), EntropyError> {
    let mut random = Zeroizing::new([0; 16]);
    entropy.fill(&mut *random)?;
    let text = Salt::text_from(&random);
    Ok((Arc::new(Salt::new(&text)), text))
}

/// Begins to open a device, in a thread of its own: a file system that hangs must hold up this request and no other, and
/// this one not for ever.
pub(super) fn begin_opening(
    options: DeviceOptions,
    placement: Placement,
    clock: Arc<dyn Clock>,
) -> Result<BlockingTask<Opened>, DevicesError> {
    let open = move || options.open(&placement, clock);
    BlockingTask::begin("onrecord-open", open).map_err(|_| DevicesError::NoThread)
}
