use crate::{
    Conflict, Outcome, ProducerRef, RecordHeader, Refusal, Sequencer, SequencerError, SequencerLimits,
    Submission,
};
use gapless_model::{
    Candle, Digest, Epoch, EpochStart, Kind, Position, Rows, Seq, SeqRange, StreamKey, UnixMillis,
};
use proptest::prelude::*;

fn key(symbol: u8) -> StreamKey {
    StreamKey::new(Kind::Candles, "test", &format!("s{symbol}"), "1m").unwrap()
}

fn rows(count: usize, price: f64) -> Rows {
    let row = |i: usize| Candle {
        ts: UnixMillis(i as i64 * 60_000),
        open: price,
        high: price,
        low: price,
        close: price,
        volume: 1.0,
    };
    Rows::Candles((0..count).map(row).collect())
}

fn hash(rows: &Rows) -> u64 {
    Digest::of(Seq(1), rows).0
}

fn send(sequencer: &mut Sequencer, symbol: u8, producer: Option<(&str, u64, u64)>, rows: &Rows) -> Outcome {
    let producer = producer.map(|(id, sequence, previous)| ProducerRef { id, sequence, previous });
    sequencer.accept(Submission { key: &key(symbol), producer, content_hash: hash(rows), rows })
}

fn fresh() -> Sequencer {
    Sequencer::new(SequencerLimits::default(), Epoch(1))
}

fn range(start: u64, rows: u64) -> SeqRange {
    SeqRange::of_len(Seq(start), rows)
}

fn placed(outcome: Outcome) -> SeqRange {
    match outcome {
        Outcome::Sequenced(place) => place.range,
        other => panic!("not sequenced: {other:?}"),
    }
}

#[test]
fn sequences_start_at_one_and_are_contiguous_per_stream() {
    let mut sequencer = fresh();
    assert_eq!(placed(send(&mut sequencer, 1, None, &rows(3, 1.0))), range(1, 3));
    assert_eq!(placed(send(&mut sequencer, 2, None, &rows(2, 1.0))), range(1, 2));
    assert_eq!(placed(send(&mut sequencer, 1, None, &rows(4, 2.0))), range(4, 4));
    assert_eq!(sequencer.position(), Position(3));
    let whole = Digest::of(Seq(1), &rows(3, 1.0)) + Digest::of(Seq(4), &rows(4, 2.0));
    assert_eq!(sequencer.stream(&key(1)).unwrap().watermark.digest, whole);
}

#[test]
fn a_retry_gets_its_first_answer_and_a_lie_is_refused() {
    let mut sequencer = fresh();
    let (first, other) = (rows(3, 1.0), rows(3, 2.0));
    placed(send(&mut sequencer, 1, Some(("p", 1, 0)), &first));
    let again = send(&mut sequencer, 1, Some(("p", 1, 0)), &first);
    assert_eq!(again, Outcome::Duplicate { position: Position(1), range: range(1, 3) });
    let lie = send(&mut sequencer, 1, Some(("p", 1, 0)), &other);
    assert_eq!(lie, Outcome::Conflict { expected_previous: 1, conflict: Conflict::Content });
    let skipped = send(&mut sequencer, 1, Some(("p", 3, 0)), &other);
    assert_eq!(skipped, Outcome::Conflict { expected_previous: 1, conflict: Conflict::Order });
    assert_eq!(placed(send(&mut sequencer, 1, Some(("p", 9, 1)), &other)), range(4, 3));
    let never_sent = send(&mut sequencer, 1, Some(("p", 5, 4)), &other);
    assert_eq!(never_sent, Outcome::Conflict { expected_previous: 9, conflict: Conflict::Order });
}

#[test]
fn numbers_may_begin_anywhere_when_the_batch_says_that_none_was_before_it() {
    let mut sequencer = fresh();
    let unsaid = send(&mut sequencer, 1, Some(("p", 60, 0)), &rows(1, 1.0));
    assert_eq!(unsaid, Outcome::Conflict { expected_previous: 0, conflict: Conflict::Order });
    assert_eq!(placed(send(&mut sequencer, 1, Some(("p", 60, 60)), &rows(1, 1.0))), range(1, 1));
    let once_only = send(&mut sequencer, 1, Some(("p", 70, 70)), &rows(1, 2.0));
    assert_eq!(once_only, Outcome::Conflict { expected_previous: 60, conflict: Conflict::Order });
}

