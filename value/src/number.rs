//! [`Number`]: a JSON number as its literal text, so that it is never rounded.
//! Never in it: arithmetic.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::Write as _;

use crate::json::is_number;

/// The longest text that needs no allocation. With it a number is as large as a `String`, and holds every 64-bit integer
/// and nearly every shortest double.
const INLINE: usize = 22;

/// A JSON number: its literal text, exactly as the client wrote it.
#[derive(Clone)]
pub struct Number(Repr);

#[derive(Clone)]
enum Repr {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Box<str>),
}

impl Number {
    /// A number from its literal text, if the text is a number by JSON's grammar.
    pub fn from_literal(text: &str) -> Option<Self> {
        is_number(text).then(|| Self::from_checked(text))
    }

    /// The shortest text that reads back as this double, in the form Go's JSON writer gives it
    /// (`1e+21`, `1e-7`, `-0`); `None` for infinities and not-a-number.
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        let size = value.abs();
        let text = if size != 0.0 && !(1e-6..1e21).contains(&size) {
            let text = format!("{value:e}");
            if text.contains("e-") { text } else { text.replacen('e', "e+", 1) }
        } else {
            value.to_string()
        };
        Some(Self::from_checked(&text))
    }

    /// A number from a text that is known to be one.
    pub(crate) fn from_checked(text: &str) -> Self {
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(start), Ok(len)) => {
                start.copy_from_slice(text.as_bytes());
                Self(Repr::Inline { len, bytes })
            }
            _ => Self(Repr::Heap(text.into())),
        }
    }

    /// The literal text.
    pub fn text(&self) -> &str {
        match &self.0 {
            Repr::Heap(text) => text,
            // Unreachable: only ASCII is stored.
            Repr::Inline { len, bytes } => {
                bytes.get(..usize::from(*len)).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or("0")
            }
        }
    }

    /// The value, if the text is an integer (no fraction, no exponent) that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.text().parse().ok()
    }

    /// The value, if the text is a non-negative integer (no fraction, no exponent) that fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.text().parse().ok()
    }

    /// The nearest double; `None` where that is infinite (`1e400`).
    pub fn as_f64(&self) -> Option<f64> {
        self.text().parse().ok().filter(|value: &f64| value.is_finite())
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Number {}

impl Hash for Number {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text().hash(state);
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("number")
    }
}

macro_rules! from_integer {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Number {
            fn from(value: $kind) -> Self {
                let mut bytes = [0; INLINE];
                let mut free = bytes.as_mut_slice();
                let written = write!(free, "{value}").is_ok();
                match u8::try_from(INLINE - free.len()) {
                    Ok(len) if written => Self(Repr::Inline { len, bytes }),
                    _ => Self(Repr::Heap(value.to_string().into())),
                }
            }
        }
    )*};
}
from_integer!(i32, i64, u8, u16, u32, u64, usize);

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn a_double_is_written_as_go_writes_it() {
        let cases = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (1.5, "1.5"),
            (-2.25, "-2.25"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (1.5e300, "1.5e+300"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (1.5e-7, "1.5e-7"),
            (0.1, "0.1"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
        ];
        for (value, text) in cases {
            assert_eq!(Number::from_f64(value).unwrap().text(), text);
        }
        assert!(Number::from_f64(f64::NAN).is_none());
        assert!(Number::from_f64(f64::INFINITY).is_none());
    }

    #[test]
    fn a_literal_keeps_its_text_whatever_its_length() {
        for text in ["0", "-0", "1.50", "1E+4", "1e400", "12345678901234567890123456789012345678901234567890"]
        {
            assert_eq!(Number::from_literal(text).unwrap().text(), text);
        }
        for text in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "0x1", "1 ", "NaN"] {
            assert!(Number::from_literal(text).is_none(), "{text}");
        }
    }

    #[test]
    fn integers_convert_exactly_or_not_at_all() {
        assert_eq!(Number::from(i64::MIN).as_i64(), Some(i64::MIN));
        assert_eq!(Number::from(u64::MAX).as_u64(), Some(u64::MAX));
        assert_eq!(Number::from(u64::MAX).as_i64(), None);
        assert_eq!(Number::from_literal("1.0").unwrap().as_i64(), None);
        assert_eq!(Number::from_literal("1e400").unwrap().as_f64(), None);
    }
}
