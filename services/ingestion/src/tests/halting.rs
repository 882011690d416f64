//! A journal whose files are not what they were.

use super::*;
use gapless_follow::{JournalEvent, JournalFollower, JournalSettings};
use gapless_protocol::{Begin, Event};

fn writable() -> (bool, String) {
    let conditions = gapless_service_kit::health::snapshot(Some(crate::SERVICE));
    let condition = conditions.into_iter().find(|condition| condition.name == "journal-writable").unwrap();
    (condition.ok, condition.reason)
}

/// Each request waits for the service, which looks meanwhile.
fn wait_until_not_writable(service: &Running) -> String {
    let mut look = service.follower();
    while writable().0 {
        look.status(false);
    }
    writable().1
}

fn acknowledge(service: &Running, epoch: Epoch, position: u64) {
    let request = JournalStatusRequest {
        partition: 0,
        follower_id: "archive".into(),
        acknowledged: Position(position),
        with_streams: false,
        acknowledged_epoch: epoch,
    };
    let answer = service.follower().ask(Message::JournalStatusRequest(request));
    assert!(matches!(answer, Message::JournalStatusResponse(_)), "{answer:?}");
}

/// Prices by position, of all that a follower at `applied` in `epoch` gets up to position `last`, and where it
/// was told to go back to.
fn follow(service: &Running, epoch: Epoch, applied: u64, last: u64) -> (Vec<(u64, f64)>, Vec<Seq>) {
    let begin = Begin::Cursor { epoch, applied: Seq(applied) };
    let settings = JournalSettings::new(&service.bound.journal_live, &service.bound.journal_replay, begin);
    let mut follower = JournalFollower::start(settings).unwrap();
    let (mut records, mut rewinds): (Vec<(u64, f64)>, Vec<Seq>) = (Vec::new(), Vec::new());
    while records.last().is_none_or(|(at, _)| *at != last) {
        match follower.next_timeout(PATIENCE).unwrap().expect("the follower goes on") {
            JournalEvent::Record { record, batch, epoch, .. } => {
                let Rows::Candles(rows) = &batch.rows else { panic!("no candles") };
                assert_eq!((record.epoch, batch.epoch), (epoch, epoch));
                records.push((record.position.0, rows[0].open));
            }
            JournalEvent::Event(Event::Rewind { keep, .. }) => rewinds.push(keep),
            JournalEvent::Event(Event::Truncated { range, .. }) => panic!("{range} is not told"),
            _ => {}
        }
    }
    (records, rewinds)
}

#[test]
fn an_older_copy_takes_nothing_more_once_a_follower_knows_better_and_goes_on_in_a_new_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let mut producer = service.producer();
    for sequence in 1..=3 {
        producer.ingest("A", sequence, candles(sequence, 1)).unwrap();
    }
    let older = snapshot(dir.path());
    for sequence in 4..=6 {
        producer.ingest("A", sequence, candles(sequence, 1)).unwrap();
    }
    drop(producer);
    let old = service.follower().status(false).epoch;
    service.stop();

    let service = start(config(older.path()));
    let mut producer = service.producer();
    for sequence in 4..=5 {
        let ack = producer.ingest("A", sequence, candles(100 + sequence, 1)).unwrap();
        assert_eq!((ack.epoch, ack.position.0), (old, sequence), "nobody knows yet");
    }
    acknowledge(&service, old, 6);
    let nack = producer.ingest("A", 6, candles(106, 1)).unwrap_err();
    assert_eq!(nack.error.code.0, 503);
    assert!(nack.error.retry_after_ms > 0);
    let reason = wait_until_not_writable(&service);
    for text in [reason, nack.error.message] {
        assert!(
            text.contains("\"archive\" has acknowledged record 6") && text.contains("older copy"),
            "{text}"
        );
    }
    drop(producer);
    service.stop();

    let service = start(config(older.path()));
    let status = service.follower().status(true);
    let epochs: Vec<_> = status.epochs.iter().map(|start| start.first_sequence.0).collect();
    let of_stream: Vec<_> = status.streams[0].epochs.iter().map(|start| start.first_sequence.0).collect();
    assert_eq!((epochs, of_stream), (vec![1, 4], vec![1, 4]));
    assert!(status.epoch > old && writable().0);
    let ack = service.producer().ingest("A", 6, candles(106, 1)).unwrap();
    assert_eq!((ack.epoch, ack.position.0, range(&ack)), (status.epoch, 6, (6, 6)));
    let others = vec![(4, 104.0), (5, 105.0), (6, 106.0)];
    assert_eq!(follow(&service, old, 6, 6), (others, vec![Seq(3)]));
    service.stop();
}

#[test]
fn a_folder_that_is_taken_away_is_noticed_without_a_row_and_nothing_more_is_taken() {
    let above = tempfile::tempdir().unwrap();
    let dir = above.path().join("journal");
    let service = start(config(&dir));
    let mut producer = service.producer();
    producer.ingest("A", 1, candles(1, 1)).unwrap();
    std::fs::rename(&dir, above.path().join("elsewhere")).unwrap();
    let reason = wait_until_not_writable(&service);
    assert!(reason.contains("removed, moved or replaced"), "{reason}");
    let nack = producer.ingest("A", 2, candles(2, 1)).unwrap_err();
    assert_eq!(nack.error.code.0, 503, "{}", nack.error.message);
    drop(producer);
    service.shutdown.request();
    assert!(service.thread.join().unwrap().is_err(), "the stop was no proper one");
    assert!(!dir.exists());
}
