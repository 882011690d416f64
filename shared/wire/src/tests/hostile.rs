//! Bytes that nobody honest sends. Memory is measured in `tests/memory.rs`.

use super::samples;
use crate::fuzzing::TARGETS;
use crate::*;
use proptest::prelude::*;

fn all() -> Vec<(&'static str, Vec<u8>)> {
    let messages = samples::version_1().into_iter().chain(samples::version_2());
    messages.map(|(name, message)| (name, encode_message(&message, "5f0c-1"))).collect()
}

/// Every decoder, whichever socket the bytes came from.
fn every_target(bytes: &[u8]) {
    for (_, target) in TARGETS {
        target(bytes);
    }
}

/// W4: a message that was cut off is refused or, where only padding is missing, whole; never a panic.
#[test]
fn every_truncation_of_every_message_is_survived() {
    for (_, bytes) in all() {
        for len in 0..bytes.len() {
            every_target(&bytes[..len]);
        }
    }
}

/// W4: one wrong bit anywhere is survived.
#[test]
fn every_flipped_bit_of_every_message_is_survived() {
    for (_, mut bytes) in all() {
        for bit in 0..bytes.len() * 8 {
            bytes[bit / 8] ^= 1 << (bit % 8);
            every_target(&bytes);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
    }
}

/// W4: lengths and offsets that point far outside, at each place where one could stand.
#[test]
fn absurd_lengths_at_every_place_are_survived() {
    for (_, bytes) in all() {
        for at in (0..bytes.len().saturating_sub(4)).step_by(2) {
            for length in [u32::MAX, i32::MAX as u32, 0x7fff_fff0, bytes.len() as u32, 0] {
                let mut bytes = bytes.clone();
                bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
                every_target(&bytes);
            }
        }
    }
}

proptest! {
    /// W4.
    #[test]
    fn random_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        every_target(&bytes);
    }

    /// W4: what passes the verifier more often than random bytes do.
    #[test]
    fn a_message_with_random_damage_is_survived(
        pick in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let all = all();
        let mut bytes = all[pick.index(all.len())].1.clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        every_target(&bytes);
    }
}
