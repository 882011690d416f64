use super::*;
use crate::samples::{at, batch, key, range, rows};
use gapless_model::{Epoch, Kind, Seq, UnixMillis, Watermark};
use gapless_wire::{Message, encode_message};
use proptest::prelude::*;

const CANDLES: &str = "candles.sim.A.1m";

fn status(earliest: u64, latest: u64) -> StreamStatus {
    StreamStatus {
        key: key(CANDLES),
        watermark: Watermark {
            epoch: Epoch(7),
            earliest: Seq(earliest),
            latest: Seq(latest),
            latest_ts: UnixNanos(0),
            digest: Digest::default(),
        },
        server_time: UnixMillis(0),
        epochs: Vec::new(),
    }
}

fn question(from: u64, limit: u64) -> Question {
    Question {
        key: key(CANDLES),
        from: Seq(from),
        to: None,
        start_ts: None,
        end_ts: None,
        limit,
        max_bytes: usize::MAX,
    }
}

/// Published batches, as bytes and as rows in turns, as memory and archive would give them.
fn found(wanted: SeqRange, sizes: &[u64]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut from = 1;
    for (at, size) in sizes.iter().cycle().enumerate() {
        if from >= wanted.end().0 {
            return parts;
        }
        let batch = batch(&key(CANDLES), 7, from, from + size - 1);
        from += size;
        if batch.range().end() <= wanted.start() {
            continue;
        }
        if at % 2 == 0 {
            let bytes = encode_message(&Message::Batch(batch.clone()), "");
            parts.push(Part { body: Body::Bytes(bytes.into()), ..Part::from(batch) });
        } else {
            // The archive gives what was asked for, not what was published.
            parts.push(Part::from(batch.cut(wanted)));
        }
    }
    parts
}

fn ask(question: &Question, latest: u64, sizes: &[u64]) -> Served {
    let status = status(1, latest);
    let wanted = question.wanted(&status, Seq::FIRST);
    let parts = found(question.looked_at(wanted), sizes);
    serve(question, status, wanted, parts).unwrap()
}

#[test]
fn an_answer_ends_at_the_limit_and_says_whether_more_rows_exist() {
    let served = ask(&question(3, 5), 100, &[10]);
    assert_eq!((served.range, served.has_more), (range(3, 7), true));
    let served = ask(&question(96, 5), 100, &[10]);
    assert_eq!((served.range, served.has_more), (range(96, 100), false));
    let served = ask(&question(101, 5), 100, &[10]);
    let nothing = SeqRange::new(Seq(101), Seq(101));
    assert_eq!((served.range, served.has_more, served.parts.len()), (nothing, false, 0));
}

#[test]
fn a_bound_in_time_decides_whether_more_rows_exist() {
    let until = |seq: u64, from: u64, limit: u64| {
        let question = Question { end_ts: Some(at(seq).to_nanos()), ..question(from, limit) };
        let served = ask(&question, 100, &[7]);
        (served.range, served.has_more)
    };
    assert_eq!(until(20, 11, 100), (range(11, 20), false));
    assert_eq!(until(20, 11, 10), (range(11, 20), false), "the next row is newer");
    assert_eq!(until(21, 11, 10), (range(11, 20), true), "the next row is not newer");
    assert_eq!(until(10, 11, 10).0.len(), 0);
    assert!(!until(10, 11, 10).1);
    assert_eq!(until(100, 91, 10), (range(91, 100), false));
}

#[test]
fn bytes_bound_an_answer_but_one_batch_is_always_served() {
    let small = Question { max_bytes: 1, ..question(1, 1000) };
    let served = ask(&small, 100, &[7]);
    assert_eq!((served.range, served.has_more), (range(1, 7), true));
    let timed = Question { end_ts: Some(at(7).to_nanos()), ..small };
    let served = ask(&timed, 100, &[7]);
    assert_eq!((served.range, served.has_more), (range(1, 7), false), "what did not fit is newer");
}

#[test]
fn a_batch_larger_than_a_message_is_served_in_pieces() {
    let text = "x".repeat(4096);
    let key = key("warnings.sim.A.1s");
    let mut large = batch(&key, 7, 1, 2000);
    if let gapless_model::Rows::Warnings(rows) = &mut large.rows {
        rows.iter_mut().for_each(|row| (row.message, row.subject) = (text.clone(), text.clone()));
    }
    let question = Question { key, max_bytes: 1 << 20, ..question(1, 10_000) };
    let status = status(1, 2000);
    let wanted = question.wanted(&status, Seq::FIRST);
    let served = serve(&question, status, wanted, [Part::from(large.clone())]).unwrap();
    assert!(served.has_more && served.range.len() >= 500 && served.parts[0].bytes(None) <= MAX_PART_BYTES);
    assert_eq!(served.parts[0].rows().unwrap(), large.cut(served.range));
}

proptest! {
    #[test]
    fn answers_follow_each_other_without_holes_and_hold_what_was_published(
        sizes in prop::collection::vec(1..30u64, 1..6),
        from in 1..120u64,
        limit in 1..50u64,
        latest in 1..100u64,
        to in prop::option::of(1..120u64),
        end in prop::option::of(0..120u64),
        max_bytes in prop_oneof![Just(usize::MAX), 1..4000usize],
    ) {
        let mut asked = Question {
            to: to.map(Seq),
            end_ts: end.map(|seq| at(seq).to_nanos()),
            max_bytes,
            ..question(from, limit)
        };
        let last = latest.min(to.unwrap_or(u64::MAX)).min(end.unwrap_or(u64::MAX));
        let mut next = from;
        loop {
            let served = ask(&asked, latest, &sizes);
            prop_assert_eq!(served.range.start(), Seq(next));
            prop_assert!(served.range.len() <= limit);
            let mut digest = Digest::default();
            let mut expected = served.range.start();
            for part in &served.parts {
                let batch = part.rows().unwrap();
                prop_assert_eq!(batch.range(), part.range);
                prop_assert_eq!(batch.start, expected);
                prop_assert_eq!(&batch.rows, &rows(Kind::Candles, part.range));
                digest = digest + Digest::of(batch.start, &batch.rows);
                expected = batch.range().end();
            }
            prop_assert_eq!(expected, served.range.end());
            prop_assert_eq!(digest, served.digest);
            next = served.range.end().0;
            prop_assert_eq!(served.has_more, next <= last, "next {} last {}", next, last);
            if !served.has_more {
                break;
            }
            asked.from = Seq(next);
        }
        prop_assert_eq!(next, from.max(last + 1));
    }
}

/// What was counted is about what leaves: an answer must fit a message.
#[test]
fn rows_of_the_archive_that_cannot_be_put_together_count_with_their_envelopes() {
    let wanted = range(1, 10_000);
    let found = (1..=10_000).map(|seq| {
        let mut batch = batch(&key(CANDLES), 7, seq, seq);
        batch.epoch = Epoch(7 + seq % 2);
        Part::from(batch)
    });
    let question = Question { max_bytes: 1 << 20, ..question(1, 10_000) };
    let served = serve(&question, status(1, 10_000), wanted, found).unwrap();
    let sent: usize = crate::joining::envelopes(&served.parts).unwrap().iter().map(Vec::len).sum();
    assert!(served.has_more && served.range.len() > 1000, "{}", served.range);
    assert!(sent <= 1 << 20, "{sent} bytes");
}
