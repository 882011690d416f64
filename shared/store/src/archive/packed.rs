//! Whole numbers in as few bits as their range takes, and decimals as whole numbers.
//!
//! The intuition: what people measure has few digits. A price of 64,250.25 is 6,425,025 hundredths, and four thousand of
//! them lie within a few thousand of each other: 13 bits instead of 64. Times go in steps: their differences are small
//! where they themselves are not. So a column is stored as distances from its smallest number, or those of
//! its differences, whichever take fewer bits, 128 at a time. The complication is what is no decimal (a missing value, a
//! third): such numbers are stored beside the others, bit by bit, as long as there are few.
//!
//! Decimals that are proven by computing them back were taken from "ALP: Adaptive Lossless floating-Point Compression"
//! (SIGMOD 2023). A general library (pco) takes 20 to 100 ns to pack a number, which is more than the rest of storing it.

use bitpacking::{BitPacker, BitPacker4x};

/// Numbers that are packed together.
const CHUNK: usize = BitPacker4x::BLOCK_LEN;

/// Powers of ten that are tried: more digits behind the point than these are no decimals that people write.
const POWERS: [f64; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];
/// How many numbers decide on the power.
const SAMPLED: usize = 16;
/// One in so many numbers may be no decimal.
const DECIMALS_PER_EXCEPTION: usize = 16;
/// 1.5 * 2^52. Beyond 2^52 doubles have no fraction, so a number that it is added to and taken from is a whole one, the
/// nearest.
const ROUNDING: f64 = 6_755_399_441_055_744.0;
/// 2^51: below it numbers are rounded rightly that way.
const LARGEST: f64 = 2_251_799_813_685_248.0;

const DISTANCES: u8 = 0;
const DIFFERENCES: u8 = 1;

/// Whole numbers, small; `None` when their range takes more than 32 bits.
pub(super) fn integers(numbers: &[i64]) -> Option<Vec<u8>> {
    let differences: Vec<i64> = numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let (own, between) = (range(numbers), range(&differences));
    let mut bytes = Vec::with_capacity(24 + numbers.len() * 4);
    match (own, between) {
        (Some((_, width)), Some((least, between))) if between < width => {
            differences_of(numbers, &differences, least, &mut bytes);
        }
        (Some((least, _)), _) => {
            bytes.push(DISTANCES);
            distances(numbers, least, &mut bytes);
        }
        (None, Some((least, _))) => differences_of(numbers, &differences, least, &mut bytes),
        (None, None) => return None,
    }
    Some(bytes)
}

fn differences_of(numbers: &[i64], differences: &[i64], least: i64, bytes: &mut Vec<u8>) {
    bytes.push(DIFFERENCES);
    bytes.extend_from_slice(&numbers.first().copied().unwrap_or_default().to_le_bytes());
    distances(differences, least, bytes);
}

/// The smallest number and how far the largest is from it, where that fits 32 bits.
fn range(numbers: &[i64]) -> Option<(i64, u32)> {
    let (least, most) =
        numbers.iter().fold((i64::MAX, i64::MIN), |(least, most), n| (least.min(*n), most.max(*n)));
    if numbers.is_empty() {
        return Some((0, 0));
    }
    u32::try_from(most.checked_sub(least)?).ok().map(|width| (least, width))
}

/// How far each number is from `least`.
fn distances(numbers: &[i64], least: i64, bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(&least.to_le_bytes());
    let packer = BitPacker4x::new();
    let mut packed = [0u8; CHUNK * 4];
    for chunk in numbers.chunks(CHUNK) {
        let mut distances = [0u32; CHUNK];
        distances.iter_mut().zip(chunk).for_each(|(slot, n)| *slot = n.wrapping_sub(least) as u32);
        let bits = packer.num_bits(&distances);
        let length = packer.compress(&distances, &mut packed, bits);
        bytes.push(bits);
        bytes.extend_from_slice(&packed[..length]);
    }
}

/// The `count` whole numbers that [`integers`] wrote; `None` when the bytes are of another shape.
pub(super) fn read_integers(bytes: &[u8], count: usize) -> Option<Vec<i64>> {
    match bytes.split_first()? {
        (&DISTANCES, bytes) => read_distances(bytes, count),
        (&DIFFERENCES, bytes) => {
            let (first, bytes) = bytes.split_first_chunk::<8>()?;
            let mut last = i64::from_le_bytes(*first);
            let mut numbers = Vec::with_capacity(count);
            numbers.extend((count > 0).then_some(last));
            for difference in read_distances(bytes, count.saturating_sub(1))? {
                last = last.wrapping_add(difference);
                numbers.push(last);
            }
            Some(numbers)
        }
        _ => None,
    }
}

