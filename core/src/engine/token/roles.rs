//! `auth/token/roles`: write, read, list and delete the roles by which tokens are created.
//! Never in it: what a role means for a token (`role`).

use onrecord_storage::Read;
use onrecord_value::{GoDuration, Object, Value, object};

use super::Token;
use super::create::POLICIES_MAX;
use super::role::{RoleKind, TokenRole};
use crate::bound_cidrs::BoundCidrs;
use crate::engine::space::failed;
use crate::engine::{Call, Existing, fields};
use crate::names::check_name;
use crate::outcome::{Outcome, Refusal, Reply, Warning};
use crate::stored::Record as _;

const FOLDER: &str = "roles/";
/// How long the name of a role and a suffix of paths can be, in bytes.
const NAME_BYTES_MAX: usize = 256;

const KNOWN: &[&str] = &[
    "allowed_entity_aliases",
    "allowed_policies",
    "allowed_policies_glob",
    "bound_cidrs",
    "disallowed_policies",
    "disallowed_policies_glob",
    "explicit_max_ttl",
    "name",
    "orphan",
    "path_suffix",
    "period",
    "renewable",
    "role_name",
    "token_bound_cidrs",
    "token_explicit_max_ttl",
    "token_no_default_policy",
    "token_num_uses",
    "token_period",
    "token_type",
];

fn key(name: &str) -> String {
    [FOLDER, name].concat()
}

/// The role of a name, if there is one.
pub(super) async fn find(token: &Token, name: &str) -> Result<Option<TokenRole>, Refusal> {
    let Some(stored) = token.space.get(&key(name)).await? else { return Ok(None) };
    decoded(stored.expose()).map(Some)
}

fn decoded(stored: &[u8]) -> Result<TokenRole, Refusal> {
    TokenRole::decode(stored, ()).ok_or_else(|| failed(&"a stored token role cannot be read"))
}

pub(super) fn exists<'a>(token: &'a Token, call: &Call<'_>) -> Read<'a, Option<Box<Existing>>> {
    token.space.existing(&key(call.captured))
}

pub(super) async fn read(token: &Token, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let role = find(token, call.captured).await?;
    Ok(role.map_or_else(Outcome::absent, |role| Outcome::data(show(call.captured, &role))))
}

fn show(name: &str, role: &TokenRole) -> Object {
    let list = |texts: &[String]| texts.iter().map(String::as_str).collect::<Value>();
    let mut shown = object! {
        "allowed_entity_aliases" => list(&role.allowed_entity_aliases),
        "allowed_policies" => list(&role.allowed_policies),
        "allowed_policies_glob" => list(&role.allowed_policies_glob),
        "disallowed_policies" => list(&role.disallowed_policies),
        "disallowed_policies_glob" => list(&role.disallowed_policies_glob),
        "explicit_max_ttl" => role.explicit_max_ttl,
        "name" => name,
        "orphan" => role.orphan,
        "path_suffix" => role.path_suffix.as_str(),
        "period" => role.period,
        "renewable" => role.renewable,
        "token_explicit_max_ttl" => role.explicit_max_ttl,
        "token_no_default_policy" => role.no_default_policy,
        "token_period" => role.period,
        "token_type" => role.kind.as_str(),
    };
    if !role.bound_cidrs.is_empty() {
        for field in ["bound_cidrs", "token_bound_cidrs"] {
            shown.insert(field, role.bound_cidrs.texts().collect::<Value>());
        }
    }
    if role.num_uses > 0 {
        shown.insert("token_num_uses", role.num_uses);
    }
    shown
}

pub(super) async fn list(token: &Token, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let names = token.space.list(FOLDER).await?;
    call.permit.hold_names(&names)?;
    Ok(Outcome::keys(names))
}

/// Writes a role: what a request does not name stays as it is.
pub(super) async fn write(token: &Token, call: &Call<'_>) -> Result<Outcome, Refusal> {
    let name = call.captured;
    check_name("the name of the role", name)?;
    check_length("the name of the role", name)?;
    let key = key(name);
    let change = token.space.change(&key, call.existing, call.permit, |old, draft| {
        call.recheck_operation(old.is_some())?;
        let mut role = old.map_or_else(|| Ok(TokenRole::default()), |old| decoded(old.expose()))?;
        change(&mut role, call.data)?;
        draft.put(&key, &role.encode())
    });
    change.await?;
    let warnings: Vec<Warning> = fields::unrecognized(call.data, KNOWN).into_iter().collect();
    Ok(Reply { warnings, ..Reply::default() }.into())
}

