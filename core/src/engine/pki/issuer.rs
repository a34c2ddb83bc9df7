//! Issuers: an authority's key with its certificate and those above it, as they are stored and found.
//! Never in it: how one is made (`authority`), or what it signs.

use onrecord_seal::SecretBytes;
use onrecord_value::{Object, Time, Value, object};

use super::Pki;
use super::authority::issuer_name;
use super::certificate::{Facts, Signer};
use super::certs::show_time;
use super::key::{KeyType, PrivateKey, SignatureBits};
use super::output::to_pem;
use crate::audit_errors::WARN_NO_DEFAULT_ISSUER;
use crate::engine::Call;
use crate::engine::codec::{self, Broken, Reader, Writer};
use crate::engine::fields::{self, answer};
use crate::engine::space::{ChangeBatch, failed};
use crate::outcome::{Outcome, Refusal, Reply, Warning};
use crate::stored::{Record as _, record};

/// Where the list of issuers is stored; all changes of it are decided one after another.
pub(super) const ISSUERS: &str = "issuers";
const FORMAT: u8 = 1;
/// How many issuers, and how many keys whose certificates are not there yet, a mount may have.
const ISSUERS_MAX: usize = 100;
const PENDING_MAX: usize = 32;
/// What a certificate that would end after its issuer's is: refused.
const LEAF_NOT_AFTER: &str = "err";
/// What an issuer may be used for.
const USAGE: &str = "crl-signing,issuing-certificates,read-only";

/// Which issuers and keys there are, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Issuers {
    /// Empty if there is none.
    pub(super) default: String,
    pub(super) ids: Vec<String>,
    /// Keys of signing requests whose certificates are not there yet.
    pub(super) pending: Vec<String>,
    /// Those that issue nothing any more.
    pub(super) revoked: Vec<RevokedIssuer>,
}

record! { Issuers() {
    "default" => default,
    "ids" => ids,
    "pending" => pending,
} optional {
    "revoked" => revoked as Sparse,
} }

/// An issuer that was revoked, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RevokedIssuer {
    pub(super) id: String,
    pub(super) at: Time,
}

record! { RevokedIssuer() { "at" => at, "id" => id, } }

