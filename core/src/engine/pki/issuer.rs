//! Issuers: an authority's key with its certificate and those above it, as they are stored and found.
//! Never in it: how one is made (`authority`), or what it signs.

use onrecord_seal::SecretBytes;
use onrecord_value::{Object, Value, object};

use super::Pki;
use super::certificate::{Facts, Signer};
use super::key::{KeyType, PrivateKey, SignatureBits};
use super::output::to_pem;
use crate::engine::Call;
use crate::engine::codec::{self, Broken, Reader, Writer};
use crate::engine::space::{ChangeBatch, failed};
use crate::outcome::{Outcome, Refusal};
use crate::stored::{Record as _, record};

/// Where the list of issuers is stored; all changes of it are decided one after another.
pub(super) const ISSUERS: &str = "issuers";
const FORMAT: u8 = 1;
/// How many issuers, and how many keys whose certificates are not there yet, a mount may have.
const ISSUERS_MAX: usize = 100;
const PENDING_MAX: usize = 32;

/// Which issuers and keys there are, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Issuers {
    /// Empty if there is none.
    pub(super) default: String,
    pub(super) ids: Vec<String>,
    /// Keys of signing requests whose certificates are not there yet.
    pub(super) pending: Vec<String>,
}

record! { Issuers() { "default" => default, "ids" => ids, "pending" => pending, } }

impl Issuers {
    pub(super) fn decode_stored(stored: Option<&SecretBytes>) -> Result<Self, Refusal> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        Self::decode(stored.expose(), ()).ok_or_else(|| failed(&"the issuers of a PKI engine do not decode"))
    }
}

/// An authority.
pub(super) struct Issuer {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) key_id: String,
    pub(super) key: PrivateKey,
    /// In DER.
    pub(super) certificate: Vec<u8>,
    /// Those above it, the nearest first.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) facts: Facts,
}

impl Issuer {
    pub(super) fn encode(&self) -> SecretBytes {
        let chain: usize = self.chain.iter().map(|der| der.len() + 8).sum();
        let texts = self.name.len() + self.key_id.len();
        let length = self.key.pkcs8().len() + self.certificate.len() + chain + texts + 64;
        let mut writer = Writer::with_capacity(length);
        writer.byte(FORMAT);
        writer.blob(self.name.as_bytes());
        writer.blob(self.key_id.as_bytes());
        write_key(&mut writer, &self.key);
        writer.blob(&self.certificate);
        writer.count(self.chain.len() as u64);
        self.chain.iter().for_each(|der| writer.blob(der));
        SecretBytes::new(writer.finish())
    }

    pub(super) fn decode(id: &str, stored: &[u8]) -> Result<Self, Broken> {
        codec::decode(stored, FORMAT, |reader| {
            let (name, key_id) = (reader.text()?.to_owned(), reader.text()?.to_owned());
            let key = read_key(reader)?;
            let certificate = reader.blob()?.to_vec();
            let mut chain = Vec::new();
            for _ in 0..reader.count()? {
                chain.push(reader.blob()?.to_vec());
            }
            let facts = Facts::of(&certificate).ok_or(Broken)?;
            Ok(Self { id: id.to_owned(), name, key_id, key, certificate, chain, facts })
        })
    }

    pub(super) fn signer(&self, bits: SignatureBits) -> Signer<'_> {
        Signer { name: &self.facts.subject, key_id: &self.facts.key_id, key: &self.key, bits }
    }

    /// Its certificate and those above it.
    pub(super) fn full_chain(&self) -> Vec<&[u8]> {
        std::iter::once(&*self.certificate).chain(self.chain.iter().map(Vec::as_slice)).collect()
    }

    /// Adds it to a change of the list of issuers, as the default one if there is none.
    pub(super) fn add(&self, issuers: &mut Issuers, draft: &mut ChangeBatch<'_>) -> Result<(), Refusal> {
        if issuers.ids.len() >= ISSUERS_MAX {
            return Err(Refusal::invalid(format!(
                "there are {ISSUERS_MAX} issuers, and there may be no more"
            )));
        }
        issuers.ids.push(self.id.clone());
        if issuers.default.is_empty() {
            issuers.default.clone_from(&self.id);
        }
        draft.put(&issuer_key(&self.id), self.encode().expose())?;
        draft.put(ISSUERS, &issuers.encode())
    }
}

pub(super) fn issuer_key(id: &str) -> String {
    format!("issuer/{id}")
}

pub(super) fn pending_key(id: &str) -> String {
    format!("pending/{id}")
}

fn write_key(writer: &mut Writer, key: &PrivateKey) {
    writer.blob(key.key_type.name().as_bytes());
    writer.count(u64::from(key.key_type.bits()));
    writer.blob(key.pkcs8().expose());
}

fn read_key(reader: &mut Reader<'_>) -> Result<PrivateKey, Broken> {
    let (name, bits) = (reader.text()?, reader.count()?);
    let key_type = KeyType::parse(name, bits).map_err(|_| Broken)?;
    PrivateKey::of(key_type, SecretBytes::new(reader.blob()?.to_vec())).ok_or(Broken)
}

