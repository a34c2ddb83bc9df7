//! Revocation: which certificates of an issuer are revoked, and the signed list of them.
//! Never in it: who may revoke.
//!
//! What is revoked is one record of each issuer, which counts its changes. The list is made of it and carries that count as
//! its number, so that of two lists made at once the newer one stays, and no number is used for two lists.

use onrecord_seal::SecretBytes;
use onrecord_value::{Object, Time, object};

use super::Pki;
use super::certificate::{Facts, authority_key_id, extension};
use super::certs::{Stored, key_of, show_revocation};
use super::config::CrlConfig;
use super::der;
use super::issuer::Issuer;
use super::key::SignatureBits;
use crate::admission::Permit;
use crate::engine::Call;
use crate::engine::codec::{self, Broken, Writer};
use crate::engine::transit::offload::offload;
use crate::outcome::{Outcome, Refusal};

const FORMAT: u8 = 1;
/// How many certificates of an issuer may be revoked at one time.
const REVOKED_MAX: usize = 100_000;
/// 2.5.29.20
const CRL_NUMBER: [u8; 3] = [0x55, 29, 20];

/// A certificate that is revoked and has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    serial: Vec<u8>,
    revoked: i64,
    not_after: i64,
}

/// What of an issuer is revoked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Revoked {
    /// How often it has changed.
    number: u64,
    entries: Vec<Entry>,
}

/// A revocation list that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Crl {
    number: u64,
    /// When it is made again.
    renew: i64,
    der: Vec<u8>,
}

impl Revoked {
    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(16 + self.entries.len() * 40);
        writer.byte(FORMAT);
        writer.count(self.number);
        writer.count(self.entries.len() as u64);
        for entry in &self.entries {
            writer.blob(&entry.serial);
            writer.signed(entry.revoked);
            writer.signed(entry.not_after);
        }
        writer.finish()
    }

    fn decode(stored: Option<&SecretBytes>) -> Result<Self, Broken> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        codec::decode(stored.expose(), FORMAT, |reader| {
            let (number, count) = (reader.count()?, reader.count()?);
            let mut entries = Vec::new();
            for _ in 0..count {
                let serial = reader.blob()?.to_vec();
                entries.push(Entry { serial, revoked: reader.signed()?, not_after: reader.signed()? });
            }
            Ok(Self { number, entries })
        })
    }

    /// Counts a change, and forgets what has ended.
    fn change(&mut self, now: i64) {
        self.number += 1;
        self.entries.retain(|entry| entry.not_after >= now);
    }

    /// Adds a certificate, unless it has ended.
    fn add(&mut self, entry: Entry, now: i64) -> Result<(), Refusal> {
        self.change(now);
        if self.entries.len() >= REVOKED_MAX {
            let why =
                format!("{REVOKED_MAX} certificates of this issuer are revoked, and there may be no more");
            return Err(Refusal::invalid(why));
        }
        if entry.not_after >= now {
            self.entries.push(entry);
        }
        Ok(())
    }
}

impl Crl {
    fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.der.len() + 32);
        writer.byte(FORMAT);
        writer.count(self.number);
        writer.signed(self.renew);
        writer.blob(&self.der);
        writer.finish()
    }

    fn decode(stored: &[u8]) -> Result<Self, Broken> {
        codec::decode(stored, FORMAT, |reader| {
            Ok(Self { number: reader.count()?, renew: reader.signed()?, der: reader.blob()?.to_vec() })
        })
    }

    /// Makes a list. Takes long for RSA, and for many entries.
    fn make(issuer: &Issuer, revoked: &Revoked, config: &CrlConfig, now: i64) -> Option<Self> {
        let expiry = i64::try_from(config.expiry).ok()?;
        let end = now.saturating_add(expiry);
        let entry = |entry: &Entry| der::sequence(&[&der::integer(&entry.serial), &der::time(entry.revoked)]);
        let listed = revoked.entries.iter().filter(|entry| entry.not_after >= now && !config.disable);
        let entries: Vec<Vec<u8>> = listed.map(entry).collect();
        // RFC 5280, 5.1.2.6: absent rather than empty.
        let entries = if entries.is_empty() { Vec::new() } else { der::sequence_of(&entries) };
        let extensions = der::sequence(&[
            &authority_key_id(&issuer.facts.key_id),
            &extension(&CRL_NUMBER, false, &der::number(revoked.number)),
        ]);
        let bits = SignatureBits::default();
        let to_be_signed = der::sequence(&[
            &der::number(1),
            &issuer.key.algorithm(bits),
            &issuer.facts.subject,
            &der::time(now),
            &der::time(end),
            &entries,
            &der::explicit(0, &extensions),
        ]);
        let der = issuer.key.sign(&to_be_signed, bits)?;
        // Clients must not find the last one ended: it is made again when a sixth of its time is left.
        Some(Self { number: revoked.number, renew: end - expiry / 6, der })
    }
}

