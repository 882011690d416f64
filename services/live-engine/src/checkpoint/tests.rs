use super::*;
use crate::derive::{Rule, RuleText};
use crate::engine::tests::{EPOCH, Journal, LIMITS, rules};
use crate::engine::{Folded, Limits};
use crate::outbox::{PRODUCER_ID, Reply};
use gapless_model::{Batch, Flags, MetricRows, MonoTime, Rows, Severity, StreamKey, UnixNanos, Warning};
use gapless_wire::{Limits as WireLimits, MAX_CHECKPOINT_PART_BYTES, decode};
use proptest::prelude::*;

fn parts(engine: &Engine) -> Vec<Bytes> {
    let frozen = engine.freeze().unwrap();
    (0..frozen.parts()).map(|part| frozen.part(part).unwrap()).collect()
}

fn restore_with(limits: &Limits, rules: &[Rule], parts: &[Bytes]) -> Result<Engine, RestoreError> {
    Engine::restore(limits, rules, parts.iter().map(Vec::as_slice), None)
}

fn restore(parts: &[Bytes]) -> Result<Engine, RestoreError> {
    restore_with(&LIMITS, &rules(), parts)
}

/// Folds the records after `position`.
fn read(engine: &mut Engine, journal: &Journal, after: Position) -> Vec<Folded> {
    let rest = journal.records.iter().skip(after.0 as usize);
    rest.map(|(record, batch)| engine.handle_record(record, batch).unwrap()).collect()
}

/// What happens to a journal and an engine that follows it.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Rows of a source, perhaps after a pause of some minutes.
    Rows { source: u8, pause: u8, count: u8 },
    /// Values of a metrics stream with this many columns.
    Metrics { columns: u8, count: u8 },
    /// The engine reads up to this many records.
    Read(u8),
    /// The engine sends a batch, and this becomes of it.
    Send(Fate),
    /// Records up to here are retired before the engine read them.
    Lose(u8),
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Acknowledged,
    Unanswered,
    Lost,
    Busy,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let fate =
        prop_oneof![Just(Fate::Acknowledged), Just(Fate::Unanswered), Just(Fate::Lost), Just(Fate::Busy)];
    let rows =
        (0u8..2, 0u8..4, 1u8..9).prop_map(|(source, pause, count)| Step::Rows { source, pause, count });
    let step = prop_oneof![
        4 => rows,
        1 => (1u8..3, 1u8..9).prop_map(|(columns, count)| Step::Metrics { columns, count }),
        4 => (1u8..9).prop_map(Step::Read),
        3 => fate.prop_map(Step::Send),
        1 => (1u8..4).prop_map(Step::Lose),
    ];
    prop::collection::vec(step, 1..60)
}

/// A journal, an engine that follows it, and what it was told.
struct World {
    journal: Journal,
    engine: Engine,
    minutes: [i64; 2],
    told: Vec<Told>,
    read: usize,
    now: MonoTime,
}

#[derive(Clone, Copy)]
enum Told {
    Record(usize),
    Lost(Position),
}

impl World {
    fn new() -> World {
        let mut engine = Engine::new(&LIMITS, &rules(), None);
        engine.handle_watermark(EPOCH, Position(1), Position::NONE);
        let (minutes, told) = ([0, 1000], Vec::new());
        World { journal: Journal::default(), engine, minutes, told, read: 0, now: MonoTime(0) }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Rows { source, pause, count } => {
                let minute = &mut self.minutes[source as usize];
                *minute += i64::from(pause) * 2;
                self.journal.append_rows_of(["A", "B"][source as usize], *minute, i64::from(count));
                *minute += i64::from(count);
            }
            Step::Metrics { columns, count } => self.journal.append(("m", 0), metrics(columns, count)),
            Step::Read(count) => (0..count).for_each(|_| self.read_one()),
            Step::Send(fate) => self.send(fate),
            Step::Lose(count) => {
                self.read = (self.read + count as usize).min(self.journal.records.len());
                self.tell(Told::Lost(Position(self.read as u64)));
            }
        }
    }

    fn read_one(&mut self) {
        if self.read < self.journal.records.len() {
            self.tell(Told::Record(self.read));
            self.read += 1;
        }
    }

    fn tell(&mut self, told: Told) {
        self.told.push(told);
        tell(&mut self.engine, &self.journal, told);
    }

    fn send(&mut self, fate: Fate) {
        self.now = self.now.after(std::time::Duration::from_secs(10));
        self.engine.outbox.handle_timeout(self.now);
        self.now = self.now.after(std::time::Duration::from_secs(10));
        self.engine.outbox.handle_timeout(self.now);
        let Some(send) = self.engine.outbox.poll_send(self.now) else { return };
        let later = Reply::Later { after: std::time::Duration::from_secs(1) };
        let reply = match fate {
            Fate::Lost => return,
            Fate::Busy => later,
            Fate::Unanswered | Fate::Acknowledged => match self.take(&send) {
                Ok(()) => Reply::Accepted,
                Err(expected_previous) => Reply::Conflict { expected_previous },
            },
        };
        if !matches!(fate, Fate::Unanswered) {
            self.engine.outbox.handle_reply(send.id, reply, self.now);
        }
    }

    /// As ingestion takes a batch; else the last number that it took.
    fn take(&mut self, send: &crate::outbox::Send) -> Result<(), u64> {
        let own = self.journal.records.iter().rev();
        let own =
            own.filter(|(record, batch)| record.producer_id == PRODUCER_ID && batch.key == send.batch.key);
        let last = own.map(|(record, _)| record.producer_sequence).next().unwrap_or(0);
        let previous = send.previous_producer_sequence;
        if send.producer_sequence <= last {
            return Ok(());
        }
        if (if previous == send.producer_sequence { 0 } else { previous }) != last {
            return Err(last);
        }
        self.journal.append((PRODUCER_ID, send.producer_sequence), send.batch.clone());
        Ok(())
    }
}

