use crate::{
    Context, Endpoint, Hooks, Publisher, PublisherSettings, Requester, RequesterSettings, RouterServer,
    RouterSettings, Sent, Source, Subscriber, SubscriberSettings, TransportError, wait_any, wake_pair,
};
use std::time::{Duration, Instant};

mod endpoints;
mod live;
mod requests;

/// Any wait at a socket of this machine ends long before this, or the test has failed.
const DEADLINE: Duration = Duration::from_secs(10);
const ANY: &str = "tcp://127.0.0.1:*";

/// Publishes until the subscriber has heard something, then empties its queue: a SUB is only known to be
/// connected once something came through.
fn join(live: &mut Publisher, follower: &mut Subscriber, topic: &str) {
    let end = Instant::now() + DEADLINE;
    loop {
        live.send(topic, [b"join".as_slice()]).unwrap();
        if follower.receive(Duration::from_millis(5)).unwrap().is_some() {
            break;
        }
        assert!(Instant::now() < end, "no subscription within {DEADLINE:?}");
    }
    live.send(topic, [b"joined".as_slice()]).unwrap();
    while &*follower.receive(DEADLINE).unwrap().unwrap()[1] != b"joined" {}
}

fn texts(frames: &[crate::Frame]) -> Vec<String> {
    frames.iter().map(|frame| String::from_utf8_lossy(frame).into_owned()).collect()
}
