//! The stored table, opened at unseal. Never in it: deciding whether the server may run without a device.

use std::sync::{Arc, Mutex, RwLock};

use onrecord_audit::{Broker, DeviceOptions, Enrolment, Form, OptionError, Placement, Salt};
use onrecord_storage::{BarrierError, View};

use super::{Devices, DevicesError, Table, open_aside, stored};
use crate::host::Host;

/// The stored device whose file could not be opened at unseal, and why.
#[derive(Debug)]
pub struct Unopened {
    /// The device's path.
    pub path: String,
    /// Why.
    pub error: OptionError,
}

impl Devices {
    /// Reads the table and enables every device of it, without a probe. Those that could not be opened are enabled
    /// closed: they come back by themselves, and are returned for the caller to decide whether the server may run.
    pub async fn load(
        view: View,
        host: Host,
        placement: Placement,
        minimum: usize,
        broker: &Broker,
    ) -> Result<(Self, Vec<Unopened>), DevicesError> {
        let mut table = Table::new();
        let mut unopened = Vec::new();
        for (device, salt) in stored::all(&view).map_err(BarrierError::from)? {
            let options = match DeviceOptions::parse(&device.kind, &device.options) {
                Ok(options) => options,
                Err(error) => {
                    unopened.push(Unopened { path: device.path.clone(), error });
                    table.insert(device.path.clone(), Arc::new(device));
                    continue;
                }
            };
            let placement = if device.declared { placement.for_configuration() } else { placement.clone() };
            let clock = Arc::clone(&host.clock);
            let (sink, cause) = match open_aside(options.clone(), placement.clone(), Arc::clone(&clock)).await
            {
                Ok(sink) => (sink, None),
                Err(DevicesError::Options(error)) => {
                    let cause = error.cause().cloned();
                    unopened.push(Unopened { path: device.path.clone(), error });
                    (options.open_later(&placement, clock), cause)
                }
                Err(other) => return Err(other),
            };
            let form = Form::new(options.form.clone(), Arc::new(Salt::new(&salt)));
            let mut enrolment = Enrolment::new(device.path.as_str(), sink, form);
            if let Some(cause) = cause {
                enrolment = enrolment.failing(cause);
            }
            broker.restore(enrolment).map_err(DevicesError::Enable)?;
            table.insert(device.path.clone(), Arc::new(device));
        }
        let devices = Self {
            view,
            host,
            placement,
            minimum,
            table: RwLock::new(Arc::new(table)),
            pending: Mutex::default(),
            gate: tokio::sync::Mutex::new(()),
        };
        Ok((devices, unopened))
    }
}