fn tell(engine: &mut Engine, journal: &Journal, told: Told) -> Option<Folded> {
    match told {
        Told::Record(at) => {
            let (record, batch) = &journal.records[at];
            Some(engine.handle_record(record, batch).unwrap())
        }
        Told::Lost(last) => {
            engine.handle_truncated(last);
            None
        }
    }
}

fn metrics(columns: u8, count: u8) -> Batch {
    let key: StreamKey = "metrics.test.M.1s".parse().unwrap();
    let columns: Vec<String> = (0..columns).map(|column| format!("c{column}")).collect();
    let values = vec![f64::from(count); columns.len() * count as usize];
    let ts = (0..i64::from(count)).map(UnixNanos).collect();
    let rows = Rows::Metrics(MetricRows { columns: columns.into(), ts, values });
    Batch::unsequenced(key, Flags::SIMULATED, rows)
}

proptest! {
    /// A checkpoint and what comes after it give the same engine as everything does: the same state, bars
    /// in the making and batches for ingestion, and the same meaning of every record on the way.
    #[test]
    fn a_checkpoint_and_the_rest_are_as_good_as_everything(before in steps(), after in steps()) {
        let mut world = World::new();
        before.iter().for_each(|step| world.step(*step));
        let checkpoint = parts(&world.engine);
        let position = world.engine.state().position();
        let known = world.told.len();

        let mut all = Engine::new(&LIMITS, &rules(), None);
        for told in world.told.clone() {
            tell(&mut all, &world.journal, told);
        }
        all.state.hear_epoch(world.engine.state().epoch());
        prop_assert!(parts(&all) == checkpoint, "what was acknowledged is no part of it");

        let mut restored = restore(&checkpoint).unwrap();
        prop_assert_eq!(restored.state().position(), position);
        prop_assert_eq!(restored.deriver().late_rows(), world.engine.deriver().late_rows());
        prop_assert_eq!(restored.deriver().forming(), world.engine.deriver().forming());
        after.iter().for_each(|step| world.step(*step));
        for told in world.told.iter().skip(known) {
            let meaning = tell(&mut restored, &world.journal, *told);
            prop_assert_eq!(meaning, tell(&mut all, &world.journal, *told));
        }
        prop_assert!(parts(&restored) == parts(&world.engine));
        prop_assert_eq!(restored.deriver().forming(), world.engine.deriver().forming());
        let (mut one, mut other) = (restored.outbox().len(), all.outbox().len());
        prop_assert_eq!(one, other);
        for engine in [&mut restored, &mut all] {
            engine.handle_caught_up();
        }
        while let Some(send) = restored.outbox_mut().poll_send(MonoTime(0)) {
            let expected = all.outbox_mut().poll_send(MonoTime(0)).unwrap();
            prop_assert_eq!(&send, &expected);
            restored.outbox_mut().handle_reply(send.id, Reply::Accepted, MonoTime(0));
            all.outbox_mut().handle_reply(send.id, Reply::Accepted, MonoTime(0));
            (one, other) = (one - 1, other - 1);
        }
        prop_assert_eq!((one, other), (0, 0));
    }

    /// Damage anywhere is an error or another state, never a panic.
    #[test]
    fn a_damaged_part_is_survived(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut world = World::new();
        world.journal.append_rows(0, 8);
        world.journal.append(("m", 0), metrics(2, 3));
        (0..2).for_each(|_| world.read_one());
        let mut parts = parts(&world.engine);
        let at = at.index(parts[0].len());
        parts[0][at] = byte;
        let _ = restore(&parts);
    }
}

