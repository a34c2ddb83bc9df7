//! Creating tokens: who may create which. Never in it: storage, randomness.

use onrecord_seal::Secret;
use onrecord_value::{GoDuration, Object, Value};

use super::lifetime::{self, Bounds, TtlRequest};
use super::role::TokenRole;
use super::{Token, caller, roles};
use crate::audit_errors::WARN_NO_SUCH_POLICY;
use crate::engine::{Call, Unsealed, fields};
use crate::names::{check_name, check_token};
use crate::operation::Operation;
use crate::outcome::{Refusal, Reply, Warning};
use crate::policies::{DEFAULT, ROOT};
use crate::token::{Issued, TokenDraft, TokenKind};
use crate::tokens::Caller;

const KNOWN: &[&str] = &[
    "display_name",
    "entity_alias",
    "explicit_max_ttl",
    "id",
    "lease",
    "meta",
    "no_default_policy",
    "no_parent",
    "num_uses",
    "period",
    "policies",
    "renewable",
    "ttl",
    "type",
];

/// How many policies a token can have. Their names are in all its entries.
pub(super) const POLICIES_MAX: usize = 256;
/// How many pairs the metadata of a token can have, and how long a key and a value can be, in bytes. All are in all its
/// entries, in the clear.
const META_MAX: (usize, usize, usize) = (64, 128, 512);
/// How long a display name or a chosen id can be, in bytes.
const NAME_BYTES_MAX: usize = 512;

/// What a request asks for, converted and checked as far as it concerns nobody else.
struct CreateRequest {
    /// With the policies, the time to live and the renewability that were asked for.
    draft: TokenDraft,
    default_policy: bool,
    orphan: bool,
    kind: Option<TokenKind>,
}

/// What the route of a request says about the token.
pub(super) enum Route {
    /// A child of the caller's, unless the request asks for an orphan.
    Child,
    /// An orphan.
    Orphan,
    /// As this role says.
    Role(Box<TokenRole>),
}

/// Creates a token by a role.
pub(super) async fn create_by_role(
    token: &Token,
    unsealed: &Unsealed,
    call: &Call<'_>,
) -> Result<Reply, Refusal> {
    let role = roles::find(token, call.captured).await?;
    let role = role.ok_or_else(|| Refusal::bad_request(format!("unknown role {}", call.captured)))?;
    create(unsealed, call, Route::Role(Box::new(role))).await
}

/// Creates a token.
pub(super) async fn create(unsealed: &Unsealed, call: &Call<'_>, route: Route) -> Result<Reply, Refusal> {
    let caller = caller(call)?;
    if caller.entry.num_uses > 0 {
        return Err(Refusal::invalid("a token of limited uses cannot create tokens"));
    }
    if caller.entry.kind == TokenKind::Batch {
        return Err(Refusal::invalid("batch tokens cannot create more tokens"));
    }
    let mut wanted = CreateRequest::read(call)?;
    let sudo = call.decide(Operation::Update).is_some_and(|decision| decision.sudo || decision.root);
    may(&wanted, sudo)?;
    wanted.draft.policies = match &route {
        Route::Role(role) => {
            let names = role.policies(&wanted.draft.policies, !wanted.default_policy, caller, sudo)?;
            only_root_makes_root(names, caller)?
        }
        Route::Child | Route::Orphan => policies(&wanted, caller, sudo)?,
    };
    let CreateRequest { mut draft, orphan: asked_orphan, kind, .. } = wanted;
    draft.kind = kind.unwrap_or_default();
    let mut orphan = asked_orphan || matches!(route, Route::Orphan);
    if let Route::Role(role) = &route {
        role.apply(call.captured, &mut draft);
        draft.kind = role.kind.of_request(kind);
        orphan |= role.orphan;
    }
    if draft.bound_cidrs.is_empty() {
        // What may be used from some addresses alone makes nothing that may be used from others.
        draft.bound_cidrs = caller.entry.bound_cidrs.clone();
    }
    check_batch(&draft)?;
    let mut warnings = Vec::new();
    draft.ttl = ttl(unsealed, call, &mut draft, &mut warnings)?;
    // What never expires has nothing to renew.
    draft.renewable &= draft.ttl > 0 && draft.kind == TokenKind::Service;
    let root = draft.policies.iter().any(|name| name == ROOT);
    if root && draft.ttl == 0 && caller.entry.expires.is_some() {
        return Err(Refusal::invalid("a root token that expires cannot create one that does not"));
    }
    let absent = draft.policies.iter().filter(|name| !unsealed.policies.exists(name));
    warnings.extend(absent.map(|name| no_such(name)));
    warnings.extend(fields::unrecognized(call.data, KNOWN));
    let lease_seconds = draft.ttl;
    let parent = if orphan { None } else { Some(caller) };
    // What its parent is, it is.
    draft.entity_id = parent.map(|parent| parent.entry.entity_id.clone()).unwrap_or_default();
    let entry = unsealed.tokens.create(draft, parent, call.now).await?;
    let auth = Some(Issued { entry, lease_seconds, new: true, text_known: true });
    Ok(Reply { auth, warnings, ..Reply::default() })
}