#[test]
fn a_retry_that_is_too_old_to_tell_is_still_a_duplicate() {
    let mut sequencer = fresh();
    for sequence in 1..=100 {
        placed(send(&mut sequencer, 1, Some(("p", sequence, 0)), &rows(1, 1.0)));
    }
    let forgotten = Outcome::Duplicate { position: Position::NONE, range: range(0, 0) };
    assert_eq!(send(&mut sequencer, 1, Some(("p", 36, 0)), &rows(1, 1.0)), forgotten);
    let remembered = Outcome::Duplicate { position: Position(37), range: range(37, 1) };
    assert_eq!(send(&mut sequencer, 1, Some(("p", 37, 0)), &rows(1, 1.0)), remembered);
}

#[test]
fn sequence_zero_and_no_producer_are_never_duplicates() {
    let mut sequencer = fresh();
    for producer in [None, Some(("p", 0, 0)), Some(("", 1, 0))] {
        placed(send(&mut sequencer, 1, producer, &rows(1, 1.0)));
        placed(send(&mut sequencer, 1, producer, &rows(1, 1.0)));
    }
    assert_eq!(sequencer.stream(&key(1)).unwrap().watermark.latest, Seq(6));
}

#[test]
fn a_failed_write_leaves_no_trace() {
    let mut sequencer = fresh();
    placed(send(&mut sequencer, 1, Some(("p", 1, 0)), &rows(3, 1.0)));
    sequencer.commit(Position(1));
    let before = sequencer.snapshot();
    placed(send(&mut sequencer, 1, Some(("p", 2, 0)), &rows(3, 2.0)));
    placed(send(&mut sequencer, 2, Some(("p", 1, 0)), &rows(3, 2.0)));
    placed(send(&mut sequencer, 2, Some(("p", 2, 0)), &rows(3, 2.0)));
    sequencer.rollback();
    assert_eq!(sequencer.snapshot(), before);
    assert_eq!(placed(send(&mut sequencer, 1, Some(("p", 2, 0)), &rows(1, 2.0))), range(4, 1));
}

#[test]
fn a_group_that_was_half_written_keeps_its_written_half() {
    let mut sequencer = fresh();
    for symbol in [1, 1, 2] {
        placed(send(&mut sequencer, symbol, None, &rows(2, 1.0)));
    }
    sequencer.commit(Position(2));
    sequencer.rollback();
    assert_eq!(sequencer.position(), Position(2));
    assert_eq!(sequencer.stream(&key(1)).unwrap().watermark.latest, Seq(4));
    assert!(sequencer.stream(&key(2)).is_none());
}

#[test]
fn a_new_epoch_is_noted_where_each_stream_stood() {
    let mut sequencer = fresh();
    placed(send(&mut sequencer, 1, None, &rows(3, 1.0)));
    sequencer.commit(Position(1));
    sequencer.begin_epoch(Epoch(7)).unwrap();
    sequencer.begin_epoch(Epoch(7)).unwrap();
    placed(send(&mut sequencer, 2, None, &rows(1, 1.0)));
    let start = |epoch, first| EpochStart { epoch: Epoch(epoch), first_sequence: Seq(first) };
    assert_eq!(sequencer.stream(&key(1)).unwrap().epochs, [start(1, 1), start(7, 4)]);
    assert_eq!(sequencer.stream(&key(2)).unwrap().epochs, [start(7, 1)]);
    assert_eq!(sequencer.stream(&key(1)).unwrap().watermark.epoch, Epoch(7));
    sequencer.commit(Position(2));
    assert!(matches!(sequencer.begin_epoch(Epoch(5)), Err(SequencerError::Epoch { .. })));
}

#[test]
fn limits_refuse_or_forget() {
    let limits = SequencerLimits { max_streams: 1, max_producers: 2, max_remembered: 1000 };
    let mut sequencer = Sequencer::new(limits, Epoch(1));
    assert_eq!(send(&mut sequencer, 1, None, &rows(0, 1.0)), Outcome::Refused(Refusal::Empty));
    for producer in ["a", "b", "c"] {
        placed(send(&mut sequencer, 1, Some((producer, 1, 0)), &rows(1, 1.0)));
    }
    assert_eq!(send(&mut sequencer, 2, None, &rows(1, 1.0)), Outcome::Refused(Refusal::TooManyStreams));
    let known = ["a", "b", "c"].map(|producer| sequencer.last_producer_sequence(&key(1), producer));
    assert_eq!(known, [0, 1, 1], "the one that was silent longest is forgotten");
    sequencer.rollback();
    assert_eq!(sequencer.last_producer_sequence(&key(1), "a"), 0);
    assert!(sequencer.stream(&key(1)).is_none());
}

