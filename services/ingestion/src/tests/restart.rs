use super::*;

fn fill(service: &Running) -> Vec<IngestAck> {
    let mut producer = service.producer();
    let mut acks = Vec::new();
    for sequence in 1..=20 {
        for symbol in ["A", "B"] {
            acks.push(producer.ingest(symbol, sequence, candles(sequence * 3 - 2, 3)).unwrap());
        }
    }
    acks
}

/// Everything that was acknowledged is there, and retries change nothing.
fn check(service: &Running, acks: &[IngestAck]) {
    let records = service.follower().read_all();
    let places: Vec<_> =
        records.iter().map(|bytes| record(bytes).1.range()).map(|r| (r.start().0, r.last().0)).collect();
    assert_eq!(places, acks.iter().map(range).collect::<Vec<_>>());
    let mut producer = service.producer();
    let again = producer.ingest("B", 20, candles(58, 3)).unwrap();
    let last = acks.last().unwrap();
    assert_eq!((again.duplicate, again.position, again.epoch), (true, last.position, last.epoch));
    assert_eq!(producer.ingest("B", 20, candles(1, 3)).unwrap_err().error.code.0, 409);
    assert_eq!(service.follower().status(false).latest, last.position);
    let next = producer.ingest("B", 21, candles(61, 2)).unwrap();
    assert_eq!((next.position.0, range(&next), next.epoch), (41, (61, 62), last.epoch));
}

#[test]
fn acknowledged_rows_places_and_producers_survive_a_stop() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(small_segments(dir.path()));
    let acks = fill(&service);
    service.stop();
    let service = start(small_segments(dir.path()));
    check(&service, &acks);
    service.stop();
}

#[test]
fn acknowledged_rows_places_and_producers_survive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(small_segments(dir.path()));
    let acks = fill(&service);
    let left = snapshot(dir.path());
    let after = start(small_segments(left.path()));
    check(&after, &acks);
    after.stop();
    service.stop();
}

#[test]
fn streams_and_producers_are_remembered_after_retention_took_all_their_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = small_segments(dir.path());
    let service = start(config.clone());
    let mut producer = service.producer();
    producer.ingest("OLD", 1, candles(1, 7)).unwrap();
    fill(&service);
    service.stop();
    config.journal.max_bytes = ByteSize(5000);
    let service = start(config.clone());
    let mut follower = service.follower();
    // Each request waits for the service, which tidies up meanwhile.
    while follower.status(false).earliest == Position(1) {}
    service.stop();
    let service = start(config);
    let ack = service.producer().ingest("OLD", 2, candles(8, 1)).unwrap();
    assert_eq!((range(&ack), ack.duplicate), ((8, 8), false));
    assert!(service.producer().ingest("OLD", 1, candles(1, 7)).unwrap().duplicate);
    service.stop();
}

#[test]
fn a_second_service_on_the_same_journal_is_refused_clearly() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let refused = run(config(dir.path()), Shutdown::new(), |_| panic!("it must not start"));
    assert!(refused.unwrap_err().to_string().contains("in use by another process"));
    service.stop();
}

#[test]
fn a_socket_that_is_taken_is_named_and_the_journal_is_free_again() {
    let dir = tempfile::tempdir().unwrap();
    let other = tempfile::tempdir().unwrap();
    let service = start(config(other.path()));
    let taken = Config { ingest: service.bound.ingest.clone(), ..config(dir.path()) };
    let refused = run(taken, Shutdown::new(), |_| panic!("it must not start")).unwrap_err();
    assert!(refused.to_string().contains(&service.bound.ingest), "{refused}");
    start(config(dir.path())).stop();
    service.stop();
}
