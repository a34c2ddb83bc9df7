//! The path that people type for a secret, its spellings on a version 2 KV mount, and the preflight of a request for it.
//! Never in it: reading a line.

use std::borrow::Cow;

/// What comes after the mount in the paths of a version 2 mount.
const PARTS: [&str; 6] = ["data/", "metadata/", "delete/", "destroy/", "undelete/", "subkeys/"];

/// What comes before the path in a preflight: the look-up of the path's mount, which kv commands make before they act. A client without
/// rights is refused at that point, and most then send nothing else.
pub const PREFLIGHT: &str = "sys/internal/ui/mounts/";

/// Whether a path of the log is the one that was typed. `mount` gives the mount of the path of the log and its type.
pub(super) fn means<'a>(
    typed: &str,
    logged: &str,
    mount: impl FnOnce() -> (Cow<'a, str>, Cow<'a, str>),
) -> bool {
    if typed == logged {
        return true;
    }
    if logged.len() <= typed.len() {
        return false;
    }
    let (mount, kind) = mount();
    is_kv(&kind) && plain(logged, &mount).is_some_and(|plain| is_spelling(typed, mount.as_ref(), plain))
}

/// Whether a mount type is a KV one: `generic` is its old name.
pub(super) fn is_kv(kind: &str) -> bool {
    matches!(kind, "kv" | "generic")
}

/// What a path has after the mount and the word of version 2.
fn plain<'a>(logged: &'a str, mount: &str) -> Option<&'a str> {
    let below = logged.strip_prefix(mount).filter(|_| !mount.is_empty())?;
    PARTS.iter().find_map(|part| below.strip_prefix(part))
}

fn is_spelling(typed: &str, mount: &str, plain: &str) -> bool {
    typed.strip_prefix(mount) == Some(plain)
}

/// The path that people type for a path of a version 2 KV mount: `secret/app` for `secret/data/app`.
pub fn typed_path<'a>(logged: &'a str, mount: &str, mount_type: &str) -> Cow<'a, str> {
    match plain(logged, mount).filter(|_| is_kv(mount_type)) {
        Some(plain) => Cow::Owned(format!("{mount}{plain}")),
        None => Cow::Borrowed(logged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typed_path_means_its_spellings_below_a_kv_mount() {
        let means = |typed: &str, logged: &str, mount: &'static str, kind: &'static str| {
            means(typed, logged, || (mount.into(), kind.into()))
        };
        for word in ["data", "metadata", "delete", "destroy", "undelete"] {
            let logged = format!("secret/{word}/app");
            assert!(means("secret/app", &logged, "secret/", "kv"));
            assert!(!means("secret/app", &logged, "secret/", "transit"));
            assert!(!means("secret/app", &logged, "secret/data/", "kv"));
            assert_eq!(typed_path(&logged, "secret/", "kv"), "secret/app");
        }
        assert!(means("a/b/c/d", "a/b/data/c/d", "a/b/", "kv"));
        assert!(!means("a/b/c/d", "a/data/b/c/d", "a/b/", "kv"));
        assert!(means("x", "x", "", ""));
    }
}
