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
    let mut follower = JournalFollower::start(settings).unwrap();
    let (mut records, mut truncated) = (Vec::new(), Vec::new());
    while records.last() != Some(&last) {
        match follower.next_timeout(PATIENCE).unwrap().expect("the follower goes on") {
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
fn a_flipped_bit_costs_a_follower_one_record_and_it_is_told_which() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(small_segments(dir.path()));
    fill(&service);
    let damaged: u64 = 18;
    let whole = service.follower().read(damaged, 1).records.remove(0);
    let (path, at) = segments(dir.path())
        .into_iter()
        .find_map(|path| {
            let bytes = std::fs::read(&path).unwrap();
            let at = bytes.windows(whole.len()).position(|window| window == whole)?;
            Some((path, at))
        })
        .unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[at + whole.len() / 2] ^= 4;
    std::fs::write(&path, &bytes).unwrap();

    let (records, truncated) = follow(&service, 0, 40);
    let range = SeqRange::of_len(Seq(damaged), 1);
    assert_eq!(truncated, [(range, TruncateReason::NotServed)]);
    assert_eq!(records, (1..=40).filter(|at| *at != damaged).collect::<Vec<_>>());
    service.stop();
}

#[test]
fn a_flipped_bit_in_the_newest_segment_does_not_keep_the_service_from_starting() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let epoch = fill(&service);
    service.stop();
    let path = segments(dir.path()).pop().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let service = start(config(dir.path()));
    let status = service.follower().status(true);
    assert_eq!((status.latest.0, status.epochs.len()), (40, 2));
    assert!(status.epoch > epoch);
    assert_eq!(latest(&status), [("A".to_owned(), Seq(120))]);
    let ack = service.producer().ingest("A", 41, candles(121, 3)).unwrap();
    assert_eq!((ack.position.0, range(&ack)), (41, (121, 123)));
    service.stop();
}

fn segments(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut paths: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    paths.sort();
    paths
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
        acknowledged_epoch: Epoch::UNSTATED,
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
