//! Words of commands that are shown to be run: quoted where a shell would read them otherwise.
//! Never in it: running them.

/// A text as one word of a POSIX shell.
pub(super) fn word(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-./:=@%+,".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn what_a_shell_would_read_otherwise_is_quoted() {
        assert_eq!(word("secret/app"), "secret/app");
        for (text, quoted) in [("a b", "'a b'"), ("$(id)", "'$(id)'"), ("it's", r"'it'\''s'"), ("", "''")] {
            assert_eq!(word(text), quoted);
        }
    }
}
