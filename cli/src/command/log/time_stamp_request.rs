//! The request of RFC 3161 for a time stamp, in DER: all its lengths are below 128.
//! Never in it: the answer, which `openssl ts` verifies.

use sha2::{Digest as _, Sha256};

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
/// `AlgorithmIdentifier` of SHA-256 (2.16.840.1.101.3.4.2.1), without parameters: NULL.
const SHA256: [u8; 15] =
    [SEQUENCE, 13, 0x06, 9, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0];
/// `certReq`: the answer shall have the authority's certificate.
const TRUE: [u8; 3] = [0x01, 1, 0xff];

/// The request for some bytes. The nonce, which the answer repeats, shows that the answer is to this request.
pub(super) fn time_stamp_request(bytes: &[u8], nonce: [u8; 8]) -> Vec<u8> {
    let imprint = element(SEQUENCE, &[&SHA256, &element(OCTETS, &[&Sha256::digest(bytes)])]);
    // A leading bit would make it negative, and a leading zero byte too long.
    let [first, rest @ ..] = nonce;
    let nonce = element(INTEGER, &[&[first & 0x3f | 0x40], &rest]);
    element(SEQUENCE, &[&element(INTEGER, &[&[1]]), &imprint, &nonce, &TRUE])
}

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let length = u8::try_from(contents.len()).unwrap_or(u8::MAX);
    debug_assert!(length < 0x80, "a short length");
    [&[tag, length], contents.as_slice()].concat()
}

#[cfg(test)]
mod tests {
    use super::time_stamp_request;

    #[test]
    fn a_request_is_the_der_of_rfc_3161() {
        let request = time_stamp_request(b"", [0xff; 8]);
        let expected = "30430201013031300d060960864801650304020105000420\
                        e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\
                        02087fffffffffffffff0101ff";
        let expected: Vec<u8> = (0..expected.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&expected[at..at + 2], 16).unwrap())
            .collect();
        assert_eq!(request, expected);
    }
}
