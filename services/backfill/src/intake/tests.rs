use super::pending::{HELD_EVENTS, PENDING_ROWS};
use super::*;
use crate::hot::{Hot, HotLimits};
use crate::samples::{batch, key, warnings};
use gapless_model::{StreamKey, StreamStatus, UnixMillis, UnixNanos, Watermark};
use gapless_protocol::{Source, TruncateReason};
use gapless_wire::{Message, encode_message};

const A: &str = "candles.sim.A.1m";
const EVERY: Duration = Duration::from_millis(200);

/// An intake with an archive that does as it is told, unless it is full.
struct Rig {
    intake: Intake,
    hot: SharedHot,
    position: Position,
    epoch: Epoch,
    is_full: bool,
    now: MonoTime,
    /// Everything that was told, in order.
    told: Vec<Output>,
}

impl Rig {
    fn new() -> Rig {
        Rig::at(0, 0)
    }

    fn at(position: u64, epoch: u64) -> Rig {
        let limits = HotLimits { stream_rows: 10_000, stream_bytes: 1 << 20, total_bytes: 1 << 20 };
        let hot = SharedHot::new(Hot::new(limits));
        let (position, epoch) = (Position(position), Epoch(epoch));
        let intake = Intake::new(EVERY, hot.clone(), position, epoch);
        Rig { intake, hot, position, epoch, is_full: false, now: MonoTime(0), told: Vec::new() }
    }

    fn tell(&mut self, event: JournalEvent) {
        self.intake.handle_input(Input::Journal(event), self.now);
        self.drain();
    }

    fn event(&mut self, event: Event) {
        self.tell(JournalEvent::Event(event));
    }

    fn record(&mut self, position: u64, batch: Batch) {
        self.tell(record(position, batch));
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        self.intake.handle_timeout(self.now);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.intake.poll_output() {
            self.told.push(output.clone());
            let Output::Write(write) = output else { continue };
            let done = if self.is_full {
                Input::Failed { write, reason: "no space".into() }
            } else {
                self.write(&write);
                Input::Written { position: self.position, epoch: self.epoch }
            };
            self.intake.handle_input(done, self.now);
        }
    }

    fn write(&mut self, write: &Write) {
        match write {
            Write::Commit(records) => {
                for (position, batch) in records {
                    assert!(self.position == Position::NONE || *position == self.position.next());
                    (self.position, self.epoch) = (*position, self.epoch.max(batch.epoch));
                }
            }
            Write::Rewind { keep, to, .. } => {
                (self.position, self.epoch) = (self.position.min(*keep), *to);
            }
            Write::Reset { to } => (self.position, self.epoch) = (Position::NONE, *to),
            Write::SkipTo { position, epoch } => (self.position, self.epoch) = (*position, *epoch),
            Write::TakeView { .. } => {}
        }
    }

    /// What was told since the last look.
    fn told(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.told)
    }

    fn latest(&self) -> Option<Seq> {
        self.hot.read(|hot| hot.tail(&key(A)).map(|tail| tail.rows.last()))
    }
}

fn record(position: u64, batch: Batch) -> JournalEvent {
    let record = JournalRecord {
        partition: 0,
        position: Position(position),
        epoch: batch.epoch,
        producer_id: String::new(),
        producer_sequence: 0,
        content_hash: 0,
        batch: encode_message(&Message::Batch(batch.clone()), ""),
    };
    JournalEvent::Record { record, epoch: batch.epoch, batch, source: Source::Live }
}

fn rows(from: u64, to: u64) -> Batch {
    batch(&key(A), 7, from, to)
}

fn truncated(epoch: u64, from: u64, to: u64) -> Event {
    let range = SeqRange::new(Seq(from), Seq(to + 1));
    Event::Truncated { epoch: Epoch(epoch), range, reason: TruncateReason::Trimmed }
}

fn acknowledge(epoch: u64, position: u64) -> Output {
    Output::Acknowledge { epoch: Epoch(epoch), position: Position(position) }
}

