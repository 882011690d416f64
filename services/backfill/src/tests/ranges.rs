//! Ranges of both versions, by sequence and by time.

use super::*;
use crate::samples::{at, range, rows};
use gapless_model::{Candle, Digest, Epoch, Kind, Rows, Seq, UnixMillis};
use gapless_wire::{
    BackfillCandlesRequest, BackfillCandlesResponse, BackfillRequest, Message, PageRequest, encode_message,
};

const KINDS: [&str; 3] = [A, "metrics.host.cpu.1s", "warnings.gapless.x.1s"];

fn candles(from: Option<u64>, limit: u32) -> BackfillCandlesRequest {
    BackfillCandlesRequest {
        key: key(A),
        from_exclusive: from.map(Seq),
        end_ts: None,
        limit,
        to: None,
        epoch: Epoch::UNSTATED,
    }
}

fn first_version(bench: &mut Bench, request: BackfillCandlesRequest) -> BackfillCandlesResponse {
    match bench.ask(&Message::BackfillCandlesRequest(request)) {
        Message::BackfillCandlesResponse(response) => response,
        other => panic!("{other:?}"),
    }
}

fn expected(from: u64, to: u64) -> Vec<Candle> {
    match rows(Kind::Candles, range(from, to)) {
        Rows::Candles(candles) => candles,
        _ => vec![],
    }
}

#[test]
fn what_was_published_is_served_from_memory_and_after_a_restart_from_the_archive() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = FakeJournal::start(7);
    let published: Vec<Vec<Batch>> = KINDS.iter().map(|topic| batches(topic, 7, 230, 70)).collect();
    for at in 0..published[0].len() {
        journal.write(published.iter().map(|of_kind| of_kind[at].clone()));
    }
    let mut bench = Bench::start(&journal, folder.path());
    for round in 0..2 {
        for (topic, published) in KINDS.iter().zip(&published) {
            let key = key(topic);
            bench.reaches(&key, 7, 230);
            assert_eq!(as_published(&bench.all(&key, 0)), *published, "{topic}, round {round}");
            // Cut by pages of a hundred rows; small ones in a page are put together.
            let cut = bench.all(&key, 100);
            assert_eq!(ranges(&cut), [range(1, 70), range(71, 100), range(101, 200), range(201, 230)]);
            let status = bench.status(&key);
            assert_eq!(status.watermark.digest, published.last().unwrap().digest);
            assert_eq!(status.watermark.earliest, Seq(1));
        }
        if round == 0 {
            bench.stop();
            bench = Bench::start(&journal, folder.path());
        }
    }
    bench.stop();
}

#[test]
fn version_1_pages_as_its_contract_says() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = FakeJournal::start(7);
    journal.write(batches(A, 7, 95, 10));
    let mut bench = Bench::start(&journal, folder.path());
    bench.reaches(&key(A), 7, 95);
    let (mut from, mut all) = (None, Vec::new());
    loop {
        let page = first_version(&mut bench, candles(from, 20));
        assert_eq!(page.start, Seq(from.unwrap_or(0) + 1));
        all.extend(page.candles);
        if !page.has_more {
            assert_eq!(page.next, Seq::NONE);
            break;
        }
        assert_eq!(page.next, Seq(all.len() as u64), "the last sequence returned");
        from = Some(page.next.0);
    }
    assert_eq!(all, expected(1, 95));
    let whole = first_version(&mut bench, candles(None, 0));
    assert_eq!(
        (whole.candles.len(), whole.has_more, whole.latest, whole.epoch),
        (95, false, Seq(95), Epoch(7))
    );
    assert_eq!(whole.digest, Digest::of(Seq(1), &rows(Kind::Candles, range(1, 95))));
    let nothing = first_version(&mut bench, candles(Some(95), 10));
    let said = (nothing.start, nothing.candles.len(), nothing.has_more, nothing.next);
    assert_eq!(said, (Seq(96), 0, false, Seq::NONE));
    let absurd = first_version(&mut bench, candles(Some(u64::MAX), u32::MAX));
    assert_eq!((absurd.candles.len(), absurd.latest), (0, Seq(95)));
    let until =
        |end: UnixMillis, from, limit| BackfillCandlesRequest { end_ts: Some(end), ..candles(from, limit) };
    let timed = first_version(&mut bench, until(at(30), Some(10), 20));
    assert_eq!((timed.candles, timed.has_more, timed.next), (expected(11, 30), false, Seq::NONE));
    let timed = first_version(&mut bench, until(at(31), Some(10), 20));
    assert_eq!((timed.candles.len(), timed.has_more, timed.next), (20, true, Seq(30)));
    let bounded = BackfillCandlesRequest { to: Some(Seq(40)), ..candles(Some(38), 0) };
    let bounded = first_version(&mut bench, bounded);
    assert_eq!((bounded.candles, bounded.has_more), (expected(39, 40), false));
}

