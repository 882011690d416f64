use super::{checkpoint, header};
use crate::{Checkpoint, Damage, MAX_PART_BYTES, PartError};
use proptest::prelude::*;

#[test]
fn what_was_written_is_read() {
    let written = checkpoint(7, 100);
    let read = Checkpoint::parse(written.bytes().to_vec()).unwrap();
    assert_eq!(read, written);
    assert_eq!(*read.header(), header(7, 100));
    assert_eq!(read.parts().map(<[u8]>::len).collect::<Vec<_>>(), [17, 0, 40]);
}

#[test]
fn a_checkpoint_without_parts_is_one() {
    let empty = Checkpoint::new(header(1, 0), [[0u8; 0]; 0]).unwrap();
    assert_eq!(Checkpoint::parse(empty.bytes().to_vec()).unwrap().parts().len(), 0);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let mut bytes = checkpoint(7, 100).bytes().to_vec();
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        let damage = Checkpoint::parse(bytes.clone());
        assert!(damage.is_err(), "bit {bit} may be anything");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn every_missing_and_every_added_byte_is_noticed() {
    let bytes = checkpoint(7, 100).bytes().to_vec();
    for len in 0..bytes.len() {
        let damage = Checkpoint::parse(bytes[..len].to_vec()).unwrap_err();
        assert!(matches!(damage, Damage::Cut { .. } | Damage::Magic), "{len}: {damage}");
    }
    for added in 1..20 {
        let mut long = bytes.clone();
        long.resize(bytes.len() + added, 0);
        assert_eq!(Checkpoint::parse(long), Err(Damage::Trailing { bytes: added as u64 }));
    }
}

#[test]
fn damage_says_what_it_hit() {
    let bytes = checkpoint(7, 100).bytes().to_vec();
    let hit = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        Checkpoint::parse(bytes).unwrap_err()
    };
    assert_eq!((hit(0), hit(8), hit(20)), (Damage::Magic, Damage::Header, Damage::Header));
    assert_eq!(hit(48 + 8), Damage::Part { part: 0 });
    assert_eq!(hit(bytes.len() - 20), Damage::Part { part: 2 });
    assert_eq!((hit(bytes.len() - 12), hit(bytes.len() - 1)), (Damage::Whole, Damage::Whole));
}

#[test]
fn a_later_format_is_named() {
    let mut bytes = checkpoint(7, 100).bytes().to_vec();
    bytes[8] = 2;
    let check = crc32c::crc32c(&bytes[..44]);
    bytes[44..48].copy_from_slice(&check.to_le_bytes());
    assert_eq!(Checkpoint::parse(bytes), Err(Damage::Format { found: 2 }));
}

#[test]
fn an_absurd_number_of_parts_takes_no_memory() {
    let mut bytes = checkpoint(7, 100).bytes().to_vec();
    bytes[40..44].copy_from_slice(&u32::MAX.to_le_bytes());
    let check = crc32c::crc32c(&bytes[..44]);
    bytes[44..48].copy_from_slice(&check.to_le_bytes());
    assert!(Checkpoint::parse(bytes).is_err());
}

#[test]
fn a_part_that_is_too_large_is_refused_before_it_is_written() {
    let parts = [vec![0; 1], vec![0; MAX_PART_BYTES + 1]];
    let refused = Checkpoint::new(header(1, 1), parts).unwrap_err();
    assert_eq!(refused, PartError::TooLarge { part: 1, bytes: MAX_PART_BYTES + 1 });
}

proptest! {
    #[test]
    fn any_parts_are_read_as_they_were_written(
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..99), 0..9),
        epoch in any::<u64>(),
        position in any::<u64>(),
    ) {
        let written = Checkpoint::new(header(epoch, position), &parts).unwrap();
        let read = Checkpoint::parse(written.bytes().to_vec()).unwrap();
        prop_assert_eq!(read.parts().collect::<Vec<_>>(), parts);
        prop_assert_eq!(&read, &written);
    }

    #[test]
    fn random_bytes_are_no_checkpoint(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(Checkpoint::parse(bytes).is_err());
    }
}
