//! How certificates and keys are put into answers: PEM, DER in base64, or one bundle.
//! Never in it: which of them an answer has.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use onrecord_value::{Object, object};

use super::certificate::Facts;
use super::key::PrivateKey;
use crate::engine::fields;
use crate::engine::transit::pem;
use crate::outcome::Refusal;

/// What of an answer is secret.
pub(super) const SECRETS: &[&str] = &["certificate", "private_key"];
/// The fields of a request that say how an answer is written.
pub(super) const FIELDS: [&str; 2] = ["format", "private_key_format"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Pem,
    Der,
    Bundle,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    form: Form,
    as_pkcs8: bool,
}

impl Format {
    pub(super) fn of(data: &Object) -> Result<Self, Refusal> {
        let form = fields::text(data, "format")?.unwrap_or_default();
        let form = match &*form {
            "" | "pem" => Form::Pem,
            "der" => Form::Der,
            "pem_bundle" => Form::Bundle,
            other => {
                let why = format!("the format is {other:?}; it must be \"pem\", \"der\", or \"pem_bundle\"");
                return Err(Refusal::invalid(why));
            }
        };
        let key_format = fields::text(data, "private_key_format")?.unwrap_or_default();
        let as_pkcs8 = match &*key_format {
            "" | "der" | "pem" => false,
            "pkcs8" => true,
            other => {
                let why =
                    format!("private_key_format is {other:?}; it must be \"der\", \"pem\" or \"pkcs8\"");
                return Err(Refusal::invalid(why));
            }
        };
        Ok(Self { form, as_pkcs8 })
    }

    fn certificate(self, der: &[u8]) -> String {
        if self.form == Form::Der { STANDARD.encode(der) } else { to_pem(der) }
    }

    /// A signing request.
    pub(super) fn csr(self, der: &[u8]) -> String {
        if self.form == Form::Der { STANDARD.encode(der) } else { block("CERTIFICATE REQUEST", der) }
    }

    /// Adds a key to an answer, and to the text (if there is one) that is a bundle with it.
    pub(super) fn add_key(self, data: &mut Object, key: &PrivateKey, bundled: &str) -> Option<()> {
        let text = match self.form {
            Form::Der => STANDARD.encode(key.write(self.as_pkcs8)?.1.expose()),
            Form::Pem | Form::Bundle => key.to_pem(self.as_pkcs8)?,
        };
        if self.form == Form::Bundle {
            let whole = data.str(bundled).map(|rest| format!("{text}\n{rest}"));
            data.insert(bundled, whole.unwrap_or_default());
        }
        data.insert("private_key", text);
        data.insert("private_key_type", key.key_type.name());
        Some(())
    }

    /// The answer about a new certificate. `chain` begins with the certificate of its issuer.
    pub(super) fn issued(self, der: &[u8], facts: &Facts, chain: &[&[u8]]) -> Object {
        let mut certificate = self.certificate(der);
        if self.form == Form::Bundle {
            for above in chain.iter().filter(|above| **above != der) {
                certificate.push('\n');
                certificate.push_str(&to_pem(above));
            }
        }
        let issuing = chain.first().map(|first| self.certificate(first)).unwrap_or_default();
        let chain: Vec<String> = chain.iter().map(|above| self.certificate(above)).collect();
        object! {
            "ca_chain" => chain,
            "certificate" => certificate,
            "expiration" => facts.not_after,
            "issuing_ca" => issuing,
            "serial_number" => facts.serial.as_str(),
        }
    }
}

/// A certificate in PEM, without a newline at the end.
pub(super) fn to_pem(der: &[u8]) -> String {
    block("CERTIFICATE", der)
}

pub(super) fn block(label: &str, der: &[u8]) -> String {
    pem::encode(label, der).trim_end().to_owned()
}
