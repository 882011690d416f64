use super::*;
use crate::hot::{Hot, HotLimits};
use crate::samples::{at, batch, key, range};
use gapless_model::{Batch, Digest, EpochStart, Position};
use gapless_store::Page;
use gapless_wire::{Message, encode_message};
use std::cell::{Cell, RefCell};

const A: &str = "candles.a.A.1m";

fn start(epoch: u64, first: u64) -> EpochStart {
    EpochStart { epoch: Epoch(epoch), first_sequence: Seq(first) }
}

fn archived(topic: &str, earliest: u64, latest: u64) -> StreamStatus {
    StreamStatus {
        key: key(topic),
        watermark: Watermark {
            epoch: Epoch(7),
            earliest: Seq(earliest),
            latest: Seq(latest),
            latest_ts: UnixNanos(1),
            digest: Digest(1),
        },
        server_time: UnixMillis(0),
        epochs: vec![start(7, 1)],
    }
}

fn tail(topic: &str, from: u64, to: u64, epoch: u64) -> Tail {
    Tail {
        key: key(topic),
        rows: range(from, to),
        latest_ts: UnixNanos(2),
        digest: Digest(2),
        epochs: vec![start(epoch, from)],
    }
}

fn bounds(status: &StreamStatus) -> (u64, u64, u64, u64) {
    let mark = &status.watermark;
    (mark.earliest.0, mark.latest.0, mark.epoch.0, mark.digest.0)
}

#[test]
fn memory_moves_the_end_of_what_is_archived() {
    let lay = |archived: Option<StreamStatus>, tail: Option<Tail>| {
        overlay(archived, tail.as_ref(), UnixMillis(5)).map(|status| bounds(&status))
    };
    assert_eq!(lay(None, None), None);
    assert_eq!(lay(Some(archived(A, 3, 10)), None), Some((3, 10, 7, 1)));
    assert_eq!(lay(Some(archived(A, 3, 10)), Some(tail(A, 8, 12, 7))), Some((3, 12, 7, 2)));
    let earlier = Some(tail(A, 8, 9, 7));
    assert_eq!(lay(Some(archived(A, 3, 10)), earlier), Some((3, 10, 7, 1)), "memory was looked at first");
    assert_eq!(lay(None, Some(tail(A, 4, 9, 7))), Some((4, 9, 7, 2)), "not committed yet");
    let later = Some(tail(A, 20, 21, 7));
    assert_eq!(
        lay(Some(archived(A, 3, 10)), later),
        Some((3, 21, 7, 2)),
        "what lies before a hole is served"
    );
    let status = overlay(Some(archived(A, 3, 10)), Some(&tail(A, 11, 12, 9)), UnixMillis(5)).unwrap();
    assert_eq!(status.epochs, [start(7, 1), start(9, 11)]);
    let above = overlay(Some(archived(A, 3, 10)), Some(&tail(A, 20, 21, 9)), UnixMillis(5)).unwrap();
    assert_eq!(above.epochs, [start(7, 1), start(9, 11)], "it may have begun in the hole");
    assert_eq!((status.watermark.epoch, status.server_time), (Epoch(9), UnixMillis(5)));
}

#[test]
fn pages_of_the_directory_hold_every_stream_once() {
    let topics: Vec<String> = (0..9).map(|n| format!("candles.a.S{n}.1m")).collect();
    let archive: Vec<StreamStatus> = [0, 1, 3, 4, 8].iter().map(|n| archived(&topics[*n], 1, 5)).collect();
    let memory: Vec<Tail> = [2, 3, 5, 6, 7].iter().map(|n| tail(&topics[*n], 1, 6, 7)).collect();
    for limit in 1..12 {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let rest: Vec<StreamStatus> = archive.iter().filter(|s| s.key.topic() > after).cloned().collect();
            let tails = memory.iter().filter(|tail| tail.key.topic() > after);
            let tails: Vec<Tail> = tails.take(limit + 1).cloned().collect();
            let more = rest.len() > limit;
            let page = rest.into_iter().take(limit).collect();
            let (page, more) = merge(page, more, &tails, limit, UnixMillis(0));
            assert!(page.len() <= limit && !page.is_empty());
            seen.extend(page.iter().map(|status| status.key.topic()));
            after = seen.last().unwrap().clone();
            if !more {
                break;
            }
        }
        assert_eq!(seen, topics, "limit {limit}");
    }
}

/// An archive with the rows 1 to 100 of one stream, some of them damaged.
struct Partly {
    damaged: Vec<SeqRange>,
    /// What it is said to hold.
    status: RefCell<StreamStatus>,
    looks: Cell<u32>,
    /// The look during which the rows after 40 are taken back.
    taken_back_in: Cell<Option<u32>>,
}

#[derive(Debug, thiserror::Error)]
#[error("a bit is not what it was")]
struct Unreadable;

impl Partly {
    fn new(damaged: &[SeqRange]) -> Partly {
        let status = RefCell::new(archived(A, 1, 100));
        Partly { damaged: damaged.to_vec(), status, looks: Cell::new(0), taken_back_in: Cell::new(None) }
    }
}

