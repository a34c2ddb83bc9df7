//! The kinds of devices by name, and the way from a kind and its options to an opened device.
//! Never in it: what a kind is ([`DeviceKind`]), or what its options mean.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use onrecord_entry::FormatOptions;
use onrecord_value::quote::quote;
use onrecord_value::{boolean, suggest};

use super::file::FILE;
use super::kind::{DeviceKind, DeviceTarget};
use super::options::{COMMON_OPTIONS, DeviceOption, GivenOptions, OptionError, RejectedValue, check_prefix};
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
        Ok(DeviceOptions {
            target,
            form,
            skip_test: given.text("skip_test").is_some_and(|text| boolean::parse(text) == Ok(true)),
            required,
            unknown: unknown_keys(&**kind, options).map(str::to_owned).collect(),
        })
    }

    /// What may have been meant by a key that a kind does not know: the near one, or all that it has.
    pub fn hint(&self, kind: &str, key: &str) -> String {
        let Some(kind) = self.kinds.get(kind) else { return self.hint_type(kind) };
        let mut keys: Vec<&str> = options_of(&**kind).map(|option| option.key).collect();
        if let Some(near) = suggest::nearest(key, keys.iter().copied()) {
            return format!("did you mean {near:?}?");
        }
        keys.sort_unstable();
        format!("a {} device has {}", kind.name(), keys.join(", "))
    }

    /// What may have been meant by a type that does not exist, and which do.
    fn hint_type(&self, kind: &str) -> String {
        let names: Vec<&str> = self.kinds.keys().copied().collect();
        let near = suggest::hint(kind, names.iter().copied());
        format!("the types of audit devices are {}{near}", names.join(", "))
    }

    /// What is wrong with the options of a device, as far as they alone show it. For people beside the error, whose text
    /// clients know, and for configurations, where an unknown option is an error.
    pub fn problems(&self, kind: &str, options: &BTreeMap<String, String>) -> Vec<OptionProblem> {
        let Some(known) = self.kinds.get(kind) else {
            let text = format!("unknown type {}: {}", quote(kind), self.hint_type(kind));
            return vec![OptionProblem { option: None, text }];
        };
        let unknown = unknown_keys(&**known, options).take(HINTS_MAX).map(|key| OptionProblem {
            option: Some(key.to_owned()),
            text: format!("unknown option {}: {}", quote(key), self.hint(kind, key)),
        });
        let rejected = match self.parse(kind, options) {
            Ok(parsed) => {
                unread_skip_test(options).or_else(|| parsed.unusable_value()).map(OptionError::Rejected)
            }
            Err(error) => Some(error),
        };
        unknown.chain(rejected.map(|error| problem_of(&error, &**known))).collect()
    }
}

/// Something that is wrong with the options of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionProblem {
    /// The option, if it is one that was given.
    pub option: Option<String>,
    /// What is wrong: names the option, the value, and what is accepted.
    pub text: String,
}

/// `skip_test` with a text that is not a truth value counts as false, as on compatible servers (decision 4).
fn unread_skip_test(options: &BTreeMap<String, String>) -> Option<RejectedValue> {
    let text = options.get("skip_test")?;
    let error = boolean::parse(text).err()?;
    Some(RejectedValue::new("skip_test", text, "true or false", error))
}

fn problem_of(error: &OptionError, kind: &dyn DeviceKind) -> OptionProblem {
    if let OptionError::Missing(key) = error
        && let Some(missing) = options_of(kind).find(|option| option.key == *key)
    {
        let text = format!("a {} device needs {key}: {}", kind.name(), missing.about);
        return OptionProblem { option: None, text };
    }
    OptionProblem { option: error.option().map(str::to_owned), text: error.explain() }
}

/// Of how many unknown options the near name is looked for.
pub const HINTS_MAX: usize = 8;

fn options_of(kind: &dyn DeviceKind) -> impl Iterator<Item = &'static DeviceOption> {
    COMMON_OPTIONS.iter().chain(kind.options())
}

fn unknown_keys<'a>(
    kind: &dyn DeviceKind,
    options: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = &'a str> {
    let known: Vec<&str> = options_of(kind).map(|option| option.key).collect();
    options.keys().map(String::as_str).filter(move |key| !known.contains(key))
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
    /// Keys which mean nothing to this device. They are stored and listed; the answer and the server's log name them.
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
