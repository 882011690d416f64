//! A client that speaks only version 1, on another ZeroMQ implementation than the services: it must get
//! the whole stream live and by paged backfill, and never notice that the services speak more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod client;

use client::{OldClient, Page};
use gapless_tests::{LATER, Stack, eventually, file_candles, shared_data};

/// Rows asked for in one page: not a divisor of the file's length, so that the last page is short.
const PAGE: u32 = 7000;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_old_client_gets_the_whole_stream_live_and_by_pages() {
    let Some(file) = shared_data("btc-perp-1m.csv") else { return };
    let expected = file_candles(&file);
    let stack = Stack::start();
    stack.send_candles("candles.other.stream.1m", 1);
    let client = OldClient::new(&stack.live(), &stack.backfill(), ["old", "btc-perp", "1m"]);

    // Live from before the first row: what old clients show as the chart moves.
    let mut live = client.subscribe().await;
    let replay = stack.replay(&file, &["--source", "old", "--rate", "20000"]);
    let mut received = Vec::new();
    while received.len() < expected.len() {
        let batch = tokio::time::timeout(LATER, live.next()).await.expect("the live feed goes on");
        // An old client ignores an empty batch, which is our watermark.
        if batch.candles.is_empty() {
            continue;
        }
        assert_eq!(batch.start_sequence, received.len() as u64 + 1, "contiguous from 1 on");
        received.extend(batch.candles);
    }
    assert_eq!(received, expected);
    replay.succeeds();

    // Paged from the oldest row, feeding `next_sequence` back, one connection per request.
    eventually("the archive has every row", LATER, || stack.latest("candles.old.btc-perp.1m") == 45_031);
    assert_eq!(client.ask_to_subscribe().await, (true, 45_031));
    let mut paged = Vec::new();
    let mut from = None;
    loop {
        let Page { start_sequence, candles, has_more, next_sequence } = client.page(from, PAGE).await;
        assert_eq!(start_sequence, paged.len() as u64 + 1);
        paged.extend(candles);
        if !has_more {
            assert_eq!(next_sequence, 0);
            break;
        }
        assert_eq!(next_sequence, paged.len() as u64, "the last sequence returned");
        from = Some(next_sequence);
    }
    assert_eq!(paged, expected);
    assert_eq!(client.cursor().await, (45_031, expected.last().unwrap().0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_old_clients_questions_at_the_edges_are_answered_as_ever() {
    let stack = Stack::start();
    stack.send_candles("candles.old.edge.1m", 30);
    eventually("the archive has the rows", LATER, || stack.latest("candles.old.edge.1m") == 30);
    let client = OldClient::new(&stack.live(), &stack.backfill(), ["old", "edge", "1m"]);

    let newer = client.page(Some(30), 10).await;
    assert_eq!((newer.start_sequence, newer.candles.len(), newer.has_more), (31, 0, false));
    let beyond = client.page(Some(u64::MAX - 1), 10).await;
    assert_eq!((beyond.candles.len(), beyond.has_more, beyond.next_sequence), (0, false, 0));
    let all = client.page(None, 0).await;
    assert_eq!((all.start_sequence, all.candles.len(), all.has_more), (1, 30, false));
    let exact = client.page(Some(20), 10).await;
    assert_eq!((exact.candles.len(), exact.has_more, exact.next_sequence), (10, false, 0));
    let short = client.page(Some(20), 9).await;
    assert_eq!((short.candles.len(), short.has_more, short.next_sequence), (9, true, 29));

    // Before the journal was read once nobody knows which streams there are not.
    let is_read = async { while !client.health(LATER).await {} };
    tokio::time::timeout(LATER, is_read).await.expect("backfill reads the journal");
    let stranger = OldClient::new(&stack.live(), &stack.backfill(), ["old", "nobody", "1m"]);
    assert_eq!(stranger.page_error().await, 404);
    assert!(!stranger.ask_to_subscribe().await.0);
}
