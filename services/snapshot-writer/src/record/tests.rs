use super::*;
use crate::samples::{A, batch, digest, key, last_batch, part, range};

/// A record with these parts, as if their rows had come in one epoch.
fn record(parts: &[(u64, u64)]) -> StreamRecord {
    let mut record = StreamRecord::begin(&key(A), Stand::default());
    for (first, last) in parts {
        record.take(&Item::Rows(batch(A, 5, *first, *last)));
        record.add_part(0, part(A, *first, *last));
    }
    record
}

fn hole(from: u64, to: u64) -> Item {
    Item::Hole(Hole { from, to, epoch: 5, reason: "Trimmed".into(), noticed_at: String::new() })
}

fn parts(ranges: &[(u64, u64)]) -> Vec<Part> {
    ranges.iter().map(|(first, last)| part(A, *first, *last)).collect()
}

#[test]
fn rows_move_the_cursor_and_prove_themselves() {
    let record = record(&[(1, 10), (11, 14)]);
    assert_eq!(record.cursor, Cursor { epoch: 5, sequence: 14 });
    assert_eq!((record.first, record.last, record.rows), (1, 14, 14));
    assert_eq!(record.digest.0, digest(A, 1, 14));
    assert_eq!(record.running_digest, Some(Hex(digest(A, 1, 14))));
    assert_eq!(record.epochs, [EpochMark { epoch: 5, first: 1 }]);
    assert!(record.simulated && record.closed.is_none());
}

#[test]
fn a_late_start_knows_its_running_digest_from_what_is_stated() {
    let record = record(&[(7, 9)]);
    assert_eq!(record.digest.0, digest(A, 7, 9));
    assert_eq!(record.running_digest, Some(Hex(digest(A, 1, 9))));
    let mut unstated = StreamRecord::begin(&key(A), Stand::default());
    unstated.take(&Item::Rows(Batch { digest: Digest::default(), ..batch(A, 5, 7, 9) }));
    assert_eq!(unstated.running_digest, None, "what came before is not known");
}

#[test]
fn rows_of_an_older_epoch_do_not_turn_the_cursor_back() {
    let stand = Stand { cursor: Some(Cursor { epoch: 9, sequence: 3 }), running: None };
    let mut record = StreamRecord::begin(&key(A), stand);
    record.take(&Item::Rows(batch(A, 5, 4, 6)));
    assert_eq!(record.cursor, Cursor { epoch: 9, sequence: 6 });
}

#[test]
fn only_the_whole_last_batch_ends_a_stream() {
    let end = last_batch(A, 5, 1, 9);
    let mut record = StreamRecord::begin(&key(A), Stand::default());
    record.take(&Item::Rows(end.clone().cut(range(1, 4))));
    assert_eq!(record.closed, None, "replay brought a part of it");
    record.take(&Item::Rows(end.cut(range(5, 9))));
    assert_eq!(record.closed, Some(Closed::End));
    record.take(&Item::Rows(batch(A, 5, 10, 10)));
    assert_eq!(record.closed, None, "more came after all");
}

#[test]
fn a_hole_is_noted_and_passed() {
    let mut record = record(&[(1, 10)]);
    record.take(&hole(11, 20));
    assert_eq!((record.cursor.sequence, record.truncated.len(), record.running_digest), (20, 1, None));
    record.take(&Item::Rows(batch(A, 5, 21, 30)));
    record.add_part(0, part(A, 21, 30));
    assert_eq!(record.running_digest, Some(Hex(digest(A, 1, 30))));
}

#[test]
fn a_rewind_drops_parts_cuts_one_and_subtracts_what_is_gone() {
    let all = [(1, 10), (11, 20), (21, 30)];
    for (keep, stay, cut) in [(25, 2, Some((21, 25))), (20, 2, None), (5, 0, Some((1, 5))), (0, 0, None)] {
        let plan = rewound(&parts(&all), Seq(keep));
        assert_eq!(plan, Rewound { stay, cut: cut.map(|(from, to)| range(from, to)) }, "keep {keep}");
        let mut record = record(&all);
        record.rewind(Epoch(8), Seq(keep), cut.map(|(first, last)| part(A, first, last)));
        assert_eq!(record.cursor, Cursor { epoch: 8, sequence: keep });
        assert_eq!((record.rows, record.last), (keep, keep));
        let running = (keep > 0).then(|| Hex(digest(A, 1, keep)));
        assert_eq!(record.running_digest, running, "keep {keep}");
    }
}

#[test]
fn a_rewind_takes_holes_back_too() {
    let mut record = record(&[(1, 10)]);
    record.take(&hole(11, 20));
    let mut inside = record.clone();
    inside.rewind(Epoch(8), Seq(15), None);
    assert_eq!((inside.truncated[0].to, inside.cursor.sequence), (15, 15));
    record.rewind(Epoch(8), Seq(4), Some(part(A, 1, 4)));
    assert!(record.truncated.is_empty());
    assert_eq!(record.running_digest, None);
}

#[test]
fn where_a_stream_goes_on_is_forgotten_with_its_history() {
    let mut record = record(&[(1, 10)]);
    assert_eq!(record.stand().cursor, Some(Cursor { epoch: 5, sequence: 10 }));
    record.take(&Item::Reset);
    assert_eq!(record.stand(), Stand::default());
    assert_eq!(StreamRecord::begin(&key(A), Stand::default()).stand(), Stand::default());
}

#[test]
fn small_parts_are_put_together_and_full_ones_let_be() {
    let count = |ranges: &[(u64, u64)], rows: u64| {
        let start = ranges.last().map_or(1, |(_, last)| last + 1);
        absorb(&parts(ranges), Seq(start), &[], rows, 100)
    };
    assert_eq!(count(&[], 5), 0);
    assert_eq!(count(&[(1, 5)], 5), 1);
    assert_eq!(count(&[(1, 10), (11, 15)], 5), 2, "together they are as large as the one before");
    assert_eq!(count(&[(1, 50), (51, 55)], 5), 1);
    assert_eq!(count(&[(1, 96)], 5), 0, "it would be too large");
    assert_eq!(absorb(&parts(&[(1, 5)]), Seq(9), &[], 5, 100), 0, "there is a hole between");
    assert_eq!(absorb(&parts(&[(1, 5)]), Seq(6), &["cpu".to_owned()], 5, 100), 0, "other columns");
}

#[test]
fn a_quiet_stream_has_few_parts_however_often_it_is_written() {
    let mut record = StreamRecord::begin(&key(A), Stand::default());
    for seq in 1..=1000u64 {
        let absorbed = absorb(&record.parts, Seq(seq), &[], 1, 100);
        let first = record
            .parts
            .len()
            .checked_sub(absorbed)
            .and_then(|at| record.parts.get(at))
            .map_or(seq, |p| p.first);
        record.take(&Item::Rows(batch(A, 5, seq, seq)));
        record.add_part(absorbed, part(A, first, seq));
        let small = record.parts.iter().filter(|part| part.rows < 64).count();
        assert!(small <= 8, "{small} small parts after {seq} rows");
    }
    assert_eq!((record.rows, record.digest.0), (1000, digest(A, 1, 1000)));
}
