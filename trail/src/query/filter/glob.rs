//! Patterns: `*` stands for any text, `?` for one character, everything else for itself; `\` takes away the meaning.
//! Never in it: files.

/// A pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Glob {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    One,
    Any,
}

impl Glob {
    pub(crate) fn new(pattern: &str) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        let mut characters = pattern.chars();
        while let Some(character) = characters.next() {
            let literal = match character {
                '*' => {
                    if parts.last() != Some(&Part::Any) {
                        parts.push(Part::Any);
                    }
                    continue;
                }
                '?' => {
                    parts.push(Part::One);
                    continue;
                }
                '\\' => characters.next().unwrap_or('\\'),
                other => other,
            };
            match parts.last_mut() {
                Some(Part::Text(text)) => text.push(literal),
                _ => parts.push(Part::Text(literal.to_string())),
            }
        }
        Self { parts }
    }

    /// The longest text that each match has.
    pub(crate) fn longest_text(&self) -> Option<&str> {
        let texts =
            self.parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(text) } else { None });
        texts.max_by_key(|text| text.len()).map(String::as_str)
    }

    /// Whether the whole text fits: at worst the product of both lengths.
    pub(crate) fn fits(&self, text: &str) -> bool {
        // Where to go on if what comes after the last `*` does not fit.
        let mut back: Option<(&[Part], &str)> = None;
        let (mut parts, mut rest) = (self.parts.as_slice(), text);
        loop {
            match parts.split_first() {
                Some((Part::Any, after)) => {
                    if after.is_empty() {
                        return true;
                    }
                    back = Some((after, rest));
                    parts = after;
                    continue;
                }
                Some((Part::One, after)) => {
                    let mut characters = rest.chars();
                    if characters.next().is_some() {
                        (parts, rest) = (after, characters.as_str());
                        continue;
                    }
                }
                Some((Part::Text(literal), after)) => {
                    if let Some(remaining) = rest.strip_prefix(literal.as_str()) {
                        (parts, rest) = (after, remaining);
                        continue;
                    }
                }
                None if rest.is_empty() => return true,
                None => {}
            }
            let Some((after, tried)) = back else { return false };
            let mut characters = tried.chars();
            if characters.next().is_none() {
                return false;
            }
            (parts, rest) = (after, characters.as_str());
            back = Some((after, rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Glob;

    #[test]
    fn a_pattern_fits_whole_texts() {
        for (pattern, fits, fits_not) in [
            ("", &[""][..], &["a"][..]),
            ("secret/*", &["secret/", "secret/a/b"], &["secret", "x/secret/a"]),
            ("*a*b", &["ab", "xaxb", "aab", "abab"], &["a", "ba", "abx"]),
            ("?", &["a", "é", "*"], &["", "ab"]),
            ("a\\*", &["a*"], &["ab", "a"]),
            ("**", &["", "x"], &[]),
            ("*?x*y?", &["axyb", "aaxxyyb"], &["xyb", "axy"]),
        ] {
            let glob = Glob::new(pattern);
            assert!(fits.iter().all(|text| glob.fits(text)), "{pattern}");
            assert!(!fits_not.iter().any(|text| glob.fits(text)), "{pattern}");
        }
        assert_eq!(Glob::new("a*bcd?ef").longest_text(), Some("bcd"));
    }

    #[test]
    fn many_stars_take_no_more_than_the_product_of_the_lengths() {
        let glob = Glob::new(&"*a".repeat(1000));
        assert!(!glob.fits(&"a".repeat(900).repeat(10).replace("aaaaaaaaaa", "b")));
    }
}
