use super::fake_streams::{FakeStreams, Next};
use super::streams::Application;
use super::*;
use crate::{Select, StreamBegin, StreamSettings};
use gapless_protocol::{Begin, Event};

fn start(fake: &FakeStreams, key: &StreamKey, begin: Begin) -> Application {
    let (live, replay) = fake.addresses();
    let settings = StreamSettings::new(live, replay, Select::Topics(vec![key.clone()]));
    let settings = StreamSettings { coordinator: hasty(), ..settings };
    Application::start(settings, StreamBegin::Log(begin))
}

fn old_server(next: Next) -> FakeStreams {
    let fake = FakeStreams::new();
    fake.edit(|world| {
        world.version1 = Some(next);
        world.page = 30;
        world.epochs = vec![gapless_model::EpochStart { epoch: Epoch::UNSTATED, first_sequence: Seq(1) }];
    });
    fake
}

#[test]
fn an_old_server_is_asked_in_its_own_words_whatever_next_sequence_means() {
    for next in [Next::LastReturned, Next::FirstNotReturned] {
        let (mut fake, key) = (old_server(next), key("A"));
        fake.append(&key, 100);
        let mut application = start(&fake, &key, Begin::Earliest);
        application.until(&key, 100);
        assert_eq!(application.first[&key], 1);
        fake.append(&key, 70);
        eventually("a gap is healed", || {
            fake.publish(&key, 1);
            application.take(Duration::from_millis(10));
            (application.latest[&key] > 170).then_some(())
        });
        let lost = application.events.iter().any(|event| matches!(event, Event::Truncated { .. }));
        assert!(!lost, "{next:?}");
    }
}

#[test]
fn an_old_server_is_not_asked_in_version_2_again_and_again() {
    let (fake, key) = (old_server(Next::LastReturned), key("A"));
    fake.append(&key, 300);
    let mut application = start(&fake, &key, Begin::Earliest);
    application.until(&key, 300);
    let heard = fake.world.lock().unwrap().heard.clone();
    let refused = heard.iter().filter(|heard| **heard == "unknown").count();
    assert_eq!(refused, 1, "{heard:?}");
}

#[test]
fn a_server_that_says_nothing_to_version_2_is_asked_in_its_own_words() {
    let (fake, key) = (old_server(Next::LastReturned), key("A"));
    fake.edit(|world| world.silent = true);
    fake.append(&key, 100);
    let mut application = start(&fake, &key, Begin::Earliest);
    application.until(&key, 100);
    assert_eq!(application.first[&key], 1);
}

#[test]
fn a_server_of_version_2_is_asked_for_more_than_the_words_of_version_1_hold() {
    // Its first answer is too late, so that it is asked in both.
    let (fake, key) = (FakeStreams::new(), key("A"));
    fake.append(&key, 100);
    fake.edit(|world| world.pause = Duration::from_secs(2));
    let mut application = start(&fake, &key, Begin::Earliest);
    eventually("it is asked", || (fake.world.lock().unwrap().most_active > 0).then_some(()));
    fake.edit(|world| world.pause = Duration::ZERO);
    application.until(&key, 100);
    let heard = fake.world.lock().unwrap().heard.clone();
    assert_eq!(heard, ["cursor", "status", "replay"]);
}

#[test]
fn a_connection_that_broke_is_no_restart() {
    let (mut fake, key) = (old_server(Next::LastReturned), key("A"));
    fake.append(&key, 100);
    let mut application = start(&fake, &key, Begin::Earliest);
    application.until(&key, 100);
    fake.restart_live();
    fake.append(&key, 30);
    eventually("the new connection is heard", || {
        fake.publish(&key, 1);
        application.take(Duration::from_millis(10));
        (application.latest[&key] > 130).then_some(())
    });
    assert_eq!(application.events.iter().find(|event| matches!(event, Event::Reset { .. })), None);
    let heard = fake.world.lock().unwrap().heard.clone();
    assert!(heard.contains(&"candles"), "the history was proven: {heard:?}");
}

#[test]
fn a_time_begins_at_the_oldest_row_of_an_old_server() {
    let (fake, key) = (old_server(Next::LastReturned), key("A"));
    fake.append(&key, 100);
    let (live, replay) = fake.addresses();
    let settings = StreamSettings::new(live, replay, Select::Topics(vec![key.clone()]));
    let settings = StreamSettings { coordinator: hasty(), ..settings };
    let since = UnixMillis(40 * 60_000).to_nanos();
    let mut application = Application::start(settings, StreamBegin::Time(since));
    application.until(&key, 100);
    assert_eq!(application.first[&key], 1);
}
