//! Revocation lists: a certificate whose serial number is on one of them logs nobody in.
//! Never in it: who signed a list. An operator writes it, and is trusted.

use onrecord_storage::Read;
use onrecord_value::{Object, Value, object};
use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use super::{CRLS, Cert, decode, key_of};
use crate::engine::{Call, fields};
use crate::outcome::{Outcome, Refusal, Reply};
use crate::stored::{Record as _, record};

/// How many lists a mount can have, and how many serial numbers a list: a login reads all of them.
const LISTS_MAX: usize = 64;
const SERIALS_MAX: usize = 20_000;

/// What is stored of a list.
struct Revoked {
    /// In decimal, sorted.
    serials: Vec<String>,
}

record! { Revoked() {
    "serials" => serials,
} }

impl Revoked {
    fn from_pem(pem: &str) -> Result<Self, Refusal> {
        let refused =
            || Refusal::invalid("crl: failed to parse it; it is a certificate revocation list in PEM form");
        let der = CertificateRevocationListDer::from_pem_slice(pem.as_bytes()).map_err(|_| refused())?;
        let (_, list) = CertificateRevocationList::from_der(&der).map_err(|_| refused())?;
        let mut serials: Vec<String> =
            list.iter_revoked_certificates().map(|revoked| revoked.user_certificate.to_string()).collect();
        if serials.len() > SERIALS_MAX {
            return Err(Refusal::invalid(format!(
                "crl: it has {} revoked certificates; it may have {SERIALS_MAX}",
                serials.len()
            )));
        }
        serials.sort_unstable();
        serials.dedup();
        Ok(Self { serials })
    }
}

impl Cert {
    pub(super) fn read_crl<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.read(&key_of(CRLS, call), call.permit).map(|stored| {
            let Some(stored) = stored? else { return Ok(Outcome::absent()) };
            let revoked: Revoked = decode(&stored)?;
            call.permit.hold_names(&revoked.serials)?;
            let serials: Object =
                revoked.serials.into_iter().map(|serial| (serial, Value::Object(Object::new()))).collect();
            Ok(Outcome::data(object! { "serials" => serials }))
        })
    }

    pub(super) async fn write_crl(&self, call: &Call<'_>) -> Result<Reply, Refusal> {
        if fields::text(call.data, "url")?.is_some_and(|url| !url.is_empty()) {
            return Err(Refusal::invalid(
                "url: this server fetches no revocation lists; send the list as crl",
            ));
        }
        let pem = fields::text(call.data, "crl")?.filter(|pem| !pem.is_empty());
        let revoked = Revoked::from_pem(&pem.ok_or_else(|| Refusal::invalid("missing crl"))?)?;
        let key = key_of(CRLS, call);
        let lists = self.space.list(CRLS).await?.len();
        let change = self.space.change(&key, call.existing, call.permit, |stored, batch| {
            call.recheck_operation(stored.is_some())?;
            if stored.is_none() && lists >= LISTS_MAX {
                return Err(Refusal::invalid(format!(
                    "the method has {LISTS_MAX} lists; it may not have more"
                )));
            }
            batch.put(&key, &revoked.encode())
        });
        change.await?;
        Ok(fields::done(call.data, &["crl", "name", "url"]))
    }

    /// Whether one of these serial numbers is on a list.
    pub(super) async fn is_revoked(&self, serials: &[String]) -> Result<bool, Refusal> {
        for name in self.space.list(CRLS).await? {
            let stored = self.space.get(&[CRLS, &*name].concat()).await?;
            let Some(revoked) = stored.as_ref().map(decode::<Revoked>).transpose()? else { continue };
            if serials.iter().any(|serial| revoked.serials.binary_search(serial).is_ok()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
