//! Sizes in bytes as Vault's configuration writes them: `32MiB`, `1kb`, `4096`.
//! Never in it: a limit.

/// A text that is not a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not parse capacity from input")]
pub struct SizeError;

/// Bytes from a text: digits, then nothing or one of `kb mb gb tb` (powers of 1000) or `kib mib gib tib`
/// (powers of 1024) in any case, with at most one blank between. An empty text is 0.
pub fn parse(text: &str) -> Result<u64, SizeError> {
    let text = text.trim_matches([' ', '\t']);
    if text.is_empty() {
        return Ok(0);
    }
    let end = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end).ok_or(SizeError)?;
    let unit = unit.strip_prefix([' ', '\t']).unwrap_or(unit);
    let (base, power) = match unit.to_ascii_lowercase().as_str() {
        "" => (1, 0),
        "kb" => (1000, 1),
        "mb" => (1000, 2),
        "gb" => (1000, 3),
        "tb" => (1000, 4),
        "kib" => (1024, 1),
        "mib" => (1024, 2),
        "gib" => (1024, 3),
        "tib" => (1024, 4),
        _ => return Err(SizeError),
    };
    let count: u64 = digits.parse().map_err(|_| SizeError)?;
    count.checked_mul(u64::pow(base, power)).ok_or(SizeError)
}

#[cfg(test)]
mod tests {
    use super::{SizeError, parse};

    #[test]
    fn sizes_are_read_in_both_systems_of_units() {
        for (text, bytes) in [
            ("", 0),
            ("4096", 4096),
            ("1kb", 1000),
            ("1KiB", 1024),
            ("32MiB", 32 << 20),
            (" 2 gb ", 2_000_000_000),
            ("1TIB", 1 << 40),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["x", "kb", "1 k", "1.5kb", "-1", "1  kb", "99999999999999999999", "99999999tib"] {
            assert_eq!(parse(text), Err(SizeError), "{text}");
        }
    }
}
