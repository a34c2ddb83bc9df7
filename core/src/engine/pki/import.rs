//! Authorities that come from elsewhere: `config/ca`, and `intermediate/set-signed` for keys that were made here.
//! Never in it: how a bundle is read (`bundle`), how an issuer is stored (`issuer`).

use onrecord_value::{Value, object};

use super::Pki;
use super::authority::{issuer_name, uuid};
use super::bundle::Bundle;
use super::certificate::Facts;
use super::issuer::Issuer;
use super::key::PrivateKey;
use crate::engine::transit::offload::offload;
use crate::engine::{Call, Unsealed, fields};
use crate::outcome::{Outcome, Refusal};

impl Pki {
    /// `POST intermediate/set-signed`.
    pub(super) async fn set_signed(&self, unsealed: &Unsealed, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let text = fields::text(call.data, "certificate")?.unwrap_or_default().into_owned();
        let mut bundle = offload(move || Bundle::parse("certificate", &text)).await??;
        if !bundle.keys.is_empty() {
            return Err(Refusal::invalid("certificate: it has a private key; use config/ca to import one"));
        }
        let issuers = self.issuers().await?;
        for id in &issuers.pending {
            let Some(key) = self.pending(id).await? else { continue };
            if let Some(found) = bundle.take_chain(&key.spki) {
                return self.import(unsealed, call, key, id.clone(), found, Some(id)).await;
            }
        }
        // A new certificate for a key that has one.
        for id in &issuers.ids {
            let Some(issuer) = self.issuer_by_id(id).await? else { continue };
            if let Some(found) = bundle.take_chain(&issuer.key.spki) {
                return self.import(unsealed, call, issuer.key, issuer.key_id, found, None).await;
            }
        }
        Err(Refusal::invalid(
            "certificate: none of the certificates is that of a key of this mount (intermediate/generate makes keys)",
        ))
    }

    /// `POST config/ca`.
    pub(super) async fn import_bundle(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
    ) -> Result<Outcome, Refusal> {
        let text = fields::text(call.data, "pem_bundle")?.unwrap_or_default().into_owned();
        let mut bundle = offload(move || Bundle::parse("pem_bundle", &text)).await??;
        let wrong = |why: &str| Refusal::invalid(format!("pem_bundle: {why}"));
        let key = bundle.keys.pop().filter(|_| bundle.keys.is_empty());
        let key =
            key.ok_or_else(|| wrong("it must have one private key, and the certificates of the authority"))?;
        let found = bundle.take_chain(&key.spki);
        let found = found.ok_or_else(|| wrong("none of its certificates is that of its private key"))?;
        let key_id = uuid(unsealed)?;
        self.import(unsealed, call, key, key_id, found, None).await
    }

    async fn import(
        &self,
        unsealed: &Unsealed,
        call: &Call<'_>,
        key: PrivateKey,
        key_id: String,
        (certificate, facts, chain): (Vec<u8>, Facts, Vec<Vec<u8>>),
        waited: Option<&str>,
    ) -> Result<Outcome, Refusal> {
        if !facts.is_authority {
            let why = "the certificate is not that of an authority (basicConstraints has no CA:TRUE), and cannot issue";
            return Err(Refusal::invalid(why));
        }
        let show = |imported: &[&str], existing: &[&str], keys: &[&str], issuer: &str, key: &str| {
            let list = |ids: &[&str]| Value::from(ids);
            object! {
                "existing_issuers" => list(existing),
                "existing_keys" => Value::Null,
                "imported_issuers" => list(imported),
                "imported_keys" => list(keys),
                "mapping" => object! { issuer => key },
            }
        };
        for id in self.issuers().await?.ids {
            let Some(issuer) = self.issuer_by_id(&id).await? else { continue };
            if issuer.certificate == certificate {
                return Ok(Outcome::data(show(&[], &[&issuer.id], &[], &issuer.id, &issuer.key_id)));
            }
        }
        let name = issuer_name(call.data)?;
        let issuer = Issuer { id: uuid(unsealed)?, name, key_id, key, certificate, chain, facts };
        self.add_issuer(call, &issuer, waited).await?;
        let shown = show(&[&issuer.id], &[], &[&issuer.key_id], &issuer.id, &issuer.key_id);
        Ok(fields::answer(shown, call.data, &["certificate", "issuer_name", "pem_bundle"]).into())
    }
}
