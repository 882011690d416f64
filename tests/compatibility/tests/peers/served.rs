//! Our services, as an old client sees them: it must get everything, and never notice that they speak more.

use crate::peer::{Client, Written, for_each_peer};
use gapless_compatibility::{Answer, Candle, Key, Question};
use gapless_tests::{LATER, Stack, eventually, file_candles, shared_data};

for_each_peer!(
    the_whole_stream_comes_live_and_by_pages,
    questions_at_the_edges_are_answered_as_ever,
    a_prefix_brings_every_stream_on_its_own_topic,
    backfill_is_asked_again_on_a_new_connection_after_its_restart,
);

/// Rows asked for in one page: not a divisor of the file's length, so that the last page is short.
const PAGE: u32 = 7000;

/// Feeds `next_sequence` back until there is no more, as old clients do.
fn all_pages(client: &mut dyn Client, limit: u32) -> Vec<Candle> {
    let (mut rows, mut from) = (Vec::new(), None);
    loop {
        let Answer::Page { start, candles, more, next } = client.put(&Question::Page { from, limit }) else {
            panic!("not a page");
        };
        assert_eq!(start, rows.len() as u64 + 1);
        rows.extend(candles);
        if !more {
            assert_eq!(next, 0);
            return rows;
        }
        assert_eq!(next, rows.len() as u64, "the last sequence returned");
        from = Some(next);
    }
}

/// Before the journal was read once nobody knows which streams there are not.
fn wait_until_well(client: &mut dyn Client) {
    eventually("backfill has read the journal", LATER, || {
        client.put(&Question::Health) == Answer::Health { ok: true }
    });
}

fn the_whole_stream_comes_live_and_by_pages(written: Written) {
    let Some(file) = shared_data("btc-perp-1m.csv") else { return };
    let expected = file_candles(&file);
    let stack = Stack::start();
    stack.send_candles("candles.other.stream.1m", 1);
    let key = Key::new("old", "btc-perp", "1m");
    let Some(mut client) = written.client(&stack.live(), &stack.backfill(), &key) else { return };

    // Live from before the first row: what old clients show as the chart moves.
    client.subscribe(&key.topic());
    let replay = stack.replay(&file, &["--source", "old", "--rate", "20000"]);
    let mut received = Vec::new();
    while received.len() < expected.len() {
        let batch = client.next();
        // An old client ignores an empty batch, which is our watermark.
        if !batch.candles.is_empty() {
            assert_eq!(batch.start, received.len() as u64 + 1, "contiguous from 1 on");
            received.extend(batch.candles);
        }
    }
    assert_eq!(received, expected);
    replay.succeeds();

    eventually("the archive has every row", LATER, || stack.latest("candles.old.btc-perp.1m") == 45_031);
    assert_eq!(client.put(&Question::Subscribe), Answer::Ack { accepted: true, latest: 45_031 });
    assert_eq!(all_pages(&mut *client, PAGE), expected);
    let ts = expected.last().unwrap().0;
    assert_eq!(client.put(&Question::Cursor), Answer::Cursor { latest: 45_031, ts });
}

fn questions_at_the_edges_are_answered_as_ever(written: Written) {
    let stack = Stack::start();
    stack.send_candles("candles.old.edge.1m", 30);
    eventually("the archive has the rows", LATER, || stack.latest("candles.old.edge.1m") == 30);
    let (live, replies) = (stack.live(), stack.backfill());
    let Some(mut client) = written.client(&live, &replies, &Key::new("old", "edge", "1m")) else { return };
    let mut page = |from, limit| match client.put(&Question::Page { from, limit }) {
        Answer::Page { start, candles, more, next } => (start, candles.len(), more, next),
        other => panic!("not a page: {other:?}"),
    };
    assert_eq!(page(Some(30), 10), (31, 0, false, 0), "newer than the newest");
    let (_, rows, more, next) = page(Some(u64::MAX - 1), 10);
    assert_eq!((rows, more, next), (0, false, 0), "at the end of all numbers");
    assert_eq!(page(None, 0), (1, 30, false, 0), "all");
    assert_eq!(page(Some(20), 10), (21, 10, false, 0), "exactly the rest");
    assert_eq!(page(Some(20), 9), (21, 9, true, 29), "all but one");

    wait_until_well(&mut *client);
    let mut stranger = written.client(&live, &replies, &Key::new("old", "nobody", "1m")).unwrap();
    let refused = Answer::Error { code: 404 };
    assert_eq!(stranger.put(&Question::Page { from: None, limit: 10 }), refused);
    assert_eq!(stranger.put(&Question::Cursor), refused);
    assert_eq!(stranger.put(&Question::Subscribe), Answer::Ack { accepted: false, latest: 0 });
    let mut nameless = written.client(&live, &replies, &Key::new("", "", "")).unwrap();
    assert_eq!(nameless.put(&Question::Cursor), Answer::Error { code: 400 });
}

fn a_prefix_brings_every_stream_on_its_own_topic(written: Written) {
    let stack = Stack::start();
    stack.send_candles("candles.other.stream.1m", 1);
    let key = Key::new("old", "btc", "1m");
    let Some(mut client) = written.client(&stack.live(), &stack.backfill(), &key) else { return };
    // Rows of another kind are on topics that it does not ask for; what it asks for begins like other streams.
    client.subscribe("candles.old.btc");
    let topics = ["candles.old.btc.1m", "candles.old.btc.15m", "candles.old.btc-perp.1m"];
    for topic in topics {
        stack.send_candles(topic, 5);
    }
    let mut seen = topics.map(|_| 0);
    while seen != [5, 5, 5] {
        let batch = client.next();
        let at = topics.iter().position(|topic| *topic == batch.topic).expect("only what was asked for");
        if !batch.candles.is_empty() {
            assert_eq!(batch.start, seen[at] + 1, "{}", batch.topic);
            seen[at] += batch.candles.len() as u64;
        }
    }
}

fn backfill_is_asked_again_on_a_new_connection_after_its_restart(written: Written) {
    let stack = Stack::start();
    stack.send_candles("candles.old.edge.1m", 30);
    eventually("the archive has the rows", LATER, || stack.latest("candles.old.edge.1m") == 30);
    let key = Key::new("old", "edge", "1m");
    let Some(mut client) = written.client(&stack.live(), &stack.backfill(), &key) else { return };
    let before = all_pages(&mut *client, 7);
    stack.kill(gapless_tests::Part::Backfill);
    stack.start_part(gapless_tests::Part::Backfill);
    wait_until_well(&mut *client);
    assert_eq!(all_pages(&mut *client, 7), before);
}