impl Issuers {
    pub(super) fn decode_stored(stored: Option<&SecretBytes>) -> Result<Self, Refusal> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        Self::decode(stored.expose(), ()).ok_or_else(|| failed(&"the issuers of a PKI engine do not decode"))
    }

    /// When an issuer was revoked.
    pub(super) fn revoked_at(&self, id: &str) -> Option<Time> {
        self.revoked.iter().find(|revoked| revoked.id == id).map(|revoked| revoked.at)
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

    pub(super) fn show(&self, revoked: Option<Time>) -> Object {
        let chain: Vec<String> = self.full_chain().into_iter().map(to_pem).collect();
        let mut shown = object! {
            "ca_chain" => chain,
            "certificate" => to_pem(&self.certificate),
            "issuer_id" => self.id.as_str(),
            "issuer_name" => self.name.as_str(),
            "key_id" => self.key_id.as_str(),
            "leaf_not_after_behavior" => LEAF_NOT_AFTER,
            "manual_chain" => Value::Null,
            "revoked" => revoked.is_some(),
            "usage" => USAGE,
        };
        if let Some(revoked) = revoked {
            shown.insert("revocation_time", revoked.unix_seconds());
            shown.insert("revocation_time_rfc3339", show_time(revoked));
        }
        shown
    }

    /// Adds it to a change of the list of issuers, as the default one if there is none.
    pub(super) fn add(&self, issuers: &mut Issuers, draft: &mut ChangeBatch<'_>) -> Result<(), Refusal> {
        check_name(&self.name, &self.id, issuers, draft)?;
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

/// Refuses a name that another issuer has.
fn check_name(name: &str, own: &str, issuers: &Issuers, draft: &mut ChangeBatch<'_>) -> Result<(), Refusal> {
    for id in issuers.ids.iter().filter(|id| *id != own && !name.is_empty()) {
        let Some(stored) = draft.latest(&issuer_key(id))? else { continue };
        if Issuer::decode(id, stored.expose())?.name == name {
            return Err(Refusal::invalid(format!("issuer_name is {name:?}; the issuer {id} has that name")));
        }
    }
    Ok(())
}

/// Whether a list has the parts of a text, in any order.
fn same_parts(asked: &[String], text: &str) -> bool {
    text.split(',').count() == asked.len() && text.split(',').all(|part| asked.iter().any(|one| one == part))
}

pub(super) fn unknown_issuer(reference: &str) -> Refusal {
    Refusal::invalid(format!("there is no issuer {reference:?}; it must be `default`, an id or a name"))
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
        let unset = || Refusal::invalid("backend must be configured with a CA certificate/key");
        let issuers = self.issuers().await?;
        if issuers.revoked_at(&issuers.default).is_some() {
            return Err(Refusal::invalid(
                "the default issuer was revoked, and issues nothing any more: name another one in config/issuers",
            ));
        }
        if issuers.default.is_empty() {
            Err(unset())
        } else {
            self.issuer_by_id(&issuers.default).await?.ok_or_else(unset)
        }
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
        let revoked = self.issuers().await?.revoked_at(&issuer.id);
        Ok(Outcome::data(issuer.show(revoked)))
    }

    /// `POST issuer/REFERENCE`: gives it another name.
    pub(super) async fn rename_issuer(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        for (field, only) in [("leaf_not_after_behavior", LEAF_NOT_AFTER), ("usage", USAGE)] {
            let asked = fields::texts(call.data, field)?.unwrap_or_default();
            if !asked.is_empty() && !same_parts(&asked, only) {
                return Err(Refusal::invalid(format!(
                    "{field} is {}; this server has {only} alone",
                    asked.join(",")
                )));
            }
        }
        let unknown = || unknown_issuer(call.captured);
        let id = self.named_issuer(call.captured).await?.ok_or_else(unknown)?.id;
        if call.data.get("issuer_name").is_some() {
            let name = issuer_name(call.data)?;
            let change = self.space.change(ISSUERS, None, call.permit, |stored, draft| {
                let issuers = Issuers::decode_stored(stored)?;
                check_name(&name, &id, &issuers, draft)?;
                let stored = draft.latest(&issuer_key(&id))?.ok_or_else(unknown)?;
                let mut issuer = Issuer::decode(&id, stored.expose())?;
                issuer.name.clone_from(&name);
                draft.put(&issuer_key(&id), issuer.encode().expose())?;
                draft.put(ISSUERS, &issuers.encode())
            });
            change.await?;
        }
        let issuer = self.issuer_by_id(&id).await?.ok_or_else(unknown)?;
        let revoked = self.issuers().await?.revoked_at(&id);
        Ok(answer(
            issuer.show(revoked),
            call.data,
            &["issuer_name", "issuer_ref", "leaf_not_after_behavior", "usage"],
        )
        .into())
    }

    /// `DELETE issuer/REFERENCE`: it and its key. What it has issued and revoked stays.
    pub(super) async fn delete_issuer(&self, call: &Call<'_>) -> Result<Outcome, Refusal> {
        let unknown = || unknown_issuer(call.captured);
        let id = self.named_issuer(call.captured).await?.ok_or_else(unknown)?.id;
        let change = self.space.change(ISSUERS, None, call.permit, |stored, draft| {
            let mut issuers = Issuers::decode_stored(stored)?;
            issuers.ids.retain(|other| *other != id);
            issuers.revoked.retain(|revoked| revoked.id != id);
            let was_default = issuers.default == id;
            if was_default {
                issuers.default.clear();
            }
            draft.delete(&issuer_key(&id))?;
            draft.put(ISSUERS, &issuers.encode())?;
            Ok(was_default)
        });
        let warnings = if change.await? {
            let text = "it was the default issuer: nothing is issued until config/issuers names another one"
                .to_owned();
            vec![Warning { text, template: WARN_NO_DEFAULT_ISSUER }]
        } else {
            Vec::new()
        };
        Ok(Reply { warnings, ..Reply::default() }.into())
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
