use super::*;
use gapless_model::Digest;

#[test]
fn the_status_names_every_stream_with_its_digest_and_epochs() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let mut producer = service.producer();
    producer.ingest("B", 1, candles(1, 4)).unwrap();
    producer.ingest("A", 1, candles(1, 2)).unwrap();
    let status = service.follower().status(true);
    assert_eq!(latest(&status), [("A".to_owned(), Seq(2)), ("B".to_owned(), Seq(4))]);
    let stream = &status.streams[1];
    assert_eq!(stream.watermark.digest, Digest::of(Seq(1), &candles(1, 4)));
    assert_eq!((stream.watermark.epoch, stream.epochs.len()), (status.epoch, 1));
    assert_eq!((status.earliest, status.latest, status.epochs.len()), (Position(1), Position(2), 1));
    assert!(service.follower().status(false).streams.is_empty());
    service.stop();
}

#[test]
fn reads_at_absurd_places_are_answered_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    service.producer().ingest("A", 1, candles(1, 1)).unwrap();
    let mut follower = service.follower();
    for (from, max_bytes, records, first) in
        [(0, 0, 1, 1), (1, u32::MAX, 1, 1), (2, 1, 0, 2), (u64::MAX, u32::MAX, 0, u64::MAX)]
    {
        let page = follower.read(from, max_bytes);
        assert_eq!((page.records.len(), page.from.0, page.latest.0), (records, first, 1), "from {from}");
    }
    service.stop();
}

#[test]
fn a_follower_is_registered_by_its_first_request_and_keeps_its_place_over_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    service.producer().ingest("A", 1, candles(1, 1)).unwrap();
    let request = |partition, acknowledged| {
        Message::JournalStatusRequest(JournalStatusRequest {
            partition,
            follower_id: "archive".into(),
            acknowledged: Position(acknowledged),
            with_streams: false,
            acknowledged_epoch: Epoch::UNSTATED,
        })
    };
    let mut follower = service.follower();
    assert!(matches!(follower.ask(request(0, 1)), Message::JournalStatusResponse(_)));
    let Message::Error(error) = follower.ask(request(7, 1)) else { panic!() };
    assert_eq!(error.code.0, 404);
    drop(follower);
    service.stop();
    let options = config(dir.path()).journal.options("any".into());
    let journal = gapless_journal::open(options, UnixMillis(1)).unwrap().journal;
    let known: Vec<_> = journal.followers().into_iter().map(|f| (f.id, f.acknowledged)).collect();
    assert_eq!(known, [("archive".to_owned(), Position(1))]);
}

/// W28: a position of another epoch may be another record here.
#[test]
fn a_position_of_another_epoch_acknowledges_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let epoch = service.producer().ingest("A", 1, candles(1, 1)).unwrap().epoch;
    let request = |acknowledged_epoch, follower: &str| {
        Message::JournalStatusRequest(JournalStatusRequest {
            partition: 0,
            follower_id: follower.into(),
            acknowledged: Position(1),
            with_streams: false,
            acknowledged_epoch,
        })
    };
    let mut follower = service.follower();
    let asked = [
        (Epoch(epoch.0 - 1), "of-the-journal-before"),
        (epoch, "of-this-one"),
        (Epoch(epoch.0 - 1), "of-this-one"),
        (Epoch::UNSTATED, "of-an-older-version"),
    ];
    for (epoch, id) in asked {
        assert!(matches!(follower.ask(request(epoch, id)), Message::JournalStatusResponse(_)));
    }
    drop(follower);
    service.stop();
    let options = config(dir.path()).journal.options("any".into());
    let journal = gapless_journal::open(options, UnixMillis(1)).unwrap().journal;
    let known: Vec<_> = journal.followers().into_iter().map(|f| (f.id, f.acknowledged.0)).collect();
    let expected = [("of-an-older-version", 1), ("of-the-journal-before", 0), ("of-this-one", 1)];
    assert_eq!(known, expected.map(|(id, position)| (id.to_owned(), position)));
}

#[test]
fn an_idle_journal_proves_its_end_by_heartbeats() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let mut listener = service.listener();
    service.producer().ingest("A", 1, candles(1, 1)).unwrap();
    loop {
        let frames = listener.receive(PATIENCE).unwrap().expect("a heartbeat");
        let Message::JournalStatusResponse(status) = decode(&frames[1], &Limits::live()).unwrap().message
        else {
            continue;
        };
        if status.latest == Position(1) {
            assert_eq!((frames.len(), status.streams.len()), (2, 0));
            assert!(status.epoch.is_stated());
            break;
        }
    }
    service.stop();
}

#[test]
fn reading_goes_on_while_producers_write() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = config(dir.path());
    config.journal.segment_bytes = ByteSize(64 << 10);
    let service = start(config);
    let mut follower = service.follower();
    let mut producer = service.producer();
    let writing = std::thread::spawn(move || {
        for sequence in 1..=300 {
            producer.ingest("A", sequence, candles(sequence * 10 - 9, 10)).unwrap();
        }
    });
    let mut next = 1;
    while next <= 300 {
        for bytes in follower.read(next, 0).records {
            let (record, batch) = record(&bytes);
            assert_eq!((record.position.0, batch.start.0), (next, next * 10 - 9));
            next += 1;
        }
    }
    writing.join().unwrap();
    service.stop();
}
