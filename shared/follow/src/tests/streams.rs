use super::fake_streams::{FakeStreams, Trouble};
use super::*;
use crate::{Progress, Select, StreamBegin, StreamEvent, StreamFollower, StreamSettings};
use gapless_model::EpochStart;
use gapless_protocol::{Begin, Event, Health, Source, TruncateReason};
use gapless_transport::Fault;
use std::collections::BTreeMap;

/// An application that keeps what it was handed, and checks that each row came once and in order.
pub(super) struct Application {
    pub(super) follower: StreamFollower,
    pub(super) latest: BTreeMap<StreamKey, u64>,
    pub(super) first: BTreeMap<StreamKey, u64>,
    pub(super) events: Vec<Event>,
    pub(super) found: Vec<StreamKey>,
    pub(super) replayed: u64,
    pub(super) progress: BTreeMap<StreamKey, Progress>,
}

impl Application {
    pub(super) fn start(settings: StreamSettings, begin: StreamBegin) -> Application {
        let follower = StreamFollower::start(settings, Box::new(move |_| begin)).unwrap();
        Application {
            follower,
            latest: BTreeMap::new(),
            first: BTreeMap::new(),
            events: Vec::new(),
            found: Vec::new(),
            replayed: 0,
            progress: BTreeMap::new(),
        }
    }

    /// Follows one stream of `fake` from its oldest row.
    fn of(fake: &FakeStreams, key: &StreamKey) -> Application {
        Application::start(settings(fake, key), StreamBegin::Log(Begin::Earliest))
    }

    pub(super) fn take(&mut self, wait: Duration) -> bool {
        let Some(event) = self.follower.next_timeout(wait).unwrap() else { return false };
        match event {
            StreamEvent::Stream { key } => self.found.push(key),
            StreamEvent::Batch { batch, epoch, source } => self.take_rows(&batch, epoch, source),
            StreamEvent::Event { key, event } => {
                if let Event::Rewind { keep, .. } = event {
                    self.latest.insert(key, keep.0);
                }
                self.events.push(event);
            }
            StreamEvent::Progress { key, progress } => {
                self.progress.insert(key, progress);
            }
        }
        true
    }

    fn take_rows(&mut self, batch: &Batch, epoch: Epoch, source: Source) {
        assert!(!batch.rows.is_empty());
        assert!(epoch >= batch.epoch);
        let range = batch.range();
        let first = *self.first.entry(batch.key.clone()).or_insert(range.start().0);
        let latest = self.latest.entry(batch.key.clone()).or_insert(first - 1);
        assert_eq!(range.start().0, *latest + 1, "{}: rows twice or missing", batch.key);
        *latest = range.last().0;
        let expected: Vec<Candle> = (range.start().0..range.end().0).map(row).collect();
        assert_eq!(batch.rows, Rows::Candles(expected));
        self.replayed += if source == Source::Replay { range.len() } else { 0 };
    }

    /// Reads until `key` has come to `latest`.
    pub(super) fn until(&mut self, key: &StreamKey, latest: u64) {
        eventually(&format!("{key} at {latest}: {:?}", self.latest), || {
            let there = self.latest.get(key) == Some(&latest);
            if !there {
                self.take(Duration::from_millis(20));
            }
            there.then_some(())
        });
    }

    fn until_event(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        eventually(what, || {
            self.take(Duration::from_millis(20));
            self.events.iter().find(|event| wanted(event)).cloned()
        })
    }

    /// Publishes single rows until the live feed brings one: only then is it known to be joined.
    pub(super) fn join(&mut self, fake: &mut FakeStreams, key: &StreamKey) {
        let before = self.replayed;
        eventually("the live feed is joined", || {
            fake.publish(key, 1);
            while self.take(Duration::from_millis(10)) {}
            let latest = self.latest.get(key).copied().unwrap_or(0);
            let world = fake.world.lock().unwrap().latest[key];
            let live = latest - self.first.get(key).map_or(latest, |first| first - 1) > self.replayed;
            (live && latest == world).then_some(())
        });
        assert!(self.replayed >= before);
    }
}

fn settings(fake: &FakeStreams, key: &StreamKey) -> StreamSettings {
    let (live, replay) = fake.addresses();
    let settings = StreamSettings::new(live, replay, Select::Topics(vec![key.clone()]));
    StreamSettings { coordinator: hasty(), ..settings }
}

/// Loses every `nth` live message.
fn losing(nth: usize) -> Option<Fault> {
    let mut seen = 0;
    Some(Box::new(move |_| {
        seen += 1;
        seen % nth != 0
    }))
}

