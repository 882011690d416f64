//! A full disk, as a limit on the size of files. It holds for a whole process, so the test runs itself
//! again in one; see the journal's test of the same kind.

use super::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::Command;

const CHILD: &str = "GAPLESS_INGESTION_FULL_DISK_TEST";

#[test]
fn a_full_disk_is_told_to_producers_and_a_retry_gets_in_when_there_is_room() {
    if std::env::var_os(CHILD).is_some() {
        return fill_and_go_on();
    }
    let name = "tests::full_disk::a_full_disk_is_told_to_producers_and_a_retry_gets_in_when_there_is_room";
    let script = "trap '' XFSZ; exec \"$0\" --exact \"$1\" --nocapture";
    let output = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .arg(name)
        .env(CHILD, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}

fn fill_and_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(config(dir.path()));
    let mut producer = service.producer();
    producer.ingest("A", 1, candles(1, 10)).unwrap();
    let before = getrlimit(Resource::Fsize);
    setrlimit(Resource::Fsize, Rlimit { current: Some(1500), ..before }).unwrap();
    for _ in 0..3 {
        let nack = producer.ingest("A", 2, candles(11, 100)).unwrap_err();
        assert_eq!(nack.error.code.0, 507, "{}", nack.error.message);
        assert!(nack.error.retry_after_ms > 0);
    }
    assert_eq!(service.follower().status(true).latest, Position(1));
    assert_eq!(latest(&service.follower().status(true)), [("A".to_owned(), Seq(10))]);
    assert!(!is_writable());
    setrlimit(Resource::Fsize, before).unwrap();
    // Each request waits for the service, which looks meanwhile; nobody writes.
    while !is_writable() {
        service.follower().status(false);
    }
    let ack = producer.ingest("A", 2, candles(11, 100)).unwrap();
    assert_eq!((range(&ack), ack.position.0, ack.duplicate), ((11, 110), 2, false));
    service.stop();
}

fn is_writable() -> bool {
    let conditions = gapless_service_kit::health::snapshot(Some(crate::SERVICE));
    conditions.iter().any(|condition| condition.name == "journal-writable" && condition.ok)
}
