//! The id of a request, small where it is a UUID as servers make them.
//! Never in it: whether the request was answered.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Id {
    /// A UUID in its usual 36 characters, in lower case.
    Uuid(u128),
    Text(Box<str>),
}

impl Id {
    pub(crate) fn of(text: &str) -> Self {
        uuid(text.as_bytes()).map_or_else(|| Self::Text(text.into()), Self::Uuid)
    }

    /// The id as one device has it: entries of different devices are not joined then.
    pub(crate) fn of_device(&self, device: &dyn fmt::Display) -> Self {
        Self::Text(format!("{device} {self}").into())
    }
}

/// A UUID in its usual form.
pub(crate) fn uuid(text: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let mut number = 0_u128;
    // Without an early return the loop has no branches except those that are nearly never taken.
    let mut right = true;
    for (at, &byte) in text.iter().enumerate() {
        if matches!(at, 8 | 13 | 18 | 23) {
            right &= byte == b'-';
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => {
                right = false;
                0
            }
        };
        number = number << 4 | u128::from(digit);
    }
    right.then_some(number)
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Uuid(number) => {
                let part = |from: u32, digits: u32| number >> (128 - from - digits) & ((1 << digits) - 1);
                let (a, b, c) = (part(0, 32), part(32, 16), part(48, 16));
                write!(f, "{a:08x}-{b:04x}-{c:04x}-{:04x}-{:012x}", part(64, 16), part(80, 48))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_shown_as_it_was_written() {
        let uuid = "01234567-89ab-cdef-0123-456789abcdef";
        assert_eq!(Id::of(uuid), Id::Uuid(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
        for text in
            [uuid, "", "x", "01234567-89AB-cdef-0123-456789abcdef", "0123456789ab-cdef-0123-456789abcdef0"]
        {
            assert_eq!(Id::of(text).to_string(), text);
        }
    }
}
