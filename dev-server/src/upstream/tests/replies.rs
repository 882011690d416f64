//! What answers say, honest and not.
use super::*;

fn rows_after(from: u64, to: u64, limit: u32) -> Message {
    Message::BackfillRequest(BackfillRequest {
        key: BTC.parse().unwrap(),
        epoch: Epoch::UNSTATED,
        from_exclusive: Seq(from),
        to: Seq(to),
        start_ts: None,
        end_ts: None,
        limit,
        max_bytes: 0,
    })
}

fn candles_after(from: Option<u64>, limit: u32) -> Message {
    Message::BackfillCandlesRequest(BackfillCandlesRequest {
        key: BTC.parse().unwrap(),
        from_exclusive: from.map(Seq),
        end_ts: None,
        limit,
        to: None,
        epoch: Epoch::UNSTATED,
    })
}

fn page(answer: Option<Message>) -> BackfillResponse {
    let Some(Message::BackfillResponse(page)) = answer else { panic!("{answer:?}") };
    page
}

fn code(answer: Option<Message>) -> ErrorCode {
    let Some(Message::Error(error)) = answer else { panic!("{answer:?}") };
    error.code
}

fn after_a_while(text: &str) -> Rig {
    let mut rig = Rig::new(text);
    rig.run_to(100);
    rig.order(None, "\"stop\"");
    rig
}

#[test]
fn a_range_is_served_as_it_was_published() {
    let mut rig = after_a_while("[faults.live]\ndrop_percent = 100.0");
    let page = page(rig.answer(rows_after(3, 12, 0)));
    assert_eq!((page.served_from, page.served_to, page.has_more), (Seq(4), Seq(12), false));
    assert_eq!((page.earliest, page.latest, page.epoch), (Seq(1), Seq(30), Epoch(BEGAN as u64)));
    let batches: Vec<Batch> = page
        .batches
        .iter()
        .map(|bytes| match decode(bytes, &Limits::live()).unwrap().message {
            Message::Batch(batch) => batch,
            other => panic!("{other:?}"),
        })
        .collect();
    let sequences: Vec<u64> = batches.iter().flat_map(|b| b.range().start().0..b.range().end().0).collect();
    assert_eq!(sequences, (4..=12).collect::<Vec<_>>());
    let sum = batches.iter().fold(Digest::default(), |sum, b| sum + Digest::of(b.start, &b.rows));
    assert_eq!(page.digest, sum);
    assert_eq!(rig.stream().replayed, 9);
}

#[test]
fn pages_say_whether_more_follows_in_both_versions() {
    let mut rig = after_a_while("");
    let first = page(rig.answer(rows_after(0, 0, 10)));
    assert_eq!((first.served_to, first.has_more), (Seq(10), true));
    let last = page(rig.answer(rows_after(20, 0, 10)));
    assert_eq!((last.served_to, last.has_more), (Seq(30), false));
    let Some(Message::BackfillCandlesResponse(old)) = rig.answer(candles_after(None, 10)) else { panic!() };
    assert_eq!((old.start, old.candles.len(), old.has_more, old.next), (Seq(1), 10, true, Seq(10)));
    let Some(Message::BackfillCandlesResponse(old)) = rig.answer(candles_after(Some(30), 10)) else {
        panic!()
    };
    assert_eq!((old.start, old.candles.len(), old.has_more, old.next), (Seq(31), 0, false, Seq::NONE));
}

#[test]
fn an_old_server_states_nothing_that_version_1_lacks() {
    let mut rig = after_a_while("version = 1");
    assert_eq!(code(rig.answer(rows_after(0, 0, 0))), ErrorCode::VERSION);
    let Some(Message::BackfillCandlesResponse(page)) = rig.answer(candles_after(None, 0)) else { panic!() };
    assert_eq!((page.candles.len(), page.epoch, page.latest), (30, Epoch::UNSTATED, Seq::NONE));
    let mut rig = Rig::new("version = 1");
    rig.run_to(1000);
    assert!(
        rig.published(BTC).iter().all(|(_, batch)| batch.epoch == Epoch::UNSTATED && !batch.rows.is_empty())
    );
}

