use super::*;

fn pair(fault: Option<crate::Fault>, receive_limit: u32, send_limit: u32) -> (Publisher, Subscriber) {
    let context = Context::new();
    let settings = PublisherSettings { send_limit, ..PublisherSettings::default() };
    let live = Publisher::bind(&context, ANY, settings).unwrap();
    let settings = SubscriberSettings { receive_limit, fault, ..SubscriberSettings::default() };
    let follower = Subscriber::connect(&context, live.endpoint(), settings).unwrap();
    (live, follower)
}

#[test]
fn a_message_arrives_whole_and_in_order() {
    let (mut live, mut follower) = pair(None, 1000, 1000);
    follower.subscribe("a").unwrap();
    join(&mut live, &mut follower, "a");
    for number in 0..10u8 {
        live.send("a.b", [[number].as_slice(), b"second".as_slice()]).unwrap();
    }
    for number in 0..10u8 {
        let frames = follower.receive(DEADLINE).unwrap().unwrap();
        assert_eq!(&*frames[0], b"a.b");
        assert_eq!(&*frames[1], [number]);
        assert_eq!(&*frames[2], b"second");
    }
}

#[test]
fn only_topics_with_the_prefix_arrive() {
    let (mut live, mut follower) = pair(None, 1000, 1000);
    follower.subscribe("candles.a").unwrap();
    join(&mut live, &mut follower, "candles.a");
    live.send("metrics.a", [b"no".as_slice()]).unwrap();
    live.send("candles.ab", [b"yes".as_slice()]).unwrap();
    assert_eq!(texts(&follower.receive(DEADLINE).unwrap().unwrap()), ["candles.ab", "yes"]);
}

#[test]
fn a_full_queue_drops_for_the_slow_and_never_blocks_the_publisher() {
    let (mut live, mut follower) = pair(None, 1, 1);
    follower.subscribe("").unwrap();
    let end = Instant::now() + DEADLINE;
    while follower.receive(Duration::from_millis(5)).unwrap().is_none() {
        live.send("t", [b"join".as_slice()]).unwrap();
        assert!(Instant::now() < end, "no subscription within {DEADLINE:?}");
    }
    let body = vec![7u8; 64 * 1024];
    for _ in 0..2000 {
        live.send("t", [body.as_slice()]).unwrap();
    }
    let mut received = 0;
    while let Some(frames) = follower.receive(Duration::from_millis(200)).unwrap() {
        received += u32::from(frames[1].len() == body.len());
    }
    assert!((1..2000).contains(&received), "a queue of one message kept {received} of 2000");
}

#[test]
fn a_fault_drops_what_it_is_told_to() {
    let mut seen = 0;
    let second_only: crate::Fault = Box::new(move |frames| {
        let counted = &*frames[1] != b"join" && &*frames[1] != b"joined";
        seen += u32::from(counted);
        !counted || seen.is_multiple_of(2)
    });
    let (mut live, mut follower) = pair(Some(second_only), 1000, 1000);
    follower.subscribe("").unwrap();
    join(&mut live, &mut follower, "t");
    for number in 0..6u8 {
        live.send("t", [[number].as_slice()]).unwrap();
    }
    let odd: Vec<u8> = (0..3).map(|_| follower.receive(DEADLINE).unwrap().unwrap()[1][0]).collect();
    assert_eq!(odd, [1, 3, 5]);
}

#[test]
fn subscriptions_are_reported_by_an_xpub() {
    let context = Context::new();
    let settings = PublisherSettings { report_subscriptions: true, ..PublisherSettings::default() };
    let mut live = Publisher::bind(&context, ANY, settings).unwrap();
    let mut follower = Subscriber::connect(&context, live.endpoint(), SubscriberSettings::default()).unwrap();
    follower.subscribe("candles.").unwrap();
    join(&mut live, &mut follower, "candles.");
    let began = live.next_subscription().unwrap().unwrap();
    assert_eq!((began.prefix.as_slice(), began.wanted), (b"candles.".as_slice(), true));
    assert_eq!(live.next_subscription().unwrap(), None);
}

#[test]
fn more_subscriptions_than_the_usual_limit_survive_a_reconnect() {
    const TOPICS: usize = 3000;
    let context = Context::new();
    let mut live = Publisher::bind(&context, ANY, PublisherSettings::default()).unwrap();
    let endpoint = live.endpoint().clone();
    let mut follower = Subscriber::connect(&context, &endpoint, SubscriberSettings::default()).unwrap();
    for topic in 0..TOPICS {
        follower.subscribe(&format!("t{topic}.")).unwrap();
    }
    join(&mut live, &mut follower, "t0.");
    drop(live);
    let end = Instant::now() + DEADLINE;
    let mut live = loop {
        match Publisher::bind(&context, &endpoint, PublisherSettings::default()) {
            Ok(live) => break live,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
    };
    // In whichever order they are sent again, each of them has to count in the end.
    for topic in 0..TOPICS {
        join(&mut live, &mut follower, &format!("t{topic}."));
    }
}

#[test]
fn one_wait_covers_a_feed_and_a_wake_up() {
    let (mut live, mut follower) = pair(None, 1000, 1000);
    follower.subscribe("").unwrap();
    join(&mut live, &mut follower, "t");
    let (waker, wake) = wake_pair().unwrap();
    let nothing =
        wait_any([Source::Subscriber(&follower), Source::Wake(&wake)], Some(Duration::from_millis(1)));
    assert_eq!(nothing.unwrap(), [false, false]);

    let elsewhere = std::thread::spawn(move || {
        for _ in 0..100_000 {
            waker.wake();
        }
        waker
    });
    assert_eq!(wait_any([Source::Subscriber(&follower), Source::Wake(&wake)], None).unwrap(), [false, true]);
    let waker = elsewhere.join().unwrap();
    wake.clear();
    let quiet = wait_any([Source::Wake(&wake)], Some(Duration::from_millis(1))).unwrap();
    assert_eq!(quiet, [false], "many wakes are one");
    waker.wake();
    assert_eq!(wait_any([Source::Wake(&wake)], None).unwrap(), [true], "a cleared wake-up works again");

    live.send("t", [b"x".as_slice()]).unwrap();
    wake.clear();
    let ready = wait_any([Source::Subscriber(&follower), Source::Wake(&wake)], None).unwrap();
    assert_eq!(ready, [true, false]);
}

#[test]
fn a_lost_and_a_restored_connection_are_told() {
    let context = Context::new();
    let live = Publisher::bind(&context, ANY, PublisherSettings::default()).unwrap();
    let endpoint = live.endpoint().clone();
    let mut follower = Subscriber::connect(&context, &endpoint, SubscriberSettings::default()).unwrap();
    let mut until = |wanted: bool| {
        let end = Instant::now() + DEADLINE;
        while follower.link_change().unwrap() != Some(wanted) {
            assert!(Instant::now() < end, "no word within {DEADLINE:?}");
            assert!(follower.receive(Duration::from_millis(5)).unwrap().is_none());
        }
        assert_eq!(follower.link_change().unwrap(), None, "a change is told once");
    };
    until(true);
    drop(live);
    until(false);
    let end = Instant::now() + DEADLINE;
    let _live = loop {
        match Publisher::bind(&context, &endpoint, PublisherSettings::default()) {
            Ok(live) => break live,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
    };
    until(true);
}
