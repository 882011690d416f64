use super::*;
use crate::samples::{batch, key, range, rows};
use gapless_model::{Digest, Epoch, Flags, Kind, Rows, Seq};
use gapless_wire::{Limits, Message, decode_batch, encode_message};
use proptest::prelude::*;

/// Batches of a metrics stream with so many rows each, from sequence 1 on, as memory has them.
fn batches(sizes: &[u64]) -> Vec<Batch> {
    let key = key("metrics.host.a.1s");
    let ends = sizes.iter().scan(0, |end, size| {
        *end += size;
        Some((*end - size + 1, *end))
    });
    ends.map(|(from, to)| batch(&key, 7, from, to)).collect()
}

fn bytes(batch: &Batch) -> Part {
    let bytes = encode_message(&Message::Batch(batch.clone()), "");
    let mut part = Part::from(batch.clone());
    part.body = Body::Bytes(bytes.into());
    part
}

fn sent(parts: &[Part]) -> Vec<Batch> {
    let read = |bytes: &Vec<u8>| decode_batch(bytes, &Limits::live()).unwrap();
    envelopes(parts).unwrap().iter().map(read).collect()
}

#[test]
fn rows_published_one_by_one_leave_as_one_batch() {
    let parts: Vec<Part> = batches(&[1; 500]).iter().map(bytes).collect();
    let sent = sent(&parts);
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].rows, rows(Kind::Metrics, range(1, 500)));
    assert_eq!((sent[0].start, sent[0].epoch), (Seq(1), Epoch(7)));
}

#[test]
fn a_joined_batch_ends_like_the_last_of_those_it_was_made_of() {
    let mut batches = batches(&[1; 3]);
    batches[2].earliest = Seq(2);
    let parts: Vec<Part> = batches.iter().map(bytes).collect();
    let sent = sent(&parts);
    let end = |batch: &Batch| (batch.ts_publish_us, batch.earliest, batch.digest, batch.range().end());
    assert_eq!(sent.iter().map(end).collect::<Vec<_>>(), [end(&batches[2])]);
}

#[test]
fn a_large_batch_leaves_as_the_bytes_that_were_published() {
    let parts: Vec<Part> = batches(&[1, 1, 100, 1]).iter().map(bytes).collect();
    let sent = envelopes(&parts).unwrap();
    assert_eq!(sent.len(), 3);
    let body = |part: &Part| part.body.clone();
    assert_eq!(
        [Body::Bytes(sent[1].clone().into()), Body::Bytes(sent[2].clone().into())],
        [body(&parts[2]), body(&parts[3])]
    );
}

#[test]
fn batches_with_other_marks_or_columns_stay_apart() {
    let mut batches = batches(&[1; 6]);
    batches[2].epoch = Epoch(8);
    batches[3].epoch = Epoch(8);
    batches[3].flags = Flags::END_OF_STREAM;
    if let Rows::Metrics(rows) = &mut batches[5].rows {
        rows.columns = ["cpu".to_owned(), "gpu".to_owned()].into();
    }
    let parts: Vec<Part> = batches.iter().map(bytes).collect();
    let ranges: Vec<_> = sent(&parts).iter().map(Batch::range).collect();
    assert_eq!(ranges, [range(1, 2), range(3, 3), range(4, 4), range(5, 5), range(6, 6)]);
}

#[test]
fn what_is_put_together_stays_small_enough_for_a_live_message() {
    let parts: Vec<Part> = batches(&[60; 200]).iter().map(bytes).collect();
    let sent = envelopes(&parts).unwrap();
    assert!(sent.len() > 1 && sent.iter().all(|bytes| bytes.len() < 2 * JOINED_BYTES), "{}", sent.len());
}

proptest! {
    /// However rows were published, and wherever they come from, the same rows leave in the same order.
    #[test]
    fn no_row_is_lost_changed_or_moved(sizes in prop::collection::vec(1u64..100, 1..40), archived in any::<u64>()) {
        let batches = batches(&sizes);
        let part = |(at, batch): (usize, &Batch)| match archived >> (at % 64) & 1 {
            0 => bytes(batch),
            _ => Part::from(batch.clone()),
        };
        let parts: Vec<Part> = batches.iter().enumerate().map(part).collect();
        let mut all = Rows::empty(Kind::Metrics);
        let mut next = Seq(1);
        for batch in sent(&parts) {
            prop_assert_eq!(batch.start, next);
            prop_assert_eq!(batch.digest, Digest::of(Seq(1), &rows(Kind::Metrics, range(1, batch.range().last().0))));
            next = batch.range().end();
            all = if all.is_empty() { batch.rows } else { all.append(batch.rows).unwrap(); all };
        }
        prop_assert_eq!(all, rows(Kind::Metrics, range(1, sizes.iter().sum())));
    }
}