fn revoked_key(issuer: &str) -> String {
    format!("revoked/{issuer}")
}

fn crl_key(issuer: &str) -> String {
    format!("crl/{issuer}")
}

impl Pki {
    async fn revoked(&self, issuer: &str) -> Result<Revoked, Refusal> {
        Ok(Revoked::decode(self.space.get(&revoked_key(issuer)).await?.as_ref())?)
    }

    async fn stored_crl(&self, issuer: &str) -> Result<Option<Crl>, Refusal> {
        let Some(stored) = self.space.get(&crl_key(issuer)).await? else { return Ok(None) };
        Ok(Some(Crl::decode(stored.expose())?))
    }

    /// The revocation list of an issuer, in DER: with all that is revoked, and not due to be made again.
    pub(super) async fn current_crl(
        &self,
        issuer: &Issuer,
        permit: &Permit,
        now: Time,
    ) -> Result<Vec<u8>, Refusal> {
        let seconds = now.unix_seconds();
        // One at a time, so that many clients at once have it made once.
        let _turn = self.making_crl.lock().await;
        let mut revoked = self.revoked(&issuer.id).await?;
        let stored = self.stored_crl(&issuer.id).await?;
        if let Some(crl) = &stored
            && crl.number >= revoked.number
        {
            if crl.renew > seconds {
                return Ok(crl.der.clone());
            }
            revoked = self.count_change(&issuer.id, permit, seconds).await?;
        }
        permit.hold_change(revoked.entries.len() * 128)?;
        let config = self.crl_config().await?;
        let again = self.issuer_by_id(&issuer.id).await?.ok_or_else(Refusal::internal)?;
        let made = offload(move || Crl::make(&again, &revoked, &config, seconds)).await?;
        let made = made.ok_or_else(Refusal::internal)?;
        let key = crl_key(&issuer.id);
        let change = self.space.change(&key, None, permit, |stored, draft| {
            let newer = stored.map(|stored| Crl::decode(stored.expose())).transpose()?;
            match newer.filter(|newer| newer.number > made.number) {
                Some(newer) => Ok(newer.der),
                None => draft.put(&key, &made.encode()).map(|()| made.der.clone()),
            }
        });
        change.await
    }

    /// Counts a change of what is revoked, so that the next list is made from it.
    async fn count_change(&self, issuer: &str, permit: &Permit, now: i64) -> Result<Revoked, Refusal> {
        let key = revoked_key(issuer);
        let change = self.space.change(&key, None, permit, |stored, draft| {
            let mut revoked = Revoked::decode(stored)?;
            revoked.change(now);
            draft.put(&key, &revoked.encode())?;
            Ok(revoked)
        });
        change.await
    }

    /// Makes the lists of all issuers again.
    pub(super) async fn rebuild_all(&self, call: &Call<'_>) -> Result<(), Refusal> {
        for id in self.issuers().await?.ids {
            let Some(issuer) = self.issuer_by_id(&id).await? else { continue };
            self.count_change(&id, call.permit, call.now.unix_seconds()).await?;
            self.current_crl(&issuer, call.permit, call.now).await?;
        }
        Ok(())
    }

    /// `crl/rotate`.
    pub(super) async fn rotate_crl(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        // One that was revoked still has a list.
        if self.issuers().await?.ids.is_empty() {
            self.signing_issuer().await?;
        }
        self.rebuild_all(call).await?;
        Ok(Outcome::data(object! { "success" => true }))
    }