fn take_back(epoch: u64, position: u64) -> Output {
    Output::TakeBack { epoch: Epoch(epoch), position: Position(position) }
}

fn skip_to(epoch: u64, position: u64) -> Output {
    Output::Write(Write::SkipTo { epoch: Epoch(epoch), position: Position(position) })
}

fn streams(epoch: u64, position: u64, of: &[(&str, u64)]) -> JournalEvent {
    let status = |(topic, latest): &(&str, u64)| StreamStatus {
        key: topic.parse::<StreamKey>().unwrap(),
        watermark: Watermark {
            epoch: Epoch(epoch),
            earliest: Seq::FIRST,
            latest: Seq(*latest),
            latest_ts: UnixNanos(0),
            digest: Default::default(),
        },
        server_time: UnixMillis(0),
        epochs: Vec::new(),
    };
    JournalEvent::Streams(JournalStatusResponse {
        partition: 0,
        epoch: Epoch(epoch),
        earliest: Position(1),
        latest: Position(position),
        epochs: Vec::new(),
        streams: of.iter().map(status).collect(),
        server_time: UnixMillis(0),
    })
}

fn watermark(epoch: u64) -> JournalEvent {
    JournalEvent::Watermark { epoch: Epoch(epoch), earliest: Position(1), latest: Position(9) }
}

/// Positions of the records of a commit; nothing else may have been told.
fn committed(told: &[Output]) -> Vec<u64> {
    let records = told.iter().filter_map(|output| match output {
        Output::Write(Write::Commit(records)) => Some(records),
        _ => None,
    });
    records.flatten().map(|(position, _)| position.0).collect()
}

#[test]
fn a_record_is_served_at_once_and_acknowledged_after_its_commit() {
    let mut rig = Rig::new();
    assert_eq!(rig.intake.begin(), Begin::Earliest);
    rig.record(1, rows(1, 3));
    rig.record(2, rows(4, 6));
    assert_eq!((rig.latest(), rig.told()), (Some(Seq(6)), vec![]));
    assert_eq!(rig.intake.poll_timeout(), Some((MonoTime(0).after(EVERY), "commit")));
    rig.pass(EVERY);
    let told = rig.told();
    assert_eq!((committed(&told), told.last()), (vec![1, 2], Some(&acknowledge(7, 2))));
    assert_eq!(rig.intake.poll_timeout(), None, "nothing is pending");
    assert_eq!(rig.intake.begin(), Begin::Cursor { epoch: Epoch(7), applied: Seq(2) });
}

#[test]
fn an_empty_archive_of_a_journal_that_begins_later_says_what_is_gone() {
    let first = |position: u64, first: u64| {
        warnings(|| {
            let mut rig = Rig::at(position, 7);
            rig.record(first, rows(1, 3));
            rig.record(first + 1, rows(4, 6));
        })
    };
    assert_eq!(first(0, 1), [""; 0]);
    assert_eq!(first(4, 5), [""; 0]);
    let told = first(0, 5);
    assert!(matches!(&told[..], [told] if told.contains("archive is empty")), "{told:?}");
}

#[test]
fn many_rows_are_committed_without_waiting() {
    let mut rig = Rig::new();
    let mut position = 0;
    while rig.told.is_empty() {
        position += 1;
        rig.record(position, rows(position * 5000 - 4999, position * 5000));
    }
    assert_eq!(position, PENDING_ROWS / 5000);
    assert_eq!(rig.intake.position(), Position(position));
}

#[test]
fn what_the_archive_does_not_take_is_tried_again_until_somebody_has_to_look() {
    let mut rig = Rig::new();
    rig.is_full = true;
    rig.record(1, rows(1, 3));
    rig.pass(EVERY);
    assert!(matches!(rig.told().as_slice(), [Output::Write(_), Output::Unwritable { .. }]));
    rig.record(2, rows(4, 6));
    assert_eq!((rig.latest(), rig.intake.takes_events()), (Some(Seq(6)), true), "it still serves");
    rig.is_full = false;
    rig.pass(RETRY_EVERY);
    let told = rig.told();
    assert_eq!(committed(&told), [1, 2]);
    assert_eq!(told.get(1..), Some([Output::Writable, acknowledge(7, 2)].as_slice()));
    rig.is_full = true;
    rig.record(3, rows(7, 9));
    for _ in 0..62 {
        rig.pass(RETRY_EVERY);
    }
    assert!(matches!(rig.told().last(), Some(Output::GiveUp { .. })));
}