impl CreateRequest {
    fn read(call: &Call<'_>) -> Result<Self, Refusal> {
        let data = call.data;
        let kind = match fields::text(data, "type")?.as_deref() {
            None | Some("") => None,
            Some("service") => Some(TokenKind::Service),
            Some("batch") => Some(TokenKind::Batch),
            Some(_) => return Err(Refusal::bad_request("invalid 'token_type' value")),
        };
        if fields::text(data, "entity_alias")?.is_some_and(|alias| !alias.is_empty()) {
            return Err(Refusal::bad_request("'entity_alias' is not supported by this server"));
        }
        let num_uses = fields::whole(data, "num_uses")?.unwrap_or(0);
        let meta: Object = fields::texts_by_name(data, "meta")?.unwrap_or_default().into_iter().collect();
        check_meta(&meta)?;
        let ttl = match seconds(data, "ttl")? {
            0 => seconds(data, "lease")?,
            ttl => ttl,
        };
        let id = fields::text(data, "id")?.filter(|id| !id.is_empty());
        let policies = sanitised(&fields::texts(data, "policies")?.unwrap_or_default());
        if policies.len() > POLICIES_MAX {
            let text =
                format!("the token would have {} policies; it may have {POLICIES_MAX}", policies.len());
            return Err(Refusal::invalid(text));
        }
        let named = fields::text(data, "display_name")?.unwrap_or_default();
        for (field, bytes) in [("display_name", named.len()), ("id", id.as_ref().map_or(0, |id| id.len()))] {
            if bytes > NAME_BYTES_MAX {
                return Err(Refusal::invalid(format!(
                    "{field} has {bytes} bytes; it may have {NAME_BYTES_MAX}"
                )));
            }
        }
        let default_policy = !fields::flag(data, "no_default_policy")?.unwrap_or(false);
        let orphan = fields::flag(data, "no_parent")?.unwrap_or(false);
        policies.iter().try_for_each(|name| check_name("policies", name))?;
        let draft = TokenDraft {
            id: id.map(|id| Secret::new(id.into_owned())),
            policies,
            path: call.full_path(),
            display_name: display_name(&named),
            meta: (!meta.is_empty()).then_some(meta),
            num_uses: u64::try_from(num_uses)
                .map_err(|_| Refusal::invalid("number of uses cannot be negative"))?,
            ttl,
            explicit_max_ttl: seconds(data, "explicit_max_ttl")?,
            period: seconds(data, "period")?,
            renewable: fields::flag(data, "renewable")?.unwrap_or(true),
            ..TokenDraft::default()
        };
        check_token(&draft)?;
        Ok(Self { draft, default_policy, orphan, kind })
    }
}

/// Refuses metadata that would make every entry of the token long.
fn check_meta(meta: &Object) -> Result<(), Refusal> {
    let (pairs, key_bytes, value_bytes) = META_MAX;
    let fits = |(key, value): (&str, &Value)| {
        key.len() <= key_bytes && value.as_str().is_none_or(|text| text.len() <= value_bytes)
    };
    if meta.len() <= pairs && meta.iter().all(fits) {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "meta may have {pairs} pairs, with keys of {key_bytes} bytes and values of {value_bytes} bytes"
    )))
}

/// Refuses what only root or `sudo` may ask for.
fn may(wanted: &CreateRequest, sudo: bool) -> Result<(), Refusal> {
    let what = match &wanted.draft {
        _ if sudo => return Ok(()),
        TokenDraft { id: Some(_), .. } => "specify token id",
        _ if wanted.orphan => "create orphan token",
        TokenDraft { period: 1.., .. } => "create periodic token",
        _ => return Ok(()),
    };
    Err(Refusal::invalid(format!("root or sudo privileges required to {what}")))
}

/// The policies the token gets: those asked for, as far as the caller may pass them on, or the caller's own.
fn policies(wanted: &CreateRequest, caller: &Caller, sudo: bool) -> Result<Vec<String>, Refusal> {
    let own = &caller.entry.policies;
    let holds = |name: &String| own.contains(name);
    // Without sudo a token has nothing that its creator has not; `default` is no exception.
    let mut names = match wanted.draft.policies.as_slice() {
        [] => own.clone(),
        asked => {
            if !sudo && !caller.entry.is_root() && !asked.iter().all(holds) {
                return Err(Refusal::invalid("child policies must be subset of parent"));
            }
            let mut names = asked.to_vec();
            if sudo || own.iter().any(|name| name == DEFAULT) {
                names.push(DEFAULT.to_owned());
            }
            names
        }
    };
    if !wanted.default_policy && !wanted.draft.policies.iter().any(|name| name == DEFAULT) {
        names.retain(|name| name != DEFAULT);
    }
    only_root_makes_root(sanitised(&names), caller)
}

