use super::*;
use crate::engine::tests::{EPOCH, Journal, LIMITS, rules};

fn engine(records: i64) -> (Engine, Journal) {
    let mut journal = Journal::default();
    (0..records).for_each(|minute| journal.append_rows(minute, 1));
    let mut engine = Engine::new(&LIMITS, &rules(), None);
    engine.handle_watermark(EPOCH, Position(1), journal.latest());
    for (record, batch) in &journal.records {
        engine.handle_record(record.epoch, record, batch).unwrap();
    }
    (engine, journal)
}

fn read_one(engine: &mut Engine, journal: &mut Journal) {
    journal.append_rows(journal.records.len() as i64, 1);
    let (record, batch) = journal.records.last().unwrap();
    engine.handle_record(record.epoch, record, batch).unwrap();
}

fn ask(position: u64, part: u32) -> CheckpointRequest {
    CheckpointRequest { partition: 0, position: Position(position), part }
}

fn at(seconds: u64) -> MonoTime {
    MonoTime(0).after(Duration::from_secs(seconds))
}

fn code(answer: Result<CheckpointResponse, ErrorResponse>) -> ErrorCode {
    answer.unwrap_err().code
}

#[test]
fn a_state_is_handed_out_as_it_was_when_it_was_asked_for() {
    let (mut engine, mut journal) = engine(3);
    let mut shelf = Shelf::default();
    let first = shelf.answer(&engine, &ask(0, 0), at(0)).unwrap();
    assert_eq!((first.position, first.epoch, first.parts, first.streams), (Position(3), EPOCH, 1, 1));
    read_one(&mut engine, &mut journal);
    assert_eq!(shelf.answer(&engine, &ask(3, 0), at(1)).unwrap(), first);
    assert_eq!(shelf.answer(&engine, &ask(0, 0), at(1)).unwrap().position, Position(4));
    assert_eq!(shelf.answer(&engine, &ask(3, 0), at(2)).unwrap(), first);
}

#[test]
fn what_is_not_kept_is_gone_and_what_never_was_is_refused() {
    let (engine, _) = engine(3);
    let mut shelf = Shelf::default();
    assert_eq!(code(shelf.answer(&engine, &ask(3, 0), at(0))), ErrorCode::TRIMMED);
    shelf.answer(&engine, &ask(0, 0), at(0)).unwrap();
    assert_eq!(code(shelf.answer(&engine, &ask(3, 1), at(0))), ErrorCode::MALFORMED);
    let other = CheckpointRequest { partition: 1, ..ask(0, 0) };
    assert_eq!(code(shelf.answer(&engine, &other, at(0))), ErrorCode::UNKNOWN_STREAM);
    shelf.clear();
    assert_eq!(code(shelf.answer(&engine, &ask(3, 0), at(0))), ErrorCode::TRIMMED);
}

#[test]
fn a_state_is_kept_for_a_minute_after_the_last_question() {
    let (engine, _) = engine(3);
    let mut shelf = Shelf::default();
    shelf.answer(&engine, &ask(0, 0), at(0)).unwrap();
    for seconds in [50, 109] {
        shelf.expire(at(seconds));
        shelf.answer(&engine, &ask(3, 0), at(seconds)).unwrap();
    }
    shelf.expire(at(109 + 60));
    assert_eq!(code(shelf.answer(&engine, &ask(3, 0), at(170))), ErrorCode::TRIMMED);
}

#[test]
fn only_the_last_two_states_are_kept() {
    let (mut engine, mut journal) = engine(1);
    let mut shelf = Shelf::default();
    for _ in 0..3 {
        shelf.answer(&engine, &ask(0, 0), at(0)).unwrap();
        // Once more: it is the same state.
        shelf.answer(&engine, &ask(0, 0), at(0)).unwrap();
        read_one(&mut engine, &mut journal);
    }
    assert_eq!(code(shelf.answer(&engine, &ask(1, 0), at(1))), ErrorCode::TRIMMED);
    assert!(
        shelf.answer(&engine, &ask(2, 0), at(1)).is_ok() && shelf.answer(&engine, &ask(3, 0), at(1)).is_ok()
    );
}
