//! FNV-1a with 64 bits: a hash that is the same in every process. Never in it: anything that an attacker must not find
//! collisions of.

pub(crate) fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