#[test]
fn the_journal_keeps_what_does_not_fit_while_the_archive_takes_nothing() {
    let mut rig = Rig::new();
    rig.is_full = true;
    let mut position = 0;
    while rig.intake.takes_events() {
        position += 1;
        rig.record(position, rows(position * 5000 - 4999, position * 5000));
    }
    assert_eq!(rig.intake.pending_rows(), PENDING_ROWS);
    rig.record(position + 1, rows(position * 5000 + 1, position * 5000 + 1));
    assert_eq!(rig.intake.pending_rows(), PENDING_ROWS, "it waits for its turn");
    rig.is_full = false;
    rig.pass(RETRY_EVERY);
    rig.pass(EVERY);
    assert_eq!(committed(&rig.told()).last(), Some(&(position + 1)));
}

#[test]
fn a_rewind_waits_for_the_journals_view_and_then_goes_on_in_order() {
    let mut rig = Rig::at(10, 7);
    rig.record(11, rows(101, 103));
    rig.record(12, rows(104, 106));
    rig.event(Event::Rewind { from: Epoch(7), to: Epoch(9), keep: Seq(11) });
    assert!(matches!(rig.told().as_slice(), [Output::Behind { .. }, Output::RequestStreams]));
    assert_eq!(rig.latest(), None, "what the journal lost is not served");
    rig.event(truncated(9, 12, 13));
    rig.record(14, batch(&key(A), 9, 104, 110));
    rig.tell(streams(7, 12, &[(A, 106)]));
    assert_eq!(rig.told(), [Output::RequestStreams], "that was an answer from before");
    rig.tell(streams(9, 14, &[(A, 110)]));
    let told = rig.told();
    assert_eq!(committed(&told), [11], "what stays is committed first");
    let Some(Output::Write(Write::Rewind { keep, from, to, .. })) = told.get(2) else { panic!("{told:?}") };
    assert_eq!((*keep, *from, *to), (Position(11), Epoch(7), Epoch(9)));
    assert_eq!(told.get(3), Some(&take_back(9, 11)));
    assert_eq!(told.get(4), Some(&skip_to(9, 13)), "in its place");
    assert_eq!((rig.latest(), rig.position), (Some(Seq(110)), Position(13)));
    rig.pass(EVERY);
    assert_eq!(committed(&rig.told()), [14]);
}

#[test]
fn a_second_rewind_during_the_first_takes_back_more() {
    let mut rig = Rig::at(10, 7);
    rig.event(Event::Rewind { from: Epoch(7), to: Epoch(9), keep: Seq(8) });
    rig.record(9, batch(&key(A), 9, 90, 91));
    rig.record(10, batch(&key(A), 9, 92, 93));
    rig.event(Event::Rewind { from: Epoch(9), to: Epoch(11), keep: Seq(9) });
    rig.tell(streams(11, 9, &[(A, 91)]));
    let told = rig.told();
    assert!(told.contains(&take_back(11, 8)));
    assert_eq!(rig.latest(), Some(Seq(91)), "record 9 stays, record 10 is lost");
}

#[test]
fn a_journal_that_never_tells_its_streams_is_followed_anew() {
    let mut rig = Rig::at(10, 7);
    rig.event(Event::Rewind { from: Epoch(7), to: Epoch(9), keep: Seq(8) });
    rig.told();
    let one = batch(&key(A), 9, 1, 1);
    for position in (9..).take(HELD_EVENTS) {
        rig.record(position, one.clone());
    }
    let begin = Begin::Cursor { epoch: Epoch(7), applied: Seq(10) };
    assert_eq!(rig.told(), [Output::FollowAnew(begin)]);
}

