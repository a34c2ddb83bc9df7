//! Exported salts: the text of all salts of a server, with which a reader hashes without it.
//! Never in it: a seal. Whoever writes such a text to a file seals it first.

use std::fmt;

use onrecord_value::{Object, Time, Value, json};
use zeroize::Zeroizing;

use crate::salt::{Salt, SaltId};

const FORMAT: &str = "onrecord-salts";
const VERSION: i64 = 1;

/// The salts of a server at a moment.
#[derive(Debug)]
pub struct SaltExport {
    /// The name of the server.
    pub server: String,
    /// When it was made: lines of later salts cannot be searched with it.
    pub exported: Time,
    /// All salts, in use and retired.
    pub salts: Vec<ExportedSalt>,
}

/// A salt, and which lines it was used for.
pub struct ExportedSalt {
    /// As lines name it.
    pub id: SaltId,
    /// The path of its device.
    pub path: String,
    /// The type of its device; empty if it is not known.
    pub kind: String,
    /// Since when lines were made with it.
    pub from: Time,
    /// Until when; `None` while it is in use.
    pub to: Option<Time>,
    text: Zeroizing<String>,
}

/// A text that is not an export of salts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaltExportError {
    /// It is something else.
    #[error("it does not hold exported salts")]
    Form,
    /// A later version of this program made it.
    #[error("it holds exported salts of version {0}, and this program reads version {VERSION}")]
    Version(i64),
    /// A salt does not have the id that stands beside it.
    #[error("the salt {0} in it is damaged")]
    Damaged(String),
}

impl ExportedSalt {
    /// A salt from its text.
    pub fn new(text: Zeroizing<String>, path: String, kind: String, from: Time, to: Option<Time>) -> Self {
        Self { id: Salt::new(&text).id(), path, kind, from, to, text }
    }

    /// The salt itself, ready to hash.
    pub fn salt(&self) -> Salt {
        Salt::new(&self.text)
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut member = |key: &str, value: &str| {
            json::write_str(key, out);
            out.push(b':');
            json::write_str(value, out);
            out.push(b',');
        };
        member("from", &self.from.to_string());
        if let Some(to) = self.to {
            member("to", &to.to_string());
        }
        member("path", &self.path);
        member("type", &self.kind);
        member("salt", &self.text);
        // The last one has no comma after it.
        out.extend_from_slice(b"\"id\":");
        json::write_str(&self.id.to_string(), out);
    }

    fn read(object: &Object) -> Option<Self> {
        let text = |key: &str| object.str(key).map(str::to_owned);
        let time = |key: &str| object.str(key).map(|text| Time::parse(text).ok());
        let to = match time("to") {
            Some(to) => Some(to?),
            None => None,
        };
        let salt = Zeroizing::new(text("salt")?);
        Some(Self::new(salt, text("path")?, text("type")?, time("from")??, to))
    }
}

impl fmt::Debug for ExportedSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportedSalt").field("id", &self.id).field("path", &self.path).finish_non_exhaustive()
    }
}

impl SaltExport {
    /// The export as JSON, to be sealed.
    pub fn to_text(&self) -> Zeroizing<Vec<u8>> {
        // Room for all: a buffer that grows leaves a copy behind.
        let texts: usize = self.salts.iter().map(|salt| 6 * (salt.path.len() + salt.kind.len())).sum();
        let room = 1024 + 6 * self.server.len() + 512 * self.salts.len() + texts;
        let mut out = Zeroizing::new(Vec::with_capacity(room));
        out.extend_from_slice(
            format!("{{\"format\":\"{FORMAT}\",\"version\":{VERSION},\"server\":").as_bytes(),
        );
        json::write_str(&self.server, &mut out);
        out.extend_from_slice(format!(",\"exported\":\"{}\",\"salts\":[", self.exported).as_bytes());
        for (at, salt) in self.salts.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"\n{" } else { b",\n{" });
            salt.write(&mut out);
            out.push(b'}');
        }
        out.extend_from_slice(b"\n]}\n");
        out
    }

    /// Reads an export that was opened.
    pub fn parse(text: &[u8]) -> Result<Self, SaltExportError> {
        let object = json::parse_object(text, json::Limits::default()).map_err(|_| SaltExportError::Form)?;
        if object.str("format") != Some(FORMAT) {
            return Err(SaltExportError::Form);
        }
        let version = object.get("version").and_then(Value::as_i64).ok_or(SaltExportError::Form)?;
        if version != VERSION {
            return Err(SaltExportError::Version(version));
        }
        let list = object.get("salts").and_then(Value::as_array).ok_or(SaltExportError::Form)?;
        let mut salts = Vec::with_capacity(list.len());
        for one in list {
            let one = one.as_object().ok_or(SaltExportError::Form)?;
            let salt = ExportedSalt::read(one).ok_or(SaltExportError::Form)?;
            let id = one.str("id").unwrap_or_default();
            if salt.id.to_string() != id {
                return Err(SaltExportError::Damaged(id.to_owned()));
            }
            salts.push(salt);
        }
        let exported = object.str("exported").and_then(|text| Time::parse(text).ok());
        Ok(Self {
            server: object.str("server").unwrap_or_default().to_owned(),
            exported: exported.ok_or(SaltExportError::Form)?,
            salts,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0f2a6b1c-5d3e-4f70-8a9b-c0d1e2f30415";

    fn export() -> SaltExport {
        let salt = |path: &str, to| {
            let from = Time::from_unix(1_700_000_000, 5);
            ExportedSalt::new(Zeroizing::new(TEXT.to_owned()), path.into(), "file".into(), from, to)
        };
        let salts = vec![salt("file/", None), salt("o\"ld/", Some(Time::from_unix(1_800_000_000, 0)))];
        SaltExport { server: "vault-prod".into(), exported: Time::from_unix(1_900_000_000, 0), salts }
    }

    #[test]
    fn an_export_reads_back_and_hashes_as_the_device_did() {
        let text = export().to_text();
        let read = SaltExport::parse(&text).unwrap();
        assert_eq!((read.server.as_str(), read.exported), ("vault-prod", Time::from_unix(1_900_000_000, 0)));
        let paths: Vec<_> = read.salts.iter().map(|salt| (salt.path.as_str(), salt.to.is_some())).collect();
        assert_eq!(paths, [("file/", false), ("o\"ld/", true)]);
        for salt in &read.salts {
            assert_eq!(salt.salt().hash(b"x"), Salt::new(TEXT).hash(b"x"));
        }
        assert!(!format!("{read:?}").contains(TEXT));
    }

    #[test]
    fn another_text_and_a_damaged_salt_are_refused() {
        let text = String::from_utf8(export().to_text().to_vec()).unwrap();
        let refused = |text: &str| SaltExport::parse(text.as_bytes()).unwrap_err();
        assert_eq!(refused("{}"), SaltExportError::Form);
        assert_eq!(refused("x"), SaltExportError::Form);
        assert_eq!(refused(&text.replace("\"version\":1", "\"version\":2")), SaltExportError::Version(2));
        assert_eq!(refused(&text.replace("\"exported\"", "\"exportet\"")), SaltExportError::Form);
        assert!(matches!(refused(&text.replacen("0f2a", "1f2a", 1)), SaltExportError::Damaged(_)));
    }
}
