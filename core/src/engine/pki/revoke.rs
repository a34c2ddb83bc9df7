//! `revoke`, `issuer/…/revoke`, `tidy` and `tidy-status`.
//! Never in it: how what is revoked is stored and listed (`crl`).

use std::sync::PoisonError;

use onrecord_value::{Object, Time, Value, object};

use super::Pki;
use super::certificate::{Facts, is_signed_by};
use super::certs::{CERTS, Stored, from_pem, parse_serial, show_time};
use super::issuer::{ISSUERS, Issuers, RevokedIssuer, unknown_issuer};
use super::role::seconds;
use crate::audit_errors::WARN_TIDY;
use crate::engine::Call;
use crate::engine::fields::{self, answer};
use crate::engine::leases::Revocation;
use crate::outcome::{Outcome, Refusal, Reply, ReplyShape, Warning};
use crate::stored::Record as _;

/// What the last tidying has done.
#[derive(Debug, Clone, Default)]
pub(super) struct Tidied {
    started: Option<Time>,
    finished: Option<Time>,
    error: bool,
    cert_store: bool,
    revoked_certs: bool,
    safety_buffer: u64,
    deleted: u64,
    revoked_deleted: u64,
}

impl Tidied {
    fn show(&self) -> Object {
        let time = |time: Option<Time>| time.map_or(Value::Null, |time| Value::from(show_time(time)));
        let state = match (self.started, self.finished) {
            (None, _) => "Inactive",
            (Some(_), None) => "Running",
            (Some(_), Some(_)) if self.error => "Error",
            (Some(_), Some(_)) => "Finished",
        };
        object! {
            "cert_store_deleted_count" => self.deleted,
            "error" => if self.error { Value::from("a certificate could not be removed") } else { Value::Null },
            "revoked_cert_deleted_count" => self.revoked_deleted,
            "safety_buffer" => self.safety_buffer,
            "state" => state,
            "tidy_cert_store" => self.cert_store,
            "tidy_revoked_certs" => self.revoked_certs,
            "time_finished" => time(self.finished),
            "time_started" => time(self.started),
        }
    }
}

impl Pki {
    /// `POST revoke`.
    pub(super) async fn revoke_by_request(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let serial = fields::text(call.data, "serial_number")?.unwrap_or_default();
        let certificate = fields::text(call.data, "certificate")?.unwrap_or_default();
        let (serial, given) = match (serial.is_empty(), certificate.is_empty()) {
            (true, true) => {
                return Err(Refusal::invalid(
                    "one of serial_number and certificate must be provided, and none is",
                ));
            }
            (false, false) => {
                return Err(Refusal::invalid(
                    "one of serial_number and certificate must be provided, and both are",
                ));
            }
            (false, true) => {
                let wrong = || {
                    Refusal::invalid(format!(
                        "serial_number is {serial:?}; it must be hex with colons or hyphens"
                    ))
                };
                (parse_serial(&serial).ok_or_else(wrong)?, None)
            }
            (true, false) => self.given(&certificate).await?,
        };
        for id in self.issuers().await?.ids {
            if self.issuer_by_id(&id).await?.is_some_and(|issuer| issuer.facts.serial == serial) {
                return Err(Refusal::invalid(
                    "the certificate of an issuer of this mount cannot be revoked by it",
                ));
            }
        }
        match self.revoke(call.permit, call.now, &serial, given).await? {
            Some(revocation) => Ok(Outcome::data(revocation)),
            None => Err(Refusal::invalid(format!("certificate with serial {serial} not found"))),
        }
    }

    /// Revokes the certificate of a lease, unless it has ended with the lease.
    pub(super) async fn revoke_leased(&self, revocation: &Revocation<'_>) -> Result<(), Refusal> {
        let serial = revocation.lease.data.str("serial_number").unwrap_or_default();
        let stored = self.stored(serial).await?;
        if stored.is_some_and(|stored| stored.not_after > revocation.now.unix_seconds()) {
            self.revoke(revocation.permit, revocation.now, serial, None).await?;
        }
        Ok(())
    }

