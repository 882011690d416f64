//! Lost messages: dropped by ZeroMQ itself, and the last ones before a silence.

use crate::client::{assert_whole, follow_with_a_pause};
use gapless::{Client, Endpoints, Event, From};
use gapless_tests::{LATER, Relay, Stack, eventually, file_candles, shared_data};
use gapless_wire::{BatchHeader, Limits};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const TOPIC: &str = "candles.replay.btc-perp.1m";
/// Rows of the file that are sent before the client pauses.
const HEAD: usize = 1000;

#[test]
fn what_zeromq_drops_at_a_small_receive_limit_is_healed() {
    let Some(file) = shared_data("btc-perp-1m.csv") else { return };
    let expected = file_candles(&file);
    let stack = Stack::start();
    // The client follows live when it pauses, so what it misses then is no late join.
    let text = std::fs::read_to_string(&file).unwrap();
    let (header, rows) = text.split_once('\n').unwrap();
    let at = rows.match_indices('\n').nth(HEAD - 1).unwrap().0 + 1;
    let part = |name: &str, rows: &str| {
        let path = stack.data().join(name);
        std::fs::write(&path, format!("{header}\n{rows}")).unwrap();
        path
    };
    let arguments = ["--symbol", "btc-perp", "--interval", "1m", "--batch", "1"];
    let ((paused, is_paused), (go_on, told)) = (channel(), channel());
    let subscription = stack.client().subscribe().receive_limit(10);
    let client = follow_with_a_pause(subscription, TOPIC, expected.len(), HEAD, (paused, told));
    stack.replay(&part("head.csv", &rows[..at]), &arguments).succeeds();
    is_paused.recv_timeout(LATER).expect("the client has the head");
    stack.replay(&part("rest.csv", &rows[at..]), &arguments).succeeds();
    eventually("all rows are in the archive", LATER, || stack.latest(TOPIC) == expected.len() as u64);
    let go = Instant::now();
    go_on.send(()).unwrap();
    let received = client.join().unwrap();
    eprintln!("gapless {} ms after the pause: {:?}", go.elapsed().as_millis(), received.report);
    assert_whole(&received.rows, &expected);
    let gaps = received.report.gaps;
    assert!(gaps.found > 0, "a queue of 10 messages must overflow: {:?}", received.report);
    assert_eq!((gaps.healed, gaps.truncated), (gaps.found, 0));
}

/// The tail is the loss that no later batch reveals: only the watermark does.
#[test]
fn a_lost_tail_is_healed_within_a_second_of_the_next_watermark() {
    let stack = Stack::start();
    let topic = "candles.tail.quiet.1m";
    let relay = Relay::start(&stack.live(), |_, _| true);
    let endpoints = Endpoints { live: relay.address(), ..stack.endpoints() };
    let mut client = Client::new(endpoints).subscribe().stream(topic).from(From::Start).start().unwrap();
    stack.send_candles(topic, 100);
    let mut until = |last: u64| {
        let deadline = Instant::now() + LATER;
        loop {
            assert!(Instant::now() < deadline, "row {last} within {LATER:?}: {:?}", client.status());
            if let Some(Event::Rows(batch)) = client.next_timeout(Duration::from_millis(50)).unwrap() {
                assert!(batch.range().last().0 <= last);
                if batch.range().last().0 == last {
                    return Instant::now();
                }
            }
        }
    };
    until(100);

    // Every batch with rows is lost from here on; the first watermark after them passes and is timed.
    let (watermark, seen) = channel();
    let mut told = Some(watermark);
    relay.set(move |_, envelope| match BatchHeader::peek(envelope, &Limits::live()) {
        Ok(header) if header.rows > 0 => false,
        Ok(header) if header.start.0 == 151 => {
            if let Some(told) = told.take() {
                let _ = told.send(Instant::now());
            }
            true
        }
        Ok(_) => true,
        // The batched watermarks would tell as well; this test is about the stream's own.
        Err(_) => false,
    });
    stack.send_candles(topic, 50);
    eventually("the batch is lost", LATER, || relay.withheld() > 0);
    let healed = until(150);
    let told = seen.recv_timeout(LATER).expect("the stream sends a watermark");
    let took = healed.saturating_duration_since(told);
    assert!(took < Duration::from_secs(1), "{took:?}");
}