#[test]
fn another_journal_begins_another_archive() {
    let mut rig = Rig::at(10, 7);
    rig.record(11, rows(101, 103));
    rig.event(Event::Reset { from: Epoch(7), to: Epoch(9) });
    let told = rig.told();
    assert_eq!(committed(&told), [11], "the old archive is kept whole");
    assert!(told.contains(&Output::Write(Write::Reset { to: Epoch(9) })));
    assert_eq!(told.last(), Some(&take_back(9, 0)));
    rig.record(1, batch(&key(A), 9, 1, 2));
    assert_eq!(rig.latest(), Some(Seq(2)));
    rig.pass(EVERY);
    assert_eq!(rig.told().last(), Some(&acknowledge(9, 1)));
}

#[test]
fn records_that_the_journal_no_longer_has_are_skipped_after_what_came_before() {
    let mut rig = Rig::at(10, 7);
    rig.record(11, rows(101, 103));
    rig.event(truncated(7, 12, 20));
    let told = rig.told();
    assert_eq!(committed(&told), [11]);
    assert!(told.contains(&skip_to(7, 20)));
    rig.record(21, rows(201, 203));
    rig.pass(EVERY);
    assert_eq!(committed(&rig.told()), [21]);
}

#[test]
fn a_view_is_taken_over_once_all_that_it_speaks_of_is_stored() {
    let mut rig = Rig::at(10, 7);
    rig.tell(watermark(7));
    rig.record(11, rows(101, 103));
    rig.event(Event::CaughtUp { at: Seq(11) });
    assert_eq!(rig.told(), [Output::Ready, Output::RequestStreams]);
    rig.tell(streams(7, 12, &[(A, 106)]));
    rig.pass(EVERY);
    assert_eq!(committed(&rig.told()), [11], "record 12 is on its way");
    rig.record(12, rows(104, 106));
    let told = rig.told();
    assert_eq!(committed(&told), [12]);
    assert!(matches!(told.last(), Some(Output::Write(Write::TakeView { streams })) if streams.len() == 1));
    rig.tell(watermark(7));
    assert_eq!(rig.told(), [], "it is known now");
    rig.event(truncated(7, 13, 14));
    assert_eq!(rig.told().last(), Some(&Output::RequestStreams), "which rows are missing?");
    rig.tell(streams(7, 14, &[(A, 112)]));
    assert!(matches!(rig.told().as_slice(), [Output::Write(Write::TakeView { .. })]));
    rig.tell(watermark(9));
    assert_eq!(rig.told(), [Output::RequestStreams], "an epoch changes histories");
}

#[test]
fn a_view_of_an_epoch_that_is_over_is_not_taken_over() {
    let mut rig = Rig::at(10, 7);
    rig.tell(watermark(7));
    rig.event(Event::CaughtUp { at: Seq(10) });
    rig.tell(streams(7, 12, &[(A, 106)]));
    rig.told();
    rig.record(11, batch(&key(A), 9, 101, 101));
    rig.record(12, batch(&key(A), 9, 102, 102));
    rig.pass(EVERY);
    assert_eq!(rig.told(), [Output::RequestStreams], "nothing of the new epoch before its view");
    rig.tell(streams(9, 12, &[(A, 102)]));
    rig.pass(EVERY);
    let told = rig.told();
    assert_eq!(committed(&told), [11, 12]);
    let took_view = |told: &[Output]| told.iter().any(|o| matches!(o, Output::Write(Write::TakeView { .. })));
    assert!(!took_view(&told), "rows 103 to 106 are of records that were lost before they were read");
    rig.tell(watermark(9));
    assert_eq!(rig.told(), [Output::RequestStreams]);
    rig.tell(streams(9, 12, &[(A, 102)]));
    assert!(took_view(&rig.told()));
}