    /// Revokes the certificate with a serial number, which `given` is if it is not stored: durable, and on the list, on
    /// return. When it was revoked; none if there is no such certificate.
    pub(super) async fn revoke(
        &self,
        permit: &Permit,
        now: Time,
        serial: &str,
        given: Option<Stored>,
    ) -> Result<Option<Object>, Refusal> {
        let Some(first) = self.stored(serial).await?.or_else(|| given.clone()) else { return Ok(None) };
        let (key, cert) = (revoked_key(&first.issuer), key_of(serial));
        let digits = const_hex::decode(serial.replace(':', "")).map_err(|_| Refusal::internal())?;
        let change = self.space.change(&key, None, permit, |stored, draft| {
            let latest = draft.latest(&cert)?.map(|stored| Stored::decode(stored.expose())).transpose()?;
            let Some(mut latest) = latest.or_else(|| given.clone()) else { return Ok(None) };
            if let Some(revoked) = latest.revoked {
                return Ok(Some(revoked));
            }
            let mut list = Revoked::decode(stored)?;
            let (serial, revoked) = (digits.clone(), now.unix_seconds());
            list.add(Entry { serial, revoked, not_after: latest.not_after }, revoked)?;
            latest.revoked = Some(now);
            draft.put(&key, &list.encode())?;
            draft.put(&cert, &latest.encode())?;
            Ok(Some(now))
        });
        let Some(revoked) = change.await? else { return Ok(None) };
        if let Some(issuer) = self.issuer_by_id(&first.issuer).await? {
            self.current_crl(&issuer, permit, now).await?;
        }
        Ok(Some(show_revocation(revoked)))
    }

    /// Marks the certificate of an authority as revoked, and puts it on the list of the issuer that signed it, if there is one:
    /// durable on return.
    pub(super) async fn revoke_authority(
        &self,
        permit: &Permit,
        now: Time,
        facts: &Facts,
        signed_by: Option<&Issuer>,
    ) -> Result<(), Refusal> {
        let cert = key_of(&facts.serial);
        let (serial, seconds) = (facts.raw_serial.clone(), now.unix_seconds());
        let entry = Entry { serial, revoked: seconds, not_after: facts.not_after };
        let key = signed_by.map_or_else(|| cert.clone(), |issuer| revoked_key(&issuer.id));
        let change = self.space.change(&key, None, permit, |stored, draft| {
            if signed_by.is_some() {
                let mut list = Revoked::decode(stored)?;
                if list.entries.iter().all(|listed| listed.serial != entry.serial) {
                    list.add(entry.clone(), seconds)?;
                    draft.put(&key, &list.encode())?;
                }
            }
            let Some(stored) = draft.latest(&cert)? else { return Ok(()) };
            let mut latest = Stored::decode(stored.expose())?;
            latest.revoked = latest.revoked.or(Some(now));
            draft.put(&cert, &latest.encode())
        });
        change.await?;
        if let Some(issuer) = signed_by {
            self.current_crl(issuer, permit, now).await?;
        }
        Ok(())
    }

    /// Removes a certificate that ended before a time: of those that are revoked if `revoked`, else of the others. Whether
    /// it was removed.
    pub(super) async fn remove_ended(
        &self,
        permit: &Permit,
        serial: &str,
        before: i64,
        revoked: bool,
    ) -> Result<bool, Refusal> {
        let fits = |stored: &Stored| stored.not_after < before && stored.revoked.is_some() == revoked;
        let Some(first) = self.stored(serial).await?.filter(fits) else { return Ok(false) };
        let (key, cert) = (revoked_key(&first.issuer), key_of(serial));
        let change = self.space.change(&key, None, permit, |_, draft| {
            let latest = draft.latest(&cert)?.map(|stored| Stored::decode(stored.expose())).transpose()?;
            if latest.as_ref().is_some_and(fits) { draft.delete(&cert).map(|()| true) } else { Ok(false) }
        });
        change.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_revoked_comes_back_as_it_was_stored_without_what_has_ended() {
        let entry = |not_after| Entry { serial: vec![1, 2], revoked: 5, not_after };
        let mut revoked = Revoked { number: 3, entries: vec![entry(10), entry(20)] };
        let stored = SecretBytes::new(revoked.encode());
        assert_eq!(Revoked::decode(Some(&stored)).unwrap(), revoked);
        revoked.change(11);
        assert_eq!(revoked, Revoked { number: 4, entries: vec![entry(20)] });
        let crl = Crl { number: 4, renew: -7, der: vec![1; 300] };
        assert_eq!(Crl::decode(&crl.encode()), Ok(crl));
    }
}
