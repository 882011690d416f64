//! What orders do.
use super::*;

#[test]
fn skipped_rows_are_made_and_not_sent() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    rig.order(Some(BTC), "{ skip = { rows = 7 } }");
    rig.run_to(200);
    let expected: Vec<u64> = (1..=30).chain(38..=55).collect();
    assert_eq!(rig.sequences(BTC), expected);
    assert_eq!(rig.sequences("candles.dev.ETH-USD.1s"), one_to(55), "the other stream has no part in it");
}

#[test]
fn a_lost_tail_shows_only_in_the_watermarks() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    rig.order(None, "{ lose-tail = { batches = 3 } }");
    rig.outputs.clear();
    rig.run_to(1000);
    assert_eq!(rig.sequences(BTC), [0; 0]);
    assert_eq!(rig.published(BTC)[0].1.start, Seq(46), "rows 31 to 45 are missing");
    rig.order(None, "\"start\"");
    rig.run_to(1100);
    assert_eq!(rig.sequences(BTC).first(), Some(&46));
}

#[test]
fn nothing_leaves_while_it_stalls_and_everything_after_it() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    rig.order(None, "{ stall = { for_ms = 900 } }");
    rig.outputs.clear();
    rig.run_to(999);
    assert_eq!(rig.outputs, []);
    rig.run_to(1000);
    assert_eq!(rig.sequences(BTC), (31..=255).collect::<Vec<_>>());
}

#[test]
fn a_burst_comes_at_once_and_the_pace_goes_on() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    rig.order(Some(BTC), "{ burst = { batches = 50 } }");
    assert_eq!(rig.sequences(BTC), one_to(280));
    rig.run_to(120);
    assert_eq!(rig.sequences(BTC), one_to(285));
}

#[test]
fn the_next_batches_suffer_what_was_ordered() {
    for (command, name) in [
        ("{ duplicate = { batches = 2 } }", "duplicate"),
        ("{ corrupt = { batches = 2 } }", "corrupt"),
        ("{ wrong-version = { batches = 2 } }", "wrong-version"),
        ("{ collide = { batches = 2 } }", "collide"),
        ("{ reorder = { batches = 2 } }", "reordered"),
    ] {
        let mut rig = Rig::new("");
        rig.run_to(100);
        rig.order(Some(BTC), command);
        rig.run_to(500);
        assert_eq!(rig.stream().faults.get(name), Some(&2), "{command}");
        let struck =
            rig.stream().strip.iter().filter(|cell| cell.what == name).map(|c| c.start).collect::<Vec<_>>();
        assert_eq!(struck, [31, 36], "{command}");
    }
}

#[test]
fn what_only_looks_like_a_stream_is_recognised_by_the_whole_topic_and_the_key() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    rig.outputs.clear();
    rig.order(Some(BTC), "{ collide = { batches = 1 } }");
    rig.run_to(120);
    let beginning_so = |(_, output): &(u64, Output<u32>)| match output {
        Output::Publish { topic, envelope } if topic.starts_with(BTC) => {
            let Message::Batch(batch) = decode(envelope, &Limits::live()).unwrap().message else {
                return None;
            };
            Some((topic.clone(), batch.key.topic()))
        }
        _ => None,
    };
    let seen: Vec<(String, String)> = rig.outputs.iter().filter_map(beginning_so).collect();
    let expected = [(format!("{BTC}0"), BTC), (BTC.into(), "candles.dev.NOBODY.1s"), (BTC.into(), BTC)];
    assert_eq!(seen, expected.map(|(topic, key)| (topic, key.to_owned())));
}

#[test]
fn a_rate_changes_at_once() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    rig.order(Some(BTC), "{ rate = { tick_ms = 500, batch_rows = 1 } }");
    rig.run_to(1200);
    assert_eq!(rig.sequences(BTC), one_to(33), "one row at 120, 620 and 1120 ms");
    rig.order(Some(BTC), "{ rate = { tick_ms = 10 } }");
    rig.run_to(1300);
    assert_eq!(rig.stream().rows, 43);
}

#[test]
fn connections_break_and_rows_of_that_time_are_withheld() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    rig.order(None, "{ refuse = { for_ms = 1000 } }");
    assert_eq!(rig.outputs.last().unwrap().1, Output::Close);
    rig.outputs.clear();
    rig.run_to(1099);
    assert_eq!(rig.outputs, []);
    assert!(!rig.upstream.view(rig.now().0).open);
    rig.run_to(1100);
    assert_eq!(rig.outputs[0].1, Output::Open);
    assert_eq!((rig.stream().latest, rig.stream().withheld), (280, 245));
}

