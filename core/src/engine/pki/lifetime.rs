//! How long a certificate may be valid. Pure arithmetic in seconds.
//! Never in it: storage, clocks, roles.

use onrecord_value::Time;

use crate::audit_errors::WARN_CAPPED;
use crate::engine::token::lifetime::{Bounds, warning};
use crate::outcome::{Refusal, Warning};

/// What bounds a certificate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// For a request that names no time.
    default: u64,
    max: u64,
    /// When its issuer's certificate ends.
    issuer_end: Option<i64>,
}

impl Limits {
    /// Those of a role (0 where it has none) within those of the mount.
    pub(super) fn of(mount: Bounds, ttl: u64, max_ttl: u64, issuer_end: Option<i64>) -> Self {
        let max = if max_ttl > 0 { max_ttl.min(mount.max) } else { mount.max };
        let default = if ttl > 0 { ttl } else { mount.default };
        Self { default: default.min(max), max, issuer_end }
    }

    /// When a certificate ends. What a client asks for is never beyond the end of the issuer; what it does not ask for is
    /// limited to that.
    pub(super) fn end(&self, asked: Option<u64>, now: i64) -> Result<(i64, Vec<Warning>), Refusal> {
        let asked = asked.filter(|ttl| *ttl > 0);
        let mut warnings = Vec::new();
        let mut ttl = asked.unwrap_or(self.default);
        if ttl > self.max {
            warnings.push(warning("TTL", (ttl, self.max)));
            ttl = self.max;
        }
        let end = now.saturating_add(i64::try_from(ttl).unwrap_or(i64::MAX));
        let Some(issuer_end) = self.issuer_end.filter(|issuer_end| *issuer_end < end) else {
            // The last second of the year 9999, after which no time can be written.
            return Ok((end.min(253_402_300_799), warnings));
        };
        if issuer_end <= now {
            return Err(Refusal::invalid(format!(
                "the certificate of the issuer has ended at {}",
                show(issuer_end)
            )));
        }
        if asked.is_some() {
            return Err(Refusal::invalid(format!(
                "cannot satisfy request, as TTL would result in notAfter of {} that is beyond the expiration of the CA \
                 certificate at {}",
                show(end),
                show(issuer_end)
            )));
        }
        let text = format!("the certificate ends with that of its issuer, at {}", show(issuer_end));
        warnings.push(Warning { text, template: WARN_CAPPED });
        Ok((issuer_end, warnings))
    }
}

/// A time as a text.
pub(super) fn show(unix_seconds: i64) -> String {
    let mut text = Vec::new();
    Time::from_unix(unix_seconds, 0).rfc3339_seconds(&mut text);
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_ends_within_all_bounds() {
        let mount = Bounds { default: 100, max: 1000 };
        for (asked, (ttl, max_ttl), issuer_end, expected) in [
            (None, (0, 0), None, Ok((100, 0))),
            (Some(0), (0, 0), None, Ok((100, 0))),
            (None, (50, 0), None, Ok((50, 0))),
            (None, (5000, 0), None, Ok((1000, 0))),
            (None, (0, 60), None, Ok((60, 0))),
            (Some(70), (0, 60), None, Ok((60, 1))),
            (Some(70), (0, 5000), None, Ok((70, 0))),
            (Some(7000), (0, 5000), None, Ok((1000, 1))),
            (Some(70), (0, 0), Some(71), Ok((70, 0))),
            (Some(70), (0, 0), Some(70), Ok((70, 0))),
            (Some(70), (0, 0), Some(69), Err("cannot satisfy request")),
            (Some(7000), (0, 0), Some(999), Err("cannot satisfy request")),
            (None, (0, 0), Some(69), Ok((69, 1))),
            (None, (0, 0), Some(0), Err("the certificate of the issuer has ended")),
            (Some(1), (0, 0), Some(-5), Err("the certificate of the issuer has ended")),
        ] {
            let found = Limits::of(mount, ttl, max_ttl, issuer_end).end(asked, 0);
            match (found, expected) {
                (Ok((end, warnings)), expected) => {
                    assert_eq!(Ok((end, warnings.len())), expected, "{asked:?}");
                }
                (Err(refusal), Err(text)) => assert!(refusal.text.unwrap().starts_with(text), "{asked:?}"),
                (Err(refusal), Ok(_)) => panic!("{asked:?}: {:?}", refusal.text),
            }
        }
    }
}