#[test]
fn a_journal_that_retired_everything_still_tells_of_its_streams() {
    let mut rig = Rig::new();
    rig.tell(watermark(7));
    rig.event(Event::CaughtUp { at: Seq(9) });
    rig.tell(streams(7, 9, &[(A, 50)]));
    assert!(matches!(rig.told().last(), Some(Output::Write(Write::TakeView { .. }))));
}

#[test]
fn a_position_that_was_only_skipped_to_is_one_in_its_journal() {
    let mut rig = Rig::new();
    rig.tell(watermark(7));
    rig.event(truncated(7, 1, 9));
    assert!(rig.told().contains(&skip_to(7, 9)));
    assert_eq!(rig.intake.begin(), Begin::Cursor { epoch: Epoch(7), applied: Seq(9) });
    let mut rig = Rig::new();
    rig.tell(watermark(7));
    rig.event(Event::CaughtUp { at: Seq(9) });
    assert_eq!(rig.intake.begin(), Begin::Cursor { epoch: Epoch(7), applied: Seq(9) });
}

#[test]
fn a_view_is_not_taken_for_that_of_the_next_epoch() {
    let mut rig = Rig::at(10, 7);
    rig.tell(watermark(7));
    rig.event(Event::CaughtUp { at: Seq(10) });
    rig.tell(streams(7, 12, &[(A, 106)]));
    rig.told();
    // Records 11 and 12 were lost before they came here: nothing has to be taken back.
    for position in [11, 12] {
        rig.record(position, batch(&key(A), 9, 90 + position, 90 + position));
    }
    rig.tell(streams(9, 12, &[(A, 102)]));
    rig.pass(EVERY);
    let told = rig.told();
    assert_eq!(committed(&told), [11, 12]);
    let took_view = told.iter().any(|told| matches!(told, Output::Write(Write::TakeView { .. })));
    assert!(!took_view, "it speaks of rows that never were: {told:?}");
    rig.tell(watermark(9));
    assert_eq!(rig.told(), [Output::RequestStreams]);
}

#[test]
fn a_row_whose_number_is_given_again_gives_way_although_its_record_is_kept() {
    let mut rig = Rig::at(10, 7);
    rig.record(11, rows(101, 103));
    rig.tell(watermark(7));
    rig.pass(EVERY);
    assert_eq!(committed(&rig.told()), [11]);
    // The journal found record 11 damaged, the last of its stream, and kept its place.
    rig.record(12, batch(&key(A), 9, 101, 102));
    assert_eq!(rig.told(), [Output::RequestStreams], "which rows stay?");
    rig.tell(watermark(9));
    rig.tell(streams(9, 12, &[(A, 102)]));
    let told = rig.told();
    let Some(Output::Write(Write::Rewind { keep, from, to, .. })) = told.first() else { panic!("{told:?}") };
    assert_eq!((*keep, *from, *to), (Position(11), Epoch(7), Epoch(9)));
    assert_eq!(told.get(1), Some(&take_back(9, 11)), "what is safe is so in the new epoch");
    rig.pass(EVERY);
    assert_eq!(committed(&rig.told()), [12]);
}

#[test]
fn an_epoch_that_ends_during_a_rewind_keeps_what_is_held_back() {
    let mut rig = Rig::at(10, 7);
    rig.record(11, batch(&key(A), 9, 101, 101));
    rig.tell(watermark(11));
    rig.tell(streams(9, 11, &[(A, 101)]));
    rig.tell(streams(11, 11, &[(A, 101)]));
    assert!(rig.told().contains(&take_back(11, 10)), "only a view of the last epoch says what stays");
    assert_eq!(rig.latest(), Some(Seq(101)));
}

#[test]
fn what_is_pending_is_committed_when_the_stop_is_near() {
    let mut rig = Rig::new();
    rig.record(1, rows(1, 3));
    rig.intake.handle_input(Input::Flush, rig.now);
    rig.drain();
    assert_eq!((committed(&rig.told()), rig.intake.pending_rows()), (vec![1], 0));
}
