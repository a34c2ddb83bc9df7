//! Finds the known word that is nearest to a mistyped one.
//! Never in it: which words are known.

/// A longer word is not a typing error, and comparing it would take long.
const LENGTH_MAX: usize = 64;

/// ` (did you mean "NEAR"?)` behind a message, if a known word is near to `word`; else nothing.
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|near| format!(" (did you mean {near:?}?)")).unwrap_or_default()
}

/// The known word with the fewest edits from `word`, if few enough to be a typing error.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LENGTH_MAX {
        return None;
    }
    let near = (word.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(edits, candidate)| *edits <= near || starts_alike(word, candidate))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// The known word with the fewest edits, whatever their number.
pub fn closest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let start: String = word.chars().take(LENGTH_MAX).collect();
    known.into_iter().min_by_key(|candidate| (!starts_alike(&start, candidate), distance(&start, candidate)))
}

fn starts_alike(word: &str, candidate: &str) -> bool {
    word.len() >= 3 && candidate.starts_with(word) || candidate.len() >= 3 && word.starts_with(candidate)
}

/// Edits (insert, delete, replace, swap of neighbours) that turn one word into the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.to_lowercase().chars().collect();
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous_left = None;
    for (row, letter) in left.to_lowercase().chars().enumerate() {
        let mut current = vec![row + 1];
        let mut previous_right = None;
        for (column, other) in right.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let replaced = at(&last, column) + usize::from(letter != *other);
            let mut best = replaced.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            if column > 0 && previous_left == Some(*other) && previous_right == Some(letter) {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
            previous_right = Some(*other);
        }
        before_last = std::mem::replace(&mut last, current);
        previous_left = Some(letter);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_word_finds_the_nearest() {
        let known = ["audit", "read", "write", "status", "secrets", "token"];
        for (word, expected) in [
            ("adit", Some("audit")),
            ("raed", Some("read")),
            ("stauts", Some("status")),
            ("secret", Some("secrets")),
            ("xyzzy", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(closest("tokens", known), Some("token"));
        assert!(closest("xyzzy", known).is_some(), "something is always named");
        assert_eq!(hint("adit", known), " (did you mean \"audit\"?)");
        assert_eq!(hint("xyzzy", known), "");
    }

    #[test]
    fn a_long_word_is_not_compared() {
        let long = format!("audit{}", "x".repeat(1_000_000));
        assert_eq!(nearest(&long, ["audit"]), None);
        assert_eq!(closest(&long, ["token", "audit"]), Some("audit"));
    }
}
