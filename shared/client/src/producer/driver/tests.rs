//! A producer over a real socket whose queue is far too small.

use crate::Producer;
use crate::producer::ProducerSettings;
use gapless_model::{Batch, Epoch, Flags, Position, Rows, Seq, Severity, UnixNanos, Warning};
use gapless_transport::{Context, Hooks, Requester, RequesterSettings, RouterServer, RouterSettings};
use gapless_wire::{Durability, IngestAck, Limits, Message, ProducerStatusResponse, decode, encode_message};
use std::time::Duration;

/// Longest wait for what must happen; also the reply time-out, so that nothing is mended by sending again.
const PATIENCE: Duration = Duration::from_secs(60);
const BATCHES: usize = 1000;

/// Takes everything in order and acknowledges it.
fn answer(message: Message) -> Message {
    match message {
        Message::ProducerStatusRequest(asked) => Message::ProducerStatusResponse(ProducerStatusResponse {
            producer_id: asked.producer_id,
            key: asked.key,
            last_producer_sequence: 0,
            latest: Seq::NONE,
        }),
        Message::IngestBatch(sent) => Message::IngestAck(IngestAck {
            producer_sequence: sent.producer_sequence,
            partition: 0,
            position: Position(sent.producer_sequence),
            epoch: Epoch(1),
            first: Seq(sent.producer_sequence),
            last: Seq(sent.producer_sequence),
            durability: Durability::Written,
            duplicate: false,
        }),
        other => panic!("{other:?}"),
    }
}

fn batch(number: usize) -> Batch {
    let warning = Warning {
        ts: UnixNanos(1),
        severity: Severity::Info,
        code: number.to_string(),
        subject: String::new(),
        message: String::new(),
    };
    Batch::unsequenced("warnings.a.b.1m".parse().unwrap(), Flags::NONE, Rows::Warnings(vec![warning]))
}

#[test]
fn a_full_queue_delays_batches_and_loses_none() {
    let context = Context::new();
    let hooks = Hooks { refuse: |_| None, malformed: || None };
    let router = RouterSettings { queue: 2 * BATCHES, ..RouterSettings::default() };
    let server = RouterServer::bind(&context, "tcp://127.0.0.1:*", router, hooks).unwrap();
    let endpoint = server.endpoint().to_string();
    let (requests, replier) = (server.requests().clone(), server.replier());
    let ingestion = std::thread::spawn(move || {
        for request in requests {
            let envelope = decode(&request.body, &Limits::ingest()).unwrap();
            replier.send(request.peer, encode_message(&answer(envelope.message), &envelope.correlation_id));
        }
    });

    let settings = ProducerSettings {
        reply_timeout: PATIENCE,
        group_after: usize::MAX,
        ..ProducerSettings::new(&endpoint, "p")
    };
    let small = RequesterSettings { send_limit: 1, ..RequesterSettings::default() };
    let requester = Requester::connect(&context, endpoint.as_str(), small).unwrap();
    let producer = Producer::over(requester, &context, settings).unwrap();
    for number in 0..BATCHES {
        producer.send(batch(number), PATIENCE).unwrap();
    }
    producer.flush(PATIENCE / 2).unwrap();
    let counts = producer.counts();
    assert_eq!((counts.acknowledged, counts.resent), (BATCHES as u64, 0));
    drop(producer);
    server.stop();
    ingestion.join().unwrap();
}
