//! HTTP and sources in front of a real journal.

use super::*;
use crate::http::tests::client::{NDJSON, Reply, post_to};
use crate::sources::tests::eventually;
use crate::sources::{Pace, ReplaySettings, SourceSettings};
use std::path::PathBuf;

const PATH: &str = "/v1/ingest/metrics/shop/till/1s";

fn with_http(dir: &Path) -> Config {
    let sync = SyncPolicy(Sync::Every(Duration::from_millis(10)));
    let config = config(dir);
    Config { http: "127.0.0.1:0".into(), journal: JournalConfig { sync, ..config.journal }, ..config }
}

fn post(service: &Running, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
    let address = service.bound.http.strip_prefix("http://").unwrap().parse().unwrap();
    post_to(address, path, headers, body)
}

/// The rows of one stream in the journal, whose sequences must be contiguous from 1.
fn journaled(service: &Running, topic: &str) -> Vec<Candle> {
    let mut all = Vec::new();
    for bytes in service.follower().read_all() {
        let (_, batch) = record(&bytes);
        if batch.key.topic() == topic {
            assert_eq!(batch.start, Seq(all.len() as u64 + 1));
            let Rows::Candles(rows) = batch.rows else { panic!("not candles") };
            all.extend(rows);
        }
    }
    all
}

fn latest_of(service: &Running, symbol: &str) -> u64 {
    let streams = latest(&service.follower().status(true));
    streams.into_iter().find(|(name, _)| name == symbol).map_or(0, |(_, seq)| seq.0)
}

/// A file of `rows` one-minute candles whose open is their number.
fn file(folder: &Path, rows: u64) -> PathBuf {
    let path = folder.join("btc-perp-1m.csv");
    let rows = (1..=rows).map(|n| format!("{},{n},{n},{n},{n}\n", 1_700_000_000 + n * 60));
    let text: String = std::iter::once("ts,open,high,low,close\n".to_string()).chain(rows).collect();
    std::fs::write(&path, text).unwrap();
    path
}

fn replaying(dir: &Path, replay: ReplaySettings) -> Config {
    Config { sources: vec![SourceSettings::Replay(replay)], ..config(dir) }
}

#[test]
fn rows_over_http_are_in_the_journal_when_they_are_answered_and_a_retry_outlives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(with_http(dir.path()));
    let keyed = [NDJSON, ("idempotency-key", "order-1")];
    let body = "{\"ts\":1700000000,\"sold\":1}\n{\"ts\":1700000001,\"sold\":2}\n";
    let first = post(&service, PATH, &keyed, body);
    assert_eq!(
        (first.status, &first.body["rows"], &first.body["duplicate"]),
        (200, &2.into(), &false.into())
    );
    assert_eq!(service.follower().read_all().len(), 1);
    service.stop();

    let service = start(with_http(dir.path()));
    let again = post(&service, PATH, &keyed, body);
    assert_eq!(again.body["duplicate"], true);
    for name in ["epoch", "first_sequence", "last_sequence", "position"] {
        assert_eq!(again.body[name], first.body[name], "{name}");
    }
    let other = post(&service, PATH, &keyed, "{\"ts\":1700000000,\"sold\":7}");
    assert_eq!((other.status, &other.body["expected_previous"]), (409, &1.into()));
    assert_eq!(service.follower().read_all().len(), 1);
    service.stop();
}

#[test]
fn an_answer_that_waits_for_the_sync_says_synced() {
    let dir = tempfile::tempdir().unwrap();
    let service = start(with_http(dir.path()));
    let reply = post(&service, &format!("{PATH}?durability=synced"), &[NDJSON], "{\"ts\":1,\"a\":1}");
    assert_eq!((reply.status, &reply.body["durability"]), (200, &"synced".into()), "{reply:?}");
    let reply = post(&service, PATH, &[NDJSON], "{\"ts\":2,\"b\":1}");
    assert_eq!(reply.body["last_sequence"], 2);
    service.stop();
}

#[test]
fn a_replay_over_a_kill_and_a_stop_brings_every_row_once() {
    let (dir, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = file(data.path(), 3_000);
    let paced = ReplaySettings { pace: Pace::Rate(4_000.0), batch_rows: 7, ..ReplaySettings::of(&path) };
    let service = start(replaying(dir.path(), paced.clone()));
    eventually("some rows", || latest_of(&service, "btc-perp") > 300);
    let killed = snapshot(dir.path());
    service.stop();

    let service = start(replaying(killed.path(), paced));
    eventually("some more rows", || latest_of(&service, "btc-perp") > 900);
    service.stop();

    let service = start(replaying(killed.path(), ReplaySettings::of(&path)));
    eventually("the whole file", || latest_of(&service, "btc-perp") == 3_000);
    let opens: Vec<u64> =
        journaled(&service, "candles.replay.btc-perp.1m").iter().map(|c| c.open as u64).collect();
    assert_eq!(opens, (1..=3_000).collect::<Vec<_>>());
    service.stop();
}

#[test]
fn the_given_data_ends_in_the_journal_whole() {
    let data = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !data.is_dir() {
        return eprintln!("skipped: ../shared/data is not there");
    }
    let dir = tempfile::tempdir().unwrap();
    let names = ["btc-perp-1m.csv", "gbpusd-1m-bid.csv", "usdjpy-ticks.csv"];
    let replay =
        |name| SourceSettings::Replay(ReplaySettings { strict: true, ..ReplaySettings::of(data.join(name)) });
    let service = start(Config { sources: names.map(replay).to_vec(), ..config(dir.path()) });
    eventually("both files of candles", || {
        latest_of(&service, "btc-perp") == 45_031 && latest_of(&service, "gbpusd-1m-bid") == 30_117
    });
    let status = service.follower().status(true);
    assert_eq!(latest(&status).len(), 3);
    service.stop();
}

#[test]
fn a_source_that_cannot_start_stops_the_service_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let config = replaying(dir.path(), ReplaySettings::of("does-not-exist.csv"));
    let error = run(config, Shutdown::new(), |_| {}).unwrap_err().to_string();
    assert!(error.contains("does-not-exist.csv"), "{error}");
}
