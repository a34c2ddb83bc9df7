//! The certificates that this engine has issued: stored by serial number, listed and shown.
//! Never in it: how they are made, revoked or removed.

use onrecord_storage::Read;
use onrecord_value::{Object, Time, Value, object};

use super::Pki;
use super::output::block;
use crate::engine::codec::{self, Broken, Writer};
use crate::engine::leases::NewLease;
use crate::engine::{Call, ChangeBatch, Unsealed};
use crate::exchange::Media;
use crate::outcome::{Outcome, Raw, Refusal, Reply};

const FORMAT: u8 = 1;
/// Where they are stored.
pub(super) const CERTS: &str = "cert/";

/// A certificate that was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stored {
    /// The id of its issuer.
    pub(super) issuer: String,
    pub(super) der: Vec<u8>,
    /// When it ends, in Unix seconds.
    pub(super) not_after: i64,
    pub(super) revoked: Option<Time>,
}

impl Stored {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(self.der.len() + self.issuer.len() + 32);
        writer.byte(FORMAT);
        writer.blob(self.issuer.as_bytes());
        writer.blob(&self.der);
        writer.signed(self.not_after);
        writer.flag(self.revoked.is_some());
        if let Some(revoked) = self.revoked {
            writer.time(revoked);
        }
        writer.finish()
    }

    pub(super) fn decode(stored: &[u8]) -> Result<Self, Broken> {
        codec::decode(stored, FORMAT, |reader| {
            Ok(Self {
                issuer: reader.text()?.to_owned(),
                der: reader.blob()?.to_vec(),
                not_after: reader.signed()?,
                revoked: reader.maybe_time()?,
            })
        })
    }
}

/// Where a certificate is stored: by the digits of its serial number, with hyphens.
pub(super) fn key_of(serial: &str) -> String {
    format!("{CERTS}{}", serial.replace(':', "-"))
}

/// A serial number as a client writes it (hex with colons or hyphens, or with neither), with colons.
pub(super) fn parse_serial(text: &str) -> Option<String> {
    let digits: String = text.trim().chars().filter(|c| !matches!(c, ':' | '-')).collect();
    let is_hex = !digits.is_empty()
        && digits.len().is_multiple_of(2)
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex || digits.len() > 64 {
        return None;
    }
    Some(super::certificate::show_serial(&const_hex::decode(digits).ok()?))
}

/// Adds a new certificate to a change.
pub(super) fn add(serial: &str, stored: &Stored, draft: &mut ChangeBatch<'_>) -> Result<(), Refusal> {
    draft.put(&key_of(serial), &stored.encode())
}

/// How a certificate is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Json,
    Der,
    Pem,
}

/// What a path names: the bytes in DER, how they are called in PEM, and what is said beside them.
struct Named {
    ders: Vec<Vec<u8>>,
    label: &'static str,
    revoked: Option<Time>,
    issuer: String,
}

impl Pki {
    /// The certificate with a serial number.
    pub(super) async fn stored(&self, serial: &str) -> Result<Option<Stored>, Refusal> {
        let Some(stored) = self.space.get(&key_of(serial)).await? else { return Ok(None) };
        Ok(Some(Stored::decode(stored.expose())?))
    }

    /// Stores a new certificate, with its lease if it is leased.
    pub(super) async fn store(
        &self,
        call: &Call<'_>,
        serial: &str,
        stored: &Stored,
        lease: Option<(&NewLease, &Unsealed)>,
    ) -> Result<(), Refusal> {
        let key = key_of(serial);
        let change = self.space.change(&key, None, call.permit, |old, draft| {
            if old.is_some() {
                // The number is random, and of 158 bits.
                return Err(Refusal::internal());
            }
            if let Some((lease, unsealed)) = lease {
                lease.add(unsealed, draft)?;
            }
            add(serial, stored, draft)
        });
        change.await
    }