pub(super) async fn delete(token: &Token, call: &Call<'_>) -> Result<(), Refusal> {
    let key = key(call.captured);
    let change =
        token.space.change(&key, None, call.permit, |old, draft| old.map_or(Ok(()), |_| draft.delete(&key)));
    change.await
}

/// Takes over what a request names.
fn change(role: &mut TokenRole, data: &Object) -> Result<(), Refusal> {
    for (field, names) in [
        ("allowed_policies", &mut role.allowed_policies),
        ("allowed_policies_glob", &mut role.allowed_policies_glob),
        ("disallowed_policies", &mut role.disallowed_policies),
        ("disallowed_policies_glob", &mut role.disallowed_policies_glob),
        ("allowed_entity_aliases", &mut role.allowed_entity_aliases),
    ] {
        if let Some(asked) = fields::texts(data, field)? {
            *names = checked(field, &asked)?;
        }
    }
    for (field, flag) in [
        ("orphan", &mut role.orphan),
        ("renewable", &mut role.renewable),
        ("token_no_default_policy", &mut role.no_default_policy),
    ] {
        *flag = fields::flag(data, field)?.unwrap_or(*flag);
    }
    for (field, old_name, span) in [
        ("token_explicit_max_ttl", "explicit_max_ttl", &mut role.explicit_max_ttl),
        ("token_period", "period", &mut role.period),
    ] {
        let asked = if fields::sent(data, field).is_some() { field } else { old_name };
        *span = seconds(data, asked)?.unwrap_or(*span);
    }
    if let Some(suffix) = fields::text(data, "path_suffix")? {
        role.path_suffix = path_suffix(&suffix)?;
    }
    for field in ["token_bound_cidrs", "bound_cidrs"] {
        if let Some(blocks) = fields::texts(data, field)? {
            let blocks = BoundCidrs::parse(&blocks);
            role.bound_cidrs = blocks.map_err(|error| Refusal::invalid(format!("{field}: {error}")))?;
            break;
        }
    }
    role.num_uses = fields::count(data, "token_num_uses")?.unwrap_or(role.num_uses);
    if let Some(kind) = fields::text(data, "token_type")? {
        role.kind = RoleKind::parse(&kind).ok_or_else(|| {
            Refusal::invalid(
                "invalid 'token_type' value; it is service, batch, default-service or default-batch",
            )
        })?;
    }
    check_batch(role)
}

/// Refuses a role whose tokens could not be made.
fn check_batch(role: &TokenRole) -> Result<(), Refusal> {
    let what = match role {
        _ if !role.kind.is_batch() => return Ok(()),
        TokenRole { period: 1.., .. } => "token_period",
        TokenRole { explicit_max_ttl: 1.., .. } => "token_explicit_max_ttl",
        TokenRole { num_uses: 1.., .. } => "token_num_uses",
        _ => return Ok(()),
    };
    Err(Refusal::invalid(format!(
        "'token_type' cannot be {:?} in a role with {what}: batch tokens have none",
        role.kind.as_str()
    )))
}

fn checked(field: &str, asked: &[String]) -> Result<Vec<String>, Refusal> {
    asked.iter().try_for_each(|name| check_name(field, name))?;
    let mut names: Vec<String> =
        asked.iter().map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    names.dedup();
    if names.len() > POLICIES_MAX {
        return Err(Refusal::invalid(format!(
            "{field} has {} names; it may have {POLICIES_MAX}",
            names.len()
        )));
    }
    Ok(names)
}

fn check_length(what: &str, text: &str) -> Result<(), Refusal> {
    let bytes = text.len();
    if bytes > NAME_BYTES_MAX {
        return Err(Refusal::invalid(format!("{what} has {bytes} bytes; it may have {NAME_BYTES_MAX}")));
    }
    Ok(())
}

/// A suffix of the paths of a role's tokens: letters, digits, `-`, `_`, `.`, and not a climbing one.
fn path_suffix(suffix: &str) -> Result<String, Refusal> {
    check_length("path_suffix", suffix)?;
    let may = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if !suffix.chars().all(may) || suffix.split('.').all(str::is_empty) && !suffix.is_empty() {
        return Err(Refusal::invalid("path_suffix may have letters, digits, '-', '_' and '.'"));
    }
    Ok(suffix.to_owned())
}

/// A duration in whole seconds, if it was sent; what is shorter than one counts as one, since 0 means none.
fn seconds(data: &Object, field: &str) -> Result<Option<u64>, Refusal> {
    let Some(span) = fields::span(data, field)? else { return Ok(None) };
    if span.is_negative() {
        return Err(Refusal::invalid(format!("{field} must be positive")));
    }
    let whole = u64::try_from(span.secs()).unwrap_or(0);
    Ok(Some(if whole == 0 && span != GoDuration::ZERO { 1 } else { whole }))
}
