//! The settings of the engine: `config/keys` and `cache-config`.
//! Never in it: settings of a key.

use onrecord_seal::SecretBytes;
use onrecord_value::object;

use super::Transit;
use crate::engine::Call;
use crate::engine::fields::{self, answer};
use crate::engine::space::failed;
use crate::outcome::{Outcome, Refusal};
use crate::stored::{Record as _, record};

/// Where it is stored.
pub(super) const CONFIG: &str = "config";
/// A smaller cache is of no use.
const LEAST_KEYS: u64 = 10;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Config {
    /// How many keys are kept in memory; 0 leaves it to the engine.
    pub(super) cache_size: u64,
    /// Whether `encrypt` makes no keys.
    pub(super) disable_upsert: bool,
}

record! { Config() { "cache_size" => cache_size, "disable_upsert" => disable_upsert, } }

impl Config {
    pub(super) fn decode_stored(stored: Option<&SecretBytes>) -> Result<Self, Refusal> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        Self::decode(stored.expose(), ())
            .ok_or_else(|| failed(&"the settings of a transit engine do not decode"))
    }
}

impl Transit {
    /// `GET cache-config`.
    pub(super) fn show_cache(&self) -> Outcome {
        Outcome::data(object! { "size" => self.config().cache_size })
    }

    /// `POST cache-config`.
    pub(super) async fn configure_cache(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let size = fields::count(call.data, "size")?.unwrap_or(0);
        if size != 0 && size < LEAST_KEYS {
            return Err(Refusal::invalid(format!("size is {size}; it must be 0 or {LEAST_KEYS} at least")));
        }
        let config = self.configure(call, |config| config.cache_size = size).await?;
        Ok(answer(object! { "size" => config.cache_size }, call.data, &["size"]).into())
    }

    /// `GET config/keys`.
    pub(super) fn show_config(&self) -> Outcome {
        Outcome::data(object! { "disable_upsert" => self.config().disable_upsert })
    }

    /// `POST config/keys`.
    pub(super) async fn configure_keys(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let sent = fields::flag(call.data, "disable_upsert")?;
        let change = |config: &mut Config| config.disable_upsert = sent.unwrap_or(config.disable_upsert);
        let config = self.configure(call, change).await?;
        let shown = object! { "disable_upsert" => config.disable_upsert };
        Ok(answer(shown, call.data, &["disable_upsert"]).into())
    }

    async fn configure(&self, call: &Call<'_>, set: impl Fn(&mut Config)) -> Result<Config, Refusal> {
        let change = self.space.change(CONFIG, None, call.permit, |stored, draft| {
            let mut config = Config::decode_stored(stored)?;
            set(&mut config);
            draft.put(CONFIG, &config.encode())?;
            Ok(config)
        });
        let config = change.await?;
        self.refresh().await?;
        Ok(config)
    }
}
