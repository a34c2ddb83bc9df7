//! The rounds of up to four messages in turn, by the SHA instructions of x86 (Intel's SDM, volume 2, SHA256RNDS2).
//! Never in it: padding.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_set_epi32, _mm_set_epi64x,
    _mm_setzero_si128, _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8,
    _mm_shuffle_epi32,
};

use crate::message::{Block, Message};

/// How many messages are in work at once. Two keep a processor busy in theory; four are faster still, more are not.
const LANES: usize = 4;

type State = [u32; 8];

/// The first 32 bits of the fractional parts of the square roots of the first 8 primes (FIPS 180-4 §5.3.3).
const INITIAL: State =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4 §4.2.2), four a group.
#[rustfmt::skip]
const CONSTANTS: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// The proof that this processor has the instructions.
#[derive(Clone, Copy)]
pub(crate) struct ShaInstructions(());

impl ShaInstructions {
    pub(crate) fn detect() -> Option<Self> {
        let has = std::arch::is_x86_feature_detected!("sha")
            && std::arch::is_x86_feature_detected!("ssse3")
            && std::arch::is_x86_feature_detected!("sse4.1");
        has.then_some(Self(()))
    }

    pub(crate) fn hash_each<'m>(self, mut messages: impl Iterator<Item = Message<'m>>) -> Vec<[u8; 32]> {
        let mut hashes = Vec::with_capacity(messages.size_hint().0);
        let mut lanes = Vec::with_capacity(LANES);
        loop {
            while lanes.len() < LANES
                && let Some(message) = messages.next()
            {
                lanes.push(Lane { message, place: hashes.len(), state: INITIAL, done: 0 });
                hashes.push([0; 32]);
            }
            if lanes.is_empty() {
                return hashes;
            }
            self.advance_all(&mut lanes);
            lanes.retain(|lane| match lane.hash() {
                Some(hash) => {
                    if let Some(place) = hashes.get_mut(lane.place) {
                        *place = hash;
                    }
                    false
                }
                None => true,
            });
        }
    }

    /// Not generic, so that it is compiled with the settings of this crate, which is optimized for tests, too.
    fn advance_all(self, lanes: &mut [Lane<'_>]) {
        match lanes {
            [] => {}
            [one] => self.advance([one]),
            [one, two] => self.advance([one, two]),
            [one, two, three] => self.advance([one, two, three]),
            [one, two, three, four, ..] => self.advance([one, two, three, four]),
        }
    }

    /// Works on as many blocks of each message as all of them have.
    #[expect(clippy::unused_self, reason = "it is the proof that the processor has the instructions")]
    fn advance<const N: usize>(self, lanes: [&mut Lane<'_>; N]) {
        let blocks = lanes.each_ref().map(|lane| lane.message.blocks(lane.done));
        let count = blocks.iter().map(|blocks| blocks.len()).min().unwrap_or(0);
        let blocks = blocks.map(|blocks| blocks.get(..count).unwrap_or_default());
        let mut states = lanes.each_ref().map(|lane| lane.state);
        // SAFETY: the processor has the instructions: `self` is made nowhere but where that was found out.
        #[expect(unsafe_code)]
        unsafe {
            compress(&mut states, blocks, count);
        }
        for (lane, state) in lanes.into_iter().zip(states) {
            lane.state = state;
            lane.done += count;
        }
    }
}

/// A message in work.
struct Lane<'m> {
    message: Message<'m>,
    /// Where its hash goes.
    place: usize,
    state: State,
    /// How many blocks are done.
    done: usize,
}

impl Lane<'_> {
    /// The hash, when all blocks are done.
    fn hash(&self) -> Option<[u8; 32]> {
        if !self.message.blocks(self.done).is_empty() {
            return None;
        }
        let mut hash = [0; 32];
        for (bytes, word) in hash.as_chunks_mut::<4>().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        Some(hash)
    }
}

/// The rounds of `count` blocks of each message. The instructions work on four rounds at a time and have the state in two
/// halves, of the words a, b, e, f and c, d, g, h.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
#[expect(
    clippy::indexing_slicing,
    reason = "each index is below the length that stands in the type, or below count"
)]
#[expect(clippy::needless_range_loop, reason = "several messages have a block of each number")]
#[expect(clippy::many_single_char_names, reason = "the words have these names in the standard")]
fn compress<const N: usize>(states: &mut [State; N], blocks: [&[Block]; N], count: usize) {
    let mut abef = states.map(|[a, b, _, _, e, f, _, _]| words([f, e, b, a]));
    let mut cdgh = states.map(|[_, _, c, d, _, _, g, h]| words([h, g, d, c]));
    for at in 0..count {
        let before = (abef, cdgh);
        // The last sixteen words of the schedule, four a vector.
        let mut schedule = [[_mm_setzero_si128(); 4]; N];
        for group in 0..16 {
            let constants = words(CONSTANTS[group]);
            for lane in 0..N {
                let last = &mut schedule[lane];
                let next = if group < 4 { load(&blocks[lane][at], group) } else { expand(last, group) };
                last[group % 4] = next;
                let sum = _mm_add_epi32(next, constants);
                cdgh[lane] = _mm_sha256rnds2_epu32(cdgh[lane], abef[lane], sum);
                let upper = _mm_shuffle_epi32::<0b1110>(sum);
                abef[lane] = _mm_sha256rnds2_epu32(abef[lane], cdgh[lane], upper);
            }
        }
        for lane in 0..N {
            abef[lane] = _mm_add_epi32(abef[lane], before.0[lane]);
            cdgh[lane] = _mm_add_epi32(cdgh[lane], before.1[lane]);
        }
    }
    for (state, (abef, cdgh)) in states.iter_mut().zip(abef.into_iter().zip(cdgh)) {
        let ([f, e, b, a], [h, g, d, c]) = (numbers(abef), numbers(cdgh));
        *state = [a, b, c, d, e, f, g, h];
    }
}

/// Four words of a block, which has them with the highest byte first.
#[target_feature(enable = "sse2,ssse3")]
fn load(block: &Block, group: usize) -> __m128i {
    let (halves, _) = block.as_chunks::<8>();
    let half = |at: usize| halves.get(at).map_or(0, |half| i64::from_le_bytes(*half));
    let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm_shuffle_epi8(_mm_set_epi64x(half(2 * group + 1), half(2 * group)), order)
}

/// The next four words of the schedule (FIPS 180-4 §6.2.2, step 1).
#[target_feature(enable = "sha,sse2,ssse3")]
#[expect(clippy::indexing_slicing, reason = "each index is below 4")]
fn expand(last: &[__m128i; 4], group: usize) -> __m128i {
    let [oldest, second, third, newest] = [0, 1, 2, 3].map(|back| last[(group + back) % 4]);
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(oldest, second), _mm_alignr_epi8::<4>(newest, third));
    _mm_sha256msg2_epu32(sum, newest)
}

/// A vector of four numbers, the lowest first.
#[target_feature(enable = "sse2")]
fn words([first, second, third, fourth]: [u32; 4]) -> __m128i {
    _mm_set_epi32(fourth.cast_signed(), third.cast_signed(), second.cast_signed(), first.cast_signed())
}

#[target_feature(enable = "sse4.1")]
fn numbers(vector: __m128i) -> [u32; 4] {
    [
        _mm_extract_epi32::<0>(vector).cast_unsigned(),
        _mm_extract_epi32::<1>(vector).cast_unsigned(),
        _mm_extract_epi32::<2>(vector).cast_unsigned(),
        _mm_extract_epi32::<3>(vector).cast_unsigned(),
    ]
}
