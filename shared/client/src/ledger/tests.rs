//! When the cursor moves, and when it does not.

use super::{Acknowledge, Ledger};
use crate::{Cursor, Error, Event, MemoryStore};
use gapless_model::{Batch, Candle, Epoch, Flags, Rows, Seq, SeqRange, StreamKey, UnixMillis};

fn key() -> StreamKey {
    "candles.a.b.1m".parse().unwrap()
}

fn rows(start: u64, count: usize) -> Event {
    let candle = Candle { ts: UnixMillis(1), open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
    let batch = Batch::unsequenced(key(), Flags::NONE, Rows::Candles(vec![candle; count]));
    Event::Rows(Batch { epoch: Epoch(7), start: Seq(start), ..batch })
}

fn cursor(applied: u64) -> Option<Cursor> {
    Some(Cursor { epoch: Epoch(7), applied: Seq(applied) })
}

fn ledger(mode: Acknowledge) -> (Ledger, MemoryStore) {
    let store = MemoryStore::new();
    (Ledger::new(Some(Box::new(store.clone())), mode), store)
}

#[test]
fn the_cursor_moves_only_when_the_next_event_is_asked_for() {
    let (mut ledger, store) = ledger(Acknowledge::OnNext);
    ledger.done_with_current().unwrap();
    ledger.hand_over(&rows(1, 5)).unwrap();
    assert_eq!(store.cursor(&key()), None);
    ledger.done_with_current().unwrap();
    assert_eq!(store.cursor(&key()), cursor(5));
}

#[test]
fn the_cursor_stays_until_rows_are_acknowledged_explicitly() {
    let (mut ledger, store) = ledger(Acknowledge::Explicit);
    for start in [1, 6] {
        ledger.done_with_current().unwrap();
        ledger.hand_over(&rows(start, 5)).unwrap();
    }
    assert_eq!(store.cursor(&key()), None);
    ledger.ack(rows(1, 5)).unwrap();
    assert_eq!(store.cursor(&key()), cursor(5));
    ledger.ack(rows(1, 5)).unwrap();
    assert_eq!(store.cursor(&key()), cursor(5), "a second acknowledgement changes nothing");
}

#[test]
fn rows_cannot_be_acknowledged_past_ones_that_are_not() {
    let (mut ledger, store) = ledger(Acknowledge::Explicit);
    ledger.hand_over(&rows(1, 5)).unwrap();
    ledger.hand_over(&rows(6, 5)).unwrap();
    let error = ledger.ack(rows(6, 5)).unwrap_err();
    assert!(matches!(error, Error::AckOrder { cursor: Seq(0), found: Seq(6), .. }), "{error}");
    assert_eq!(store.cursor(&key()), None);
}

#[test]
fn a_subscription_from_the_latest_row_starts_its_cursor_there() {
    let (mut ledger, store) = ledger(Acknowledge::Explicit);
    ledger.hand_over(&rows(1001, 2)).unwrap();
    ledger.ack(rows(1001, 2)).unwrap();
    assert_eq!(store.cursor(&key()), cursor(1002));
}

#[test]
fn a_rewind_before_the_first_row_takes_nothing_back() {
    let (mut ledger, store) = ledger(Acknowledge::Explicit);
    ledger.ack(Event::Rewind { key: key(), from: Epoch(6), to: Epoch(7), keep: Seq(1000) }).unwrap();
    ledger.hand_over(&rows(1001, 2)).unwrap();
    ledger.ack(rows(1001, 2)).unwrap();
    assert_eq!(store.cursor(&key()), cursor(1002));
}

#[test]
fn truncation_rewind_and_reset_move_the_cursor_with_its_epoch() {
    let (mut ledger, store) = ledger(Acknowledge::OnNext);
    let range = SeqRange::new(Seq(1), Seq(101));
    let reason = crate::TruncateReason::Trimmed;
    ledger.hand_over(&Event::Truncated { key: key(), epoch: Epoch(7), range, reason }).unwrap();
    ledger.done_with_current().unwrap();
    assert_eq!(store.cursor(&key()), cursor(100));

    ledger.hand_over(&Event::Rewind { key: key(), from: Epoch(7), to: Epoch(8), keep: Seq(90) }).unwrap();
    ledger.done_with_current().unwrap();
    assert_eq!(store.cursor(&key()), Some(Cursor { epoch: Epoch(8), applied: Seq(90) }));

    ledger.hand_over(&Event::Reset { key: key(), from: Epoch(8), to: Epoch(9) }).unwrap();
    ledger.done_with_current().unwrap();
    assert_eq!(store.cursor(&key()), Some(Cursor { epoch: Epoch(9), applied: Seq::NONE }));
}