/// Some streams with full windows, and bars that wait for ingestion.
fn large() -> Engine {
    let limits = Limits { window_rows: 10_000, max_streams: 100 };
    let mut engine = Engine::new(&limits, &rules(), None);
    let mut journal = Journal::default();
    for symbol in 0..8 {
        journal.append_rows_of(&symbol.to_string(), 0, 10_000);
    }
    for minute in 0..20 {
        journal.append_rows_of("0", 10_000 + minute * 10_000, 10_000);
    }
    let warning = |number| Warning {
        ts: UnixNanos(number),
        severity: Severity::Info,
        code: "c".repeat(4096),
        subject: "s".repeat(4096),
        message: "m".repeat(4096),
    };
    let rows = Rows::Warnings((0..300).map(warning).collect());
    journal.append(("w", 0), Batch::unsequenced("warnings.a.b.1s".parse().unwrap(), Flags::NONE, rows));
    for column in 0..3 {
        let key: StreamKey = format!("metrics.wide.{column}.1s").parse().unwrap();
        let columns: Vec<String> = (0..256).map(|name| format!("column {name}")).collect();
        let rows = MetricRows {
            columns: columns.into(),
            ts: (0..900).map(UnixNanos).collect(),
            values: vec![1.5; 900 * 256],
        };
        journal.append(("w", 0), Batch::unsequenced(key, Flags::NONE, Rows::Metrics(rows)));
    }
    read(&mut engine, &journal, Position::NONE);
    engine
}

#[test]
fn large_states_come_in_parts_that_fit() {
    let engine = large();
    let parts = parts(&engine);
    assert!(parts.len() > 5, "{} parts", parts.len());
    assert!(parts.iter().all(|part| part.len() <= MAX_CHECKPOINT_PART_BYTES));
    let limits = Limits { window_rows: 10_000, max_streams: 100 };
    let again = restore_with(&limits, &rules(), &parts).unwrap();
    assert!(self::parts(&again) == parts);
    assert_eq!(again.outbox().len(), engine.outbox().len());
}

#[test]
fn a_frozen_state_stays_as_it_is() {
    let mut world = World::new();
    world.journal.append_rows(0, 7);
    world.read_one();
    let frozen = world.engine.freeze().unwrap();
    let before = frozen.part(0).unwrap();
    world.journal.append_rows(7, 9);
    world.read_one();
    assert_eq!(frozen.part(0).unwrap(), before);
    assert_ne!(parts(&world.engine)[0], before);
    assert_eq!((frozen.position(), frozen.streams(), frozen.part(1)), (Position(1), 1, None));
}

#[test]
fn an_engine_that_read_nothing_has_a_state_too() {
    let world = World::new();
    let parts = parts(&world.engine);
    assert_eq!(parts.len(), 1);
    assert!(restore(&parts).unwrap().state().is_empty());
}

#[test]
fn parts_that_are_not_one_state_are_refused() {
    let parts = parts(&large());
    assert_eq!(restore(&[]).unwrap_err(), RestoreError::Empty);
    let refused = |parts: &[Bytes]| {
        restore_with(&Limits { window_rows: 9, max_streams: 100 }, &rules(), parts).unwrap_err()
    };
    assert_eq!(refused(&parts[..2]), RestoreError::Mixed { part: 2 });
    assert_eq!(refused(&parts[1..]), RestoreError::Mixed { part: 0 });
    let mut swapped = parts.clone();
    swapped.swap(1, 2);
    assert_eq!(refused(&swapped), RestoreError::Mixed { part: 1 });
    let mut other = parts.clone();
    other[1] = changed(&parts[1], |part| part.position = Position(1));
    assert_eq!(refused(&other), RestoreError::Mixed { part: 1 });
    other[1] = vec![1, 2, 3];
    assert!(matches!(refused(&other), RestoreError::Part { part: 1, .. }));
}

