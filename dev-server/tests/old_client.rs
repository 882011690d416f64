//! An old client, on another implementation of ZeroMQ and the frozen schema: it must never notice what it talks to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gapless_compatibility::{Answer, Candle, Key, LiveBatch, Question, ask, read_answer, read_batch};
use gapless_dev_server::{Config, DevServer, Endpoints};
use std::time::Duration;
use zeromq::{ReqSocket, Socket, SocketRecv, SocketSend, SubSocket};

const PATIENCE: Duration = Duration::from_secs(20);

/// A new connection for each question, as old clients do.
async fn put(requests: &str, question: &Question, key: &Key) -> Answer {
    let mut socket = ReqSocket::new();
    socket.connect(requests).await.unwrap();
    socket.send(ask(question, key, 1, "old").into()).await.unwrap();
    read_answer(&socket.recv().await.unwrap().into_vec()[0], "old").unwrap()
}

/// The first live batch with rows.
async fn first_batch(live: &str, topic: &str) -> LiveBatch {
    let mut feed = SubSocket::new();
    feed.connect(live).await.unwrap();
    feed.subscribe(topic).await.unwrap();
    loop {
        let frames = feed.recv().await.unwrap().into_vec();
        let batch = read_batch(&frames[0], &frames[1]).unwrap().expect("candles on their topic");
        if !batch.candles.is_empty() {
            return batch;
        }
    }
}

/// Feeds `next_sequence` back until at least `rows` rows are here.
async fn pages(requests: &str, key: &Key, rows: usize) -> Vec<Candle> {
    let (mut all, mut from) = (Vec::new(), None);
    while all.len() < rows {
        let Answer::Page { start, candles, more, next } =
            put(requests, &Question::Page { from, limit: 7 }, key).await
        else {
            panic!("not a page")
        };
        assert_eq!(start, all.len() as u64 + 1);
        all.extend(candles);
        from = Some(all.len() as u64);
        assert_eq!(next, if more { all.len() as u64 } else { 0 });
    }
    all
}

async fn follow(at: &Endpoints) {
    let key = Key::new("dev", "BTC-USD", "1s");
    let live = first_batch(&at.live, &key.topic()).await;
    let end = live.start as usize - 1 + live.candles.len();
    let replayed = pages(&at.requests, &key, end).await;
    assert_eq!(replayed[live.start as usize - 1..end], live.candles, "replayed as it was published");
    let Answer::Ack { accepted: true, latest } = put(&at.requests, &Question::Subscribe, &key).await else {
        panic!("not accepted")
    };
    assert!(latest >= end as u64, "{latest} of {end}");
    assert_eq!(put(&at.requests, &Question::Health, &key).await, Answer::Health { ok: true });
    let nobody = Key::new("dev", "NOBODY", "1s");
    assert_eq!(put(&at.requests, &Question::Cursor, &nobody).await, Answer::Error { code: 404 });
}

#[test]
fn an_old_client_is_served_live_and_by_pages_whatever_version_the_server_speaks() {
    for scenario in ["steady", "version-1"] {
        let server =
            DevServer::start(&Config { scenario: scenario.into(), ..Config::on_any_port() }).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime
            .block_on(async { tokio::time::timeout(PATIENCE, follow(server.endpoints())).await })
            .unwrap_or_else(|_| panic!("{scenario}: not within {PATIENCE:?}"));
    }
}
