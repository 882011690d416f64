use super::*;
use crate::Intake;
use crate::ingest_socket::IngestSocket;
use gapless_model::{Digest, MAX_ROWS_PER_BATCH};
use gapless_wire::{Durability, ProducerStatusRequest};
use std::time::Instant;

#[test]
fn rows_get_their_place_and_are_published_as_they_are_stored() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let mut listener = service.listener();
    let first = listener.receive(PATIENCE).unwrap().expect("a heartbeat tells that the subscription stands");
    assert_eq!((&*first[0], first.len()), (&b"journal.0"[..], 2));

    let mut producer = service.producer();
    let acks = [("A", 1, 1, 3), ("B", 1, 1, 2), ("A", 2, 4, 2)]
        .map(|(symbol, sequence, at, count)| producer.ingest(symbol, sequence, candles(at, count)).unwrap());
    assert_eq!(acks.each_ref().map(|ack| ack.position.0), [1, 2, 3]);
    assert_eq!(acks.each_ref().map(range), [(1, 3), (1, 2), (4, 5)]);
    assert!(acks.iter().all(|ack| ack.durability == Durability::Written && !ack.duplicate));

    let mut published = Vec::new();
    while published.len() < 3 {
        let frames = listener.receive(PATIENCE).unwrap().expect("records");
        let records = frames[1..].iter().map(|frame| frame.to_vec());
        published.extend(records.filter(|bytes| {
            matches!(decode(bytes, &Limits::live()).unwrap().message, Message::JournalRecord(_))
        }));
    }
    assert_eq!(published, service.follower().read_all());
    let (record, batch) = record(&published[2]);
    assert_eq!((record.position.0, record.producer_id.as_str(), record.producer_sequence), (3, "p", 2));
    assert_eq!((batch.start, batch.epoch), (Seq(4), record.epoch));
    assert_eq!(batch.rows, candles(4, 2));
    assert_eq!(batch.digest, Digest::of(Seq(1), &candles(1, 5)));
    assert_eq!(record.content_hash, Digest::of(Seq(1), &candles(4, 2)).0);
    assert!(batch.ts_publish_us > 0);
    service.stop();
}

#[test]
fn a_retry_is_acknowledged_again_and_written_once() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let mut producer = service.producer();
    let first = producer.ingest("A", 1, candles(1, 3)).unwrap();
    let again = producer.ingest("A", 1, candles(1, 3)).unwrap();
    assert_eq!(again, IngestAck { duplicate: true, durability: again.durability, ..first });
    assert_eq!(service.follower().status(false).latest, Position(1));
    service.stop();
}

#[test]
fn other_rows_under_a_used_number_and_skipped_numbers_are_conflicts() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let mut producer = service.producer();
    producer.ingest("A", 1, candles(1, 3)).unwrap();
    for (sequence, rows) in [(1, candles(2, 3)), (3, candles(4, 1))] {
        let nack = producer.ingest("A", sequence, rows).unwrap_err();
        assert_eq!((nack.error.code.0, nack.expected_previous, nack.producer_sequence), (409, 1, sequence));
    }
    // A producer that numbers with gaps says so.
    let Message::IngestAck(ack) = producer.ask(ingest("A", 9, 1, candles(4, 1))) else { panic!() };
    assert_eq!(range(&ack), (4, 4));
    service.stop();
}

#[test]
fn a_producer_is_told_how_far_it_got() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let mut producer = service.producer();
    producer.ingest("A", 1, candles(1, 3)).unwrap();
    let mut status = |id: &str, symbol| {
        let request = ProducerStatusRequest { producer_id: id.into(), key: key(symbol) };
        match producer.ask(Message::ProducerStatusRequest(request)) {
            Message::ProducerStatusResponse(status) => (status.last_producer_sequence, status.latest.0),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!([status("p", "A"), status("q", "A"), status("p", "B")], [(1, 3), (0, 3), (0, 0)]);
    service.stop();
}

#[test]
fn wrong_rows_are_refused_whole_with_the_row_and_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let mut producer = service.producer();
    let Rows::Candles(mut rows) = candles(1, 5) else { panic!() };
    rows[3].close = f64::NAN;
    let nack = producer.ingest("A", 1, Rows::Candles(rows)).unwrap_err();
    assert_eq!((nack.error.code.0, nack.error.retry_after_ms), (400, 0));
    assert!(
        nack.error.message.contains("row 3") && nack.error.message.contains("close"),
        "{}",
        nack.error.message
    );
    assert_eq!(producer.ingest("A", 1, Rows::Candles(Vec::new())).unwrap_err().error.code.0, 400);
    // The number was not used up.
    assert_eq!(range(&producer.ingest("A", 1, candles(1, 5)).unwrap()), (1, 5));
    service.stop();
}

