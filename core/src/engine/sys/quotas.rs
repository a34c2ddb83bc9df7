//! `sys/quotas`: write, read, list and delete quotas of requests and of leases, and what holds for all of them.
//! Never in it: what is counted (`crate::quotas`).

use onrecord_value::{GoDuration, Number, Object, Value, object};

use crate::engine::space::failed;
use crate::engine::sys::Sys;
use crate::engine::{Call, Handled, Path, Unsealed, fields};
use crate::names::check_name;
use crate::outcome::{Outcome, Refusal};
use crate::quotas::QuotaKind::{LeaseCount, RateLimit};
use crate::quotas::{
    INTERVAL_MAX, QUOTAS_MAX, Quota, QuotaConfig, QuotaError, QuotaKind, RATE_MAX, RATE_MIN,
};
use crate::route::usual_spelling;

pub(super) const PATHS: &[Path<Sys>] = &[
    Path::new("quotas/config", "Read and write what holds for all quotas.")
        .description(
            "Takes `rate_limit_exempt_paths`, `enable_rate_limit_response_headers` and \
             `enable_rate_limit_audit_logging` (refused requests are always counted on record).",
        )
        .read(|_, unsealed, _| Handled::ready(read_config(unsealed)))
        .write(|_, unsealed, call| Handled::pending(write_config(unsealed, call))),
    Path::new("quotas/rate-limit/?", "List the quotas of requests.")
        .list(|_, unsealed, _| Handled::ready(list(unsealed, RateLimit))),
    Path::new("quotas/rate-limit/{name}", "Read, write and delete a quota of requests.")
        .description("Takes `path`, `rate`, `interval` and `block_interval`.")
        .read(|_, unsealed, call| Handled::ready(read(unsealed, call, RateLimit)))
        .write(|_, unsealed, call| Handled::pending(write(unsealed, call, RateLimit)))
        .delete(|_, unsealed, call| Handled::pending(delete(unsealed, call, RateLimit))),
    Path::new("quotas/lease-count/?", "List the quotas of leases.")
        .list(|_, unsealed, _| Handled::ready(list(unsealed, LeaseCount))),
    Path::new("quotas/lease-count/{name}", "Read, write and delete a quota of leases.")
        .description("Takes `path` and `max_leases`.")
        .read(|_, unsealed, call| Handled::ready(read(unsealed, call, LeaseCount)))
        .write(|_, unsealed, call| Handled::pending(write(unsealed, call, LeaseCount)))
        .delete(|_, unsealed, call| Handled::pending(delete(unsealed, call, LeaseCount))),
];

/// How long a name and a path can be, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
const EXEMPT_PATHS_MAX: usize = 256;

fn read_config(unsealed: &Unsealed) -> Outcome {
    let config = unsealed.quotas.config();
    Outcome::data(object! {
        "enable_rate_limit_audit_logging" => config.audit_logging,
        "enable_rate_limit_response_headers" => config.response_headers,
        "rate_limit_exempt_paths" => config.exempt_paths.as_slice(),
    })
}

async fn write_config(unsealed: &Unsealed, call: &Call<'_>) -> Result<(), Refusal> {
    let change = |config: &mut QuotaConfig| {
        let data = call.data;
        if let Some(paths) = fields::texts(data, "rate_limit_exempt_paths")? {
            if paths.len() > EXEMPT_PATHS_MAX || paths.iter().any(|path| path.len() > TEXT_BYTES_MAX) {
                return Err(Refusal::invalid(format!(
                    "rate_limit_exempt_paths may have {EXEMPT_PATHS_MAX} paths of {TEXT_BYTES_MAX} bytes"
                )));
            }
            config.exempt_paths = paths;
        }
        for (field, flag) in [
            ("enable_rate_limit_audit_logging", &mut config.audit_logging),
            ("enable_rate_limit_response_headers", &mut config.response_headers),
        ] {
            *flag = fields::flag(data, field)?.unwrap_or(*flag);
        }
        Ok(())
    };
    unsealed.quotas.change(|table| change(&mut table.config)).await
}

