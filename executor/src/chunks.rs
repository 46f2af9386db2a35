//! Where state is cut so that equal parts of it are found again: content decides, so an insertion moves few cuts.

use crate::frames::Frame;
use crate::runtime::hex;
use crate::seal::digest;

/// Shortest and longest chunk, bytes.
const BOUNDS: (usize, usize) = (64 << 10, 1 << 20);

/// Bits that must be zero at a cut: one in 2^18 places, so a chunk has about 256 KiB.
const MASK: u64 = ((1 << 18) - 1) << 40;

/// A chunk of a longer text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// SHA-256 in hexadecimal.
    pub(crate) name: String,
    /// Length, bytes.
    pub(crate) length: usize,
}

/// Cuts `data` into chunks.
pub(crate) fn cut(data: &[u8]) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(first_cut(rest));
        chunks.push(Chunk { name: hex(&digest(chunk)), length: chunk.len() });
        rest = behind;
    }
    chunks
}

/// A frame's payload as one chunk.
pub(crate) fn whole(frame: &Frame) -> Chunk {
    Chunk { name: hex(&frame.digest()), length: frame.payload().len() }
}

/// A rolling hash over the last 64 bytes, as in `FastCDC` (Xia and others, USENIX ATC 2016), two bytes at a time (the same authors, IEEE TPDS
/// 2020): the hash of the first byte is never made, but looked at in its place in that of both.
fn first_cut(data: &[u8]) -> usize {
    let (least, most) = BOUNDS;
    let data = &data[..data.len().min(most)];
    if data.len() <= least {
        return data.len();
    }
    let gear = |byte: u8| GEAR[usize::from(byte)];
    let mut hash = data[least - 64..least].iter().fold(0u64, |hash, &byte| (hash << 1).wrapping_add(gear(byte)));
    let mut pairs = data[least..].chunks_exact(2);
    for (at, pair) in pairs.by_ref().enumerate() {
        let first = (hash << 2).wrapping_add(gear(pair[0]) << 1);
        if first & (MASK << 1) == 0 {
            return least + 2 * at + 1;
        }
        hash = first.wrapping_add(gear(pair[1]));
        if hash & MASK == 0 {
            return least + 2 * at + 2;
        }
    }
    data.len()
}

/// A fixed random number for each byte (`SplitMix64` from a fixed seed).
static GEAR: [u64; 256] = gear();

const fn gear() -> [u64; 256] {
    let mut table = [0; 256];
    let mut state = 0x6e62_686f_6973_7400_u64;
    let mut index = 0;
    while index < 256 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        table[index] = mixed ^ (mixed >> 31);
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut state = 7u64;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn chunks_are_the_whole_within_bounds() {
        for data in [noise(3 << 20), vec![0; 3 << 20], noise(10), Vec::new()] {
            let chunks = cut(&data);
            assert_eq!(chunks.iter().map(|chunk| chunk.length).sum::<usize>(), data.len());
            let inner = chunks.iter().rev().skip(1);
            assert!(inner.into_iter().all(|chunk| (BOUNDS.0..=BOUNDS.1).contains(&chunk.length)));
        }
    }

    #[test]
    fn cuts_are_those_of_the_hash_of_every_byte() {
        let byte_by_byte = |data: &[u8]| {
            let mut hash = 0u64;
            for (at, byte) in data.iter().enumerate().take(BOUNDS.1).skip(BOUNDS.0 - 64) {
                hash = (hash << 1).wrapping_add(GEAR[usize::from(*byte)]);
                if at >= BOUNDS.0 && hash & MASK == 0 {
                    return at + 1;
                }
            }
            data.len().min(BOUNDS.1)
        };
        let data = noise(3 << 20);
        let mut odd = 0;
        for start in (0..2 << 20).step_by(77_777) {
            let cut = first_cut(&data[start..]);
            assert_eq!(cut, byte_by_byte(&data[start..]), "{start}");
            odd += cut % 2;
        }
        assert!(odd > 0, "cuts fall on both bytes of a pair");
        for length in [BOUNDS.0, BOUNDS.0 + 1, BOUNDS.0 + 2] {
            assert_eq!(first_cut(&data[..length]), length);
        }
    }

    #[test]
    fn insertion_leaves_most_chunks_as_they_were() {
        let data = noise(4 << 20);
        let longer: Vec<u8> = data[..1_000_000].iter().chain(b"inserted").chain(&data[1_000_000..]).copied().collect();
        let (before, after) = (cut(&data), cut(&longer));
        let new = after.iter().filter(|chunk| !before.contains(chunk)).count();
        assert!(new <= 3 && after.len() > 8, "{new} of {}", after.len());
    }
}
