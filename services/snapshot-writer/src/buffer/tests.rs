use super::*;
use crate::record::Stand;
use crate::samples::{A, batch, key};
use gapless_model::{MetricRows, UnixNanos};

fn ranges(runs: &[Vec<Batch>]) -> Vec<(u64, u64)> {
    let ends = |run: &Vec<Batch>| (run[0].start.0, run[run.len() - 1].range().last().0);
    runs.iter().map(ends).collect()
}

fn filled(parts: &[(u64, u64)]) -> Buffer {
    let mut buffer = Buffer::default();
    parts.iter().for_each(|(from, to)| buffer.push(Item::Rows(batch(A, 5, *from, *to))));
    buffer
}

#[test]
fn consecutive_rows_make_one_run_until_it_is_full() {
    let buffer = filled(&[(1, 10), (11, 20), (31, 40)]);
    assert_eq!(buffer.rows(), 30);
    assert_eq!(ranges(&buffer.runs(100_000)), [(1, 20), (31, 40)], "a hole begins another");
    let large = filled(&[(1, 9_000), (9_001, 12_000), (12_001, 12_002)]);
    assert_eq!(ranges(&large.runs(10_000)), [(1, 9_000), (9_001, 12_002)]);
}

#[test]
fn other_columns_begin_another_run() {
    let metrics = |seq: u64, column: &str| {
        let rows =
            MetricRows { columns: [column.to_owned()].into(), ts: vec![UnixNanos(5)], values: vec![1.0] };
        let key = key("metrics.a.b.1s");
        Item::Rows(Batch {
            start: Seq(seq),
            ..Batch::unsequenced(key, gapless_model::Flags::NONE, Rows::Metrics(rows))
        })
    };
    let mut buffer = Buffer::default();
    [(1, "x"), (2, "x"), (3, "y")].into_iter().for_each(|(seq, column)| buffer.push(metrics(seq, column)));
    assert_eq!(ranges(&buffer.runs(100_000)), [(1, 2), (3, 3)]);
}

#[test]
fn a_rewind_forgets_what_never_happened() {
    let mut buffer = filled(&[(1, 10), (11, 20)]);
    buffer.push(Item::Reset);
    buffer.rewind(Epoch(8), Seq(15));
    assert_eq!((ranges(&buffer.runs(100_000)), buffer.rows()), (vec![(1, 15)], 15));
    let record = buffer.applied_to(&StreamRecord::begin(&key(A), Stand::default()));
    assert_eq!((record.cursor.epoch, record.cursor.sequence, record.closed), (8, 15, None));
}
