//! Records that the journal retired before they were archived: what clients get around the hole.

use super::*;
use crate::samples::{at, range};
use gapless_follow::{Select, StreamBegin, StreamEvent, StreamFollower, StreamSettings};
use gapless_model::{Epoch, Seq, SeqRange, StreamKey, UnixMillis};
use gapless_protocol::{Begin, Event};
use gapless_transport::{Context, Publisher, PublisherSettings};
use gapless_wire::{BackfillCandlesRequest, BackfillRequest, Message};
use std::time::Duration;

const B: &str = "candles.sim.B.1m";
const C: &str = "candles.sim.C.1m";

/// What a client is told, rows that follow each other as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Rows(SeqRange),
    Truncated(SeqRange),
}

/// A journal of which three streams lost records while the archive was away: A in the middle, B at its end,
/// C all that it had.
fn with_holes(folder: &std::path::Path) -> (FakeJournal, Bench) {
    let mut journal = FakeJournal::start(7);
    journal.write(batches(A, 7, 20, 10));
    journal.write([batch(&key(B), 7, 1, 3)]);
    let mut bench = Bench::start(&journal, folder);
    bench.reaches(&key(A), 7, 20);
    eventually("the acknowledgement", || journal.acknowledged() == 3);
    bench.stop();
    journal.write([batch(&key(A), 7, 21, 30), batch(&key(B), 7, 4, 6), batch(&key(C), 7, 1, 7)]);
    journal.write([batch(&key(A), 7, 31, 40)]);
    journal.retire(6);
    let mut bench = Bench::start(&journal, folder);
    bench.reaches(&key(A), 7, 40);
    bench.reaches(&key(B), 7, 6);
    bench.reaches(&key(C), 7, 7);
    (journal, bench)
}

/// Everything that a client which begins at `begin` is told up to `latest`.
pub(super) fn follow(bench: &Bench, key: &StreamKey, begin: Begin, latest: u64) -> Vec<Told> {
    let context = Context::new();
    let live = Publisher::bind(&context, "tcp://127.0.0.1:*", PublisherSettings::default()).unwrap();
    let select = Select::Topics(vec![key.clone()]);
    let settings = StreamSettings::new(live.endpoint().to_string(), bench.address(), select);
    let mut follower = StreamFollower::start(settings, Box::new(move |_| StreamBegin::Log(begin))).unwrap();
    let mut told = Vec::new();
    loop {
        match follower.next_timeout(Duration::from_secs(20)).unwrap().expect("an end") {
            StreamEvent::Batch { batch, .. } => match told.last_mut() {
                Some(Told::Rows(before)) if before.end() == batch.start => {
                    *before = SeqRange::new(before.start(), batch.range().end());
                }
                _ => told.push(Told::Rows(batch.range())),
            },
            StreamEvent::Event { event: Event::Truncated { range, .. }, .. } => {
                told.push(Told::Truncated(range));
            }
            StreamEvent::Event { event: Event::CaughtUp { at }, .. } if at == Seq(latest) => return told,
            StreamEvent::Event { event: Event::Rewind { .. } | Event::Reset { .. }, .. } => {
                panic!("nothing is taken back")
            }
            _ => {}
        }
    }
}

/// With everything up to this row.
pub(super) fn after(applied: u64) -> Begin {
    Begin::Cursor { epoch: Epoch(7), applied: Seq(applied) }
}

