//! The driver over a real socket whose queue is far too small.

use super::{Driver, Submission};
use crate::producer::gate::{Gate, Left, Pass};
use crate::producer::ticket::promised;
use crate::producer::window::Window;
use crate::producer::{Numbering, ProducerCounts, ProducerSettings};
use crossbeam_channel::bounded;
use gapless_model::{Batch, Epoch, Flags, Position, Rows, Seq, Severity, UnixNanos, Warning};
use gapless_transport::{
    Context, Hooks, Requester, RequesterSettings, RouterServer, RouterSettings, wake_pair,
};
use gapless_wire::{Durability, IngestAck, Limits, Message, ProducerStatusResponse, decode, encode_message};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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
    let (waker, wake) = wake_pair().unwrap();
    let (to_driver, submissions) = bounded(BATCHES);
    let gate = Arc::new(Gate::new(BATCHES, usize::MAX));
    let counts = Arc::new(Mutex::new(ProducerCounts::default()));
    for number in 0..BATCHES {
        assert!(matches!(gate.enter(1, Duration::ZERO), Pass::Open));
        let (promise, _) = promised();
        let batch = batch(number);
        to_driver.send(Submission { batch, numbering: Numbering::Next, bytes: 1, promise }).unwrap();
    }
    let driver = Driver {
        window: Window::new(settings, 7),
        requester: Requester::connect(&context, endpoint.as_str(), small).unwrap(),
        submissions,
        wake,
        gate: gate.clone(),
        counts: counts.clone(),
        started: Instant::now(),
        unsent: None,
        left: Left::default(),
    };
    let driver = std::thread::spawn(move || driver.run());
    let drained = gate.drained(PATIENCE / 2);
    assert!(matches!(drained, Pass::Open), "{drained:?}");
    drop(to_driver);
    waker.wake();
    driver.join().unwrap();
    let counts = *counts.lock().unwrap();
    assert_eq!((counts.acknowledged, counts.resent), (BATCHES as u64, 0));
    server.stop();
    ingestion.join().unwrap();
}
