//! How long a token may live. Pure arithmetic in seconds. Never in it: storage, clocks.

use onrecord_value::{GoDuration, duration};

use crate::audit_errors::WARN_CAPPED;
use crate::engine::{Tune, Unsealed};
use crate::outcome::{Refusal, Warning};

/// What the server and the mount allow, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// For those who ask for nothing.
    pub(crate) default: u64,
    /// For everybody.
    pub(crate) max: u64,
}

/// What is asked for, in seconds; 0 is nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct TtlRequest {
    pub(crate) ttl: u64,
    /// The period, which replaces `ttl` and knows no end.
    pub(crate) period: u64,
    /// The end, counted from issue.
    pub(crate) explicit_max_ttl: u64,
    /// How long ago the token was issued.
    pub(crate) age: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// Seconds from now.
    pub(crate) ttl: u64,
    /// What was asked for and what it was limited to, if it was limited.
    pub(crate) capped: Option<(u64, u64)>,
}

impl Bounds {
    /// Those of the server, as far as the mount does not set its own. At least a second: 0 would be without end.
    pub(crate) fn of(unsealed: &Unsealed, tune: &Tune) -> Self {
        let or = |own: u64, server: std::time::Duration| if own > 0 { own } else { server.as_secs().max(1) };
        Self {
            default: or(tune.default_lease_ttl, unsealed.settings.default_lease_ttl),
            max: or(tune.max_lease_ttl, unsealed.settings.max_lease_ttl),
        }
    }
}

/// Grants as much of a request as the bounds allow; none if the token has reached the end of what it may ever live.
pub(crate) fn grant(request: TtlRequest, bounds: Bounds) -> Option<Granted> {
    let explicit = if request.explicit_max_ttl > 0 { request.explicit_max_ttl } else { u64::MAX };
    let end = if request.period > 0 { explicit } else { explicit.min(bounds.max) };
    let left = end.saturating_sub(request.age);
    if left == 0 {
        return None;
    }
    let (asked, longest) = match request {
        TtlRequest { period: 1.., .. } => (request.period, bounds.max.min(left)),
        TtlRequest { ttl: 1.., .. } => (request.ttl, left),
        _ => (bounds.default.min(left), left),
    };
    let ttl = asked.min(longest);
    Some(Granted { ttl, capped: (ttl < asked).then_some((asked, ttl)) })
}

/// As [`grant`], for a token that is to be made.
pub(crate) fn grant_first(request: TtlRequest, bounds: Bounds) -> Result<Granted, Refusal> {
    grant(request, bounds).ok_or_else(|| Refusal::invalid("the server allows no token to live"))
}

pub(crate) fn warning(what: &str, (asked, granted): (u64, u64)) -> Warning {
    let text = format!("the {what} of {} is too long and was limited to {}", shown(asked), shown(granted));
    Warning { text, template: WARN_CAPPED }
}

fn shown(seconds: u64) -> String {
    duration::format(GoDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { default: 100, max: 1000 };

    #[test]
    fn a_wish_is_granted_within_all_bounds() {
        let none = TtlRequest::default();
        let table = [
            (none, Some(100), None),
            (TtlRequest { ttl: 50, ..none }, Some(50), None),
            (TtlRequest { ttl: 5000, ..none }, Some(1000), Some((5000, 1000))),
            (TtlRequest { ttl: 500, explicit_max_ttl: 300, ..none }, Some(300), Some((500, 300))),
            (TtlRequest { explicit_max_ttl: 30, ..none }, Some(30), None),
            (TtlRequest { ttl: 500, age: 700, ..none }, Some(300), Some((500, 300))),
            (TtlRequest { ttl: 500, age: 1000, ..none }, None, None),
            (TtlRequest { period: 60, ttl: 5, ..none }, Some(60), None),
            (TtlRequest { period: 60, age: 1_000_000, ..none }, Some(60), None),
            (TtlRequest { period: 60_000, ..none }, Some(1000), Some((60_000, 1000))),
            (TtlRequest { period: 60, explicit_max_ttl: 90, age: 50, ..none }, Some(40), Some((60, 40))),
            (TtlRequest { period: 60, explicit_max_ttl: 90, age: 90, ..none }, None, None),
        ];
        for (request, ttl, capped) in table {
            let granted = grant(request, BOUNDS);
            assert_eq!(granted, ttl.map(|ttl| Granted { ttl, capped }), "{request:?}");
        }
    }

    #[test]
    fn the_warning_names_both_times() {
        assert_eq!(warning("TTL", (7200, 90)).text, "the TTL of 2h0m0s is too long and was limited to 1m30s");
    }
}
