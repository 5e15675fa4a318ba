//! Where delimiters and line ends stand, found 64 bytes at a time.

/// Positions in a text that hold one of two bytes, in order.
pub(super) struct Marks<'a> {
    text: &'a [u8],
    bytes: [u8; 2],
    /// Where the block of `bits` starts.
    block: usize,
    /// One bit a byte of the block, those already passed cleared.
    bits: u64,
}

impl<'a> Marks<'a> {
    pub(super) fn new(text: &'a [u8], bytes: [u8; 2]) -> Self {
        Self { text, bytes, block: 0, bits: bits_at(text, 0, bytes) }
    }
}

impl Iterator for Marks<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.bits == 0 {
            self.block += 64;
            if self.block >= self.text.len() {
                self.block = self.text.len();
                return None;
            }
            self.bits = bits_at(self.text, self.block, self.bytes);
        }
        let at = self.block + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(at)
    }
}

#[inline]
fn bits_at(text: &[u8], at: usize, bytes: [u8; 2]) -> u64 {
    if let Some(block) = text[at..].first_chunk::<64>() {
        return bits(block, bytes);
    }
    let rest = &text[at..];
    let mut block = [0; 64];
    block[..rest.len()].copy_from_slice(rest);
    // What was filled up holds NUL, which may be neither of the two; cut off all the same.
    bits(&block, bytes) & ((1u64 << rest.len()) - 1)
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn bits(block: &[u8; 64], bytes: [u8; 2]) -> u64 {
    // SAFETY: every x86-64 processor has SSE2.
    unsafe { sse2_bits(block, bytes) }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2")]
fn sse2_bits(block: &[u8; 64], bytes: [u8; 2]) -> u64 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_or_si128, _mm_set_epi64x, _mm_set1_epi8};
    let (first, second) = (_mm_set1_epi8(bytes[0] as i8), _mm_set1_epi8(bytes[1] as i8));
    let mut bits = 0;
    for (place, lane) in block.as_chunks::<16>().0.iter().enumerate() {
        let (low, high) = lane.split_at(8);
        let word = |half: &[u8]| i64::from_le_bytes(half.try_into().expect("eight bytes"));
        let lane = _mm_set_epi64x(word(high), word(low));
        let found = _mm_or_si128(_mm_cmpeq_epi8(lane, first), _mm_cmpeq_epi8(lane, second));
        bits |= u64::from(_mm_movemask_epi8(found) as u16) << (16 * place);
    }
    bits
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn bits(block: &[u8; 64], bytes: [u8; 2]) -> u64 {
    plain_bits(block, bytes)
}

/// The same for any machine, eight bytes at a time.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn plain_bits(block: &[u8; 64], bytes: [u8; 2]) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let zeros = |word: u64| !(((word & LOW) + LOW) | word | LOW);
    let mut bits = 0;
    for (place, lane) in block.as_chunks::<8>().0.iter().enumerate() {
        let word = u64::from_le_bytes(*lane);
        let of = |byte: u8| zeros(word ^ u64::from_ne_bytes([byte; 8]));
        let found = of(bytes[0]) | of(bytes[1]);
        // The top bits of eight bytes, gathered into one byte.
        let gathered = (found >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
        bits |= gathered << (8 * place);
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn marks_are_where_the_bytes_stand(text in prop::collection::vec(prop::sample::select(b",\nab\0\x80\xac".to_vec()), 0..300)) {
            let expected: Vec<usize> = (0..text.len()).filter(|&at| matches!(text[at], b',' | b'\n')).collect();
            prop_assert_eq!(Marks::new(&text, [b',', b'\n']).collect::<Vec<_>>(), expected);
            for block in text.as_chunks::<64>().0 {
                prop_assert_eq!(plain_bits(block, [b',', b'\n']), bits(block, [b',', b'\n']));
            }
        }
    }
}