#[test]
fn a_restart_in_the_same_epoch_keeps_everything() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    let before = rig.stream();
    rig.order(None, "{ restart = { down_ms = 400 } }");
    rig.run_to(499);
    assert_eq!(rig.stream().latest, before.latest, "a server that is down makes no rows");
    rig.run_to(600);
    assert_eq!(rig.published(BTC).last().unwrap().1.epoch, Epoch(BEGAN as u64));
    assert_eq!(rig.sequences(BTC), one_to(60));
}

#[test]
fn a_new_epoch_gives_the_sequences_of_lost_rows_out_again() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    rig.order(None, r#"{ restart = { epoch = { new = { sequences = "continue", lose_rows = 12 } } } }"#);
    rig.outputs.clear();
    rig.run_to(200);
    let (_, first) = rig.published(BTC).into_iter().find(|(_, batch)| !batch.rows.is_empty()).unwrap();
    assert_eq!((first.start, first.epoch), (Seq(19), Epoch(BEGAN as u64 + 100)));
    let status = rig.answer(Message::StreamStatusRequest(BTC.parse().unwrap()));
    let Some(Message::StreamStatusResponse(status)) = status else { panic!("{status:?}") };
    let starts: Vec<u64> = status.epochs.iter().map(|start| start.first_sequence.0).collect();
    assert_eq!(starts, [1, 19]);
}

#[test]
fn a_new_epoch_can_begin_at_one() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    rig.order(None, r#"{ restart = { epoch = { new = { sequences = "from-one" } } } }"#);
    rig.outputs.clear();
    rig.run_to(150);
    assert_eq!(rig.sequences(BTC).first(), Some(&1));
    assert!(rig.published(BTC).iter().all(|(_, batch)| batch.epoch == Epoch(BEGAN as u64 + 100)));
}

#[test]
fn streams_are_added_chosen_and_removed() {
    let mut rig = Rig::new("");
    rig.order(
        None,
        r#"{ add = { kind = "metrics", source_id = "dev", symbols = ["h1"], interval = "5s" } }"#,
    );
    rig.run_to(100);
    assert_eq!(rig.sequences("metrics.dev.h1.5s"), one_to(30));
    rig.order(Some("metrics.*"), "\"remove\"");
    rig.order(None, r#"{ symbols = ["ETH-USD", "SOL-USD"] }"#);
    let topics: Vec<String> =
        rig.upstream.view(rig.now().0).streams.into_iter().map(|stream| stream.topic).collect();
    assert_eq!(topics, ["candles.dev.ETH-USD.1s", "candles.dev.SOL-USD.1s"]);
}

#[test]
fn all_faults_end_when_it_is_healed() {
    let mut rig = Rig::of(Scenario::find("hostile").unwrap());
    rig.run_to(2000);
    rig.order(None, "\"heal\"");
    let before = rig.stream();
    rig.outputs.clear();
    rig.run_to(2900);
    let after = rig.stream();
    assert_eq!((after.withheld, &after.faults), (before.withheld, &before.faults));
    assert!(rig.sequences(BTC).windows(2).all(|pair| pair[1] == pair[0] + 1));
}

#[test]
fn an_order_that_cannot_be_is_refused_and_changes_nothing() {
    let mut rig = Rig::new("");
    rig.run_to(100);
    let (now, wall) = rig.now();
    for (stream, command, said) in [
        (Some("candles.dev.NONE.1s"), "\"stop\"", "no stream fits"),
        (None, "{ rate = { tick_ms = 0 } }", "tick_ms = 0"),
        (None, "{ stall = { for_ms = 700000 } }", "for_ms"),
        (None, r#"{ add = { symbols = ["a.b"] } }"#, "a.b"),
        (None, r#"{ symbols = ["a b"] }"#, "a b"),
    ] {
        let error = rig.upstream.handle_order(&order(stream, command), now, wall).unwrap_err().to_string();
        assert!(error.contains(said), "{command}: {error}");
    }
    rig.run_to(200);
    assert_eq!(rig.sequences(BTC), one_to(55));
}

#[test]
fn what_it_is_now_can_be_saved_and_started_again() {
    let mut rig = Rig::of(Scenario::find("lossy").unwrap());
    rig.run_to(100);
    rig.order(Some(BTC), "{ live = { drop_every = 9 } }");
    rig.order(None, "{ rate = { tick_ms = 33 } }");
    let saved = rig.upstream.as_scenario();
    let read = Scenario::parse("saved", &saved.to_toml().unwrap()).unwrap();
    let again = Rig::of(read);
    let plans = |rig: &Rig| -> Vec<_> {
        let streams = rig.upstream.view(rig.now().0).streams;
        streams.into_iter().map(|stream| (stream.topic, stream.live, stream.tick_ms)).collect()
    };
    assert_eq!(plans(&again), plans(&rig));
}
