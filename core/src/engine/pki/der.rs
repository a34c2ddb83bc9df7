//! DER (X.690) as certificates, signing requests and revocation lists need it: writing alone.
//! Never in it: what is written.

use onrecord_value::Time;

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const BITS: u8 = 0x03;
const OCTETS: u8 = 0x04;
const NULL: u8 = 0x05;
const OID: u8 = 0x06;
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONTEXT: u8 = 0x80;
const CONSTRUCTED: u8 = 0x20;

/// From 2050 on a time is a `GeneralizedTime` (RFC 5280, 4.1.2.5).
const YEAR_2050: i64 = 2_524_608_000;

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 6);
    out.push(tag);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = content.len().to_be_bytes();
            let zeros = length.iter().take_while(|byte| **byte == 0).count();
            out.push(0x80 | u8::try_from(length.len() - zeros).unwrap_or(8));
            out.extend(length.iter().skip(zeros));
        }
    }
    out.extend_from_slice(content);
    out
}

pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tagged(SEQUENCE, &parts.concat())
}

/// A sequence of what is encoded already.
pub(super) fn sequence_of(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(SEQUENCE, &parts.concat())
}

/// A set of one element.
pub(super) fn set(part: &[u8]) -> Vec<u8> {
    tagged(SET, part)
}

pub(super) fn boolean(value: bool) -> Vec<u8> {
    tagged(BOOLEAN, &[if value { 0xff } else { 0 }])
}

/// An integer of 0 or more, big-endian.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    let sign: &[u8] = if digits.first().is_none_or(|first| *first >= 0x80) { &[0] } else { &[] };
    tagged(INTEGER, &[sign, &digits].concat())
}

pub(super) fn number(value: u64) -> Vec<u8> {
    integer(&value.to_be_bytes())
}

/// All bits of some bytes.
pub(super) fn bits(bytes: &[u8]) -> Vec<u8> {
    tagged(BITS, &[&[0], bytes].concat())
}

/// Named bits: bit 0 of the list is the lowest of `flags`. Trailing zeros are left out (X.690, 11.2.2).
pub(super) fn named_bits(flags: u16) -> Vec<u8> {
    let mirrored = flags.reverse_bits().to_be_bytes();
    let used = 16 - flags.leading_zeros();
    let (length, unused) = (used.div_ceil(8), (8 - used % 8) % 8);
    let mut content = vec![u8::try_from(unused).unwrap_or(0)];
    content.extend(mirrored.iter().take(length as usize));
    tagged(BITS, &content)
}

pub(super) fn octets(bytes: &[u8]) -> Vec<u8> {
    tagged(OCTETS, bytes)
}

pub(super) fn null() -> Vec<u8> {
    tagged(NULL, &[])
}

pub(super) fn utf8(text: &str) -> Vec<u8> {
    tagged(UTF8, text.as_bytes())
}

/// For country codes (RFC 5280, appendix A); another text is written as UTF-8.
pub(super) fn printable(text: &str) -> Vec<u8> {
    let is_printable = |c: char| c.is_ascii_alphanumeric() || " '()+,-./:=?".contains(c);
    if text.chars().all(is_printable) { tagged(PRINTABLE, text.as_bytes()) } else { utf8(text) }
}

/// An object identifier of its encoded numbers.
pub(super) fn oid(encoded: &[u8]) -> Vec<u8> {
    tagged(OID, encoded)
}

/// The encoded numbers of an object identifier in dots; none if it is none.
pub(super) fn parse_oid(text: &str) -> Option<Vec<u8>> {
    let numbers: Vec<u64> = text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let (first, second) = (*numbers.first()?, *numbers.get(1)?);
    if first > 2 || (first < 2 && second > 39) || numbers.len() > 32 {
        return None;
    }
    let mut out = Vec::new();
    let rest = numbers.iter().skip(2).copied();
    for number in std::iter::once((first * 40).checked_add(second)?).chain(rest) {
        let groups = (64 - number.leading_zeros()).div_ceil(7).max(1);
        for group in (0..groups).rev() {
            let low = u8::try_from((number >> (7 * group)) & 0x7f).unwrap_or(0);
            out.push(if group > 0 { low | 0x80 } else { low });
        }
    }
    Some(out)
}

/// A time, to the second.
pub(super) fn time(unix_seconds: i64) -> Vec<u8> {
    let mut text = Vec::new();
    Time::from_unix(unix_seconds, 0).rfc3339_seconds(&mut text);
    let mut digits: Vec<u8> = text.into_iter().filter(u8::is_ascii_digit).collect();
    digits.push(b'Z');
    if unix_seconds < YEAR_2050 {
        tagged(UTC_TIME, digits.get(2..).unwrap_or_default())
    } else {
        tagged(GENERALIZED_TIME, &digits)
    }
}

/// `[number]` around what is encoded already.
pub(super) fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    tagged(CONTEXT | CONSTRUCTED | number, content)
}

/// `[number]` in the place of a primitive tag.
pub(super) fn implicit(number: u8, content: &[u8]) -> Vec<u8> {
    tagged(CONTEXT | number, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_x690_says() {
        assert_eq!(integer(&[0, 0, 0x7f]), [2, 1, 0x7f]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(number(0), [2, 1, 0]);
        assert_eq!(number(65537), [2, 3, 1, 0, 1]);
        assert_eq!(boolean(true), [1, 1, 0xff]);
        assert_eq!(octets(&[7; 200])[..4], [4, 0x81, 200, 7]);
        assert_eq!(octets(&[7; 300])[..5], [4, 0x82, 1, 44, 7]);
        // digitalSignature and keyEncipherment; keyCertSign and cRLSign; decipherOnly.
        assert_eq!(named_bits(0b101), [3, 2, 5, 0xa0]);
        assert_eq!(named_bits(0b110_0000), [3, 2, 1, 0x06]);
        assert_eq!(named_bits(1 << 8), [3, 3, 7, 0, 0x80]);
        assert_eq!(time(1_700_000_000), *b"\x17\x0d231114221320Z");
        assert_eq!(time(YEAR_2050), *b"\x18\x0f20500101000000Z");
        assert_eq!(parse_oid("1.2.840.113549.1.1.11").unwrap(), [42, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]);
        assert_eq!(parse_oid("2.999.3").unwrap(), [0x88, 0x37, 3]);
        for wrong in ["", "1", "1.", "3.1", "1.40", "a.b", "1.2.-3", "1.2.99999999999999999999"] {
            assert_eq!(parse_oid(wrong), None, "{wrong}");
        }
    }
}