/// Adds the key of a signing request to a change of the list of issuers.
pub(super) fn add_pending(
    id: &str,
    key: &PrivateKey,
    issuers: &mut Issuers,
    draft: &mut ChangeBatch<'_>,
) -> Result<(), Refusal> {
    if issuers.pending.len() >= PENDING_MAX {
        return Err(Refusal::invalid(format!(
            "{PENDING_MAX} keys wait for their certificates: give them to intermediate/set-signed, or delete root"
        )));
    }
    let mut writer = Writer::with_capacity(key.pkcs8().len() + 32);
    writer.byte(FORMAT);
    write_key(&mut writer, key);
    let stored = SecretBytes::new(writer.finish());
    issuers.pending.push(id.to_owned());
    draft.put(&pending_key(id), stored.expose())?;
    draft.put(ISSUERS, &issuers.encode())
}

impl Pki {
    pub(super) async fn issuers(&self) -> Result<Issuers, Refusal> {
        Issuers::decode_stored(self.space.get(ISSUERS).await?.as_ref())
    }

    /// The issuer with an id.
    pub(super) async fn issuer_by_id(&self, id: &str) -> Result<Option<Issuer>, Refusal> {
        let Some(stored) = self.space.get(&issuer_key(id)).await? else { return Ok(None) };
        Ok(Some(Issuer::decode(id, stored.expose())?))
    }

    /// The default issuer, if there is one.
    pub(super) async fn default_issuer(&self) -> Result<Option<Issuer>, Refusal> {
        let issuers = self.issuers().await?;
        if issuers.default.is_empty() { Ok(None) } else { self.issuer_by_id(&issuers.default).await }
    }

    /// The default issuer, to issue something.
    pub(super) async fn signing_issuer(&self) -> Result<Issuer, Refusal> {
        self.default_issuer()
            .await?
            .ok_or_else(|| Refusal::invalid("backend must be configured with a CA certificate/key"))
    }

    /// The key that waits for its certificate.
    pub(super) async fn pending(&self, id: &str) -> Result<Option<PrivateKey>, Refusal> {
        let Some(stored) = self.space.get(&pending_key(id)).await? else { return Ok(None) };
        Ok(Some(codec::decode(stored.expose(), FORMAT, read_key)?))
    }

    /// The issuer that a path names: `default`, an id, or a name.
    pub(super) async fn named_issuer(&self, reference: &str) -> Result<Option<Issuer>, Refusal> {
        if reference == "default" {
            return self.default_issuer().await;
        }
        for id in self.issuers().await?.ids {
            let Some(issuer) = self.issuer_by_id(&id).await? else { continue };
            if issuer.id == reference || (!issuer.name.is_empty() && issuer.name == reference) {
                return Ok(Some(issuer));
            }
        }
        Ok(None)
    }

    /// `LIST issuers`.
    pub(super) async fn list_issuers(&self) -> Result<Outcome, Refusal> {
        let issuers = self.issuers().await?;
        if issuers.ids.is_empty() {
            return Ok(Outcome::absent());
        }
        let mut info = Object::new();
        for id in &issuers.ids {
            let Some(issuer) = self.issuer_by_id(id).await? else { continue };
            let shown = object! {
                "is_default" => *id == issuers.default,
                "issuer_name" => issuer.name,
                "key_id" => issuer.key_id,
                "serial_number" => issuer.facts.serial,
            };
            info.insert(id.as_str(), Value::Object(shown));
        }
        Ok(Outcome::data(object! { "key_info" => info, "keys" => issuers.ids }))
    }

    /// `GET issuer/REFERENCE`.
    pub(super) async fn show_issuer(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let Some(issuer) = self.named_issuer(call.captured).await? else { return Ok(Outcome::absent()) };
        let chain: Vec<String> = issuer.full_chain().into_iter().map(to_pem).collect();
        Ok(Outcome::data(object! {
            "ca_chain" => chain,
            "certificate" => to_pem(&issuer.certificate),
            "issuer_id" => issuer.id,
            "issuer_name" => issuer.name,
            "key_id" => issuer.key_id,
            "leaf_not_after_behavior" => "err",
            "manual_chain" => Value::Null,
            "revoked" => false,
            "usage" => "crl-signing,issuing-certificates,read-only",
        }))
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

    /// `DELETE root`: all issuers with their keys. What they have issued and revoked stays.
    pub(super) async fn delete_root(&self, call: &Call<'_>) -> Result<(), Refusal> {
        let change = self.space.change(ISSUERS, None, call.permit, |stored, draft| {
            let issuers = Issuers::decode_stored(stored)?;
            for id in &issuers.ids {
                draft.delete(&issuer_key(id))?;
            }
            for id in &issuers.pending {
                draft.delete(&pending_key(id))?;
            }
            draft.put(ISSUERS, &Issuers::default().encode())
        });
        change.await
    }
}
