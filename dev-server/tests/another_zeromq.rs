//! A peer on another implementation of ZeroMQ, with the sockets of an old client: SUB and REQ.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use gapless_dev_server::{Config, DevServer};
use gapless_wire::{Limits, Message, decode, encode_message};
use std::time::Duration;
use zeromq::{ReqSocket, Socket, SocketRecv, SocketSend, SubSocket};

const TOPIC: &str = "candles.dev.BTC-USD.1s";
const PATIENCE: Duration = Duration::from_secs(20);

async fn feed_and_cursor(live: &str, requests: &str) -> (u64, u64) {
    let mut feed = SubSocket::new();
    feed.connect(live).await.unwrap();
    feed.subscribe(TOPIC).await.unwrap();
    let frames = feed.recv().await.unwrap().into_vec();
    assert_eq!((frames.len(), &frames[0][..]), (2, TOPIC.as_bytes()));
    let Message::Batch(batch) = decode(&frames[1], &Limits::live()).unwrap().message else {
        panic!("no batch")
    };
    let mut asker = ReqSocket::new();
    asker.connect(requests).await.unwrap();
    let request = encode_message(&Message::GetCursorRequest(TOPIC.parse().unwrap()), "one");
    asker.send(request.into()).await.unwrap();
    let answer = decode(&asker.recv().await.unwrap().into_vec()[0], &Limits::reply()).unwrap();
    assert_eq!(answer.correlation_id, "one");
    let Message::GetCursorResponse(status) = answer.message else { panic!("{answer:?}") };
    (batch.range().last().0, status.watermark.latest.0)
}

#[test]
fn a_peer_on_another_zeromq_gets_rows_and_answers() {
    for scenario in ["steady", "version-1"] {
        let server =
            DevServer::start(&Config { scenario: scenario.into(), ..Config::on_any_port() }).unwrap();
        let at = server.endpoints();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (seen, latest) = runtime
            .block_on(async { tokio::time::timeout(PATIENCE, feed_and_cursor(&at.live, &at.requests)).await })
            .unwrap();
        assert!(0 < seen && seen <= latest, "{scenario}: {seen} of {latest}");
    }
}
