use super::*;
use crate::{Reach, Router};
use std::thread;

fn hooks() -> Hooks {
    Hooks {
        refuse: |request| Some([b"busy ".as_slice(), request].concat()),
        malformed: || Some(b"one frame, please".to_vec()),
    }
}

fn server(context: &Context, settings: RouterSettings) -> RouterServer {
    RouterServer::bind(context, ANY, settings, hooks()).unwrap()
}

/// Answers every request with "re: " and itself, from `workers` threads, until the server is gone.
fn echo(server: &RouterServer, workers: usize) {
    for _ in 0..workers {
        let (requests, replier) = (server.requests().clone(), server.replier());
        thread::spawn(move || {
            for request in requests {
                replier.send(request.peer, [b"re: ".as_slice(), &request.body].concat());
            }
        });
    }
}

fn ask(requester: &mut Requester, text: &str) {
    assert_eq!(requester.send(text.as_bytes()).unwrap(), Sent::Queued);
}

fn answer(requester: &mut Requester) -> String {
    let reply = requester.receive(DEADLINE).unwrap().expect("a reply in time");
    String::from_utf8(reply.to_vec()).unwrap()
}

fn raw(kind: zmq::SocketType, to: &RouterServer) -> zmq::Socket {
    let socket = zmq::Context::new().socket(kind).unwrap();
    socket.set_linger(0).unwrap();
    socket.set_rcvtimeo(10_000).unwrap();
    socket.connect(&to.endpoint().to_string()).unwrap();
    socket
}

#[test]
fn many_requests_in_flight_are_each_answered() {
    let context = Context::new();
    let server = server(&context, RouterSettings::default());
    echo(&server, 3);
    let mut requester =
        Requester::connect(&context, server.endpoint(), RequesterSettings::default()).unwrap();
    for number in 0..200 {
        ask(&mut requester, &number.to_string());
    }
    let mut answers: Vec<String> = (0..200).map(|_| answer(&mut requester)).collect();
    answers.sort();
    let mut expected: Vec<String> = (0..200).map(|number| format!("re: {number}")).collect();
    expected.sort();
    assert_eq!(answers, expected);
    assert_eq!((server.counts().requests, server.counts().refused), (200, 0));
}

#[test]
fn a_req_socket_gets_its_answer() {
    let server = server(&Context::new(), RouterSettings::default());
    echo(&server, 1);
    let req = raw(zmq::REQ, &server);
    for text in ["one", "two", ""] {
        req.send(text, 0).unwrap();
        assert_eq!(req.recv_string(0).unwrap().unwrap(), format!("re: {text}"));
    }
}

#[test]
fn a_dealer_without_the_delimiter_is_answered_in_its_own_shape() {
    let server = server(&Context::new(), RouterSettings::default());
    echo(&server, 1);
    let dealer = raw(zmq::DEALER, &server);
    dealer.send("bare", 0).unwrap();
    assert_eq!(dealer.recv_multipart(0).unwrap(), [b"re: bare".to_vec()]);
}

#[test]
fn wrong_shapes_are_told_so_and_the_server_goes_on() {
    let server = server(&Context::new(), RouterSettings::default());
    echo(&server, 1);
    let dealer = raw(zmq::DEALER, &server);
    let shapes: [&[&str]; 4] = [&["", "a", "b"], &["a", "b"], &[""], &["a", "b", "c", "d", "e", "f", "g"]];
    for shape in shapes {
        dealer.send_multipart(shape, 0).unwrap();
        let reply = dealer.recv_multipart(0).unwrap();
        assert_eq!(reply.last().unwrap(), b"one frame, please", "{shape:?}");
    }
    assert_eq!(server.counts().malformed, 4);
    dealer.send_multipart(["", "fine"], 0).unwrap();
    assert_eq!(dealer.recv_multipart(0).unwrap(), [b"".to_vec(), b"re: fine".to_vec()]);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let context = Context::new();
    let server = server(&context, RouterSettings { queue: 1, ..RouterSettings::default() });
    let mut requester =
        Requester::connect(&context, server.endpoint(), RequesterSettings::default()).unwrap();
    ask(&mut requester, "first");
    ask(&mut requester, "second");
    assert_eq!(answer(&mut requester), "busy second");
    echo(&server, 1);
    assert_eq!(answer(&mut requester), "re: first");
    assert_eq!(server.counts().refused, 1);
}

#[test]
fn a_peer_that_never_reads_costs_the_others_nothing() {
    let context = Context::new();
    let server = server(&context, RouterSettings { send_limit: 1, ..RouterSettings::default() });
    let replier = server.replier();
    let requests = server.requests().clone();
    thread::spawn(move || {
        for request in requests {
            let size = if &*request.body == b"big" { 256 * 1024 } else { 1 };
            replier.send(request.peer, vec![0u8; size]);
        }
    });
    let hostile = raw(zmq::DEALER, &server);
    hostile.set_rcvhwm(1).unwrap();
    let mut polite = Requester::connect(&context, server.endpoint(), RequesterSettings::default()).unwrap();
    for _ in 0..300 {
        hostile.send_multipart(["", "big"], 0).unwrap();
    }
    for _ in 0..100 {
        ask(&mut polite, "small");
        assert_eq!(polite.receive(DEADLINE).unwrap().unwrap().len(), 1);
    }
}

#[test]
fn an_oversized_request_cuts_off_its_peer_only() {
    let context = Context::new();
    let server = server(&context, RouterSettings { max_message_bytes: 1024, ..RouterSettings::default() });
    echo(&server, 1);
    let hostile = raw(zmq::DEALER, &server);
    hostile.send_multipart([vec![], vec![0u8; 4096]], 0).unwrap();
    let mut polite = Requester::connect(&context, server.endpoint(), RequesterSettings::default()).unwrap();
    ask(&mut polite, "fine");
    assert_eq!(answer(&mut polite), "re: fine");
    assert_eq!(server.counts().requests, 1);
}