fn list(unsealed: &Unsealed, kind: QuotaKind) -> Outcome {
    let quotas = unsealed.quotas.quotas().into_iter().filter(|quota| quota.kind == kind);
    let mut names: Vec<String> = quotas.map(|quota| quota.name).collect();
    names.sort_unstable();
    Outcome::keys(names)
}

fn read(unsealed: &Unsealed, call: &Call<'_>, kind: QuotaKind) -> Outcome {
    let quotas = unsealed.quotas.quotas();
    let quota = quotas.iter().find(|quota| quota.kind == kind && quota.name == call.captured);
    quota.map_or_else(Outcome::absent, |quota| Outcome::data(show(unsealed, quota)))
}

fn show(unsealed: &Unsealed, quota: &Quota) -> Object {
    let mut shown = object! {
        "name" => quota.name.as_str(),
        "path" => quota.path.as_str(),
        "role" => "",
        "type" => quota.kind.as_str(),
    };
    match quota.kind {
        QuotaKind::RateLimit => {
            shown.insert("block_interval", quota.block_interval);
            shown.insert("interval", quota.interval);
            shown.insert("rate", Number::from_literal(&quota.rate).map_or(Value::Null, Value::Number));
        }
        QuotaKind::LeaseCount => {
            shown.insert("counter", unsealed.quotas.lease_count(quota));
            shown.insert("max_leases", quota.max_leases);
        }
    }
    if quota.inheritable {
        shown.insert("inheritable", true);
    }
    shown
}

/// Writes a quota: what a request does not name stays as it is.
async fn write(unsealed: &Unsealed, call: &Call<'_>, kind: QuotaKind) -> Result<(), Refusal> {
    let name = call.captured;
    check_name("the name of the quota", name)?;
    check_length("the name of the quota", name)?;
    unsealed
        .quotas
        .change(|table| {
            let at = table.quotas.iter().position(|quota| quota.kind == kind && quota.name == name);
            let old = at.and_then(|at| table.quotas.get(at).cloned());
            let quota = changed(unsealed, call, old.unwrap_or_else(|| first(name, kind)))?;
            let is_same_place = |other: &Quota| other.kind == kind && other.path == quota.path;
            if table.quotas.iter().any(|other| is_same_place(other) && other.name != name) {
                return Err(Refusal::invalid(format!(
                    "there is another {} quota for the path {:?}: change or delete that one",
                    kind.as_str(),
                    quota.path
                )));
            }
            if at.is_none() && table.quotas.len() >= QUOTAS_MAX {
                return Err(Refusal::invalid(format!(
                    "there are {QUOTAS_MAX} quotas, and there can be no more: delete one first"
                )));
            }
            match at.and_then(|at| table.quotas.get_mut(at)) {
                Some(old) => *old = quota,
                None => table.quotas.push(quota),
            }
            Ok(())
        })
        .await
}

fn first(name: &str, kind: QuotaKind) -> Quota {
    Quota {
        name: name.to_owned(),
        kind,
        path: String::new(),
        rate: String::new(),
        interval: 1,
        block_interval: 0,
        max_leases: 0,
        inheritable: false,
    }
}

fn changed(unsealed: &Unsealed, call: &Call<'_>, mut quota: Quota) -> Result<Quota, Refusal> {
    let data = call.data;
    if fields::text(data, "role")?.is_some_and(|role| !role.is_empty()) {
        return Err(Refusal::invalid("role: quotas for logins with a role are not supported by this server"));
    }
    if let Some(path) = fields::text(data, "path")? {
        quota.path = path_of(unsealed, &path, quota.kind)?;
    }
    quota.inheritable = fields::flag(data, "inheritable")?.unwrap_or(quota.inheritable);
    match quota.kind {
        QuotaKind::RateLimit => {
            if let Some(rate) = fields::sent(data, "rate") {
                quota.rate = rate_of(rate)?;
            }
            if quota.rate.is_empty() {
                return Err(bad_rate());
            }
            quota.interval = span(data, "interval")?.filter(|span| *span > 0).unwrap_or(quota.interval);
            quota.block_interval = span(data, "block_interval")?.unwrap_or(quota.block_interval);
        }
        QuotaKind::LeaseCount => {
            quota.max_leases = fields::count(data, "max_leases")?.unwrap_or(quota.max_leases);
            if quota.max_leases == 0 {
                return Err(Refusal::invalid("'max_leases' must be a whole number greater than 0"));
            }
        }
    }
    Ok(quota)
}