#[test]
fn the_largest_batch_goes_through() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let rows = candles(1, MAX_ROWS_PER_BATCH as u64);
    let ack = service.producer().ingest("A", 1, rows.clone()).unwrap();
    assert_eq!(range(&ack), (1, 10_000));
    assert_eq!(record(&service.follower().read(1, 1).records[0]).1.rows, rows);
    service.stop();
}

#[test]
fn a_full_queue_is_answered_at_once_with_when_to_retry() {
    let intake = Intake::detached(1, usize::MAX);
    let context = Context::new();
    let mut socket = IngestSocket::bind(&context, "tcp://127.0.0.1:*", &intake).unwrap();
    let mut producer =
        Peer(Requester::connect(&context, &socket.endpoint(), RequesterSettings::default()).unwrap());
    let mut answer = |producer: &mut Peer| loop {
        socket.step(Duration::from_millis(1), Instant::now()).unwrap();
        socket.send_due_replies(Instant::now());
        if let Some(frame) = producer.0.try_receive().unwrap() {
            let envelope = decode(&frame, &Limits::reply()).unwrap();
            let Message::IngestNack(nack) = envelope.message else { panic!("{:?}", envelope.message) };
            break (envelope.correlation_id, nack);
        }
    };
    producer.send(encode_message(&ingest("A", 1, 0, candles(1, 1)), "first"));
    producer.send(encode_message(&ingest("A", 2, 0, candles(2, 1)), "second"));
    let (correlation_id, nack) = answer(&mut producer);
    assert_eq!((correlation_id.as_str(), nack.error.code.0, nack.producer_sequence), ("second", 429, 2));
    assert!(nack.error.retry_after_ms > 0);
    intake.close();
    drop(intake.queue().drain(1));
    let (correlation_id, nack) = answer(&mut producer);
    assert_eq!((correlation_id.as_str(), nack.error.code.0), ("first", 503));
}

/// A socket with an intake whose rows the test answers itself.
struct Counter {
    context: Context,
    intake: Intake,
    socket: IngestSocket,
}

impl Counter {
    fn open() -> Counter {
        let (context, intake) = (Context::new(), Intake::detached(100, usize::MAX));
        let socket = IngestSocket::bind(&context, "tcp://127.0.0.1:*", &intake).unwrap();
        Counter { context, intake, socket }
    }

    fn producer(&self) -> Peer {
        Peer(
            Requester::connect(&self.context, &self.socket.endpoint(), RequesterSettings::default()).unwrap(),
        )
    }

    /// Takes one batch of `producer` and refuses it, which is an answer like any other, at `now`.
    fn answer(&mut self, producer: &mut Peer, sequence: u64, ack_may_wait: bool, now: Instant) {
        let Message::IngestBatch(batch) = ingest("A", sequence, 0, candles(1, 1)) else { unreachable!() };
        producer.send(encode_message(&Message::IngestBatch(IngestBatch { ack_may_wait, ..batch }), "c"));
        while self.intake.queue().depth().0 == 0 {
            self.socket.step(PATIENCE, Instant::now()).unwrap();
        }
        drop(self.intake.queue().drain(1));
        self.socket.send_due_replies(now);
    }
}

#[test]
fn answers_that_may_wait_go_out_together_and_others_at_once() {
    let mut counter = Counter::open();
    let mut producer = counter.producer();
    let begin = Instant::now();
    let later = |micros| begin + Duration::from_secs(1) + Duration::from_micros(micros);
    let answered = |producer: &mut Peer| {
        let Message::IngestNack(nack) = producer.answer().1 else { panic!("another answer") };
        nack.producer_sequence
    };
    counter.answer(&mut producer, 1, true, later(0));
    assert_eq!(answered(&mut producer), 1, "nothing was answered for long");
    counter.answer(&mut producer, 2, true, later(100));
    counter.answer(&mut producer, 3, true, later(900));
    assert!(producer.0.try_receive().unwrap().is_none(), "they wait for others");
    counter.answer(&mut producer, 4, true, later(1000));
    assert_eq!([(); 3].map(|()| answered(&mut producer)), [2, 3, 4], "a millisecond is enough");
    counter.answer(&mut producer, 5, true, later(1100));
    counter.answer(&mut producer, 6, false, later(1101));
    assert_eq!([(); 2].map(|()| answered(&mut producer)), [5, 6], "somebody waits for an answer");
}
