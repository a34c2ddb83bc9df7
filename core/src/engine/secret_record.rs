//! A stored secret with a record of what is known about it: `format | length of the secret (u32, big endian) | secret | JSON`.
//! The secret stands outside of the JSON, so that no unwiped copy of it is made on the way.
//! Never in it: what the secret is.

use onrecord_seal::SecretBytes;

use crate::engine::codec::Broken;
use crate::stored::Record;

/// The first byte. Another one is from a newer release.
const FORMAT: u8 = 1;

pub(crate) fn encode(secret: &[u8], record: &impl Record) -> SecretBytes {
    let text = record.encode();
    // Large enough never to grow: a buffer that moves leaves its old bytes behind.
    let mut whole = Vec::with_capacity(5 + secret.len() + text.len());
    whole.push(FORMAT);
    whole.extend_from_slice(&u32::try_from(secret.len()).unwrap_or(u32::MAX).to_be_bytes());
    whole.extend_from_slice(secret);
    whole.extend_from_slice(&text);
    SecretBytes::new(whole)
}

/// The secret and the record.
pub(crate) fn decode<R: Record<Beside = ()>>(stored: &SecretBytes) -> Result<(SecretBytes, R), Broken> {
    let parts = || {
        let (format, rest) = stored.expose().split_first()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (secret, text) = rest.split_at_checked(length)?;
        let record = R::decode(text, ()).filter(|_| *format == FORMAT)?;
        Some((SecretBytes::new(secret.to_vec()), record))
    };
    parts().ok_or(Broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::login_parameters::LoginParameters;

    #[test]
    fn a_secret_and_its_record_come_back_and_damaged_bytes_do_not() {
        let stored = encode(b"s\0\"", &LoginParameters::default());
        let (secret, record) = decode::<LoginParameters>(&stored).unwrap();
        assert_eq!((secret.expose(), record), (&b"s\0\""[..], LoginParameters::default()));
        for cut in 0..stored.expose().len() {
            let part = SecretBytes::new(stored.expose()[..cut].to_vec());
            assert!(decode::<LoginParameters>(&part).is_err(), "{cut}");
        }
        let mut newer = stored.expose().to_vec();
        newer[0] = 2;
        assert!(decode::<LoginParameters>(&SecretBytes::new(newer)).is_err());
    }
}
