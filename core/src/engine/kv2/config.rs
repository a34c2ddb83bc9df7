//! Settings that the engine and each of its keys have in common; the key's count before the engine's.
//! Never in it: versions, storage.

use onrecord_value::{GoDuration, Object, Value, duration, object};

use crate::engine::codec::{Broken, Reader, Writer};
use crate::engine::fields;
use crate::outcome::Refusal;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Config {
    /// How many versions are kept; 0 leaves it to the engine, or to the default of 10.
    pub(super) max_versions: u64,
    /// Every write must name the version it replaces.
    pub(super) cas_required: bool,
    /// Every write of metadata must name the version it replaces.
    pub(super) metadata_cas_required: bool,
    /// After so long a new version counts as deleted; zero never, negative never and nowhere below.
    pub(super) delete_version_after: GoDuration,
}

impl Config {
    /// Takes over what a request says; what it does not name stays, and what a patch names with `null` is set back.
    pub(super) fn apply(&mut self, data: &Object, patch: bool) -> Result<(), Refusal> {
        let is_null = |field| data.get(field).is_some_and(Value::is_null);
        let old = |field| if patch && is_null(field) { Self::default() } else { *self };
        *self = Self {
            max_versions: fields::count(data, "max_versions")?.unwrap_or(old("max_versions").max_versions),
            cas_required: fields::flag(data, "cas_required")?.unwrap_or(old("cas_required").cas_required),
            metadata_cas_required: fields::flag(data, "metadata_cas_required")?
                .unwrap_or(old("metadata_cas_required").metadata_cas_required),
            delete_version_after: fields::span(data, "delete_version_after")?
                .unwrap_or(old("delete_version_after").delete_version_after),
        };
        Ok(())
    }

    pub(super) fn show(&self) -> Object {
        object! {
            "cas_required" => self.cas_required,
            "delete_version_after" => duration::format(self.delete_version_after),
            "max_versions" => self.max_versions,
            "metadata_cas_required" => self.metadata_cas_required,
        }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.count(self.max_versions);
        writer.flag(self.cas_required);
        writer.flag(self.metadata_cas_required);
        writer.signed(self.delete_version_after.nanos());
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Broken> {
        Ok(Self {
            max_versions: reader.count()?,
            cas_required: reader.flag()?,
            metadata_cas_required: reader.flag()?,
            delete_version_after: GoDuration::from_nanos(reader.signed()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use onrecord_value::object;

    use super::Config;

    #[test]
    fn a_refused_field_leaves_all_settings_as_they_were() {
        let mut config = Config::default();
        assert!(
            config.apply(&object! { "max_versions" => 5, "delete_version_after" => "soon" }, false).is_err()
        );
        assert_eq!(config, Config::default());
    }

    #[test]
    fn what_is_not_named_stays() {
        let mut config = Config::default();
        assert!(
            config.apply(&object! { "max_versions" => 5, "delete_version_after" => "90m" }, false).is_ok()
        );
        assert!(config.apply(&object! { "cas_required" => "true" }, false).is_ok());
        assert_eq!(config.max_versions, 5);
        assert_eq!(config.show().str("delete_version_after"), Some("1h30m0s"));
        assert_eq!(config.show().get("cas_required").and_then(onrecord_value::Value::as_bool), Some(true));
    }
}
