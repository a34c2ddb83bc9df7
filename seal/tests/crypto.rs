//! Shares, keyring and envelope against fixed vectors, an independent implementation and properties.
//! Never in it: storage.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails should panic"
)]

use std::sync::Mutex;

use onrecord_seal::envelope::OVERHEAD;
use onrecord_seal::shamir::{ShamirError, combine, split};
use onrecord_seal::{
    Entropy, EntropyError, EnvelopeError, EnvelopeKey, Keyring, KeyringError, OsEntropy, SecretBytes,
    UnsealError,
};
use proptest::prelude::*;

/// A replayable source: `SplitMix64`.
struct Seeded(Mutex<u64>);

impl Seeded {
    fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Entropy for Seeded {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        let mut state = self.0.lock().unwrap();
        for byte in out {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = u8::try_from((z ^ (z >> 31)) & 0xff).unwrap();
        }
        Ok(())
    }
}

/// Gives 0, 1, 2, … from the start at each call.
struct Counting;

impl Entropy for Counting {
    fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
        for (byte, value) in out.iter_mut().zip((0..=255).cycle()) {
            *byte = value;
        }
        Ok(())
    }
}

struct Broken;

impl Entropy for Broken {
    fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
        Err(EntropyError(Some(5)))
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn secret(hex: &str) -> SecretBytes {
    SecretBytes::new(bytes(hex))
}

/// Lagrange interpolation by logarithm tables over the generator 0xe5: another way to the same field.
fn naive_combine(shares: &[SecretBytes]) -> Vec<u8> {
    let (mut exp, mut log) = ([0_u8; 255], [0_usize; 256]);
    let mut power = 1_u16;
    for (exponent, place) in exp.iter_mut().enumerate() {
        *place = u8::try_from(power).unwrap();
        log[usize::from(power)] = exponent;
        let (mut a, mut product) = (power, 0);
        for bit in 0..8 {
            if (0xe5 >> bit) & 1 == 1 {
                product ^= a;
            }
            a <<= 1;
            if a & 0x100 != 0 {
                a ^= 0x11b;
            }
        }
        power = product;
    }
    let times = |a: u8, b: u8| match (a, b) {
        (0, _) | (_, 0) => 0,
        _ => exp[(log[usize::from(a)] + log[usize::from(b)]) % 255],
    };
    let over = |a: u8, b: u8| match a {
        0 => 0,
        _ => exp[(255 + log[usize::from(a)] - log[usize::from(b)]) % 255],
    };
    let size = shares[0].len() - 1;
    let x = |share: &SecretBytes| share.expose()[size];
    (0..size)
        .map(|at| {
            let mut sum = 0;
            for (i, share) in shares.iter().enumerate() {
                let mut basis = 1;
                for (j, other) in shares.iter().enumerate() {
                    if i != j {
                        basis = times(basis, over(x(other), x(other) ^ x(share)));
                    }
                }
                sum ^= times(share.expose()[at], basis);
            }
            sum
        })
        .collect()
}

/// Made by a table-driven implementation of the share form, threshold 3.
const SHARES: [&str; 5] = [
    "23c643c65e81d0ab50f9a8191505625f0fc7c3e63dc4239d24abd335949dd52a01",
    "871530690d6381e1f353e7916d4cf0326031057d1c662532d763e187dd7a072d02",
    "0a6b3b162864ff0a2c6b275bad9adb2a28f694cfa357fa7c8625b687c38af9664d",
    "9a71b27cba9ab9b127fe8342b674671575947cd4fd86433921967828781e8e92c8",
    "a020c3c4c9c40b7d978e8e2506098072efeac374a6586435c210f88be265c3aaff",
];
const SHARED: &str = "79c4121fc60857dffefc74b999cc85f190ac46c8bcdf728e70fe6cce861e33e6";

#[test]
fn any_three_of_the_fixed_shares_give_the_secret() {
    for a in 0..5 {
        for b in 0..5 {
            for c in 0..5 {
                let chosen: Vec<_> = [a, b, c].iter().map(|at| secret(SHARES[*at])).collect();
                if a == b || a == c || b == c {
                    assert_eq!(combine(&chosen, 3), Err(ShamirError::SamePoint));
                } else {
                    assert_eq!(combine(&chosen, 3).unwrap(), secret(SHARED));
                }
            }
        }
    }
    let all: Vec<_> = SHARES.iter().map(|share| secret(share)).collect();
    assert_eq!(combine(&all, 3).unwrap(), secret(SHARED));
}

#[test]
fn two_shares_of_three_give_another_secret() {
    let two = [secret(SHARES[0]), secret(SHARES[4])];
    assert_ne!(combine(&two, 2).unwrap(), secret(SHARED));
    assert_eq!(combine(&two, 3), Err(ShamirError::TooFew));
}

#[test]
fn one_share_of_one_is_the_key_itself() {
    let key = secret(SHARED);
    let shares = split(&key, 1, 1, &Broken).unwrap();
    assert_eq!(shares, [key.duplicate()]);
    assert_eq!(combine(&shares, 1).unwrap(), key);
}

#[test]
fn wrong_secrets_thresholds_and_shares_are_refused() {
    let entropy = OsEntropy::new();
    assert_eq!(split(&SecretBytes::new(vec![]), 3, 2, &entropy), Err(ShamirError::EmptySecret));
    for (shares, threshold) in [(3, 4), (3, 0), (2, 1), (0, 0)] {
        let refused = split(&secret("01"), shares, threshold, &entropy);
        assert_eq!(refused, Err(ShamirError::Threshold { shares, threshold }));
    }
    assert_eq!(split(&secret("01"), 2, 2, &Broken), Err(ShamirError::Entropy(EntropyError(Some(5)))));
    assert_eq!(combine(&[], 2), Err(ShamirError::TooFew));
    assert_eq!(combine(&[secret("01"), secret("02")], 2), Err(ShamirError::TooShort));
    assert_eq!(combine(&[secret("0101"), secret("010102")], 2), Err(ShamirError::Lengths));
    assert_eq!(combine(&[secret("0101"), secret("0100")], 2), Err(ShamirError::SamePoint));
}

#[test]
fn coefficients_are_uniform_over_all_256_values() {
    // With a secret of zeros and a threshold of 2, y = c·x: y takes each value as often as c does.
    let shares = split(&SecretBytes::new(vec![0; 1 << 16]), 2, 2, &Seeded::new(1)).unwrap();
    let mut counts = [0_u32; 256];
    for y in &shares[0].expose()[..1 << 16] {
        counts[usize::from(*y)] += 1;
    }
    // 256 expected of each, with a standard deviation of 16.
    assert!(counts.iter().all(|count| (150..370).contains(count)), "{counts:?}");
}

#[test]
fn points_are_distinct_and_non_zero_up_to_255_shares() {
    let shares = split(&secret("aabb"), 255, 2, &Seeded::new(2)).unwrap();
    let mut points: Vec<u8> = shares.iter().map(|share| share.expose()[2]).collect();
    assert!(!points.is_sorted(), "the order of points would show the order of shares");
    points.sort_unstable();
    assert_eq!(points, (1..=255).collect::<Vec<u8>>());
}

#[test]
fn a_record_has_the_fixed_format() {
    // Made with another AES-GCM implementation: key 00…1f, term 7, nonce 64…6f.
    let record = bytes(
        "00000007026465666768696a6b6c6d6e6f3e7ab2131cc93ff01e16378dfa06069823b02bf0666c0775cf680555d95641f2c8b5",
    );
    let key = EnvelopeKey::new(&SecretBytes::new((0..32).collect())).unwrap();
    assert_eq!(key.open("kv/data/foo", record.clone()).unwrap().expose(), b"value in the clear");
    assert_eq!(key.open("kv/data/fop", record), Err(EnvelopeError::Authentication));
}

#[test]
fn a_name_is_hashed_by_hmac_sha_256() {
    // The name key is 00…1f here; made with another HMAC implementation.
    let keyring = Keyring::generate(0, &Counting).unwrap();
    assert_eq!(
        keyring.hash_name("hvs.token"),
        "9a224a24c73da881e2401a9c68f6564f72beca051de5aad6b3393c0da137a81e"
    );
}

#[test]
fn a_wrong_unseal_key_gives_the_message_of_the_api() {
    let entropy = OsEntropy::new();
    let keyring = Keyring::generate(0, &entropy).unwrap();
    let record = keyring.encrypt_root(&random_key(), "barrier/root-key", &entropy).unwrap();
    let message = |size: usize| {
        let key = SecretBytes::new(vec![0xAA; size]);
        Keyring::decrypt_root(&key, "barrier/root-key", record.clone()).unwrap_err().to_string()
    };
    assert_eq!(message(22), "invalid key: failed to setup unseal key: crypto/aes: invalid key size 22");
    for aes in [16, 24, 32] {
        assert_eq!(
            message(aes),
            "unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: \
             cipher: message authentication failed"
        );
    }
}

fn random_key() -> SecretBytes {
    onrecord_seal::keyring::random_key(&OsEntropy::new()).unwrap()
}

#[test]
fn a_keyring_survives_its_storing_and_rotation_keeps_old_records() {
    let entropy = OsEntropy::new();
    let unseal_key = random_key();
    let first = Keyring::generate(1000, &entropy).unwrap();
    let old = first.seal("k", b"old", &entropy).unwrap();
    let rotated = first.rotate(2000, &entropy).unwrap();
    let new = rotated.seal("k", b"new", &entropy).unwrap();
    assert_eq!((&old[..4], &new[..4]), (&[0, 0, 0, 1][..], &[0, 0, 0, 2][..]));

    let root_record = rotated.encrypt_root(&unseal_key, "root", &entropy).unwrap();
    let record = rotated.encrypt("ring", &entropy).unwrap();
    let root = Keyring::decrypt_root(&unseal_key, "root", root_record).unwrap();
    let loaded = Keyring::decrypt(root, "ring", record).unwrap();
    assert_eq!(loaded.open("k", old).unwrap().expose(), b"old");
    assert_eq!(loaded.open("k", new.clone()).unwrap().expose(), b"new");
    assert_eq!(loaded.hash_name("n"), first.hash_name("n"));
    let status = loaded.status();
    assert_eq!((status.term, status.installed, status.encryptions), (2, 2000, 1));
    assert_eq!(first.open("k", new), Err(EnvelopeError::Term { term: 2 }));
}

#[test]
fn a_keyring_of_another_format_is_refused() {
    let entropy = OsEntropy::new();
    let root = random_key();
    let seal = |plain: &[u8]| EnvelopeKey::new(&root).unwrap().seal(1, "ring", plain, &entropy).unwrap();
    for plain in [&b""[..], b"ORK1", b"ORK2", &[0; 100]] {
        let refused = Keyring::decrypt(root.duplicate(), "ring", seal(plain));
        assert!(matches!(refused, Err(KeyringError::Form)));
    }
    let wrong_root = Keyring::decrypt(random_key(), "ring", seal(b"ORK1"));
    assert!(matches!(wrong_root, Err(KeyringError::Envelope(EnvelopeError::Authentication))));
    assert!(matches!(
        Keyring::decrypt_root(&random_key(), "root", vec![1; 3]),
        Err(UnsealError::Open(EnvelopeError::Form))
    ));
}

#[test]
fn no_entropy_means_no_record() {
    let keyring = Keyring::generate(0, &OsEntropy::new()).unwrap();
    assert!(matches!(keyring.seal("k", b"v", &Broken), Err(EnvelopeError::Entropy(_))));
}

#[test]
fn nothing_secret_is_in_a_debug_text() {
    let keyring = Keyring::generate(0, &Counting).unwrap();
    assert_eq!(format!("{keyring:?}"), "Keyring of 1 terms");
}

proptest! {
    #[test]
    fn any_threshold_of_shares_gives_the_secret_and_agrees_with_tables(
        secret in prop::collection::vec(any::<u8>(), 1..48),
        (shares, threshold) in (2_u8..20).prop_flat_map(|shares| (Just(shares), 2..=shares)),
        seed: u64,
        start in 0_usize..20,
    ) {
        let secret = SecretBytes::new(secret);
        let mut made = split(&secret, shares, threshold, &Seeded::new(seed)).unwrap();
        made.rotate_left(start % usize::from(shares));
        made.truncate(usize::from(threshold));
        prop_assert_eq!(naive_combine(&made), secret.expose());
        prop_assert_eq!(combine(&made, threshold).unwrap(), secret);
    }

    #[test]
    fn a_record_opens_only_whole_under_its_name(
        plain in prop::collection::vec(any::<u8>(), 0..200),
        name in "[a-z/]{0,30}",
        flip: prop::sample::Index,
        other in "[a-z/]{0,30}",
        cut: prop::sample::Index,
    ) {
        let entropy = OsEntropy::new();
        let keyring = Keyring::generate(0, &entropy).unwrap();
        let record = keyring.seal(&name, &plain, &entropy).unwrap();
        prop_assert_eq!(record.len(), plain.len() + OVERHEAD);
        let opened = keyring.open(&name, record.clone()).unwrap();
        prop_assert_eq!(opened.expose(), &plain[..]);
        if other != name {
            prop_assert_eq!(keyring.open(&other, record.clone()), Err(EnvelopeError::Authentication));
        }
        let bit = flip.index(record.len() * 8);
        let mut flipped = record.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(keyring.open(&name, flipped).is_err());
        prop_assert!(keyring.open(&name, record[..cut.index(record.len())].to_vec()).is_err());
    }
}
