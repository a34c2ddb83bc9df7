//! Globs in which `*` stands for any text: names of policies, names in certificates, claims.
//! Never in it: what is compared with them.

/// Whether a name matches a glob, in which `*` stands for any text.
pub(crate) fn glob_matches(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(at) = rest.find(before) else { return false };
            rest = rest.get(at + before.len()..).unwrap_or_default();
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

#[cfg(test)]
mod tests {
    use super::glob_matches;

    #[test]
    fn a_star_in_a_glob_stands_for_any_text() {
        for (glob, name) in [
            ("dev-*", "dev-"),
            ("dev-*", "dev-a"),
            ("*-ro", "kv-ro"),
            ("a*b*c", "abc"),
            ("a*b*c", "axxbyyc"),
            ("*", ""),
            ("exact", "exact"),
            ("a**b", "ab"),
        ] {
            assert!(glob_matches(glob, name), "{glob} {name}");
        }
        for (glob, name) in [
            ("dev-*", "dev"),
            ("*-ro", "kv-rw"),
            ("a*b*c", "acb"),
            ("exact", "exactly"),
            ("ab*ba", "aba"),
            ("", "a"),
        ] {
            assert!(!glob_matches(glob, name), "{glob} {name}");
        }
    }
}