fn changed(bytes: &[u8], change: impl FnOnce(&mut CheckpointPart)) -> Bytes {
    let Message::CheckpointPart(mut part) = decode(bytes, &WireLimits::checkpoint()).unwrap().message else {
        panic!("not a part")
    };
    change(&mut part);
    encode_message(&Message::CheckpointPart(part), "")
}

#[test]
fn streams_that_cannot_be_are_refused() {
    let mut world = World::new();
    world.journal.append_rows(0, 7);
    world.read_one();
    let whole = parts(&world.engine);
    let refused =
        |change: fn(&mut CheckpointPart)| restore(&[changed(&whole[0], change)]).unwrap_err().to_string();
    assert!(refused(|part| part.streams[0].watermark.latest = Seq(9)).contains("its window holds"));
    assert!(refused(|part| part.streams.push(part.streams[0].clone())).contains("twice"));
    assert!(refused(|part| part.streams[0].window.truncate(9)).contains("candles.test.A.1m"));
    assert!(refused(|part| part.lanes.push(part.lanes[0].clone())).contains("out of order"));
    let few = Limits { window_rows: 9, max_streams: 0 };
    assert!(restore_with(&few, &rules(), &whole).unwrap_err().to_string().contains("max_streams"));
}

#[test]
fn a_rule_that_is_new_needs_the_journal_and_one_that_is_gone_takes_its_bars_along() {
    let mut world = World::new();
    world.journal.append_rows(0, 20);
    world.read_one();
    assert_eq!(world.engine.outbox().len(), 2);
    let whole = parts(&world.engine);
    let rule = |to: &[&str]| {
        let to = to.iter().map(ToString::to_string).collect();
        vec![Rule::try_from(&RuleText { prefix: "candles.".into(), from: "1m".into(), to }).unwrap()]
    };
    let error = restore_with(&LIMITS, &rule(&["5m", "15m", "1h"]), &whole).unwrap_err();
    assert_eq!(error.to_string(), "it was made before candles.test.A.1h was derived");
    let fewer = restore_with(&LIMITS, &rule(&["15m"]), &whole).unwrap();
    assert_eq!((fewer.outbox().len(), fewer.deriver().forming().len()), (1, 1));
}

/// What the live path waits for; docs/RELIABILITY.md has the command.
#[test]
#[ignore = "prints a measurement"]
fn the_pause_of_a_checkpoint() {
    use std::time::Instant;
    let limits = Limits { window_rows: 300, max_streams: 10_000 };
    let mut journal = Journal::default();
    (0..10_000).for_each(|symbol| journal.append_rows_of(&symbol.to_string(), 0, 302));
    let one_rule = vec![rules().remove(0)];
    let mut engine = Engine::new(&limits, &one_rule, None);
    read(&mut engine, &journal, Position::NONE);
    // Nothing waits for ingestion, as on any day on which it runs.
    let lanes: Vec<_> = engine.outbox.telling().map(|lane| lane.key.clone()).collect();
    for key in lanes {
        engine.outbox.seen(&key, u64::MAX);
    }
    let begin = Instant::now();
    let frozen = engine.freeze().unwrap();
    println!("freezing {} streams: {:?}", frozen.streams(), begin.elapsed());
    let mut again: Vec<_> = (0..21)
        .map(|_| {
            let begin = Instant::now();
            let _frozen = engine.freeze().unwrap();
            begin.elapsed()
        })
        .collect();
    again.sort();
    println!("21 times again: median {:?}, longest {:?}", again[10], again[20]);
    let mut times = Vec::new();
    let parts: Vec<Bytes> = (0..frozen.parts())
        .map(|part| {
            let begin = Instant::now();
            let bytes = frozen.part(part).unwrap();
            times.push(begin.elapsed());
            bytes
        })
        .collect();
    let bytes: usize = parts.iter().map(Vec::len).sum();
    times.sort();
    println!(
        "{} parts, {bytes} bytes: median {:?}, longest {:?}",
        parts.len(),
        times[times.len() / 2],
        times[times.len() - 1]
    );
    let begin = Instant::now();
    (0..100).for_each(|symbol| journal.append_rows_of(&symbol.to_string(), 302, 1));
    let sequenced = begin.elapsed();
    let begin = Instant::now();
    read(&mut engine, &journal, Position(10_000));
    println!("100 first changes while it is shared: {:?} (made in {sequenced:?})", begin.elapsed());
    let begin = Instant::now();
    let again = restore_with(&limits, &one_rule, &parts).unwrap();
    println!("restoring {} streams: {:?}", again.state().len(), begin.elapsed());
}