#[test]
fn a_late_joiner_gets_every_row_from_the_oldest_on() {
    let (mut fake, key) = (FakeStreams::new(), key("A"));
    fake.append(&key, 1000);
    fake.edit(|world| world.page = 64);
    let mut application = Application::of(&fake, &key);
    application.until(&key, 1000);
    application.join(&mut fake, &key);
    assert_eq!(application.first[&key], 1);
    assert_eq!(application.found, [key]);
}

#[test]
fn lost_live_batches_are_replayed_exactly_once_and_in_order() {
    let (mut fake, key) = (FakeStreams::new(), key("A"));
    let settings = StreamSettings { fault: losing(2), ..settings(&fake, &key) };
    let mut application = Application::start(settings, StreamBegin::Log(Begin::Earliest));
    application.join(&mut fake, &key);
    for rows in [1, 5, 2, 9, 1, 1, 30, 4, 1, 1, 1, 7, 1] {
        fake.publish(&key, rows);
        let latest = fake.world.lock().unwrap().latest[&key];
        fake.heartbeat(&key);
        fake.heartbeat(&key);
        application.until(&key, latest);
    }
    let healed = application.events.iter().filter(|event| matches!(event, Event::GapHealed(_))).count();
    assert!(healed >= 2, "{:?}", application.events);
}

#[test]
fn a_lost_tail_is_healed_by_the_next_heartbeat() {
    let (mut fake, key) = (FakeStreams::new(), key("A"));
    let mut application = Application::of(&fake, &key);
    application.join(&mut fake, &key);
    let latest = application.latest[&key];
    fake.append(&key, 20);
    fake.heartbeat(&key);
    application.until(&key, latest + 20);
}

#[test]
fn batches_that_come_again_or_overlap_are_handed_over_once() {
    let (mut fake, key) = (FakeStreams::new(), key("A"));
    let mut application = Application::of(&fake, &key);
    application.join(&mut fake, &key);
    let latest = application.latest[&key];
    fake.append(&key, 10);
    fake.send(&key, latest + 1, latest + 4);
    fake.send(&key, latest + 1, latest + 4);
    fake.send(&key, latest + 3, latest + 10);
    application.until(&key, latest + 10);
}

#[test]
fn every_trouble_of_the_replay_side_is_outlived() {
    use Trouble::*;
    for trouble in [NoReply, Busy, Internal, WrongDigest, WrongRows, Garbage] {
        let (fake, key) = (FakeStreams::new(), key("A"));
        fake.append(&key, 100);
        fake.edit(|world| {
            world.page = 40;
            world.troubles.extend([trouble, trouble]);
        });
        let mut application = Application::of(&fake, &key);
        application.until(&key, 100);
        assert_eq!(fake.world.lock().unwrap().troubles.len(), 0, "{trouble:?} was met");
        let lost = application.events.iter().any(|event| matches!(event, Event::Truncated { .. }));
        assert!(!lost, "{trouble:?}: {:?}", application.events);
    }
}

#[test]
fn a_replay_side_that_comes_late_or_again_is_found() {
    let (mut fake, key) = (FakeStreams::new(), key("A"));
    fake.append(&key, 50);
    fake.stop_server();
    let mut application = Application::of(&fake, &key);
    assert!(!application.take_rows_within(Duration::from_millis(400)));
    fake.start_server();
    application.until(&key, 50);
    application.join(&mut fake, &key);
    fake.stop_server();
    let latest = application.latest[&key];
    fake.append(&key, 10);
    fake.publish(&key, 1);
    fake.start_server();
    application.until(&key, latest + 11);
}

impl Application {
    fn take_rows_within(&mut self, wait: Duration) -> bool {
        let end = Instant::now() + wait;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.take(left);
        }
        !self.latest.is_empty()
    }
}

#[test]
fn a_slow_application_stops_the_reading_and_still_gets_everything() {
    let (mut fake, key) = (FakeStreams::new(), key("A"));
    let settings = StreamSettings { queue: 1, receive_limit: 2, ..settings(&fake, &key) };
    let mut application = Application::start(settings, StreamBegin::Log(Begin::Earliest));
    application.join(&mut fake, &key);
    for _ in 0..3000 {
        fake.publish(&key, 1);
    }
    let latest = fake.world.lock().unwrap().latest[&key];
    fake.heartbeat(&key);
    eventually("everything came", || {
        application.take(Duration::from_millis(50));
        fake.heartbeat(&key);
        (application.latest[&key] == latest).then_some(())
    });
}

#[test]
fn a_cursor_resumes_after_its_row() {
    let (fake, key) = (FakeStreams::new(), key("A"));
    fake.append(&key, 100);
    let cursor = Begin::Cursor { epoch: EPOCH, applied: Seq(90) };
    let mut application = Application::start(settings(&fake, &key), StreamBegin::Log(cursor));
    application.until(&key, 100);
    assert_eq!(application.first[&key], 91);
}

