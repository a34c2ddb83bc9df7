//! The command that an unknown word probably means. A command that takes something away is named for a typing error of its
//! own name alone.
//! Never in it: which commands there are.

use crate::command::{Group, table};
use onrecord_value::suggest;

/// The words of the command that an unknown first word probably means.
pub(crate) fn first_words(word: &str) -> &'static str {
    // `unseal` was a command of its own in old versions of this family.
    let mut below = table::listed().map(|command| command.words);
    let exact = below
        .find(|words| words.split_once(' ').is_some_and(|(group, last)| group == "operator" && last == word));
    exact.unwrap_or_else(|| nearest(word, &table::first_words()))
}

/// The command of a group that an unknown word behind it probably means.
pub(crate) fn within(group: &Group, word: &str) -> &'static str {
    let names: Vec<&'static str> = table::below(group.words).into_iter().map(|(name, _)| name).collect();
    nearest(word, &names)
}

fn nearest(word: &str, names: &[&'static str]) -> &'static str {
    let (destructive, harmless): (Vec<_>, Vec<_>) =
        names.iter().copied().partition(|name| table::is_destructive(name));
    let mistyped = |names: &[&'static str]| suggest::nearest(word, names.iter().copied());
    // The first letter too: `seal` within a mistyped `unseal` is not meant.
    let begins_alike = |name: &&str| name.chars().next() == word.chars().next();
    let near = mistyped(&harmless).or_else(|| mistyped(&destructive).filter(begins_alike));
    near.or_else(|| suggest::closest(word, harmless)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each word with a letter left out, doubled, changed, or swapped with the next one.
    fn misspellings(word: &str) -> Vec<String> {
        let letters: Vec<char> = word.chars().collect();
        let mut all = Vec::new();
        for at in 0..letters.len() {
            let mut less = letters.clone();
            less.remove(at);
            let mut more = letters.clone();
            more.insert(at, letters[at]);
            let mut other = letters.clone();
            other[at] = 'x';
            let mut swapped = letters.clone();
            if at + 1 < letters.len() {
                swapped.swap(at, at + 1);
            }
            all.extend([less, more, other, swapped].map(|letters| letters.into_iter().collect::<String>()));
        }
        all
    }

    #[test]
    fn a_mistyped_harmless_command_never_names_a_destructive_one() {
        for group in table::GROUPS {
            let names = table::below(group.words);
            let is_new = |typed: &String| names.iter().all(|(name, _)| name != typed);
            for (name, _) in names.iter().filter(|(name, _)| !table::is_destructive(name)) {
                for typed in misspellings(name).into_iter().filter(is_new) {
                    let near = within(group, &typed);
                    assert!(!table::is_destructive(near), "{} {typed}: {near}", group.words);
                }
            }
        }
        let words = table::first_words();
        for word in words.iter().filter(|word| !table::is_destructive(word)) {
            for typed in misspellings(word) {
                assert!(!table::is_destructive(first_words(&typed)), "{typed}");
            }
        }
        for typed in ["namespce", "nosuch", "x", ""] {
            assert!(!table::is_destructive(first_words(typed)), "{typed}");
        }
    }

    #[test]
    fn a_typing_error_of_a_destructive_command_names_it() {
        assert_eq!(first_words("delte"), "delete");
        assert_eq!(first_words("unseal"), "operator unseal");
        assert_eq!(first_words("rekey"), "operator rekey");
        let kv = table::GROUPS.iter().find(|group| group.words == "kv").unwrap();
        assert_eq!(within(kv, "delte"), "delete");
        assert_eq!(within(kv, "gte"), "get");
    }
}
