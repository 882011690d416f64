use super::*;
use gapless_model::{Position, Seq};
use gapless_wire::{ErrorCode, PageRequest, StateResponse, decode_batch};

fn page(prefix: &str, after: &str, limit: u32) -> Message {
    Message::StateRequest(PageRequest { prefix: prefix.into(), after: after.into(), limit })
}

/// The state once the engine has read the journal.
fn state(requester: &mut Requester, request: &Message) -> StateResponse {
    let end = Instant::now() + DEADLINE;
    loop {
        match ask(requester, request) {
            Message::StateResponse(state) => return state,
            Message::Error(error) => assert_eq!(error.code, ErrorCode::NOT_READY),
            other => panic!("{other:?}"),
        }
        assert!(Instant::now() < end, "not ready within {DEADLINE:?}");
    }
}

#[test]
fn tells_the_last_rows_and_the_forming_bar_at_a_position() {
    let ingestion = FakeIngestion::new();
    ingestion.accept(&rows("A", 0, 3));
    let engine = Running::start(&ingestion);
    let mut requester = engine.requester();
    let state = state(&mut requester, &page("candles.test.A", "", 0));
    assert_eq!((state.position, state.has_more, state.streams.len()), (Position(1), false, 2));
    let source = &state.streams[0];
    assert_eq!((source.key.clone(), source.watermark.latest), (key("A"), Seq(3)));
    let window = decode_batch(&source.window, &Limits::live()).unwrap();
    assert_eq!((window.start, window.rows), (Seq(1), rows("A", 0, 3).rows));
    let derived = &state.streams[1];
    assert_eq!((derived.key.interval(), derived.watermark.latest), ("5m", Seq::NONE));
    let forming = decode_batch(&derived.forming, &Limits::live()).unwrap();
    let Rows::Candles(forming) = forming.rows else { unreachable!() };
    assert_eq!((forming[0].open, forming[0].close), (0.0, 2.0));
}

#[test]
fn pages_through_all_streams() {
    let ingestion = FakeIngestion::new();
    let metrics = |n: u64| rows(&format!("S{n}"), 0, 1);
    (0..5).for_each(|n| drop(ingestion.accept(&metrics(n))));
    let engine = Running::start(&ingestion);
    let mut requester = engine.requester();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let state = state(&mut requester, &page("", &after, 3));
        assert!(state.streams.len() <= 3);
        seen.extend(state.streams.iter().map(|stream| stream.key.topic()));
        after = seen.last().unwrap().clone();
        if !state.has_more {
            break;
        }
    }
    // Each source and its derived stream.
    assert_eq!(seen.len(), 10);
    assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn hostile_requests_get_an_error_and_change_nothing() {
    let ingestion = FakeIngestion::new();
    ingestion.accept(&rows("A", 0, 1));
    let engine = Running::start(&ingestion);
    let mut requester = engine.requester();
    let good = encode_message(&page("", "", 0), "id");
    let mut hostile = vec![Vec::new(), vec![0; 7], vec![0xff; 300], good[..good.len() / 2].to_vec()];
    hostile.push(encode_message(&Message::GetCursorRequest(key("A")), "id"));
    for seed in 0..200u64 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bytes = good.clone();
        for _ in 0..3 {
            let at = random.usize(..bytes.len());
            bytes[at] = random.u8(..);
        }
        hostile.push(bytes);
    }
    for bytes in hostile {
        let (_, reply) = ask_bytes(&mut requester, &bytes);
        assert!(matches!(reply, Message::Error(_) | Message::StateResponse(_)), "{reply:?}");
    }
    assert_eq!(state(&mut requester, &page("", "", u32::MAX)).position, Position(1));
    assert!(
        matches!(ask(&mut requester, &Message::HealthRequest), Message::HealthResponse(health) if health.ok)
    );
}

#[test]
fn requests_do_not_hold_up_the_feed() {
    let ingestion = FakeIngestion::new();
    (0..100).for_each(|n| drop(ingestion.accept(&rows(&format!("S{n}"), 0, 300))));
    let engine = Running::start(&ingestion);
    let mut live = engine.subscribe("candles.test.S0.1m");
    let mut requester = engine.requester();
    state(&mut requester, &page("", "", 1));
    next_batch(&mut live, "candles.test.S0.1m", |_| true);
    let request = encode_message(&page("", "", 0), "id");
    for _ in 0..60 {
        assert_eq!(requester.send(request.as_slice()).unwrap(), Sent::Queued);
    }
    let begin = Instant::now();
    ingestion.accept(&rows("S0", 300, 1));
    next_batch(&mut live, "candles.test.S0.1m", |batch| !batch.rows.is_empty());
    let passed = begin.elapsed();
    assert!(passed < Duration::from_millis(500), "a row took {passed:?} behind state requests");
}