impl Shelf for Partly {
    type Error = Unreadable;

    fn is_damage(_: &Unreadable) -> bool {
        true
    }

    fn stream(&self, _: &StreamKey) -> Option<Shelved> {
        Some(Shelved { status: self.status.borrow().clone(), holes: Vec::new() })
    }

    fn directory(&self, _: &str, _: &str, _: usize) -> (Vec<StreamStatus>, bool) {
        (Vec::new(), false)
    }

    fn page(&self, key: &StreamKey, wanted: SeqRange, _: u64, _: usize) -> Result<Option<Page>, Unreadable> {
        self.looks.set(self.looks.get() + 1);
        let is_damaged = self.damaged.iter().any(|damaged| !damaged.intersect(wanted).is_empty());
        if self.taken_back_in.get() == Some(self.looks.get()) {
            *self.status.borrow_mut() = archived(A, 1, 40);
        }
        let served = wanted.intersect(range(1, self.status.borrow().watermark.latest.0));
        let batches: Vec<Batch> = match served.is_empty() {
            true => Vec::new(),
            false => vec![batch(key, 7, served.start().0, served.last().0)],
        };
        let digests = batches.iter().map(|batch| Digest::of(batch.start, &batch.rows)).collect();
        let status = self.status.borrow().clone();
        if is_damaged { Err(Unreadable) } else { Ok(Some(Page { digests, batches, served, status })) }
    }

    fn seq_at_time(&self, _: &StreamKey, _: UnixNanos) -> Result<Option<Seq>, Unreadable> {
        Err(Unreadable)
    }
}

fn library(archive: Partly) -> Library<Partly> {
    let limits = HotLimits { stream_rows: 1000, stream_bytes: 1 << 20, total_bytes: 1 << 20 };
    Library::new(SharedHot::new(Hot::new(limits)), archive)
}

fn question(from: u64, start_ts: Option<UnixNanos>) -> Question {
    Question {
        key: key(A),
        from: Seq(from),
        to: None,
        start_ts,
        end_ts: None,
        limit: 1000,
        max_bytes: 1 << 20,
    }
}

/// Where an answer says that rows begin, which it holds, and whether there are more.
fn answer(library: &Library<Partly>, from: u64) -> (u64, SeqRange, bool) {
    let served = library.look(&question(from, None), UnixMillis(0)).unwrap().unwrap();
    (served.status.watermark.earliest.0, served.range, served.has_more)
}

#[test]
fn damage_is_looked_for_once_and_told_once() {
    let library = library(Partly::new(&[range(31, 50), range(81, 100)]));
    assert_eq!(answer(&library, 1), (1, range(1, 30), true));
    assert_eq!(answer(&library, 31), (51, range(51, 80), false), "nothing can be read behind them");
    assert_eq!(answer(&library, 90), (101, range(101, 100), false));
    let found: Vec<SeqRange> = library.take_damage().iter().map(|found| found.range).collect();
    assert_eq!(found, [range(31, 50), range(81, 100)]);
    library.archive.looks.set(0);
    for _ in 0..3 {
        assert_eq!(answer(&library, 1), (1, range(1, 30), true));
        assert_eq!(answer(&library, 40), (51, range(51, 80), false));
    }
    assert_eq!((library.archive.looks.get(), library.take_damage()), (6, vec![]));
}

#[test]
fn damaged_rows_that_memory_has_are_served() {
    let library = library(Partly::new(&[range(31, 100)]));
    let newest = batch(&key(A), 7, 91, 110);
    let bytes = encode_message(&Message::Batch(newest.clone()), "");
    library.hot.write(|hot| hot.insert(Position(9), &newest, bytes.into()));
    for _ in 0..2 {
        assert_eq!(answer(&library, 95), (1, range(95, 110), false));
        assert_eq!(answer(&library, 1), (1, range(1, 30), true));
        assert_eq!(answer(&library, 31), (91, range(91, 110), false));
    }
}

#[test]
fn a_time_is_found_around_damage() {
    let library = library(Partly::new(&[range(31, 50)]));
    let first = |seq: u64| {
        let question = question(1, Some(at(seq).to_nanos()));
        library.look(&question, UnixMillis(0)).unwrap().unwrap().range
    };
    assert_eq!((first(10), first(30)), (range(10, 30), range(30, 30)));
    assert_eq!((first(31), first(45)), (range(51, 100), range(51, 100)));
    assert_eq!((first(77), first(1000)), (range(77, 100), range(101, 100)));
}

#[test]
fn rows_that_are_taken_back_meanwhile_are_not_damaged() {
    for look in 1..=8 {
        let library = library(Partly::new(&[range(41, 100)]));
        library.archive.taken_back_in.set(Some(look));
        assert_eq!(answer(&library, 1), (1, range(1, 40), false), "{look}");
        assert_eq!(library.take_damage(), [], "{look}");
    }
}
