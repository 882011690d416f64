//! What cannot be answered, and what is said then.

use super::*;
use gapless_model::Seq;
use gapless_wire::{BackfillCandlesRequest, ErrorCode, Message, PageRequest, SubscribeCandlesRequest};

#[test]
fn questions_that_cannot_be_served_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = FakeJournal::start(7);
    journal.write(batches(A, 7, 5, 5));
    let mut bench = Bench::start(&journal, folder.path());
    bench.reaches(&key(A), 7, 5);
    eventually(
        "the journal to be read",
        || matches!(bench.ask(&Message::HealthRequest), Message::HealthResponse(health) if health.ok),
    );
    let other = key("candles.sim.OTHER.1m");
    assert_eq!(bench.refused(&Message::GetCursorRequest(other.clone())), ErrorCode::UNKNOWN_STREAM);
    assert_eq!(bench.refused(&Message::StreamStatusRequest(other.clone())), ErrorCode::UNKNOWN_STREAM);
    assert_eq!(bench.refused(&Message::BackfillRequest(request(&other, 0, 0))), ErrorCode::UNKNOWN_STREAM);
    let first = BackfillCandlesRequest {
        key: other.clone(),
        from_exclusive: None,
        end_ts: None,
        limit: 0,
        to: None,
        epoch: Default::default(),
    };
    assert_eq!(bench.refused(&Message::BackfillCandlesRequest(first)), ErrorCode::UNKNOWN_STREAM);
    let state = Message::StateRequest(PageRequest::default());
    assert_eq!(bench.refused(&state), ErrorCode::MALFORMED);
    let (answer, id) = bench.ask_bytes(b"not an envelope");
    assert!(matches!(answer, Message::Error(error) if error.code == ErrorCode::MALFORMED));
    assert_eq!(id, "");
    let subscribe =
        |key| Message::SubscribeCandlesRequest(SubscribeCandlesRequest { key, from_exclusive: None });
    match (bench.ask(&subscribe(key(A))), bench.ask(&subscribe(other))) {
        (Message::SubscribeCandlesAck(known), Message::SubscribeCandlesAck(unknown)) => {
            assert_eq!((known.accepted, known.latest, known.reason.as_str()), (true, Seq(5), ""));
            assert!(!unknown.accepted && unknown.reason.contains("OTHER"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.all(&key(A), 0).len(), 1, "it goes on");
}

#[test]
fn a_stream_that_is_not_known_before_the_journal_was_read_may_come() {
    let folder = tempfile::tempdir().unwrap();
    let journal = FakeJournal::start(7);
    let nobody = |config: &mut crate::Config| {
        config.journal_replay = "tcp://127.0.0.1:1".into();
        config.journal_live = "tcp://127.0.0.1:1".into();
    };
    let mut bench = Bench::start_with(&journal, folder.path(), nobody);
    assert_eq!(bench.refused(&Message::StreamStatusRequest(key(A))), ErrorCode::NOT_READY);
    bench.stop();
}
