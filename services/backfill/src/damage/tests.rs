use super::*;
use crate::samples::{key, range};
use gapless_model::Epoch;

const A: &str = "candles.sim.A.1m";

fn start(epoch: u64, first: u64) -> EpochStart {
    EpochStart { epoch: Epoch(epoch), first_sequence: Seq(first) }
}

fn found(from: u64, to: u64) -> Found {
    Found { key: key(A), range: range(from, to), reason: "a bit".into() }
}

#[test]
fn what_was_found_is_remembered_by_everybody_and_told_once() {
    let damage = Damage::default();
    let other = damage.clone();
    let epochs = [start(7, 1)];
    damage.add(found(21, 30), &epochs);
    other.add(found(5, 9), &epochs);
    other.add(found(22, 29), &epochs);
    damage.add(found(10, 12), &epochs);
    assert_eq!(other.of(&key(A), &epochs), [range(5, 12), range(21, 30)]);
    assert_eq!(damage.of(&key("candles.sim.B.1m"), &epochs), []);
    assert_eq!(other.take_found(), [found(21, 30), found(5, 9), found(10, 12)]);
    assert_eq!(damage.take_found(), []);
}

#[test]
fn rows_that_another_history_gives_anew_are_not_damaged() {
    let damage = Damage::default();
    damage.add(found(5, 30), &[start(7, 1)]);
    assert_eq!(damage.of(&key(A), &[start(7, 1), start(9, 21)]), [range(5, 20)]);
    assert_eq!(damage.of(&key(A), &[start(7, 1), start(9, 21)]), [range(5, 20)]);
    assert_eq!(damage.of(&key(A), &[start(11, 1)]), []);
}

#[test]
fn however_many_there_are_memory_is_bounded() {
    let damage = Damage::default();
    for at in 0..MAX_RANGES as u64 + 10 {
        damage.add(found(at * 3 + 1, at * 3 + 1), &[]);
    }
    let ranges = damage.of(&key(A), &[]);
    assert_eq!((ranges.len(), ranges.first().copied()), (MAX_RANGES, Some(range(1, 31))));
}

#[test]
fn an_answer_ends_before_damage_and_fails_in_it() {
    let damaged = [range(5, 9), range(20, 30)];
    assert_eq!(before_damage(range(1, 100), &damaged), range(1, 4));
    assert_eq!(before_damage(range(10, 12), &damaged), range(10, 12));
    assert_eq!(before_damage(range(5, 100), &damaged), range(5, 19));
}