fn only_root_makes_root(names: Vec<String>, caller: &Caller) -> Result<Vec<String>, Refusal> {
    if names.iter().any(|name| name == ROOT) && !caller.entry.is_root() {
        return Err(Refusal::invalid("root tokens may not be created without parent token being root"));
    }
    Ok(names)
}

/// Refuses a batch token with what only a stored one can have.
pub(crate) fn check_batch(draft: &TokenDraft) -> Result<(), Refusal> {
    let what = match draft {
        TokenDraft { kind: TokenKind::Service, .. } => return Ok(()),
        _ if draft.policies.iter().any(|name| name == ROOT) => {
            return Err(Refusal::invalid("batch tokens cannot be root tokens"));
        }
        TokenDraft { id: Some(_), .. } => "id",
        TokenDraft { num_uses: 1.., .. } => "num_uses",
        TokenDraft { period: 1.., .. } => "period",
        TokenDraft { explicit_max_ttl: 1.., .. } => "explicit_max_ttl",
        _ => return Ok(()),
    };
    Err(Refusal::invalid(format!("batch tokens cannot have {what:?} set")))
}

/// How long the token lives, in seconds; 0 never ends, for root tokens that ask for nothing.
fn ttl(
    unsealed: &Unsealed,
    call: &Call<'_>,
    draft: &mut TokenDraft,
    warnings: &mut Vec<Warning>,
) -> Result<u64, Refusal> {
    let bounds = Bounds::of(unsealed, &call.mount.tune);
    if draft.explicit_max_ttl > bounds.max {
        warnings.push(lifetime::warning("explicit max TTL", (draft.explicit_max_ttl, bounds.max)));
        draft.explicit_max_ttl = bounds.max;
    }
    let TokenDraft { ttl, period, explicit_max_ttl, .. } = *draft;
    if ttl == 0 && period == 0 && draft.policies.iter().any(|name| name == ROOT) {
        return Ok(explicit_max_ttl);
    }
    let granted = lifetime::grant_first(TtlRequest { ttl, period, explicit_max_ttl, age: 0 }, bounds)?;
    if let Some(capped) = granted.capped {
        warnings.push(lifetime::warning(if period > 0 { "period" } else { "TTL" }, capped));
    }
    Ok(granted.ttl)
}

fn no_such(name: &str) -> Warning {
    Warning { text: format!("Policy {name:?} does not exist"), template: WARN_NO_SUCH_POLICY }
}

/// Names in lower case, sorted, each once. Next to `root` no other means anything.
pub(crate) fn sanitised(names: &[String]) -> Vec<String> {
    let mut names: Vec<String> =
        names.iter().map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()).collect();
    if names.iter().any(|name| name == ROOT) {
        return vec![ROOT.to_owned()];
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// `token`, or `token-` and what is asked for, in letters, digits and dashes.
fn display_name(asked: &str) -> String {
    let clean = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
    let name: String = format!("token-{asked}").chars().map(clean).collect();
    name.trim_end_matches('-').to_owned()
}

/// A duration in whole seconds; what is shorter than one counts as one, since 0 would mean no end.
fn seconds(data: &Object, field: &str) -> Result<u64, Refusal> {
    let asked = fields::span(data, field)?.unwrap_or(GoDuration::ZERO);
    if asked.is_negative() {
        return Err(Refusal::invalid(format!("{field} must be positive")));
    }
    let whole = u64::try_from(asked.secs()).unwrap_or(0);
    Ok(if whole == 0 && !asked.is_zero() { 1 } else { whole })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn policy_names_are_lower_case_sorted_and_unique_and_root_stands_alone() {
        assert_eq!(sanitised(&names(&["B", " a ", "b", "", "default"])), ["a", "b", "default"]);
        assert_eq!(sanitised(&names(&["default", "Root", "a"])), ["root"]);
        assert!(sanitised(&[]).is_empty());
    }

    #[test]
    fn a_display_name_is_prefixed_and_cleaned() {
        assert_eq!(display_name(""), "token");
        assert_eq!(display_name("bob"), "token-bob");
        assert_eq!(display_name("Bob's CI!"), "token-Bob-s-CI");
    }

    #[test]
    fn durations_are_positive_and_never_become_endless() {
        let data = onrecord_value::object! { "a" => "1h", "b" => 90, "c" => "10ms", "d" => "-1s" };
        assert!(matches!(seconds(&data, "a"), Ok(3600)));
        assert!(matches!(seconds(&data, "b"), Ok(90)));
        assert!(matches!(seconds(&data, "c"), Ok(1)));
        assert!(matches!(seconds(&data, "e"), Ok(0)));
        let refusal = seconds(&data, "d").err().unwrap();
        assert_eq!(refusal.text.as_deref(), Some("d must be positive"));
    }
}
