//! Which part of a path that no route takes is hashed on record: a token must not be readable because its path is
//! misspelt. Never in it: what a route captures (`routes`), or how it is hashed.

use std::ops::Range;

use percent_encoding::percent_decode_str;

use crate::capture::has_dots;
use crate::engine::EngineKind;
use crate::engine::kind::Kinds;
use crate::routes::{Captured, Route};

/// The part of a path that may be what a sensitive route captures, without the slashes around it; empty if there is none.
/// Of the mount it takes the kind, and where in the path what is below it begins.
pub(crate) fn unrouted(kinds: &Kinds, mount: Option<(&EngineKind, usize)>, path: &str) -> Range<usize> {
    // The paths of a secrets engine are its users' words.
    let keys = mount.is_some_and(|(kind, _)| !kind.paths_are_names()) && !has_dots(path);
    let below_word = if keys { None } else { below_word(kinds, path) };
    let below_mount = mount.and_then(|(kind, split)| below_mount(kind, split, path));
    let start = below_word.into_iter().chain(below_mount).min().unwrap_or(path.len());
    let secret = path.get(start..).unwrap_or_default().trim_start_matches('/');
    let start = path.len() - secret.len();
    start..start + secret.trim_end_matches('/').len()
}

fn is_sensitive(row: &Route) -> bool {
    row.captured == Captured::Secret
}

/// As [`is_sensitive`], with what may be secret in its last segment.
fn has_secret(row: &Route) -> bool {
    is_sensitive(row) || row.captured == Captured::SecretEnd
}

/// Below a mount with sensitive routes: all but a first word that its routes have.
fn below_mount(kind: &EngineKind, split: usize, path: &str) -> Option<usize> {
    let first = |path: &'static str| path.split('/').next();
    let below = path.get(split..)?.trim_start_matches('/');
    let word =
        below.split('/').next().filter(|word| kind.routes().any(|row| first(row.prefix()) == Some(word)));
    kind.routes().any(is_sensitive).then(|| path.len() - below.len() + word.map_or(0, str::len))
}

/// Anywhere: all after a word that stands before what a sensitive route captures, or, where escapes may hide that word or
/// its end, from the first of them on.
fn below_word(kinds: &Kinds, path: &str) -> Option<usize> {
    let sensitive = kinds.iter().flat_map(EngineKind::routes).filter(|row| has_secret(row));
    let words: Vec<&str> = sensitive.filter_map(|row| row.prefix().rsplit('/').nth(1)).collect();
    let find = |path: &str| {
        let path = path.to_ascii_lowercase();
        let start = words.iter().filter_map(|word| path.find(word)).min()?;
        let word = path.get(start..)?.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next()?;
        Some(start + word.len())
    };
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let escaped = find(&decoded).and_then(|_| path.find('%'));
    find(path).into_iter().chain(escaped).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds;

    /// The path with its secret part in brackets, where `mount` (a kind's name and a path) is mounted.
    fn marked(mount: Option<(&str, &str)>, path: &str) -> String {
        let kinds = kinds::builtin();
        let mount = mount.map(|(kind, at)| (kinds.default(kind).unwrap(), at.len()));
        let Range { start, end } = unrouted(&kinds, mount, path);
        if start == end {
            return path.to_owned();
        }
        format!("{}[{}]{}", &path[..start], &path[start..end], &path[end..])
    }

    #[test]
    fn below_a_mount_with_sensitive_routes_only_a_known_first_word_is_clear() {
        for marks in [
            "auth/token/lookup/[x]/",
            "auth/token/lookup//[x]//",
            "auth/token/lookup/[x/more]",
            "auth/token/lookup/[../lookup/x]",
            "auth/token/lookup-self/[x]",
            "auth/token/lookup/",
            "auth/token//renew-accessor/[x]",
            "auth/token/[lokup/x]",
            "auth/token/[lookup%2Fx]",
            "auth/token/[x]",
            "auth/token/[../token/lokup/x]",
            "auth/token/create/[ä/b]",
            "auth/token/",
        ] {
            let path = marks.replace(['[', ']'], "");
            assert_eq!(marked(Some(("token", "auth/token/")), &path), marks);
        }
    }

    #[test]
    fn elsewhere_what_follows_the_word_of_a_sensitive_route_is_hashed() {
        for marks in [
            "/auth/token/lookup/[x]",
            "/v2/auth/token/revoke-orphan/[x]/",
            "auth//token/renew/[x]",
            "auth/tokens/lookup-accessors/[x]",
            "token/LookUp/[x/lookup/y]",
            "auth/token/lookup[=x]",
            "/auth/token/lookup[%2Fx]",
            "/auth[%2Ftoken%252Flookup%252Fx]",
            "/auth/token/[%6Cookup/x]",
            "/v1/auth/token/lookup/[x%ff]",
            "ä/lookup/[ö]",
            "auth/token/lookup",
            "sys/locked-users/[auth_approle_1/unlok/x]",
            "ui/index%20html",
            "no/such/path",
        ] {
            let path = marks.replace(['[', ']'], "");
            assert_eq!(marked(None, &path), marks);
        }
        assert_eq!(marked(Some(("system", "sys/")), "sys/leases/lookup/a/b"), "sys/leases/lookup/[a/b]");
    }

    #[test]
    fn keys_of_a_secrets_engine_stay_clear_unless_the_path_climbs_out_of_it() {
        let mount = Some(("kv", "kv/"));
        assert_eq!(marked(mount, "kv/renewals/x"), "kv/renewals/x");
        assert_eq!(marked(mount, "kv/../auth/token/lookup/x"), "kv/../auth/token/lookup/[x]");
    }
}
