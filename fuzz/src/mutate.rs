//! Small random changes of inputs, by seed. Never in it: coverage (that is libFuzzer's).

/// Random numbers by seed (`SplitMix64`).
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.number() % end).unwrap_or(0)
    }
}

/// Bytes that parsers look for.
const SIGNS: &[&[u8]] = &[
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"%2f",
    b"%00",
    b"../",
    b"//",
    b"/",
    b"=",
    b":",
    b",",
    b"-",
    b"1e400",
    b"-0",
    b"18446744073709551616",
    b"\xe2\x80\xa8",
    b"<<EOF\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"\r\n\r\n",
    b"<json:object>",
    b"</json:object>",
    b"#",
    b"/*",
    b"${",
    b"true",
    b"null",
];

/// A changed copy of `input`, with parts of `other`.
pub fn mutate(input: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut changed = input.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(changed.len() + 1);
        let end = at + random.below(changed.len() - at + 1).min(1 + random.below(64));
        match random.below(8) {
            0 => {
                if let Some(byte) = changed.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
            1 => {
                if let Some(byte) = changed.get_mut(at) {
                    *byte = random.number().to_le_bytes()[0];
                }
            }
            2 => drop(changed.drain(at..end)),
            3 => {
                let piece = changed[at..end].to_vec();
                for _ in 0..=random.below(8) {
                    drop(changed.splice(at..at, piece.iter().copied()));
                }
            }
            4 | 5 => {
                let sign = SIGNS[random.below(SIGNS.len())];
                drop(changed.splice(at..end.min(at + random.below(2) * 8), sign.iter().copied()));
            }
            6 => {
                let from = random.below(other.len() + 1);
                let to = from + random.below(other.len() - from + 1).min(256);
                drop(changed.splice(at..at, other[from..to].iter().copied()));
            }
            _ => {
                if random.below(4) == 0 {
                    changed.truncate(at);
                }
            }
        }
    }
    changed.truncate(1 << 20);
    changed
}