#[test]
fn clients_below_in_and_above_a_hole_get_what_there_is_and_are_told_what_is_missing() {
    use Told::{Rows, Truncated};
    let folder = tempfile::tempdir().unwrap();
    let (journal, mut bench) = with_holes(folder.path());
    for round in ["from memory", "from the archive"] {
        let a = |begin| follow(&bench, &key(A), begin, 40);
        let hole = Truncated(range(21, 30));
        assert_eq!(a(Begin::Earliest), [Rows(range(1, 20)), hole, Rows(range(31, 40))], "{round}");
        assert_eq!(a(after(0)), [Rows(range(1, 20)), hole, Rows(range(31, 40))], "{round}");
        assert_eq!(a(after(15)), [Rows(range(16, 20)), hole, Rows(range(31, 40))], "{round}");
        assert_eq!(a(after(20)), [hole, Rows(range(31, 40))], "{round}");
        assert_eq!(a(after(25)), [Truncated(range(26, 30)), Rows(range(31, 40))], "{round}");
        assert_eq!(a(after(30)), [Rows(range(31, 40))], "{round}");
        assert_eq!(a(after(35)), [Rows(range(36, 40))], "{round}");
        let b = |begin| follow(&bench, &key(B), begin, 6);
        assert_eq!(b(Begin::Earliest), [Rows(range(1, 3)), Truncated(range(4, 6))], "{round}");
        assert_eq!(b(after(5)), [Truncated(range(6, 6))], "{round}");
        let c = |begin| follow(&bench, &key(C), begin, 7);
        assert_eq!(c(after(0)), [Truncated(range(1, 7))], "{round}");
        assert_eq!(c(after(3)), [Truncated(range(4, 7))], "{round}");
        assert_eq!(c(Begin::Earliest), [], "{round}");
        bench.stop();
        bench = Bench::start(&journal, folder.path());
        bench.reaches(&key(A), 7, 40);
    }
}

#[test]
fn streams_go_on_after_their_lost_end() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, mut bench) = with_holes(folder.path());
    journal.write([batch(&key(B), 7, 7, 9), batch(&key(C), 7, 8, 9)]);
    for _ in 0..2 {
        bench.reaches(&key(B), 7, 9);
        bench.reaches(&key(C), 7, 9);
        let told = [Told::Rows(range(1, 3)), Told::Truncated(range(4, 6)), Told::Rows(range(7, 9))];
        assert_eq!(follow(&bench, &key(B), Begin::Earliest, 9), told);
        assert_eq!(follow(&bench, &key(C), Begin::Earliest, 9), [Told::Rows(range(8, 9))]);
        bench.stop();
        bench = Bench::start(&journal, folder.path());
    }
}

#[test]
fn answers_end_before_a_hole_and_say_where_rows_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (_journal, mut bench) = with_holes(folder.path());
    let mut served = |from: u64, to: u64, end: Option<u64>| {
        let end_ts = end.map(|seq| at(seq).to_nanos());
        let (answer, _) = bench.page(&BackfillRequest { end_ts, ..request(&key(A), from, to) });
        let range = (answer.served_from.0, answer.served_to.0);
        (answer.earliest.0, range, answer.has_more)
    };
    assert_eq!(served(0, 0, None), (1, (1, 20), true));
    assert_eq!(served(20, 0, None), (31, (31, 40), false));
    assert_eq!(served(24, 28, None), (31, (31, 30), false), "nothing, and where rows go on");
    assert_eq!(served(15, 28, None), (1, (16, 20), false), "no row follows that was asked for");
    assert_eq!(served(15, 31, None), (1, (16, 20), true));
    assert_eq!(served(15, 0, Some(25)), (1, (16, 20), false), "the next row is newer");
    assert_eq!(served(15, 0, Some(31)), (1, (16, 20), true));
    let mut first_version = |from| {
        let request = BackfillCandlesRequest {
            key: key(A),
            from_exclusive: Some(Seq(from)),
            end_ts: None::<UnixMillis>,
            limit: 0,
            to: None,
            epoch: Epoch::UNSTATED,
        };
        match bench.ask(&Message::BackfillCandlesRequest(request)) {
            Message::BackfillCandlesResponse(page) => {
                (page.start.0, page.candles.len(), page.has_more, page.next.0)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(first_version(0), (1, 20, true, 20));
    assert_eq!(first_version(20), (31, 10, false, 0));
}
