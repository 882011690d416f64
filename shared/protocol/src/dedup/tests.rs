use super::{Dedup, Remembered, StreamId, Verdict, WINDOW};
use crate::{Conflict, ProducerRef};
use gapless_model::{Position, Seq, SeqRange};

const STREAM: StreamId = StreamId(0);

fn batch(producer_sequence: u64, position: u64) -> Remembered {
    let range = SeqRange::of_len(Seq(position * 10), 10);
    Remembered { producer_sequence, content_hash: producer_sequence, position: Position(position), range }
}

fn check(dedup: &Dedup, id: &str, sequence: u64, previous: u64) -> Verdict {
    dedup.check(STREAM, ProducerRef { id, sequence, previous }, sequence)
}

#[test]
fn a_producer_that_leaves_numbers_out_says_which_one_came_before() {
    let mut dedup = Dedup::new(10, 1000);
    dedup.record(STREAM, "p", batch(5, 1));
    assert_eq!(check(&dedup, "p", 9, 5), Verdict::Fresh);
    let conflict = Verdict::Conflict { expected_previous: 5, conflict: Conflict::Order };
    assert_eq!(check(&dedup, "p", 9, 0), conflict);
    assert_eq!(check(&dedup, "p", 9, 7), conflict);
    assert_eq!(check(&dedup, "q", 1, 0), Verdict::Fresh);
}

#[test]
fn the_memory_holds_so_many_batches_and_forgets_the_longest_silent_producer() {
    let mut dedup = Dedup::new(10, 2 * WINDOW);
    let mut position = 0;
    for producer in ["a", "b", "c"] {
        for sequence in 1..=WINDOW as u64 {
            position += 1;
            dedup.record(STREAM, producer, batch(sequence, position));
        }
    }
    let last = ["a", "b", "c"].map(|producer| dedup.last(STREAM, producer));
    assert_eq!(last, [0, WINDOW as u64, WINDOW as u64]);
    assert_eq!(dedup.remembered, 2 * WINDOW);
}

#[test]
fn taking_back_restores_also_what_was_forgotten() {
    let mut dedup = Dedup::new(1, 1000);
    for sequence in 1..=WINDOW as u64 {
        dedup.record(STREAM, "a", batch(sequence, sequence));
    }
    let first = dedup.record(STREAM, "a", batch(65, 65));
    let second = dedup.record(STREAM, "b", batch(1, 66));
    assert_eq!((dedup.last(STREAM, "a"), dedup.last(STREAM, "b")), (0, 1));
    dedup.undo(second);
    assert_eq!((dedup.last(STREAM, "a"), dedup.last(STREAM, "b")), (65, 0));
    dedup.undo(first);
    assert_eq!(dedup.last(STREAM, "a"), 64);
    let oldest = Verdict::Duplicate { position: Position(1), range: SeqRange::of_len(Seq(10), 10) };
    assert_eq!(check(&dedup, "a", 1, 0), oldest);
    assert_eq!((dedup.remembered, dedup.recency.len()), (WINDOW, 1));
}
