//! Columns of numbers and texts as bytes, plain or packed.
//!
//! A column is a byte for its form, its length in bytes (32 bits), and these bytes; its values have 64 bits. All is
//! little-endian.

use super::packed::{decimals, integers, read_decimals, read_integers};
use pco::data_types::Number;
use pco::standalone::{simple_compress, simple_decompress};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

/// Fewer numbers than these stay plain: what is said about a packed column takes more.
const PACKED_AT_LEAST: usize = 32;
/// Of pco, 0 to 12: what is no decimal has many digits that nothing packs, so little is lost by the quick way.
const PCO_LEVEL: usize = 1;
/// Of zstd, its default.
const ZSTD_LEVEL: i32 = 3;

const PLAIN: u8 = 0;
/// Whole numbers and decimals in few bits.
const PACKED: u8 = 1;
const PCO: u8 = 2;
const ZSTD: u8 = 3;

/// How columns are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    /// As small as costs next to nothing: for what is written again soon.
    Quick,
    /// What did not become small that way goes through a compressor, too.
    Thorough,
}

/// A number of 64 bits.
pub(super) trait Word: Number {
    fn to_bytes(self) -> [u8; 8];
    fn from_bytes(bytes: [u8; 8]) -> Self;
    /// In few bits, if they allow that.
    fn pack(numbers: &[Self]) -> Option<Vec<u8>>;
    /// What [`Word::pack`] wrote.
    fn unpack(bytes: &[u8], count: usize) -> Option<Vec<Self>>;
}

impl Word for i64 {
    fn to_bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }
    fn from_bytes(bytes: [u8; 8]) -> i64 {
        i64::from_le_bytes(bytes)
    }
    fn pack(numbers: &[i64]) -> Option<Vec<u8>> {
        integers(numbers)
    }
    fn unpack(bytes: &[u8], count: usize) -> Option<Vec<i64>> {
        read_integers(bytes, count)
    }
}

impl Word for u64 {
    fn to_bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }
    fn from_bytes(bytes: [u8; 8]) -> u64 {
        u64::from_le_bytes(bytes)
    }
    fn pack(numbers: &[u64]) -> Option<Vec<u8>> {
        integers(&numbers.iter().map(|number| number.cast_signed()).collect::<Vec<i64>>())
    }
    fn unpack(bytes: &[u8], count: usize) -> Option<Vec<u64>> {
        Some(read_integers(bytes, count)?.into_iter().map(i64::cast_unsigned).collect())
    }
}

impl Word for f64 {
    fn to_bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }
    fn from_bytes(bytes: [u8; 8]) -> f64 {
        f64::from_le_bytes(bytes)
    }
    fn pack(numbers: &[f64]) -> Option<Vec<u8>> {
        decimals(numbers)
    }
    fn unpack(bytes: &[u8], count: usize) -> Option<Vec<f64>> {
        read_decimals(bytes, count)
    }
}

/// Writes columns.
pub(super) struct Writer {
    bytes: Vec<u8>,
    packing: Packing,
}

impl Writer {
    /// For about `bytes` of plain columns.
    pub(super) fn new(packing: Packing, bytes: usize) -> Writer {
        Writer { bytes: Vec::with_capacity(bytes), packing }
    }

    pub(super) fn byte(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    pub(super) fn u32(&mut self, number: u32) {
        self.bytes.extend_from_slice(&number.to_le_bytes());
    }

    pub(super) fn numbers<T: Word>(&mut self, numbers: impl ExactSizeIterator<Item = T>) {
        if numbers.len() < PACKED_AT_LEAST {
            return self.plain_numbers(numbers);
        }
        let numbers: Vec<T> = numbers.collect();
        let is_smaller = |packed: &Vec<u8>| packed.len() < size_of_val(numbers.as_slice());
        if let Some(packed) = T::pack(&numbers).filter(is_smaller) {
            self.column(PACKED, |bytes| bytes.extend_from_slice(&packed));
        } else if self.packing == Packing::Thorough
            && let Some(packed) = compress(&numbers).filter(is_smaller)
        {
            self.column(PCO, |bytes| bytes.extend_from_slice(&packed));
        } else {
            self.plain_numbers(numbers.into_iter());
        }
    }

    pub(super) fn plain_numbers<T: Word>(&mut self, numbers: impl Iterator<Item = T>) {
        self.column(PLAIN, |bytes| numbers.for_each(|number| bytes.extend_from_slice(&number.to_bytes())));
    }

    /// Texts one behind the other; where each ends is for another column to tell.
    pub(super) fn text<'a>(&mut self, texts: impl Iterator<Item = &'a str> + Clone) {
        let plain =
            |bytes: &mut Vec<u8>| texts.clone().for_each(|text| bytes.extend_from_slice(text.as_bytes()));
        if self.packing == Packing::Thorough {
            let mut all = Vec::new();
            plain(&mut all);
            if let Ok(packed) = zstd::bulk::compress(&all, ZSTD_LEVEL) {
                let length = all.len() as u32;
                return self.column(ZSTD, |bytes| {
                    bytes.extend_from_slice(&length.to_le_bytes());
                    bytes.extend_from_slice(&packed);
                });
            }
        }
        self.column(PLAIN, plain);
    }

    fn column(&mut self, form: u8, write: impl FnOnce(&mut Vec<u8>)) {
        self.bytes.push(form);
        let at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        write(&mut self.bytes);
        let length = (self.bytes.len() - at - 4) as u32;
        if let Some(slot) = self.bytes.get_mut(at..at + 4) {
            slot.copy_from_slice(&length.to_le_bytes());
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

fn compress<T: Word>(numbers: &[T]) -> Option<Vec<u8>> {
    let config = ChunkConfig::default()
        .with_compression_level(PCO_LEVEL)
        .with_mode_spec(ModeSpec::Classic)
        .with_delta_spec(DeltaSpec::NoOp);
    simple_compress(numbers, &config).ok()
}

/// Reads columns; every answer is `None` where the bytes are of another shape.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// The next column, which has `count` numbers.
    pub(super) fn numbers<T: Word>(&mut self, count: usize) -> Option<Vec<T>> {
        let numbers = match self.column()? {
            (PLAIN, bytes) => {
                let (words, rest) = bytes.as_chunks::<8>();
                rest.is_empty().then(|| words.iter().map(|word| T::from_bytes(*word)).collect())?
            }
            (PACKED, bytes) => T::unpack(bytes, count)?,
            (PCO, bytes) => simple_decompress::<T>(bytes).ok()?,
            _ => return None,
        };
        (numbers.len() == count).then_some(numbers)
    }

    /// The next column, of texts with these lengths.
    pub(super) fn texts(&mut self, lengths: &[u64]) -> Option<Vec<String>> {
        let unpacked;
        let mut all = match self.column()? {
            (PLAIN, bytes) => bytes,
            (ZSTD, bytes) => {
                let (length, packed) = bytes.split_first_chunk::<4>()?;
                unpacked = zstd::bulk::decompress(packed, u32::from_le_bytes(*length) as usize).ok()?;
                unpacked.as_slice()
            }
            _ => return None,
        };
        let texts = lengths.iter().map(|length| {
            let (text, rest) = all.split_at_checked(usize::try_from(*length).ok()?)?;
            all = rest;
            Some(std::str::from_utf8(text).ok()?.to_owned())
        });
        let texts = texts.collect::<Option<Vec<String>>>()?;
        all.is_empty().then_some(texts)
    }

    fn column(&mut self) -> Option<(u8, &'a [u8])> {
        let (form, length) = (self.byte()?, self.u32()?);
        Some((form, self.take(length as usize)?))
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }
}
