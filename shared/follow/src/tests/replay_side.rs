//! A replay side that dies with a request, comes back, or answers while the application is slow. No deadline
//! helps here: they are longer than the tests.

use super::fake_streams::{FakeStreams, Trouble};
use super::streams::Application;
use super::*;
use crate::{Select, StreamBegin, StreamSettings};
use gapless_protocol::Begin;

fn patient() -> Settings {
    Settings { request_timeout: 3 * DEADLINE, ..Settings::default() }
}

fn settings(fake: &FakeStreams, keys: &[StreamKey], coordinator: Settings) -> StreamSettings {
    let (live, replay) = fake.addresses();
    let settings = StreamSettings::new(live, replay, Select::Topics(keys.to_vec()));
    StreamSettings { coordinator, ..settings }
}

fn count(fake: &FakeStreams, name: &str) -> usize {
    fake.world.lock().unwrap().heard.iter().filter(|heard| **heard == name).count()
}

#[test]
fn a_request_that_died_with_its_server_is_asked_again_without_waiting_for_its_deadline() {
    let (mut fake, key) = (FakeStreams::new(), key("A"));
    fake.append(&key, 100);
    fake.edit(|world| world.troubles.push_back(Trouble::NoReply));
    let settings = settings(&fake, std::slice::from_ref(&key), patient());
    let mut application = Application::start(settings, StreamBegin::Log(Begin::Earliest));
    eventually("the request is taken", || {
        application.take(Duration::from_millis(10));
        (count(&fake, "replay") == 1).then_some(())
    });
    fake.stop_server();
    fake.start_server();
    application.until(&key, 100);
}

#[test]
fn an_answer_that_comes_while_the_application_is_slow_is_in_time() {
    let (mut fake, first, second) = (FakeStreams::new(), key("A"), key("B"));
    let timeout = Duration::from_millis(300);
    let coordinator = Settings { request_timeout: timeout, ..Settings::default() };
    let settings = settings(&fake, &[first.clone(), second.clone()], coordinator);
    let settings = StreamSettings { queue: 1, ..settings };
    let mut application = Application::start(settings, StreamBegin::Log(Begin::Earliest));
    fake.append(&first, 1);
    fake.append(&second, 1);
    application.until(&first, 1);
    application.until(&second, 1);
    application.join(&mut fake, &second);
    let before = count(&fake, "replay");
    let latest = application.latest[&first];

    // A request for the first stream is out when rows of the second fill the application's channel.
    fake.edit(|world| world.pause = timeout / 4);
    fake.append(&first, 10);
    fake.heartbeat(&first);
    eventually("the request is taken", || {
        application.take(Duration::from_millis(1));
        (fake.world.lock().unwrap().active > 0).then_some(())
    });
    for _ in 0..5 {
        fake.publish(&second, 1);
    }
    let slow_until = Instant::now() + 2 * timeout;
    eventually("the application is done", || (Instant::now() >= slow_until).then_some(()));
    application.until(&first, latest + 10);
    assert_eq!(count(&fake, "replay"), before + 1, "it is asked once");
}
