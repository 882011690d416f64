use super::*;
use crate::samples::{key, range};
use gapless_model::{Digest, EpochStart, UnixNanos};

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
