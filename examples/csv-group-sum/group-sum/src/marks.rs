//! Finds where cells and rows may end: the commas, line ends and quotes of a text.
//!
//! The cells of a CSV are short, so that looking for the end of each one by itself costs more than reading it. Here the
//! text is taken in blocks of 64 bytes. Each becomes a number with one bit for each byte, set where the byte may be a mark.

/// One bit of a `u64` for each byte.
const BLOCK: usize = 64;

/// The positions of the delimiter and of all bytes below `-`, from the first to the last: `,`, `"`, LF, CR, tabs, and a few
/// that occur in text rather than in numbers, such as blanks.
///
/// The text and the delimiter are arguments of each call, so that a caller's loop has them once, in registers.
#[derive(Clone, Copy)]
pub(crate) struct Marks {
    /// Start of the current block, in bytes from the start of the text; not always a multiple of 64.
    block: usize,
    /// The marks in it that are still to come; the lowest bit is its first byte.
    bits: u64,
}

impl Marks {
    /// The marks of `text` from byte `start` on.
    pub(crate) fn new(text: &[u8], start: usize, delimiter: u8) -> Self {
        let bits = text
            .get(start..)
            .map_or(0, |text| find_in_first_block(text, delimiter));
        Self { block: start, bits }
    }

    /// The start of the current block, from which a caller counts whole blocks.
    pub(crate) fn block(&self) -> usize {
        self.block
    }

    /// Returns the next mark; `None` after the last one.
    #[inline]
    pub(crate) fn advance(&mut self, text: &[u8], delimiter: u8) -> Option<usize> {
        while self.bits == 0 {
            self.block += BLOCK;
            self.bits = find_in_first_block(text.get(self.block..)?, delimiter);
        }
        let mark = self.block + self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(mark)
    }
}

/// The marks in the first block of `text`, which may be shorter than a block.
#[inline]
fn find_in_first_block(text: &[u8], delimiter: u8) -> u64 {
    if let Some(block) = text.first_chunk() {
        return find_in_block(block, delimiter);
    }
    // No mark.
    let mut block = [u8::MAX; BLOCK];
    block[..text.len()].copy_from_slice(text);
    find_in_block(&block, delimiter)
}

#[inline]
fn find_in_block(block: &[u8; BLOCK], delimiter: u8) -> u64 {
    let low = collect_bits(block, |bytes| {
        // With its highest bit set, no byte borrows from the next one.
        !(((bytes | HIGH) - u64::from(b'-') * EACH) | bytes)
    });
    // It is among those below.
    if delimiter < b'-' {
        return low;
    }
    low | collect_bits(block, |bytes| {
        // Zero where the byte is the delimiter, then a high bit wherever the byte is not zero.
        let difference = bytes ^ (u64::from(delimiter) * EACH);
        !(((difference & !HIGH) + !HIGH) | difference)
    })
}

const EACH: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * EACH;

/// Returns a bit for each byte of a block, set where `find` sets the byte's highest bit. It gets eight bytes at once and does
/// arithmetic, so that the speed depends neither on the processor nor on the profile.
#[inline]
fn collect_bits(block: &[u8; BLOCK], find: impl Fn(u64) -> u64) -> u64 {
    /// Moves the lowest bits of eight bytes next to each other, into the highest byte of the product.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let (eights, _) = block.as_chunks();
    let gathered = eights.iter().map(|eight| {
        let found = find(u64::from_le_bytes(*eight)) & HIGH;
        (found >> 7).wrapping_mul(GATHER) >> 56
    });
    gathered.rev().fold(0, |bits, byte| bits << 8 | byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive(text: &[u8], start: usize, delimiter: u8) -> Vec<usize> {
        let is_mark = |at: &usize| text[*at] < b'-' || text[*at] == delimiter;
        (start..text.len()).filter(is_mark).collect()
    }

    fn list_marks(text: &[u8], start: usize, delimiter: u8) -> Vec<usize> {
        let mut marks = Marks::new(text, start, delimiter);
        std::iter::from_fn(|| marks.advance(text, delimiter)).collect()
    }

    #[test]
    fn marks_find_each_byte_at_each_place_of_a_block() {
        for byte in 0..=u8::MAX {
            for before in 0..BLOCK {
                let mut text = vec![b'0'; before];
                text.push(byte);
                text.resize(BLOCK + before % 3, b'1');
                for delimiter in *b",;|" {
                    let marks: Vec<usize> = list_marks(&text, 0, delimiter);
                    assert_eq!(marks, naive(&text, 0, delimiter), "{byte} after {before}");
                }
            }
        }
    }

    #[test]
    fn marks_are_found_in_texts_of_any_length() {
        let text: Vec<u8> = (0..300_usize).map(|at| b",a\"\n\r1 .;"[at * at % 9]).collect();
        for end in [0, 1, 63, 64, 65, 127, 128, 129, 300] {
            for start in 0..=end {
                for delimiter in *b",;" {
                    let marks: Vec<usize> = list_marks(&text[..end], start, delimiter);
                    assert_eq!(marks, naive(&text[..end], start, delimiter), "{start}..{end}");
                }
            }
        }
    }
}