#[test]
fn the_directory_lists_streams_page_by_page() {
    let mut rig = after_a_while("");
    let ask = |after: &str| PageRequest { prefix: "candles.".into(), after: after.into(), limit: 1 };
    let Some(Message::ListStreamsResponse(list)) = rig.answer(Message::ListStreamsRequest(ask(""))) else {
        panic!()
    };
    assert_eq!((list.streams[0].key.topic().as_str(), list.has_more), (BTC, true));
    let Some(Message::ListStreamsResponse(list)) = rig.answer(Message::ListStreamsRequest(ask(BTC))) else {
        panic!()
    };
    assert_eq!((list.streams[0].key.symbol(), list.has_more), ("ETH-USD", false));
}

#[test]
fn an_unknown_stream_and_a_broken_request_are_errors() {
    let mut rig = after_a_while("");
    let unknown = Message::StreamStatusRequest("candles.dev.NONE.1s".parse().unwrap());
    assert_eq!(code(rig.answer(unknown)), ErrorCode::UNKNOWN_STREAM);
    let (now, wall) = rig.now();
    rig.outputs.clear();
    rig.upstream.handle_request(7, b"nonsense", now, wall);
    rig.upstream.handle_timeout(now, wall);
    rig.drain();
    assert_eq!(code(rig.answers().pop().map(|(_, _, message)| message)), ErrorCode::MALFORMED);
}

#[test]
fn replies_fail_as_planned() {
    let mut rig = after_a_while("");
    rig.order(None, "{ replies = { none_percent = 100.0 } }");
    assert_eq!(rig.answer(rows_after(0, 0, 0)), None);
    rig.order(None, "{ replies = { error_percent = 100.0 } }");
    assert_eq!(code(rig.answer(rows_after(0, 0, 0))), ErrorCode::INTERNAL);
    rig.order(None, "{ replies = { wrong_correlation_percent = 100.0 } }");
    rig.answer(rows_after(0, 0, 0));
    assert_ne!(rig.answers()[0].1, "mine");
    rig.order(None, "{ replies = { page_rows = 4 } }");
    let short = page(rig.answer(rows_after(0, 0, 10)));
    assert_eq!((short.served_to, short.has_more), (Seq(4), true));
    rig.order(None, "{ replies = { repeat_page_percent = 100.0 } }");
    let repeated = page(rig.answer(rows_after(4, 0, 4)));
    assert_eq!((repeated.served_from, repeated.served_to), (Seq(1), Seq(4)), "the page before");
    rig.order(None, "{ replies = { empty_page_percent = 100.0 } }");
    let empty = page(rig.answer(rows_after(4, 0, 4)));
    assert_eq!((empty.batches.len(), empty.served_to, empty.has_more), (0, Seq(4), true));
    let faults = rig.upstream.view(rig.now().0).replies.faults;
    let names: Vec<&str> = faults.keys().copied().collect();
    assert_eq!(names, ["empty-page", "error", "none", "repeated-page", "short-page", "wrong-correlation"]);
}

#[test]
fn slow_answers_come_late_and_are_counted_as_open_until_then() {
    let mut rig = after_a_while("[faults.replies]\nslow_ms = 300");
    rig.outputs.clear();
    rig.ask(Message::HealthRequest);
    assert_eq!(rig.upstream.view(rig.now().0).replies.open, 1);
    rig.run_to(1000);
    assert_eq!(
        rig.answers().iter().map(|(at, id, _)| (*at, id.as_str())).collect::<Vec<_>>(),
        [(400, "mine")]
    );
    assert_eq!(rig.upstream.view(rig.now().0).replies.open, 0);
}

#[test]
fn watermarks_in_answers_can_lie_in_both_directions() {
    let mut rig = after_a_while("");
    for (offset, latest) in [(100, 130), (-10, 20), (-100, 0)] {
        rig.order(None, &format!("{{ replies = {{ watermark_offset = {offset} }} }}"));
        assert_eq!(page(rig.answer(rows_after(0, 5, 0))).latest, Seq(latest));
        let Some(Message::StreamStatusResponse(status)) =
            rig.answer(Message::StreamStatusRequest(BTC.parse().unwrap()))
        else {
            panic!()
        };
        assert_eq!(status.watermark.latest, Seq(latest));
    }
}