async fn delete(unsealed: &Unsealed, call: &Call<'_>, kind: QuotaKind) -> Result<(), Refusal> {
    let is_it = |quota: &Quota| quota.kind == kind && quota.name == call.captured;
    unsealed
        .quotas
        .change(|table| {
            table.quotas.retain(|quota| !is_it(quota));
            Ok(())
        })
        .await
}

/// A path that a quota can be for: empty, or one that leads to a mount. That of a mount ends in a slash.
fn path_of(unsealed: &Unsealed, path: &str, kind: QuotaKind) -> Result<String, Refusal> {
    check_name("path", path)?;
    check_length("path", path)?;
    let path = path.trim();
    if path.is_empty() {
        return Ok(String::new());
    }
    let bad = || Refusal::invalid(format!("path: no mount is at or above {path:?}"));
    let start = path.strip_suffix('*').unwrap_or(path);
    if start.contains('*') || (start.len() < path.len() && kind == QuotaKind::LeaseCount) {
        let text = "path may have one '*', at the end of the path of a rate limit quota";
        return Err(Refusal::invalid(text));
    }
    let mount = unsealed.mounts.find(start).filter(|_| !path.starts_with('/')).ok_or_else(bad)?;
    let is_mount = path.trim_end_matches('/') == mount.path.trim_end_matches('/');
    if is_mount {
        return Ok(mount.path.clone());
    }
    // Requests with any spelling of the path count for it.
    let star = if start.len() < path.len() { "*" } else { "" };
    let start = if star.is_empty() { start.trim_end_matches('/') } else { start };
    Ok(usual_spelling(unsealed, start) + star)
}

fn bad_rate() -> Refusal {
    Refusal::invalid(format!("'rate' must be a number greater than 0: from {RATE_MIN} to {RATE_MAX}"))
}

fn rate_of(value: &Value) -> Result<String, Refusal> {
    let text = fields::scalar(value).ok_or_else(bad_rate)?;
    let rate = text.parse::<f64>().ok().filter(|rate| (RATE_MIN..=RATE_MAX).contains(rate));
    let number = Number::from_literal(&text).or_else(|| rate.and_then(Number::from_f64));
    match (rate, number) {
        (Some(_), Some(number)) if number.text().len() <= 32 => Ok(number.text().to_owned()),
        _ => Err(bad_rate()),
    }
}

/// A duration in whole seconds, if it was sent.
fn span(data: &Object, field: &str) -> Result<Option<u64>, Refusal> {
    let Some(span) = fields::span(data, field)? else { return Ok(None) };
    let seconds = u64::try_from(span.secs()).ok().filter(|seconds| *seconds <= INTERVAL_MAX);
    match seconds {
        Some(0) if span != GoDuration::ZERO => {
            Err(Refusal::invalid(format!("{field} must be whole seconds")))
        }
        Some(seconds) => Ok(Some(seconds)),
        None => Err(Refusal::invalid(format!("{field} must be from 0 to {INTERVAL_MAX} seconds"))),
    }
}

fn check_length(what: &str, text: &str) -> Result<(), Refusal> {
    let bytes = text.len();
    if bytes > TEXT_BYTES_MAX {
        return Err(Refusal::invalid(format!("{what} has {bytes} bytes; it may have {TEXT_BYTES_MAX}")));
    }
    Ok(())
}

impl From<QuotaError> for Refusal {
    fn from(error: QuotaError) -> Self {
        failed(&error)
    }
}