#[test]
fn damaged_snapshots_are_refused_and_never_panic() {
    let mut sequencer = fresh();
    placed(send(&mut sequencer, 1, Some(("p", 1, 0)), &rows(3, 1.0)));
    sequencer.commit(Position(1));
    let snapshot = sequencer.snapshot();
    for at in 0..snapshot.len() {
        let mut damaged = snapshot.clone();
        damaged[at] ^= 0x40;
        assert!(Sequencer::restore(SequencerLimits::default(), &damaged).is_err(), "byte {at}");
        assert!(Sequencer::restore(SequencerLimits::default(), &snapshot[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_record_out_of_place_is_named() {
    let mut sequencer = fresh();
    let topic = key(1);
    let record = |position, start| RecordHeader {
        position: Position(position),
        epoch: Epoch(1),
        key: &topic,
        producer_id: "p",
        producer_sequence: position,
        content_hash: 1,
        range: range(start, 2),
        digest: Digest(1),
        latest_ts: UnixMillis(1).to_nanos(),
    };
    sequencer.replay(record(1, 1)).unwrap();
    sequencer.replay(record(1, 1)).unwrap();
    assert!(matches!(sequencer.replay(record(3, 3)), Err(SequencerError::Position { .. })));
    assert!(matches!(sequencer.replay(record(2, 4)), Err(SequencerError::Sequence { .. })));
    sequencer.replay(record(2, 3)).unwrap();
    assert_eq!(sequencer.last_producer_sequence(&topic, "p"), 2);
}

/// What the journal holds of one accepted batch.
#[derive(Debug, Clone)]
struct Accepted {
    symbol: u8,
    producer: Option<(String, u64)>,
    rows: Rows,
    epoch: Epoch,
    range: SeqRange,
    digest: Digest,
}

/// The rules in their plainest form: a list of everything accepted, searched from the start.
#[derive(Debug, Clone, Default)]
struct Model {
    journal: Vec<Accepted>,
}

impl Model {
    fn expect(&self, symbol: u8, producer: Option<(&str, u64, u64)>, rows: &Rows) -> Outcome {
        let mine = |batch: &&Accepted| match (&batch.producer, producer) {
            (Some((id, _)), Some((wanted, _, _))) => batch.symbol == symbol && id == wanted,
            _ => false,
        };
        let last = self.journal.iter().rfind(mine);
        let last = last.and_then(|batch| batch.producer.as_ref()).map_or(0, |(_, sequence)| *sequence);
        if let Some((_, sequence, previous)) = producer {
            let found = self.journal.iter().zip(1..).filter(|(batch, _)| mine(batch));
            let found = found.into_iter().find(|(batch, _)| batch.producer.as_ref().unwrap().1 == sequence);
            let conflict = |conflict| Outcome::Conflict { expected_previous: last, conflict };
            let previous = match previous {
                0 => sequence - 1,
                itself if itself == sequence => 0,
                previous => previous,
            };
            match found {
                Some((batch, _)) if hash(&batch.rows) != hash(rows) => return conflict(Conflict::Content),
                Some((batch, position)) => {
                    return Outcome::Duplicate { position: Position(position), range: batch.range };
                }
                None if sequence <= last => {
                    let first = self.journal.iter().find(mine).unwrap().producer.as_ref().unwrap().1;
                    if sequence > first {
                        return conflict(Conflict::Order);
                    }
                    return Outcome::Duplicate { position: Position::NONE, range: range(0, 0) };
                }
                None if previous != last => return conflict(Conflict::Order),
                None => {}
            }
        }
        Outcome::Refused(Refusal::Empty)
    }

    fn next(&self, symbol: u8) -> u64 {
        let of_stream = self.journal.iter().filter(|batch| batch.symbol == symbol);
        of_stream.map(|batch| batch.range.len()).sum::<u64>() + 1
    }
}

#[derive(Debug, Clone)]
enum Step {
    Send { symbol: u8, producer: Option<(u8, u64, u64)>, count: usize, price: u8 },
    Commit,
    Fail,
    NewEpoch,
    Restart { snapshot_at: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let producer = prop::option::of((0u8..2, 1u64..12, 0u64..8));
    prop_oneof![
        12 => (0u8..3, producer, 1usize..4, 0u8..2)
            .prop_map(|(symbol, producer, count, price)| Step::Send { symbol, producer, count, price }),
        3 => Just(Step::Commit),
        2 => Just(Step::Fail),
        1 => Just(Step::NewEpoch),
        1 => (0usize..40).prop_map(|snapshot_at| Step::Restart { snapshot_at }),
    ]
}

/// What the journal's epoch history says before the record at `position`.
fn begin_epochs(sequencer: &mut Sequencer, history: &[(Epoch, Position)], position: Position) {
    for (epoch, first) in history {
        if *first == position && *epoch > sequencer.epoch() {
            sequencer.begin_epoch(*epoch).unwrap();
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_the_model_through_failures_and_restarts(steps in prop::collection::vec(step(), 1..120)) {
        let mut sequencer = fresh();
        let mut snapshots = vec![sequencer.snapshot()];
        let mut epochs = Vec::new();
        let (mut model, mut committed) = (Model::default(), Model::default());
        for step in steps {
            match step {
                Step::Send { symbol, producer, count, price } => {
                    let name = producer.map(|(name, sequence, previous)| (format!("p{name}"), sequence, previous));
                    let named = name.as_ref().map(|(id, sequence, previous)| (&**id, *sequence, *previous));
                    let rows = rows(count, f64::from(price));
                    let outcome = send(&mut sequencer, symbol, named, &rows);
                    if let Outcome::Sequenced(place) = outcome {
                        prop_assert_eq!(model.expect(symbol, named, &rows), Outcome::Refused(Refusal::Empty));
                        prop_assert_eq!(place.range, range(model.next(symbol), count as u64));
                        prop_assert_eq!(place.position, Position(model.journal.len() as u64 + 1));
                        let producer = name.map(|(id, sequence, _)| (id, sequence));
                        let (epoch, range, digest) = (place.epoch, place.range, place.digest);
                        model.journal.push(Accepted { symbol, producer, rows, epoch, range, digest });
                    } else {
                        prop_assert_eq!(outcome, model.expect(symbol, named, &rows));
                    }
                }
                Step::Commit => {
                    sequencer.commit(sequencer.position());
                    committed = model.clone();
                    snapshots.push(sequencer.snapshot());
                }
                Step::Fail => {
                    sequencer.rollback();
                    model = committed.clone();
                }
                Step::NewEpoch => {
                    sequencer.rollback();
                    model = committed.clone();
                    sequencer.begin_epoch(Epoch(sequencer.epoch().0 + 1)).unwrap();
                    epochs.push((sequencer.epoch(), sequencer.position().next()));
                    snapshots.push(sequencer.snapshot());
                }
                Step::Restart { snapshot_at } => {
                    sequencer.rollback();
                    model = committed.clone();
                    let expected = sequencer.snapshot();
                    let snapshot = &snapshots[snapshot_at % snapshots.len()];
                    let mut restored = Sequencer::restore(SequencerLimits::default(), snapshot).unwrap();
                    for (batch, position) in committed.journal.iter().zip(1..) {
                        begin_epochs(&mut restored, &epochs, Position(position));
                        let (id, sequence) = batch.producer.clone().unwrap_or_default();
                        restored.replay(RecordHeader {
                            position: Position(position),
                            epoch: batch.epoch,
                            key: &key(batch.symbol),
                            producer_id: &id,
                            producer_sequence: sequence,
                            content_hash: hash(&batch.rows),
                            range: batch.range,
                            digest: batch.digest,
                            latest_ts: batch.rows.last_ts().unwrap(),
                        }).unwrap();
                    }
                    begin_epochs(&mut restored, &epochs, sequencer.position().next());
                    prop_assert_eq!(restored.snapshot(), expected, "as if it had never stopped");
                    sequencer = restored;
                }
            }
        }
    }
}

#[test]
fn a_stream_goes_on_where_the_next_record_is_when_records_between_are_lost() {
    let key = key(1);
    let header = |position, start: u64| RecordHeader {
        position: Position(position),
        epoch: Epoch(1),
        key: &key,
        producer_id: "p",
        producer_sequence: position,
        content_hash: 0,
        range: range(start, 2),
        digest: Digest(start),
        latest_ts: Default::default(),
    };
    let mut sequencer = fresh();
    sequencer.replay(header(1, 1)).unwrap();
    assert!(sequencer.replay(header(3, 5)).is_err(), "nobody said that a record is lost");
    sequencer.lose(Position(2));
    sequencer.replay(header(3, 5)).unwrap();
    assert!(sequencer.replay(header(4, 5)).is_err(), "rows never come twice");
    sequencer.begin_epoch(Epoch(2)).unwrap();
    assert_eq!(sequencer.last_producer_sequence(&key, "p"), 3);
    let place = placed(send(&mut sequencer, 1, Some(("p", 4, 3)), &rows(1, 1.0)));
    assert_eq!((place, sequencer.position()), (range(7, 1), Position(4)));
}
