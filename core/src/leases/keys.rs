//! Under which keys leases are stored, and which ids they have. Never in it: storage.
//!
//! An id is the path of the issue and a last segment: `h` and the name of the token for a token, random letters for a
//! secret.

use onrecord_value::Time;

/// How many keys are read at once.
pub(crate) const PAGE: usize = 256;

pub(super) const DUE: &str = "due/";
pub(super) const ENDED: &str = "ended/";
pub(super) const IRREVOCABLE: &str = "irrevocable/";
const LEASES: &str = "id/";

/// That all tokens have the names of their leases here: those of versions before this one had none.
pub(crate) const INDEXED: &str = "indexed";

pub(crate) fn lease(id: &str) -> String {
    [LEASES, id].concat()
}

/// The folder of the leases below a path; a path without its final slash is the same one.
pub(super) fn leases_below(path: &str) -> String {
    let path = path.trim_end_matches('/');
    if path.is_empty() { LEASES.to_owned() } else { [LEASES, path, "/"].concat() }
}

pub(super) fn id_of(key: &str) -> &str {
    key.strip_prefix(LEASES).unwrap_or(key)
}

/// The lease of the token with this name, issued at a path.
pub(crate) fn token_lease(path: &str, name: &str) -> String {
    format!("{path}/h{name}")
}

/// The path and the name of a token's lease; `None` if it is that of a secret.
pub(crate) fn token_of(id: &str) -> Option<(&str, &str)> {
    let (path, last) = id.rsplit_once('/')?;
    let name = last.strip_prefix('h')?;
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (name.len() == 64 && name.bytes().all(is_hex)).then_some((path, name))
}

pub(super) fn token_entry(name: &str) -> String {
    ["id/", name].concat()
}

/// The folder of what a token has leased.
pub(crate) fn folder_of_token(name: &str) -> String {
    format!("token/{name}/")
}

pub(super) fn of_token(name: &str, tag: &str) -> String {
    format!("token/{name}/{tag}")
}

/// That a token which has leased something is gone.
pub(crate) fn ended(name: &str) -> String {
    [ENDED, name].concat()
}

pub(super) fn irrevocable(tag: &str) -> String {
    [IRREVOCABLE, tag].concat()
}

/// Sorted by time.
pub(super) fn due(at: Time, tag: &str) -> String {
    format!("{DUE}{:020}/{tag}", at.unix_nanos().max(0))
}

/// Whether a key of that order is of a later time.
pub(super) fn due_after(key: &str, now: Time) -> bool {
    let nanos = key.strip_prefix(DUE).and_then(|key| key.split('/').next());
    nanos.and_then(|nanos| nanos.parse::<i128>().ok()).is_none_or(|nanos| nanos > now.unix_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_whether_it_is_of_a_token_and_at_which_path() {
        let name = "0a".repeat(32);
        let id = token_lease("auth/token/create", &name);
        assert_eq!(token_of(&id), Some(("auth/token/create", &*name)));
        for other in
            ["pki/issue/web/abcdefgh", "h0a", &format!("a/h{}", "0A".repeat(32)), &format!("a/h{name}0")]
        {
            assert_eq!(token_of(other), None, "{other}");
        }
    }

    #[test]
    fn the_order_of_expiry_is_that_of_time() {
        let at = |seconds| Time::from_unix(seconds, 5);
        let keys: Vec<String> = [0, 9, 10, 1_700_000_000, 9_000_000_000].map(|s| due(at(s), "tag")).into();
        assert!(keys.is_sorted(), "{keys:?}");
        assert!(due_after(&due(at(10), "t"), at(9)) && !due_after(&due(at(10), "t"), at(10)));
        assert!(due_after("due/odd", at(10)), "what cannot be read is not due");
    }

    #[test]
    fn a_folder_is_the_same_with_and_without_its_slash() {
        assert_eq!(leases_below("pki"), leases_below("pki/"));
        assert_eq!(leases_below(""), "id/");
    }
}
