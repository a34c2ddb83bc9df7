//! The settings of the engine: `config/urls`, `config/crl` and `config/issuers`.
//! Never in it: what they change in certificates and revocation lists.

use onrecord_value::{GoDuration, Object, Value, duration, object};

use super::Pki;
use super::issuer::{ISSUERS, Issuers};
use crate::engine::fields::answer;
use crate::engine::space::failed;
use crate::engine::{Call, fields};
use crate::outcome::{Outcome, Refusal};
use crate::stored::{Record, record};

const URLS: &str = "config/urls";
const CRL: &str = "config/crl";
const URL_FIELDS: [&str; 3] = ["crl_distribution_points", "issuing_certificates", "ocsp_servers"];

/// The addresses that certificates name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Urls {
    pub(super) crl_distribution_points: Vec<String>,
    pub(super) issuing_certificates: Vec<String>,
    pub(super) ocsp_servers: Vec<String>,
}

record! { Urls() {
    "crl_distribution_points" => crl_distribution_points,
    "issuing_certificates" => issuing_certificates,
    "ocsp_servers" => ocsp_servers,
} }

/// How revocation lists are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CrlConfig {
    /// Whether they list nothing.
    pub(super) disable: bool,
    /// For how many seconds one is valid.
    pub(super) expiry: u64,
}

record! { CrlConfig() { "disable" => disable, "expiry" => expiry, } }

impl Default for CrlConfig {
    fn default() -> Self {
        Self { disable: false, expiry: 72 * 3600 }
    }
}

impl CrlConfig {
    fn show(&self) -> Object {
        let expiry = GoDuration::from_secs(i64::try_from(self.expiry).unwrap_or(i64::MAX));
        object! { "disable" => self.disable, "expiry" => duration::format(expiry) }
    }
}

impl Pki {
    /// A record of settings, or its default.
    async fn settings<T: Record<Beside = ()> + Default>(&self, key: &str) -> Result<T, Refusal> {
        let Some(stored) = self.space.get(key).await? else { return Ok(T::default()) };
        T::decode(stored.expose(), ()).ok_or_else(|| failed(&"the settings of a PKI engine do not decode"))
    }

    async fn change_settings<T: Record<Beside = ()> + Default>(
        &self,
        call: &Call<'_>,
        key: &str,
        set: impl Fn(&mut T) -> Result<(), Refusal>,
    ) -> Result<T, Refusal> {
        let change = self.space.change(key, None, call.permit, |stored, draft| {
            let mut settings = match stored {
                None => T::default(),
                Some(stored) => T::decode(stored.expose(), ())
                    .ok_or_else(|| failed(&"the settings of a PKI engine do not decode"))?,
            };
            set(&mut settings)?;
            draft.put(key, &settings.encode())?;
            Ok(settings)
        });
        change.await
    }

    pub(super) async fn urls(&self) -> Result<Urls, Refusal> {
        self.settings(URLS).await
    }

    pub(super) async fn crl_config(&self) -> Result<CrlConfig, Refusal> {
        self.settings(CRL).await
    }

    /// `GET config/urls`.
    pub(super) async fn show_urls(&self) -> Result<Outcome, Refusal> {
        Ok(Outcome::data(shown(&self.urls().await?)))
    }

    /// `POST config/urls`.
    pub(super) async fn set_urls(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        if fields::flag(call.data, "enable_templating")?.unwrap_or(false) {
            return Err(Refusal::invalid(
                "enable_templating: templates of URLs are not supported by this server",
            ));
        }
        let change = self.change_settings(call, URLS, |urls: &mut Urls| {
            let lists =
                [&mut urls.crl_distribution_points, &mut urls.issuing_certificates, &mut urls.ocsp_servers];
            for (field, list) in URL_FIELDS.into_iter().zip(lists) {
                if let Some(given) = fields::texts(call.data, field)? {
                    check_urls(field, &given)?;
                    *list = given;
                }
            }
            Ok(())
        });
        let shown = shown(&change.await?);
        let known = ["enable_templating", URL_FIELDS[0], URL_FIELDS[1], URL_FIELDS[2]];
        Ok(answer(shown, call.data, &known).into())
    }

    /// `GET config/crl`.
    pub(super) async fn show_crl_config(&self) -> Result<Outcome, Refusal> {
        Ok(Outcome::data(self.crl_config().await?.show()))
    }

    /// `POST config/crl`.
    pub(super) async fn set_crl_config(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        for field in ["auto_rebuild", "enable_delta", "cross_cluster_revocation", "unified_crl"] {
            if fields::flag(call.data, field)?.unwrap_or(false) {
                return Err(Refusal::invalid(format!(
                    "{field} is not supported by this server; it must be false"
                )));
            }
        }
        let change = self.change_settings(call, CRL, |config: &mut CrlConfig| {
            if let Some(expiry) = super::role::seconds(call.data, "expiry")? {
                if !(60..=10 * 365 * 86_400).contains(&expiry) {
                    let why = format!("expiry is {expiry} seconds; it must be from one minute to ten years");
                    return Err(Refusal::invalid(why));
                }
                config.expiry = expiry;
            }
            config.disable = fields::flag(call.data, "disable")?.unwrap_or(config.disable);
            Ok(())
        });
        let config = change.await?;
        self.rebuild_all(call).await?;
        let known = [
            "auto_rebuild",
            "cross_cluster_revocation",
            "disable",
            "enable_delta",
            "expiry",
            "ocsp_disable",
            "ocsp_expiry",
            "unified_crl",
        ];
        Ok(answer(config.show(), call.data, &known).into())
    }

    /// `GET config/issuers`.
    pub(super) async fn show_default_issuer(&self) -> Result<Outcome, Refusal> {
        let issuers = self.issuers().await?;
        Ok(Outcome::data(object! { "default" => issuers.default, "default_follows_latest_issuer" => false }))
    }

    /// `POST config/issuers` and `POST root/replace`.
    pub(super) async fn set_default_issuer(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let reference = crate::engine::fields::text(call.data, "default")?.unwrap_or_default();
        let unknown = || {
            Refusal::invalid(format!("default is {reference:?}; it must be the id or the name of an issuer"))
        };
        let id = self.named_issuer(&reference).await?.ok_or_else(unknown)?.id;
        let change = self.space.change(ISSUERS, None, call.permit, |stored, draft| {
            let mut issuers = Issuers::decode_stored(stored)?;
            if !issuers.ids.contains(&id) {
                return Err(unknown());
            }
            issuers.default.clone_from(&id);
            draft.put(ISSUERS, &issuers.encode())
        });
        change.await?;
        Ok(Outcome::data(object! { "default" => id, "default_follows_latest_issuer" => false }))
    }
}

fn shown(urls: &Urls) -> Object {
    let mut shown = urls.to_object();
    shown.insert("enable_templating", Value::Bool(false));
    shown
}

fn check_urls(field: &str, urls: &[String]) -> Result<(), Refusal> {
    let is_url = |url: &String| {
        let schemes = ["http://", "https://", "ldap://", "ldaps://"];
        let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
        url.len() <= 1024
            && url.bytes().all(|byte| byte.is_ascii_graphic())
            && rest.is_some_and(|rest| !rest.is_empty())
    };
    if urls.len() > 16 {
        return Err(Refusal::invalid(format!("{field} has {} URLs; it may have 16", urls.len())));
    }
    match urls.iter().find(|url| !is_url(url)) {
        Some(url) => Err(Refusal::invalid(format!(
            "{field} has {url:?}; it must have URLs that begin with http://, https://, ldap:// or ldaps://"
        ))),
        None => Ok(()),
    }
}