    /// `LIST certs`.
    pub(super) fn list_certs<'a>(&'a self, call: &'a Call<'a>) -> Read<'a, Result<Outcome, Refusal>> {
        self.space.list(CERTS).map(|names| {
            let names = names?;
            call.permit.hold_names(&names)?;
            Ok(Outcome::keys(names.iter().map(|name| name.replace('-', ":")).collect()))
        })
    }

    /// `GET cert/SERIAL`, with `/raw` and `/raw/pem`, and `ca`, `ca_chain` and `crl` in the place of the number.
    pub(super) async fn show_cert(
        &self,
        call: &Call<'_>,
        name: &str,
        shape: Shape,
    ) -> Result<Outcome, Refusal> {
        let Some(named) = self.named(call, name).await? else { return Ok(Outcome::absent()) };
        let pems: Vec<String> = named.ders.iter().map(|der| block(named.label, der)).collect();
        let is_list = named.label != "CERTIFICATE";
        let (media, body) = match shape {
            Shape::Json => {
                let mut data = object! {
                    "certificate" => pems.join("\n"),
                    "revocation_time" => named.revoked.map_or(0, Time::unix_seconds),
                    "revocation_time_rfc3339" => named.revoked.map(show_time).unwrap_or_default(),
                    "issuer_id" => named.issuer,
                };
                if name == "ca_chain" {
                    data.insert("ca_chain", pems.join("\n"));
                }
                return Ok(Outcome::data(data));
            }
            Shape::Der if is_list => (Media::RevocationList, named.ders.concat()),
            Shape::Der => (Media::Certificate, named.ders.concat()),
            Shape::Pem if is_list => (Media::Pem, pems.join("\n").into_bytes()),
            Shape::Pem => (Media::CertificateChain, pems.join("\n").into_bytes()),
        };
        let recorded: Object = object! {
            "http_content_type" => media.name(), "http_raw_body" => pems.join("\n"), "http_status_code" => 200,
        };
        let raw = Raw { media, body: body.into() };
        Ok(Reply { data: Some(recorded), raw: Some(raw), ..Reply::default() }.into())
    }

    async fn named(&self, call: &Call<'_>, name: &str) -> Result<Option<Named>, Refusal> {
        let of = |ders, issuer| Named { ders, label: "CERTIFICATE", revoked: None, issuer };
        match name {
            "ca" => Ok(self.default_issuer().await?.map(|issuer| of(vec![issuer.certificate], issuer.id))),
            "ca_chain" => Ok(self.default_issuer().await?.map(|issuer| {
                let chain = issuer.full_chain().into_iter().map(<[u8]>::to_vec).collect();
                of(chain, issuer.id)
            })),
            "crl" => {
                let Some(issuer) = self.default_issuer().await? else { return Ok(None) };
                let der = self.current_crl(&issuer, call.permit, call.now).await?;
                Ok(Some(Named { ders: vec![der], label: "X509 CRL", revoked: None, issuer: issuer.id }))
            }
            serial => {
                let Some(serial) = parse_serial(serial) else { return Ok(None) };
                let stored = self.stored(&serial).await?;
                Ok(stored
                    .map(|stored| Named { revoked: stored.revoked, ..of(vec![stored.der], stored.issuer) }))
            }
        }
    }
}

/// A time as a text, with its nanoseconds.
pub(super) fn show_time(time: Time) -> String {
    let mut text = Vec::new();
    time.rfc3339_nano(&mut text);
    String::from_utf8(text).unwrap_or_default()
}

/// What an answer about a stored certificate has.
pub(super) fn show_revocation(revoked: Time) -> Object {
    object! {
        "revocation_time" => revoked.unix_seconds(),
        "revocation_time_rfc3339" => show_time(revoked),
        "state" => Value::from("revoked"),
    }
}

/// A certificate in PEM, as a request may have it.
pub(super) fn from_pem(text: &str) -> Option<Vec<u8>> {
    crate::engine::transit::pem::decode("CERTIFICATE", text)
}

#[cfg(test)]
mod tests {
    use super::super::output::to_pem;
    use super::*;

    #[test]
    fn a_serial_number_is_read_in_each_of_its_forms() {
        for text in ["39:dd:2e", "39-dd-2e", "39DD2E", " 39:DD:2e ", "00:39:dd:2e"] {
            assert_eq!(parse_serial(text).as_deref(), Some("39:dd:2e"), "{text}");
        }
        for text in ["", "x", "39:d", "39/dd", &"ab".repeat(33)] {
            assert_eq!(parse_serial(text), None, "{text}");
        }
    }

    #[test]
    fn a_stored_certificate_comes_back_and_damaged_bytes_do_not() {
        for revoked in [None, Some(Time::from_unix(1_700_000_000, 5))] {
            let stored = Stored { issuer: "i".to_owned(), der: vec![1, 2, 3], not_after: -5, revoked };
            let bytes = stored.encode();
            assert_eq!(Stored::decode(&bytes), Ok(stored));
            for cut in 0..bytes.len() {
                assert!(Stored::decode(&bytes[..cut]).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn only_one_block_is_a_certificate() {
        assert_eq!(from_pem(&to_pem(b"der")).as_deref(), Some(&b"der"[..]));
        assert_eq!(from_pem("nothing"), None);
    }
}
