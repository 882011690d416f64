//! The writer behind a real intake and journal, without the service around it.

use super::*;
use crate::core::Ledger;
use crate::ingest_socket::IngestSocket;
use crate::intake::Intake;
use crate::writer::Writer;
use crate::{AckWhen, ProducerRef, Refusal, Submission, Ticket, acknowledger};
use gapless_journal::Opened;
use gapless_protocol::SequencerLimits;
use gapless_transport::{Publisher, PublisherSettings};
use gapless_wire::Durability;
use std::sync::Arc;

struct Bench {
    intake: Intake,
    threads: (JoinHandle<Result<gapless_journal::Appender, Error>>, JoinHandle<()>),
}

fn bench(dir: &Path, limits: SequencerLimits) -> Bench {
    let options = config(dir).journal.options("boot".into());
    let opened = gapless_journal::open(options, UnixMillis(1)).unwrap();
    let ledger = Arc::new(Ledger::restore(&opened, limits).unwrap());
    let Opened { appender, journal, .. } = opened;
    let intake = Intake::new(Config::default().intake_limits(), ledger.clone()).unwrap();
    let endpoint = "tcp://127.0.0.1:*";
    let context = Context::new();
    let publisher = Publisher::bind(&context, endpoint, PublisherSettings::default()).unwrap();
    let socket = IngestSocket::bind(&context, endpoint, &intake).unwrap();
    let (synced_receipts, acknowledger) = acknowledger::start(journal.clone()).unwrap();
    let intake_of_writer = intake.clone();
    let writer =
        Writer { intake: intake_of_writer, ledger, journal, appender, publisher, socket, synced_receipts };
    Bench { intake, threads: (std::thread::spawn(move || writer.run()), acknowledger) }
}

impl Bench {
    fn submit(&self, sequence: u64, ack: AckWhen) -> Result<Ticket, Refusal> {
        let producer = (sequence > 0).then(|| ProducerRef { id: "p".into(), sequence, previous: 0 });
        let rows = candles(sequence, 1);
        self.intake.try_submit(Submission { key: key("A"), flags: Flags::SIMULATED, rows, producer, ack })
    }

    fn stop(self) {
        self.intake.close();
        let appender = self.threads.0.join().unwrap().unwrap();
        self.threads.1.join().unwrap();
        appender.close().unwrap();
    }
}

#[test]
fn a_receipt_waits_for_the_disk_when_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let bench = bench(dir.path(), SequencerLimits::default());
    let durability = |ack| bench.submit(0, ack).unwrap().wait(PATIENCE).unwrap().durability;
    assert_eq!(durability(AckWhen::Written), Durability::Written);
    assert_eq!(durability(AckWhen::Synced), Durability::Synced);
    bench.stop();
}

#[test]
fn a_duplicate_waits_for_the_disk_too() {
    let dir = tempfile::tempdir().unwrap();
    let bench = bench(dir.path(), SequencerLimits::default());
    let first = bench.submit(1, AckWhen::Written).unwrap().wait(PATIENCE).unwrap();
    let again = bench.submit(1, AckWhen::Synced).unwrap().wait(PATIENCE).unwrap();
    assert_eq!(
        (again.position, again.duplicate, again.durability),
        (first.position, true, Durability::Synced)
    );
    bench.stop();
}

#[test]
fn many_small_submissions_all_get_their_own_place_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let bench = bench(dir.path(), SequencerLimits::default());
    let tickets: Vec<_> =
        (1..=2000).map(|sequence| bench.submit(sequence, AckWhen::Written).unwrap()).collect();
    for (ticket, expected) in tickets.iter().zip(1..) {
        let receipt = ticket.wait(PATIENCE).unwrap();
        assert_eq!((receipt.position.0, receipt.first.0, receipt.last.0), (expected, expected, expected));
    }
    bench.stop();
}

#[test]
fn what_was_queued_when_the_door_closed_is_written_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let bench = bench(dir.path(), SequencerLimits::default());
    let intake = bench.intake.clone();
    let tickets: Vec<_> =
        (1..=500).map(|sequence| bench.submit(sequence, AckWhen::Written).unwrap()).collect();
    bench.stop();
    let late = intake.try_submit(Submission {
        key: key("A"),
        flags: Flags::NONE,
        rows: candles(1, 1),
        producer: None,
        ack: AckWhen::Written,
    });
    assert!(matches!(late, Err(Refusal::Closing { .. })));
    assert!(tickets.iter().all(|ticket| ticket.wait(Duration::ZERO).is_ok()));
    let reopened =
        gapless_journal::open(config(dir.path()).journal.options("boot".into()), UnixMillis(1)).unwrap();
    assert_eq!(reopened.journal.latest(), Position(500));
}

#[test]
fn one_stream_too_many_is_refused_and_known_ones_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let bench = bench(dir.path(), SequencerLimits { max_streams: 1, ..SequencerLimits::default() });
    bench.submit(0, AckWhen::Written).unwrap().wait(PATIENCE).unwrap();
    let other = Submission {
        key: key("B"),
        flags: Flags::NONE,
        rows: candles(1, 1),
        producer: None,
        ack: AckWhen::Written,
    };
    let refusal = bench.intake.try_submit(other).unwrap().wait(PATIENCE).unwrap_err();
    assert_eq!(refusal, Refusal::TooManyStreams);
    bench.submit(0, AckWhen::Written).unwrap().wait(PATIENCE).unwrap();
    bench.stop();
}