#[test]
fn a_time_is_resolved_to_its_first_row() {
    let (mut fake, key) = (FakeStreams::new(), key("A"));
    fake.append(&key, 100);
    let just_after_40 = UnixMillis(40 * 60_000 + 1).to_nanos();
    let mut application = Application::start(settings(&fake, &key), StreamBegin::Time(just_after_40));
    application.until(&key, 100);
    assert_eq!(application.first[&key], 41);

    let future = UnixMillis(i64::from(u32::MAX) * 1000).to_nanos();
    let mut application = Application::start(settings(&fake, &key), StreamBegin::Time(future));
    eventually("the time is resolved", || {
        application.take(Duration::from_millis(10));
        fake.heartbeat(&key);
        application.progress.get(&key).copied().filter(|progress| progress.applied == Seq(100))
    });
    fake.publish(&key, 1);
    fake.heartbeat(&key);
    application.until(&key, 101);
    assert_eq!(application.first[&key], 101, "only what is newer");
}

#[test]
fn a_time_waits_for_a_replay_side_that_is_away() {
    let (mut fake, key) = (FakeStreams::new(), key("A"));
    fake.append(&key, 10);
    fake.stop_server();
    let since = UnixMillis(4 * 60_000).to_nanos();
    let mut application = Application::start(settings(&fake, &key), StreamBegin::Time(since));
    assert!(!application.take_rows_within(Duration::from_millis(700)));
    fake.start_server();
    application.until(&key, 10);
    assert_eq!(application.first[&key], 4);
}

#[test]
fn rows_that_were_retired_are_reported_as_truncated() {
    let (fake, key) = (FakeStreams::new(), key("A"));
    fake.append(&key, 100);
    fake.edit(|world| world.earliest = 61);
    let cursor = Begin::Cursor { epoch: EPOCH, applied: Seq(50) };
    let mut application = Application::start(settings(&fake, &key), StreamBegin::Log(cursor));
    application.until(&key, 100);
    let truncated =
        application.until_event("the loss is told", |event| matches!(event, Event::Truncated { .. }));
    let Event::Truncated { range, reason, .. } = truncated else { unreachable!() };
    assert_eq!((range.start(), range.last()), (Seq(51), Seq(60)));
    assert_eq!(reason, TruncateReason::Trimmed);
    assert_eq!(application.first[&key], 61);
}

#[test]
fn a_lost_history_takes_rows_back() {
    let (mut fake, key) = (FakeStreams::new(), key("A"));
    fake.append(&key, 100);
    let mut application = Application::of(&fake, &key);
    application.until(&key, 100);
    let newer = Epoch(EPOCH.0 + 1);
    fake.edit(|world| {
        world.epochs.push(EpochStart { epoch: newer, first_sequence: Seq(81) });
        world.latest.insert(super::key("A"), 90);
    });
    eventually("the rewind is told", || {
        fake.heartbeat(&key);
        application.take(Duration::from_millis(20));
        application.events.iter().find(|event| matches!(event, Event::Rewind { .. })).cloned()
    });
    application.until(&key, 90);
    assert!(application.events.contains(&Event::Rewind { from: EPOCH, to: newer, keep: Seq(80) }));
}

#[test]
fn progress_tells_health_and_counts() {
    let (mut fake, key) = (FakeStreams::new(), key("A"));
    let settings = StreamSettings { fault: losing(4), ..settings(&fake, &key) };
    let mut application = Application::start(settings, StreamBegin::Log(Begin::Earliest));
    application.join(&mut fake, &key);
    for _ in 0..20 {
        fake.publish(&key, 1);
    }
    let latest = fake.world.lock().unwrap().latest[&key];
    let progress = eventually("progress is told", || {
        fake.heartbeat(&key);
        application.take(Duration::from_millis(20));
        application.progress.get(&key).copied().filter(|progress| {
            progress.applied == Seq(latest) && progress.counts.gaps_found > 0 && progress.lag() == 0
        })
    });
    assert_eq!(progress.epoch, EPOCH);
    assert_eq!(progress.counts.gaps_found, progress.counts.gaps_healed);
    assert!(matches!(progress.health, Health::Receiving | Health::Subscribed), "{:?}", progress.health);
}

#[test]
fn a_lost_live_feed_is_told_as_disconnected() {
    let (mut fake, key) = (FakeStreams::new(), key("A"));
    let mut application = Application::of(&fake, &key);
    application.join(&mut fake, &key);
    fake.live = gapless_transport::Publisher::bind(
        &fake.context,
        ANY,
        gapless_transport::PublisherSettings::default(),
    )
    .unwrap();
    application.until_event("the loss is told", |event| *event == Event::Health(Health::Disconnected));
}