#[test]
fn ranges_are_found_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = FakeJournal::start(7);
    journal.write(batches(A, 7, 95, 10));
    let mut bench = Bench::start(&journal, folder.path());
    bench.reaches(&key(A), 7, 95);
    let mut served = |from: u64, start: Option<u64>, end: Option<u64>| {
        let ts = |seq: u64| at(seq).to_nanos();
        let asked =
            BackfillRequest { start_ts: start.map(ts), end_ts: end.map(ts), ..request(&key(A), from, 0) };
        let (response, _) = bench.page(&asked);
        assert_eq!((response.latest, response.asked_from_exclusive), (Seq(95), Seq(from)));
        (response.served_from.0, response.served_to.0, response.has_more)
    };
    assert_eq!(served(0, Some(25), Some(44)), (25, 44, false));
    assert_eq!(served(30, Some(25), Some(44)), (31, 44, false));
    assert_eq!(served(0, Some(0), None), (1, 95, false));
    assert_eq!(served(0, Some(96), None), (96, 95, false), "nothing, and where it would be");
    assert_eq!(served(0, None, Some(0)), (1, 0, false));
}

#[test]
fn the_directory_is_paged_and_counts_new_streams_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = FakeJournal::start(7);
    let topics: Vec<String> = (0..7).map(|n| format!("candles.sim.S{n}.1m")).collect();
    journal.write(topics.iter().take(5).map(|topic| batch(&key(topic), 7, 1, 2)));
    let mut bench = Bench::start(&journal, folder.path());
    bench.reaches(&key(&topics[4]), 7, 2);
    journal.write(topics.iter().skip(5).map(|topic| batch(&key(topic), 7, 1, 2)));
    bench.reaches(&key(&topics[6]), 7, 2);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = PageRequest { prefix: "candles.sim.".into(), after, limit: 3 };
        let Message::ListStreamsResponse(list) = bench.ask(&Message::ListStreamsRequest(page)) else {
            panic!()
        };
        seen.extend(list.streams.iter().map(|status| status.key.topic()));
        after = seen.last().unwrap().clone();
        if !list.has_more {
            break;
        }
    }
    assert_eq!(seen, topics);
}

#[test]
fn a_greedy_client_does_not_keep_another_from_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = FakeJournal::start(7);
    journal.write(batches(A, 7, 3000, 10));
    let mut bench = Bench::start(&journal, folder.path());
    bench.reaches(&key(A), 7, 3000);
    let greedy = encode_message(&Message::BackfillRequest(request(&key(A), 0, 0)), "greedy");
    (0..500).for_each(|_| bench.ask_without_waiting(&greedy));
    let mut other = bench.another_client();
    let Message::StreamStatusResponse(status) = other(&Message::StreamStatusRequest(key(A))) else {
        panic!()
    };
    assert_eq!(status.watermark.latest, Seq(3000));
    let (answers, refusals) = bench.answers(500);
    assert!(answers > 0, "{answers} answered, {refusals} refused");
    assert_eq!(rows_in(&bench.all(&key(A), 0)), 3000);
}