    /// `POST issuer/REFERENCE/revoke`: it issues nothing any more, and its certificate is on the list of the issuer of this mount
    /// that signed it, if there is one. Done again, it changes nothing.
    pub(super) async fn revoke_issuer(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let unknown = || unknown_issuer(call.captured);
        let issuer = self.named_issuer(call.captured).await?.ok_or_else(unknown)?;
        let change = self.space.change(ISSUERS, None, call.permit, |stored, draft| {
            let mut issuers = Issuers::decode_stored(stored)?;
            if let Some(revoked) = issuers.revoked_at(&issuer.id) {
                return Ok(revoked);
            }
            if !issuers.ids.contains(&issuer.id) {
                return Err(unknown());
            }
            issuers.revoked.push(RevokedIssuer { id: issuer.id.clone(), at: call.now });
            draft.put(ISSUERS, &issuers.encode())?;
            Ok(call.now)
        });
        let revoked = change.await?;
        let mut signed_by = None;
        for id in self.issuers().await?.ids.into_iter().filter(|id| *id != issuer.id) {
            let Some(other) = self.issuer_by_id(&id).await? else { continue };
            let fits = other.facts.subject == issuer.facts.issuer;
            if fits && is_signed_by(&issuer.certificate, &other.facts.spki) {
                signed_by = Some(other);
                break;
            }
        }
        self.revoke_authority(call.permit, revoked, &issuer.facts, signed_by.as_ref()).await?;
        Ok(answer(issuer.show(Some(revoked)), call.data, &["issuer_ref"]).into())
    }

    /// A certificate that a client has, and an issuer of this mount has signed.
    async fn given(&self, pem: &str) -> Result<(String, Option<Stored>), Refusal> {
        let wrong = |why: &str| Refusal::invalid(format!("certificate: {why}"));
        let der = from_pem(pem).ok_or_else(|| wrong("it is not one certificate in PEM"))?;
        let facts = Facts::of(&der).ok_or_else(|| wrong("it does not parse"))?;
        for id in self.issuers().await?.ids {
            let Some(issuer) = self.issuer_by_id(&id).await? else { continue };
            if issuer.facts.subject == facts.issuer && is_signed_by(&der, &issuer.facts.spki) {
                let stored = Stored { issuer: id, der, not_after: facts.not_after, revoked: None };
                return Ok((facts.serial, Some(stored)));
            }
        }
        Err(wrong("it is not signed by an issuer of this mount"))
    }

    /// `POST tidy`: removes what ended longer ago than the safety buffer. It is done when it is answered.
    pub(super) async fn tidy(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let flag = |field| Ok::<_, Refusal>(fields::flag(call.data, field)?.unwrap_or(false));
        let mut tidied = Tidied {
            started: Some(call.now),
            cert_store: flag("tidy_cert_store")?,
            revoked_certs: flag("tidy_revoked_certs")? || flag("tidy_revocation_list")?,
            safety_buffer: seconds(call.data, "safety_buffer")?.unwrap_or(72 * 3600),
            ..Tidied::default()
        };
        if tidied.safety_buffer == 0 {
            return Err(Refusal::invalid("safety_buffer is 0; it must be a second or more"));
        }
        let Ok(_turn) = self.tidying.try_lock() else {
            return Err(Refusal::invalid("a tidying is under way: read tidy-status"));
        };
        self.set_tidied(tidied.clone());
        let done = self.remove_all(call, &mut tidied).await;
        tidied.error = done.is_err();
        tidied.finished = Some(call.now);
        self.set_tidied(tidied);
        done?;
        let text = "The certificates have been tidied: tidy-status says how many were removed".to_owned();
        let warnings = vec![Warning { text, template: WARN_TIDY }];
        Ok(Reply { warnings, shape: ReplyShape::Status(202), ..Reply::default() }.into())
    }

    async fn remove_all(&self, call: &Call<'_>, tidied: &mut Tidied) -> Result<(), Refusal> {
        if !tidied.cert_store && !tidied.revoked_certs {
            return Ok(());
        }
        let buffer = i64::try_from(tidied.safety_buffer).unwrap_or(i64::MAX);
        let before = call.now.unix_seconds().saturating_sub(buffer);
        let names = self.space.list(CERTS).await?;
        call.permit.hold_names(&names)?;
        for name in names {
            if tidied.cert_store && self.remove_ended(call.permit, &name, before, false).await? {
                tidied.deleted += 1;
            }
            if tidied.revoked_certs && self.remove_ended(call.permit, &name, before, true).await? {
                tidied.revoked_deleted += 1;
            }
        }
        Ok(())
    }

    fn set_tidied(&self, tidied: Tidied) {
        *self.tidied.lock().unwrap_or_else(PoisonError::into_inner) = tidied;
    }

    /// `GET tidy-status`.
    pub(super) fn tidy_status(&self) -> Outcome {
        Outcome::data(self.tidied.lock().unwrap_or_else(PoisonError::into_inner).show())
    }
}
