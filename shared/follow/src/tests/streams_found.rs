use super::fake_streams::FakeStreams;
use super::streams::Application;
use super::*;
use crate::{FollowError, Select, StreamBegin, StreamFollower, StreamSettings};
use gapless_protocol::Begin;
use gapless_wire::{Message, encode_message};

fn start(fake: &FakeStreams, select: Select) -> Application {
    let (live, replay) = fake.addresses();
    let settings =
        StreamSettings { coordinator: hasty(), requests: 2, ..StreamSettings::new(live, replay, select) };
    Application::start(settings, StreamBegin::Log(Begin::Earliest))
}

fn found(application: &mut Application, count: usize) -> Vec<StreamKey> {
    eventually("streams are found", || {
        application.take(Duration::from_millis(20));
        (application.found.len() >= count).then_some(())
    });
    let mut found = application.found.clone();
    found.sort();
    found
}

#[test]
fn a_prefix_finds_streams_in_every_page_of_the_directory() {
    let fake = FakeStreams::new();
    let keys: Vec<StreamKey> = (0..9).map(|n| key(&format!("S{n}"))).collect();
    for key in &keys {
        fake.append(key, 50);
    }
    let other = StreamKey::new(Kind::Candles, "other", "S", "1m").unwrap();
    fake.append(&other, 5);
    let mut application = start(&fake, Select::Prefixes(vec!["candles.test.".into()]));
    for key in &keys {
        application.until(key, 50);
    }
    assert_eq!(found(&mut application, 9), keys);
    assert!(!application.latest.contains_key(&other));
}

#[test]
fn several_prefixes_find_their_streams_and_no_others() {
    let fake = FakeStreams::new();
    let stream = |source: &str, symbol: &str| StreamKey::new(Kind::Candles, source, symbol, "1m").unwrap();
    let (wanted, unwanted) = ([stream("a", "X"), stream("a", "Y"), stream("c", "X")], stream("b", "X"));
    for key in wanted.iter().chain([&unwanted]) {
        fake.append(key, 5);
    }
    let prefixes = ["candles.c.", "candles.a.", "candles.a.X"].map(String::from).to_vec();
    let mut application = start(&fake, Select::Prefixes(prefixes));
    for key in &wanted {
        application.until(key, 5);
    }
    assert_eq!(found(&mut application, 3), wanted);
}

#[test]
fn a_prefix_finds_streams_by_the_live_feed_alone() {
    let mut fake = FakeStreams::new();
    fake.append(&key("QUIET"), 3);
    fake.stop_server();
    let mut application = start(&fake, Select::Prefixes(vec!["candles.test.".into()]));
    eventually("a stream that sends is found", || {
        fake.publish(&key("LOUD"), 1);
        application.take(Duration::from_millis(20));
        application.found.contains(&key("LOUD")).then_some(())
    });
    eventually("a stream that is quiet is found by its watermark", || {
        fake.watermarks();
        application.take(Duration::from_millis(20));
        application.found.contains(&key("QUIET")).then_some(())
    });
    fake.start_server();
    application.until(&key("QUIET"), 3);
}

#[test]
fn watermarks_heal_the_tails_of_many_streams() {
    let mut fake = FakeStreams::new();
    let keys = vec![key("A"), key("B"), key("C")];
    let mut application = start(&fake, Select::Topics(keys.clone()));
    for key in &keys {
        fake.append(key, 30);
    }
    eventually("every tail came", || {
        fake.watermarks();
        application.take(Duration::from_millis(20));
        keys.iter().all(|key| application.latest.get(key) == Some(&30)).then_some(())
    });
}

#[test]
fn a_topic_that_only_begins_alike_is_ignored() {
    let mut fake = FakeStreams::new();
    let mut application = start(&fake, Select::Topics(vec![key("A")]));
    eventually("rows come", || {
        let bytes = encode_message(&Message::Batch(batch(&key("A"), EPOCH, 900, 901)), "");
        fake.live.send("candles.test.A.1mX", [bytes.clone()]).unwrap();
        let foreign = encode_message(&Message::Batch(batch(&key("B"), EPOCH, 800, 801)), "");
        fake.live.send("candles.test.A.1m", [foreign]).unwrap();
        fake.live.send("candles.test.A.1m", [b"garbage".as_slice()]).unwrap();
        fake.publish(&key("A"), 1);
        application.take(Duration::from_millis(20));
        (application.latest.get(&key("A")).copied().unwrap_or(0) > 5).then_some(())
    });
    assert!(application.latest[&key("A")] < 800);
    assert_eq!(application.found, [key("A")]);
}

#[test]
fn many_streams_share_a_budget_of_requests() {
    let fake = FakeStreams::new();
    let keys: Vec<StreamKey> = (0..30).map(|n| key(&format!("S{n}"))).collect();
    for key in &keys {
        fake.append(key, 100);
    }
    fake.edit(|world| world.pause = Duration::from_millis(2));
    let mut application = start(&fake, Select::Topics(keys.clone()));
    for key in &keys {
        application.until(key, 100);
    }
    let most = fake.world.lock().unwrap().most_active;
    assert!(most <= 2, "{most} requests at once");
}

#[test]
fn no_more_streams_are_followed_than_allowed() {
    let fake = FakeStreams::new();
    for n in 0..5 {
        fake.append(&key(&format!("S{n}")), 1);
    }
    let (live, replay) = fake.addresses();
    let select = Select::Prefixes(vec![String::new()]);
    let settings = StreamSettings { max_streams: 2, ..StreamSettings::new(live, replay, select) };
    let mut application = Application::start(settings, StreamBegin::Log(Begin::Earliest));
    application.until(&key("S0"), 1);
    application.until(&key("S1"), 1);
    // The directory was read whole by then or will be: either way only two were told of.
    eventually("the directory was read", || {
        application.take(Duration::from_millis(10));
        let lists = fake.world.lock().unwrap().heard.iter().filter(|heard| **heard == "list").count();
        (lists >= 3).then_some(())
    });
    assert_eq!(application.found.len(), 2);
}

#[test]
fn an_unusable_selection_or_address_is_told_at_once() {
    let begin = || Box::new(|_: &StreamKey| StreamBegin::Log(Begin::Latest));
    let address = "tcp://127.0.0.1:1";
    let nothing = StreamSettings::new(address, address, Select::Topics(Vec::new()));
    assert!(matches!(StreamFollower::start(nothing, begin()), Err(FollowError::Settings(_))));
    let nowhere = StreamSettings::new("nowhere", address, Select::Prefixes(vec![String::new()]));
    assert!(matches!(StreamFollower::start(nowhere, begin()), Err(FollowError::Transport(_))));
}
