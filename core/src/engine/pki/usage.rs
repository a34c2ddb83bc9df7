//! What keys of certificates may be used for: the names of the API and their numbers.
//! Never in it: requests and storage.

use super::der;
use super::role::Role;
use crate::outcome::Refusal;

/// Bit n of a `KeyUsage` by its name.
const KEY_USAGES: [&str; 9] = [
    "DigitalSignature",
    "ContentCommitment",
    "KeyEncipherment",
    "DataEncipherment",
    "KeyAgreement",
    "CertSign",
    "CRLSign",
    "EncipherOnly",
    "DecipherOnly",
];
/// What the key of an authority is used for: certificates and revocation lists.
pub(super) const OF_AUTHORITY: u16 = 1 << 5 | 1 << 6;

const SERVER: &str = "1.3.6.1.5.5.7.3.1";
const CLIENT: &str = "1.3.6.1.5.5.7.3.2";
const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
const EMAIL: &str = "1.3.6.1.5.5.7.3.4";
const EXT_KEY_USAGES: [(&str, &str); 10] = [
    ("Any", "2.5.29.37.0"),
    ("ServerAuth", SERVER),
    ("ClientAuth", CLIENT),
    ("CodeSigning", CODE_SIGNING),
    ("EmailProtection", EMAIL),
    ("IPSECEndSystem", "1.3.6.1.5.5.7.3.5"),
    ("IPSECTunnel", "1.3.6.1.5.5.7.3.6"),
    ("IPSECUser", "1.3.6.1.5.5.7.3.7"),
    ("TimeStamping", "1.3.6.1.5.5.7.3.8"),
    ("OCSPSigning", "1.3.6.1.5.5.7.3.9"),
];

/// A name without the prefix that some clients write.
fn bare<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.trim().strip_prefix(prefix).unwrap_or(name.trim())
}

/// The bits of a `KeyUsage` extension.
pub(super) fn key_usage(names: &[String]) -> Result<u16, Refusal> {
    let bit = |name: &String| {
        let wanted = bare(name, "KeyUsage");
        let found = KEY_USAGES.iter().position(|known| known.eq_ignore_ascii_case(wanted));
        let refused =
            || Refusal::invalid(format!("key_usage has {name:?}; it may have {}", KEY_USAGES.join(", ")));
        found.map(|bit| 1_u16 << bit).ok_or_else(refused)
    };
    names.iter().filter(|name| !name.is_empty()).try_fold(0, |bits, name| Ok(bits | bit(name)?))
}

/// The object identifiers of an `ExtKeyUsage` extension, encoded.
pub(super) fn ext_key_usage(role: &Role) -> Result<Vec<Vec<u8>>, Refusal> {
    let flags = [
        (role.server_flag, SERVER),
        (role.client_flag, CLIENT),
        (role.code_signing_flag, CODE_SIGNING),
        (role.email_protection_flag, EMAIL),
    ];
    let mut wanted: Vec<&str> = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, oid)| *oid).collect();
    for name in &role.ext_key_usage {
        let found =
            EXT_KEY_USAGES.iter().find(|(known, _)| known.eq_ignore_ascii_case(bare(name, "ExtKeyUsage")));
        let Some((_, oid)) = found else {
            let names = EXT_KEY_USAGES.map(|(name, _)| name).join(", ");
            return Err(Refusal::invalid(format!("ext_key_usage has {name:?}; it may have {names}")));
        };
        wanted.push(oid);
    }
    wanted.extend(role.ext_key_usage_oids.iter().map(String::as_str));
    let mut oids = Vec::new();
    for oid in wanted {
        let refused =
            || Refusal::invalid(format!("ext_key_usage_oids has {oid:?}; it has object identifiers in dots"));
        let encoded = der::parse_oid(oid).ok_or_else(refused)?;
        if !oids.contains(&encoded) {
            oids.push(encoded);
        }
    }
    Ok(oids)
}
