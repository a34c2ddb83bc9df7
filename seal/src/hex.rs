//! Bytes as lower-case hex digits. Never in it: secrets; a look-up by digit takes as long as its cache line.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Appends the two digits of a byte.
pub(crate) fn push(byte: u8, text: &mut String) {
    for nibble in [byte >> 4, byte & 0x0f] {
        text.push(DIGITS.get(usize::from(nibble)).copied().map_or('0', char::from));
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_byte_has_its_two_digits() {
        for byte in 0..=255 {
            let mut text = String::new();
            super::push(byte, &mut text);
            assert_eq!(text, format!("{byte:02x}"));
        }
    }
}
