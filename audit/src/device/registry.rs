//! The kinds of devices by name, and the way from a kind and its options to an opened device.
//! Never in it: what a kind is ([`DeviceKind`]), or what its options mean.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use onrecord_entry::FormatOptions;
use onrecord_value::boolean;

use super::file::FILE;
use super::kind::{DeviceKind, DeviceTarget};
use super::options::{COMMON_OPTIONS, GivenOptions, OptionError, check_prefix};
use super::socket::SOCKET;
use super::syslog::SYSLOG;

/// The kinds of devices that can be enabled. Cheap to clone.
#[derive(Clone)]
pub struct DeviceKinds {
    kinds: Arc<BTreeMap<&'static str, Arc<dyn DeviceKind>>>,
}

impl Default for DeviceKinds {
    /// The built-in kinds.
    fn default() -> Self {
        let rows = [FILE, SOCKET, SYSLOG].map(|kind| (kind.name, Arc::new(kind) as Arc<dyn DeviceKind>));
        Self { kinds: Arc::new(rows.into()) }
    }
}

impl fmt::Debug for DeviceKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.kinds.keys()).finish()
    }
}

impl DeviceKinds {
    /// These kinds and one more, in the place of another of the same name.
    #[must_use]
    pub fn with(mut self, kind: impl DeviceKind + 'static) -> Self {
        let kinds = Arc::make_mut(&mut self.kinds);
        kinds.insert(kind.name(), Arc::new(kind));
        self
    }

    /// All kinds, by name.
    pub fn iter(&self) -> impl Iterator<Item = &dyn DeviceKind> {
        self.kinds.values().map(|kind| &**kind)
    }

    /// Reads the options of a device of type `kind`. The first failure in the documented order wins: `prefix`, those of
    /// the kind with the common ones among them, `required`.
    pub fn parse(
        &self,
        kind: &str,
        options: &BTreeMap<String, String>,
    ) -> Result<DeviceOptions, OptionError> {
        check_prefix(options)?;
        let kind = self.kinds.get(kind).ok_or_else(|| OptionError::UnknownType(kind.to_owned()))?;
        let given = GivenOptions(options);
        let target = kind.parse(&given)?;
        let form = given.common()?.format;
        let required = given.boolean("required", false)?;
        if required && target.discards() {
            return Err(OptionError::RequiredDiscard);
        }
        let known = |key: &str| COMMON_OPTIONS.iter().chain(kind.options()).any(|option| option.key == key);
        Ok(DeviceOptions {
            target,
            form,
            skip_test: given.text("skip_test").is_some_and(|text| boolean::parse(text) == Ok(true)),
            required,
            unknown: options.keys().filter(|key| !known(key)).cloned().collect(),
        })
    }
}

/// The options of a device, understood.
#[derive(Clone)]
pub struct DeviceOptions {
    target: Arc<dyn DeviceTarget>,
    /// What lines look like.
    pub form: FormatOptions,
    /// Whether the device is enabled without a probe entry.
    pub skip_test: bool,
    /// Whether no entry settles without this device.
    pub required: bool,
    /// Keys which mean nothing to this device. They are stored and listed, and the server's log should name them.
    pub unknown: Vec<String>,
}

impl fmt::Debug for DeviceOptions {
    /// Without the target: a kind's options may hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceOptions")
            .field("form", &self.form)
            .field("skip_test", &self.skip_test)
            .field("required", &self.required)
            .field("unknown", &self.unknown)
            .finish_non_exhaustive()
    }
}

impl DeviceOptions {
    /// Reads the options of a device of a built-in kind ([`DeviceKinds::parse`]).
    pub fn parse(kind: &str, options: &BTreeMap<String, String>) -> Result<Self, OptionError> {
        DeviceKinds::default().parse(kind, options)
    }

    /// The target, if it is of this type.
    pub fn target<T: DeviceTarget>(&self) -> Option<&T> {
        let target: &dyn Any = &*self.target;
        target.downcast_ref()
    }
}

impl Deref for DeviceOptions {
    type Target = dyn DeviceTarget;

    /// What a device with these options can do: be opened, now or later, or tried out.
    fn deref(&self) -> &Self::Target {
        &*self.target
    }
}