fn read_distances(bytes: &[u8], count: usize) -> Option<Vec<i64>> {
    let (least, mut bytes) = bytes.split_first_chunk::<8>()?;
    let least = i64::from_le_bytes(*least);
    let packer = BitPacker4x::new();
    let mut distances = [0u32; CHUNK];
    let mut numbers = Vec::with_capacity(count);
    while numbers.len() < count {
        let (bits, rest) = bytes.split_first()?;
        if *bits > 32 {
            return None;
        }
        let (packed, rest) = rest.split_at_checked(BitPacker4x::compressed_block_size(*bits))?;
        packer.decompress(packed, &mut distances, *bits);
        let here = (count - numbers.len()).min(CHUNK);
        numbers.extend(distances.iter().take(here).map(|distance| least.wrapping_add(i64::from(*distance))));
        bytes = rest;
    }
    bytes.is_empty().then_some(numbers)
}

/// Decimals, small; `None` when too many numbers are none.
pub(super) fn decimals(numbers: &[f64]) -> Option<Vec<u8>> {
    let power = power_of(numbers)?;
    let scale = POWERS[power];
    let mut whole = Vec::with_capacity(numbers.len());
    let mut exceptions: Vec<u8> = Vec::new();
    let most = numbers.len() / DECIMALS_PER_EXCEPTION * 12;
    // Whatever stands for an exception must not widen the range.
    let mut last = numbers.iter().find_map(|number| whole_of(*number, scale)).unwrap_or_default();
    for (at, number) in (0u32..).zip(numbers) {
        match whole_of(*number, scale) {
            Some(n) => last = n,
            None if exceptions.len() >= most => return None,
            None => {
                exceptions.extend_from_slice(&at.to_le_bytes());
                exceptions.extend_from_slice(&number.to_bits().to_le_bytes());
            }
        }
        whole.push(last);
    }
    let packed = integers(&whole)?;
    let mut bytes = Vec::with_capacity(5 + exceptions.len() + packed.len());
    bytes.push(power as u8);
    bytes.extend_from_slice(&(exceptions.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&exceptions);
    bytes.extend_from_slice(&packed);
    Some(bytes)
}

/// The smallest power of ten that makes seven in eight of some numbers whole.
fn power_of(numbers: &[f64]) -> Option<usize> {
    let step = (numbers.len() / SAMPLED).max(1);
    let sample = || numbers.iter().step_by(step).take(SAMPLED).filter(|number| number.is_finite());
    let count = sample().count();
    let made_whole = |scale: f64| sample().filter(|number| whole_of(**number, scale).is_some()).count();
    POWERS.iter().position(|scale| made_whole(*scale) * 8 >= count * 7)
}

/// `number` times `scale`, if that is a whole number from which `number` comes back bit by bit.
fn whole_of(number: f64, scale: f64) -> Option<i64> {
    let scaled = number * scale;
    let whole = (scaled + ROUNDING) - ROUNDING;
    let is_exact = scaled.abs() < LARGEST && (whole / scale).to_bits() == number.to_bits();
    // A negative zero is no whole number.
    (is_exact && !(whole == 0.0 && number.is_sign_negative())).then_some(whole as i64)
}

/// The `count` numbers that [`decimals`] wrote; `None` when the bytes are of another shape.
pub(super) fn read_decimals(bytes: &[u8], count: usize) -> Option<Vec<f64>> {
    let (power, bytes) = bytes.split_first()?;
    let scale = POWERS.get(usize::from(*power))?;
    let (length, bytes) = bytes.split_first_chunk::<4>()?;
    let (exceptions, packed) = bytes.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    let mut numbers: Vec<f64> =
        read_integers(packed, count)?.into_iter().map(|whole| whole as f64 / scale).collect();
    let (exceptions, rest) = exceptions.as_chunks::<12>();
    for exception in exceptions {
        let (at, bits) = exception.split_first_chunk::<4>()?;
        *numbers.get_mut(u32::from_le_bytes(*at) as usize)? = f64::from_le_bytes(bits.try_into().ok()?);
    }
    rest.is_empty().then_some(numbers)
}

#[cfg(test)]
mod tests;
