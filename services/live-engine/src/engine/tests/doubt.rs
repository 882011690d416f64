//! Records that were lost, and what the journal says of its streams then.

use super::*;
use gapless_model::{StreamStatus, UnixNanos, Watermark};

const NEXT: Epoch = Epoch(9);

/// What the journal says after its record at `latest`.
fn view(epoch: Epoch, latest: u64, streams: &[(&str, u64, Digest)]) -> JournalStatusResponse {
    let status = |(symbol, latest, digest): &(&str, u64, Digest)| StreamStatus {
        key: source_of(symbol),
        watermark: Watermark {
            epoch,
            earliest: Seq::NONE,
            latest: Seq(*latest),
            latest_ts: UnixNanos(0),
            digest: *digest,
        },
        server_time: UnixMillis(0),
        epochs: Vec::new(),
    };
    JournalStatusResponse {
        partition: 0,
        epoch,
        earliest: Position(1),
        latest: Position(latest),
        epochs: Vec::new(),
        streams: streams.iter().map(status).collect(),
        server_time: UnixMillis(0),
    }
}

fn latest(engine: &Engine) -> Vec<(String, u64)> {
    engine.state.iter().map(|(_, stream)| (stream.key.symbol().to_owned(), stream.latest.0)).collect()
}

/// Two records of stream A, one of B; the journal finds the second of A damaged and begins an epoch.
fn damaged() -> (Journal, Engine, Digest) {
    let mut journal = Journal::default();
    journal.append_rows(0, 2);
    let digest = journal.records[0].1.digest;
    journal.append_rows(2, 2);
    journal.append_rows_of("B", 0, 1);
    let mut engine = read(&journal);
    assert!(!engine.poll_view(), "nothing is in doubt");
    engine.handle_watermark(NEXT, Position(1), Position(3));
    assert!(engine.poll_view() && !engine.poll_view(), "asked once");
    (journal, engine, digest)
}

#[test]
fn a_stream_whose_last_record_is_lost_stands_where_the_journal_says() {
    let (journal, mut engine, digest) = damaged();
    engine.handle_view(view(NEXT, 3, &[("A", 2, digest), ("B", 1, journal.records[2].1.digest)]));
    assert_eq!(engine.poll_opened(), []);
    assert_eq!(latest(&engine), [("A".into(), 2), ("B".into(), 1)]);
    let (_, stream) = engine.state.iter().next().unwrap();
    assert_eq!(engine.state.watermark(stream).digest, digest);
    assert_eq!(stream.window(NEXT), None, "which of the rows it has stay is not known");
    assert!(!engine.poll_view(), "nothing is in doubt any more");
}

#[test]
fn numbers_that_are_given_again_are_no_mismatch() {
    let (_, mut engine, digest) = damaged();
    let mut again = Journal::default();
    again.append_rows(0, 2);
    again.append_rows(7, 1);
    let (record, batch) = &again.records[1];
    assert_eq!((batch.start, again.records[0].1.digest), (Seq(3), digest));
    let record = JournalRecord { position: Position(4), epoch: NEXT, ..record.clone() };
    let folded = engine.handle_record(NEXT, &record, batch).unwrap();
    assert_eq!(folded.mismatch, None);
    engine.handle_view(view(NEXT, 3, &[("A", 2, digest)]));
    engine.poll_opened();
    assert_eq!(latest(&engine)[0], ("A".into(), 3), "the view is older than the record");
}

#[test]
fn a_view_waits_for_the_records_that_it_speaks_of() {
    let (mut journal, mut engine, _) = damaged();
    journal.append_rows_of("B", 1, 1);
    let (record, batch) = journal.records[3].clone();
    engine.handle_view(view(NEXT, 4, &[("A", 4, journal.records[1].1.digest), ("B", 2, batch.digest)]));
    engine.poll_opened();
    assert_eq!(latest(&engine), [("A".into(), 4), ("B".into(), 1)]);
    engine.handle_record(NEXT, &record, &batch).unwrap();
    engine.poll_opened();
    assert_eq!(latest(&engine), [("A".into(), 4), ("B".into(), 2)]);
    engine.handle_truncated(Position(5));
    assert!(engine.poll_view(), "records are lost: whose?");
}

#[test]
fn a_view_of_another_epoch_is_asked_for_again() {
    let (_, mut engine, digest) = damaged();
    engine.handle_view(view(EPOCH, 3, &[("A", 2, digest)]));
    assert_eq!(engine.poll_opened(), []);
    assert_eq!(latest(&engine)[0], ("A".into(), 4));
    assert!(engine.poll_view());
}

#[test]
fn a_stream_that_lost_all_its_records_is_known_all_the_same() {
    let (journal, mut engine, _) = damaged();
    engine.handle_truncated(Position(4));
    assert!(engine.poll_view());
    let ends: Vec<Digest> = journal.records[1..].iter().map(|(_, batch)| batch.digest).collect();
    engine.handle_view(view(NEXT, 4, &[("A", 4, ends[0]), ("B", 1, ends[1]), ("C", 7, Digest(5))]));
    assert_eq!(engine.poll_opened(), [StreamIndex(2)]);
    assert_eq!(latest(&engine)[2], ("C".into(), 7));
    let (_, c) = engine.state.iter().nth(2).unwrap();
    assert_eq!(engine.state.watermark(c).latest, Seq(7));
}

#[test]
fn derived_bars_that_a_journal_lost_are_sent_to_it_again() {
    let mut journal = Journal::default();
    journal.append_rows(0, 6);
    let mut engine = read(&journal);
    let send = engine.outbox.poll_send(MonoTime(0)).unwrap();
    engine.outbox.handle_reply(send.id, crate::outbox::Reply::Accepted, MonoTime(0));
    assert!(engine.outbox.is_empty(), "acknowledged, and not shown yet");
    engine.handle_watermark(NEXT, Position(1), Position(1));
    let again = engine.outbox.poll_send(MonoTime(0)).unwrap();
    assert_eq!(again.batch.rows, send.batch.rows);
}
