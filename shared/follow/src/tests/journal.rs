use super::fake_journal::FakeJournal;
use super::*;
use crate::{FollowError, JournalEvent, JournalFollower, JournalSettings};
use gapless_model::{EpochStart, Position};
use gapless_protocol::{Begin, Event};

/// A reader that checks that each position comes once and in order.
struct Reader {
    follower: JournalFollower,
    last: u64,
    events: Vec<JournalEvent>,
}

impl Reader {
    fn start(settings: JournalSettings, after: u64) -> Reader {
        Reader { follower: JournalFollower::start(settings).unwrap(), last: after, events: Vec::new() }
    }

    fn take(&mut self) {
        let Some(event) = self.follower.next_timeout(Duration::from_millis(20)).unwrap() else { return };
        match event {
            JournalEvent::Record { record, batch, epoch, .. } => {
                assert_eq!(record.position.0, self.last + 1, "records twice or missing");
                assert_eq!(batch.start.0, record.position.0);
                assert!(epoch >= record.epoch);
                self.last = record.position.0;
            }
            JournalEvent::Event(Event::Rewind { keep, .. }) => {
                self.last = keep.0;
                self.events.push(event);
            }
            other => self.events.push(other),
        }
    }

    fn until(&mut self, position: u64) {
        eventually(&format!("record {position}"), || {
            self.take();
            (self.last == position).then_some(())
        });
    }
}

fn settings(fake: &FakeJournal, begin: Begin) -> JournalSettings {
    let (live, replay) = fake.addresses();
    JournalSettings { coordinator: hasty(), ..JournalSettings::new(live, replay, begin) }
}

#[test]
fn reads_the_journal_from_its_beginning_and_goes_on_live() {
    let mut fake = FakeJournal::new();
    fake.append(100);
    let mut reader = Reader::start(settings(&fake, Begin::Earliest), 0);
    reader.until(100);
    let first = reader.events.iter().find(|event| !matches!(event, JournalEvent::Event(_)));
    let latest = Position(100);
    let watermark = JournalEvent::Watermark { epoch: EPOCH, earliest: Position(1), latest };
    assert_eq!(first, Some(&watermark), "the watermark is known before the first record");
    eventually("live records come", || {
        fake.publish(3);
        fake.heartbeat();
        reader.take();
        (reader.last >= 110).then_some(())
    });
}

#[test]
fn lost_records_are_read_again_exactly_once() {
    let mut fake = FakeJournal::new();
    let mut seen = 0;
    let fault: gapless_transport::Fault = Box::new(move |_| {
        seen += 1;
        seen % 2 == 0
    });
    let mut reader =
        Reader::start(JournalSettings { fault: Some(fault), ..settings(&fake, Begin::Earliest) }, 0);
    for count in [1, 5, 2, 9, 1, 1, 40, 3, 1, 1] {
        fake.publish(count);
        let latest = fake.log.lock().unwrap().records.len() as u64;
        eventually("everything came", || {
            fake.heartbeat();
            reader.take();
            (reader.last == latest).then_some(())
        });
    }
}

#[test]
fn a_cursor_resumes_and_is_acknowledged_from_the_first_request_on() {
    let fake = FakeJournal::new();
    fake.append(50);
    let cursor = Begin::Cursor { epoch: EPOCH, applied: Seq(40) };
    let settings = JournalSettings { follower_id: "archive".into(), ..settings(&fake, cursor) };
    let mut reader = Reader::start(settings, 40);
    reader.until(50);
    let heard = fake.log.lock().unwrap().heard.clone();
    assert!(heard.iter().all(|heard| *heard == ("archive".into(), 40)), "{heard:?}");
    reader.follower.acknowledge(EPOCH, Position(50));
    eventually("the acknowledgement is told", || {
        reader.take();
        fake.log.lock().unwrap().heard.contains(&("archive".into(), 50)).then_some(())
    });
}

#[test]
fn lost_history_takes_records_back() {
    let mut fake = FakeJournal::new();
    fake.append(100);
    let mut reader = Reader::start(settings(&fake, Begin::Earliest), 0);
    reader.until(100);
    let newer = Epoch(EPOCH.0 + 1);
    {
        let mut log = fake.log.lock().unwrap();
        log.records.truncate(80);
        log.epochs.push(EpochStart { epoch: newer, first_sequence: Seq(81) });
    }
    fake.append(10);
    eventually("the new history is read", || {
        fake.heartbeat();
        reader.take();
        (reader.last == 90).then_some(())
    });
    let rewind = Event::Rewind { from: EPOCH, to: newer, keep: Seq(80) };
    assert!(reader.events.contains(&JournalEvent::Event(rewind)), "{:?}", reader.events);
}

#[test]
fn retired_records_are_skipped_by_who_begins_at_the_oldest() {
    let fake = FakeJournal::new();
    fake.append(100);
    fake.log.lock().unwrap().earliest = 61;
    let mut reader = Reader::start(settings(&fake, Begin::Earliest), 60);
    reader.until(100);
}

#[test]
fn the_sequencers_view_is_told_on_request() {
    let fake = FakeJournal::new();
    fake.append(3);
    let mut reader = Reader::start(settings(&fake, Begin::Earliest), 0);
    reader.follower.request_streams();
    eventually("the streams are told", || {
        reader.take();
        reader.events.iter().any(|event| matches!(event, JournalEvent::Streams(_))).then_some(())
    });
}

#[test]
fn who_only_looks_without_waiting_gets_everything_too() {
    let fake = FakeJournal::new();
    fake.append(20);
    let mut follower = JournalFollower::start(settings(&fake, Begin::Earliest)).unwrap();
    let mut records = 0;
    eventually("all records", || {
        while let Some(event) = follower.next_timeout(Duration::ZERO).unwrap() {
            records += usize::from(matches!(event, JournalEvent::Record { .. }));
        }
        (records == 20).then_some(())
    });
}

#[test]
fn progress_can_be_looked_at() {
    let fake = FakeJournal::new();
    fake.append(20);
    let mut reader = Reader::start(settings(&fake, Begin::Earliest), 0);
    reader.until(20);
    let progress = eventually("progress", || {
        reader.take();
        reader.follower.progress().filter(|progress| progress.applied == Seq(20))
    });
    assert_eq!((progress.epoch, progress.lag()), (EPOCH, 0));
}

#[test]
fn an_unusable_follower_id_is_told_at_once() {
    let address = "tcp://127.0.0.1:1";
    let settings = JournalSettings {
        follower_id: "two words".into(),
        ..JournalSettings::new(address, address, Begin::Earliest)
    };
    assert!(matches!(JournalFollower::start(settings), Err(FollowError::Settings(_))));
}
