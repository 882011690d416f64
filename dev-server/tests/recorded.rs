//! Rows that a client recorded, played back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gapless::{Client, Endpoints, Event, Flags, From, SubscriptionBuilder};
use gapless_dev_server::{Command, Config, DevServer, Order, SourceConfig, StreamView};

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// Looks at the streams until they are as wanted.
fn streams_once(server: &DevServer, wanted: impl Fn(&StreamView) -> bool) -> Vec<StreamView> {
    let end = Instant::now() + PATIENCE;
    loop {
        let streams = server.view().unwrap().streams;
        if streams.iter().all(&wanted) {
            return streams;
        }
        assert!(Instant::now() < end, "not in time: {streams:?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn rows(streams: &[StreamView]) -> Vec<(String, u64, String)> {
    streams.iter().map(|stream| (stream.topic.clone(), stream.latest, stream.digest.clone())).collect()
}

fn follow(server: &DevServer) -> SubscriptionBuilder {
    let at = server.endpoints().clone();
    let endpoints = Endpoints {
        live: at.live,
        backfill: at.requests.clone(),
        state: at.requests,
        ..Endpoints::default()
    };
    Client::new(endpoints).subscribe().prefix("").from(From::Start)
}

#[test]
fn a_table_that_a_client_filled_is_played_back_with_the_same_rows() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.duckdb");
    let server = DevServer::start(&Config { scenario: "lossy".into(), ..Config::on_any_port() }).unwrap();
    streams_once(&server, |stream| stream.latest > 300);
    server.send(Order::to_all(Command::Stop)).unwrap();
    let published = rows(&server.view().unwrap().streams);

    let everything = follow(&server).until_caught_up(PATIENCE);
    everything.into_duckdb(&path, |_| ControlFlow::Continue(())).unwrap();
    drop(server);

    let source = SourceConfig { path: Some(path), table: "candles".into(), ..SourceConfig::default() };
    let config = Config { source, tick_ms: 1, batch_rows: 100, ..Config::on_any_port() };
    let again = DevServer::start(&config).unwrap();
    let played = streams_once(&again, |stream| !stream.running);
    assert_eq!(rows(&played), published);
    let everything = follow(&again).until_caught_up(PATIENCE).start().unwrap();
    let mut rows = 0;
    for event in everything {
        if let Event::Rows(batch) = event.unwrap() {
            assert!(batch.flags.contains(Flags::SIMULATED), "what was generated stays flagged");
            rows += batch.rows.len();
        }
    }
    assert!(rows > 0);
}
