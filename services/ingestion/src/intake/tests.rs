use super::*;
use crate::Refusal;
use gapless_model::{Candle, Kind, MAX_ROWS_PER_BATCH, UnixMillis};
use std::sync::mpsc;
use std::time::Duration;

struct Nobody;

impl Producers for Nobody {
    fn status(&self, _: &str, _: &StreamKey) -> ProducerStatus {
        ProducerStatus::default()
    }
}

impl Intake {
    /// A door with nobody behind it: the test drains [`Intake::queue`] and answers itself.
    pub(crate) fn detached(batches: usize, bytes: usize) -> Intake {
        Intake::new(IntakeLimits { batches, bytes }, Arc::new(Nobody)).unwrap()
    }
}

fn intake(batches: usize, bytes: usize) -> Intake {
    Intake::detached(batches, bytes)
}

fn candles(rows: usize) -> Submission {
    let candle = Candle { ts: UnixMillis(0), open: 1.0, high: 1.0, low: 1.0, close: 1.0, volume: 0.0 };
    Submission {
        key: StreamKey::new(Kind::Candles, "s", "X", "1m").unwrap(),
        flags: Flags::NONE,
        rows: Rows::Candles(vec![candle; rows]),
        producer: None,
        ack: AckWhen::Written,
    }
}

#[test]
fn refuses_busy_when_the_queue_is_full_by_count() {
    let intake = intake(2, usize::MAX);
    let _kept = [intake.try_submit(candles(1)).unwrap(), intake.try_submit(candles(1)).unwrap()];
    assert!(matches!(intake.try_submit(candles(1)), Err(Refusal::Busy { .. })));
}

#[test]
fn refuses_busy_when_the_queue_is_full_by_bytes() {
    let intake = intake(100, 1000);
    let _kept = intake.try_submit(candles(15)).unwrap();
    assert!(matches!(intake.try_submit(candles(15)), Err(Refusal::Busy { .. })));
    assert!(intake.try_submit(candles(2)).is_ok());
}

#[test]
fn a_blocking_submit_goes_through_when_the_writer_made_room() {
    let intake = intake(1, usize::MAX);
    let _first = intake.try_submit(candles(1)).unwrap();
    let waiting = {
        let intake = intake.clone();
        std::thread::spawn(move || {
            intake.submit(candles(1), Instant::now() + Duration::from_secs(10)).is_ok()
        })
    };
    assert_eq!(intake.queue().drain(1).unwrap().len(), 1);
    assert!(waiting.join().unwrap());
    assert_eq!(intake.queue().depth().0, 1);
}

#[test]
fn a_blocking_submit_gives_up_at_its_deadline() {
    let intake = intake(1, usize::MAX);
    let _first = intake.try_submit(candles(1)).unwrap();
    let refusal = intake.submit(candles(1), Instant::now() + Duration::from_millis(5)).unwrap_err();
    assert!(matches!(refusal, Refusal::Busy { .. }));
}

#[test]
fn a_closed_door_refuses_new_rows_and_lets_the_queued_ones_out() {
    let intake = intake(10, usize::MAX);
    let _first = intake.try_submit(candles(1)).unwrap();
    intake.close();
    assert!(matches!(intake.try_submit(candles(1)), Err(Refusal::Closing { .. })));
    assert_eq!(intake.queue().drain(1).unwrap().len(), 1);
    assert!(intake.queue().drain(1).is_none());
}

#[test]
fn an_entry_that_is_dropped_unanswered_says_closing() {
    let intake = intake(10, usize::MAX);
    let ticket = intake.try_submit(candles(1)).unwrap();
    drop(intake.queue().drain(1));
    assert!(matches!(ticket.wait(Duration::ZERO), Err(Refusal::Closing { .. })));
}

#[test]
fn a_callback_hears_of_every_refusal_once() {
    let intake = intake(0, usize::MAX);
    let (sender, answers) = mpsc::channel();
    for submission in [candles(1), candles(0), candles(MAX_ROWS_PER_BATCH + 1)] {
        let sender = sender.clone();
        intake.try_submit_with(submission, Reply::call(move |answer| sender.send(answer).unwrap()));
    }
    drop(sender);
    let codes: Vec<u32> = answers.iter().map(|answer| answer.unwrap_err().code().0).collect();
    assert_eq!(codes, [429, 400, 413]);
}

#[test]
fn rows_of_another_kind_and_unprintable_producers_are_invalid() {
    let intake = intake(10, usize::MAX);
    let wrong_kind = Submission { rows: Rows::Warnings(Vec::new()), ..candles(1) };
    assert!(matches!(intake.try_submit(wrong_kind), Err(Refusal::Invalid(_))));
    for id in ["", "with space", "é", &"x".repeat(129)] {
        let producer = Some(ProducerRef { id: id.into(), sequence: 1, previous: 0 });
        let submission = Submission { producer, ..candles(1) };
        assert!(matches!(intake.try_submit(submission), Err(Refusal::Invalid(_))), "{id:?}");
    }
}
