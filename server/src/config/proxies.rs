//! What a `listener` stanza says about proxies: who may state a client's address, in `X-Forwarded-For` or by the PROXY
//! protocol.
//! Never in it: connections.

use onrecord_audit::device::AddressBlock;
use onrecord_hcl::{Block, Body};

use super::reader::Reader;
use crate::error::FileError;
use crate::forwarded_for::ForwardedFor;
use crate::listener::proxy_protocol::{Behaviour, ProxyProtocol};

/// Keys that are read.
pub(super) const KEYS: [&str; 6] = [
    "proxy_protocol_authorized_addrs",
    "proxy_protocol_behavior",
    "x_forwarded_for_authorized_addrs",
    "x_forwarded_for_hop_skips",
    "x_forwarded_for_reject_not_authorized",
    "x_forwarded_for_reject_not_present",
];

const AUTHORIZED: &str = "x_forwarded_for_authorized_addrs";

pub(super) fn forwarded_for(reader: &mut Reader, body: &Body) -> Result<Option<ForwardedFor>, FileError> {
    let rules = ForwardedFor {
        authorized: addresses(reader, body, AUTHORIZED)?,
        hop_skips: reader.count(body, "x_forwarded_for_hop_skips")?.unwrap_or(0),
        reject_not_present: reader.boolean(body, "x_forwarded_for_reject_not_present")?.unwrap_or(true),
        reject_not_authorized: reader.boolean(body, "x_forwarded_for_reject_not_authorized")?.unwrap_or(true),
    };
    if !rules.authorized.is_empty() {
        return Ok(Some(rules));
    }
    let others = KEYS.iter().filter(|key| key.starts_with("x_forwarded_for_"));
    if let Some(item) = others.flat_map(|key| body.all(key)).next() {
        let message =
            format!("{} has no effect: X-Forwarded-For is only read with {AUTHORIZED}", item.name());
        reader.warn(item.position(), message);
    }
    Ok(None)
}

pub(super) fn proxy_protocol(
    reader: &Reader,
    block: &Block<'_>,
    body: &Body,
) -> Result<Option<ProxyProtocol>, FileError> {
    const KEY: &str = "proxy_protocol_authorized_addrs";
    let words = ["use_always", "allow_authorized", "deny_unauthorized"];
    let word = reader.one_of(body, "proxy_protocol_behavior", &words)?;
    let authorized = addresses(reader, body, KEY)?;
    let behaviour = match word {
        None if authorized.is_empty() => return Ok(None),
        None => {
            let message = format!("{KEY} needs proxy_protocol_behavior: one of {}", words.join(", "));
            return Err(reader.error(block.position, message));
        }
        Some("use_always") => Behaviour::UseAlways,
        Some(word) if authorized.is_empty() => {
            let message =
                format!("proxy_protocol_behavior = {word:?} needs {KEY}: the addresses of the proxies");
            return Err(reader.error(block.position, message));
        }
        Some("allow_authorized") => Behaviour::AllowAuthorized,
        Some(_) => Behaviour::DenyUnauthorized,
    };
    Ok(Some(ProxyProtocol { behaviour, authorized }))
}

fn addresses(reader: &Reader, body: &Body, key: &str) -> Result<Vec<AddressBlock>, FileError> {
    let Some(value) = body.get(key) else { return Ok(Vec::new()) };
    let texts = reader.texts(body, key)?;
    let parsed = texts.iter().filter(|text| !text.is_empty()).map(|text| {
        text.parse().map_err(|error| reader.error(value.position, format!("{key}: {text:?} is {error}")))
    });
    parsed.collect()
}
