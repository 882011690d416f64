//! What a follower is told of records that are gone.

use super::*;
use gapless_follow::{JournalEvent, JournalFollower, JournalSettings};
use gapless_model::{Epoch, SeqRange};
use gapless_protocol::{Begin, Event, TruncateReason};
use gapless_service_kit::HumanDuration;

/// Everything that the follower "archive" is told until it has read as far as `last`: records that it got,
/// ranges that it will not get.
fn follow(service: &Running, applied: u64, last: u64) -> (Vec<u64>, Vec<(SeqRange, TruncateReason)>) {
    let epoch = service.follower().status(false).epoch;
    let begin = Begin::Cursor { epoch, applied: Seq(applied) };
    let mut settings =
        JournalSettings::new(&service.bound.journal_live, &service.bound.journal_replay, begin);
    settings.follower_id = "archive".into();
    let follower = JournalFollower::start(settings).unwrap();
    let (mut records, mut truncated) = (Vec::new(), Vec::new());
    while records.last() != Some(&last) {
        match follower.events().recv_timeout(PATIENCE).expect("the follower goes on") {
            JournalEvent::Record { record, .. } => records.push(record.position.0),
            JournalEvent::Event(Event::Truncated { range, reason, .. }) => truncated.push((range, reason)),
            _ => {}
        }
    }
    (records, truncated)
}

/// Forty records in several segments.
fn fill(service: &Running) -> Epoch {
    let mut producer = service.producer();
    let acks = (1..=40).map(|sequence| producer.ingest("A", sequence, candles(sequence * 3 - 2, 3)).unwrap());
    acks.last().unwrap().epoch
}

#[test]
fn a_follower_that_was_gone_for_longer_than_its_lease_is_told_what_it_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = small_segments(dir.path());
    config.journal.max_bytes = ByteSize(5000);
    config.journal.follower_lease = HumanDuration(Duration::from_millis(1500));
    let service = start(config);
    let acknowledged = Message::JournalStatusRequest(JournalStatusRequest {
        partition: 0,
        follower_id: "archive".into(),
        acknowledged: Position(1),
        with_streams: false,
    });
    service.follower().ask(acknowledged);
    fill(&service);
    let mut look = service.follower();
    assert_eq!(look.status(false).earliest, Position(1), "its lease holds");
    // Each request waits for the service, which tidies up meanwhile.
    while look.status(false).earliest == Position(1) {}
    let (records, truncated) = follow(&service, 1, 40);
    let earliest = look.status(false).earliest.0;
    assert_eq!(truncated, [(SeqRange::new(Seq(2), Seq(earliest)), TruncateReason::Trimmed)]);
    assert_eq!(records, (earliest..=40).collect::<Vec<_>>());
    service.stop();
}