#[test]
fn a_requester_outlives_its_server() {
    let context = Context::new();
    let first = server(&context, RouterSettings::default());
    let endpoint = first.endpoint().clone();
    let mut requester = Requester::connect(&context, &endpoint, RequesterSettings::default()).unwrap();
    ask(&mut requester, "lost");
    let _lost = first.requests().recv_timeout(DEADLINE).unwrap();
    first.stop();
    let end = Instant::now() + DEADLINE;
    let second = loop {
        match RouterServer::bind(&context, &endpoint, RouterSettings::default(), hooks()) {
            Ok(server) => break server,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
    };
    echo(&second, 1);
    requester.renew().unwrap();
    ask(&mut requester, "again");
    assert_eq!(answer(&mut requester), "re: again");
}

#[test]
fn an_unreachable_server_fills_the_queue_without_blocking() {
    let settings = RequesterSettings { send_limit: 2, ..RequesterSettings::default() };
    let mut requester = Requester::connect(&Context::new(), "tcp://127.0.0.1:1", settings).unwrap();
    ask(&mut requester, "one");
    ask(&mut requester, "two");
    assert_eq!(requester.send(b"three".as_slice()).unwrap(), Sent::Full);
    requester.renew().unwrap();
    ask(&mut requester, "fresh");
}

#[test]
fn dropping_the_server_ends_its_workers() {
    let server = server(&Context::new(), RouterSettings::default());
    let requests = server.requests().clone();
    drop(server);
    assert!(requests.recv_timeout(DEADLINE).is_err());
}

#[test]
fn a_requester_tells_that_its_server_is_lost_and_that_it_is_back() {
    let context = Context::new();
    let first = server(&context, RouterSettings::default());
    let endpoint = first.endpoint().clone();
    echo(&first, 1);
    let settings = RequesterSettings { watch: true, ..RequesterSettings::default() };
    let mut requester = Requester::connect(&context, &endpoint, settings).unwrap();
    ask(&mut requester, "there");
    assert_eq!(answer(&mut requester), "re: there");
    assert_eq!(requester.reach_change().unwrap(), None, "it was there at once");
    first.stop();
    assert_eq!(reach(&mut requester), Reach::Lost);
    let gone = Instant::now();
    requester.renew().unwrap();
    while gone.elapsed() < Duration::from_secs(1) {
        assert_eq!(requester.reach_change().unwrap(), None, "it is told once");
    }
    let _second = RouterServer::bind(&context, &endpoint, RouterSettings::default(), hooks()).unwrap();
    assert_eq!(reach(&mut requester), Reach::Back);
}

/// The next change.
fn reach(requester: &mut Requester) -> Reach {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(reach) = requester.reach_change().unwrap() {
            return reach;
        }
        assert!(Instant::now() < end, "nothing is told");
    }
}

#[test]
fn whoever_owns_the_socket_may_answer_more_than_there_is_room_for_from_elsewhere() {
    let context = Context::new();
    let settings = RouterSettings { reply_queue: 1, ..RouterSettings::default() };
    let mut router = Router::bind(&context, ANY, &settings, || None, wake_pair().unwrap()).unwrap();
    let mut requester =
        Requester::connect(&context, router.endpoint().clone(), RequesterSettings::default()).unwrap();
    ask(&mut requester, "count");
    let mut asked = None;
    while asked.is_none() {
        router.step(Some(DEADLINE), |request, _| asked = Some(request.peer)).unwrap();
    }
    let replier = router.replier();
    for number in 1..=3 {
        replier.send(asked.clone().unwrap(), format!("{number}").into_bytes());
    }
    router.send_replies();
    let answers: Vec<String> = (0..3).map(|_| answer(&mut requester)).collect();
    assert_eq!(answers, ["1", "2", "3"]);
    assert_eq!(router.counters().read().replies, 3);
}

#[test]
fn a_reply_of_another_thread_ends_the_wait_of_the_sockets_owner() {
    let context = Context::new();
    let settings = RouterSettings::default();
    let mut router = Router::bind(&context, ANY, &settings, || None, wake_pair().unwrap()).unwrap();
    let mut requester =
        Requester::connect(&context, router.endpoint().clone(), RequesterSettings::default()).unwrap();
    ask(&mut requester, "later");
    let mut elsewhere = None;
    while router.counters().read().replies == 0 {
        router
            .step(None, |request, replier| {
                let replier = replier.clone();
                elsewhere = Some(std::thread::spawn(move || replier.send(request.peer, b"now".to_vec())));
            })
            .unwrap();
    }
    assert_eq!(answer(&mut requester), "now");
    elsewhere.unwrap().join().unwrap();
}

#[test]
fn a_reply_is_seen_by_whoever_watches_and_by_whoever_used_the_socket_meanwhile() {
    let context = Context::new();
    let server = server(&context, RouterSettings::default());
    let mut requester =
        Requester::connect(&context, server.endpoint().clone(), RequesterSettings::default()).unwrap();
    let signal = requester.reply_signal();
    echo(&server, 1);
    for round in 0..100 {
        ask(&mut requester, "question");
        if !requester.hides_reply().unwrap() {
            assert_eq!(wait_any([Source::Replies(signal)], Some(DEADLINE)).unwrap(), [true], "round {round}");
        }
        assert_eq!(answer(&mut requester), "re: question");
    }
}
