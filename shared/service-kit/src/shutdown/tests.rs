use super::*;

#[test]
fn a_request_reaches_every_clone_and_every_waiting_receiver() {
    let shutdown = Shutdown::new();
    let receiver = shutdown.receiver();
    let waiting = std::thread::spawn(move || receiver.recv().is_err());
    assert!(!shutdown.is_requested());
    shutdown.clone().request();
    shutdown.request();
    assert!(waiting.join().unwrap());
    assert!(shutdown.is_requested() && !shutdown.has_failed());
    assert!(shutdown.wait(Duration::from_secs(60)));
}

#[test]
fn guards_name_what_is_still_under_way() {
    let shutdown = Shutdown::new();
    let writer = shutdown.guard("journal writer");
    let _http = shutdown.guard("http");
    drop(writer);
    assert_eq!(shutdown.pending(), ["http"]);
}

#[test]
fn a_panic_under_a_guard_stops_the_service_as_failed() {
    let shutdown = Shutdown::new();
    let guard = shutdown.guard("worker");
    let worker = std::thread::spawn(move || {
        let _guard = guard;
        panic!("a bug");
    });
    assert!(worker.join().is_err());
    assert!(shutdown.is_requested() && shutdown.has_failed() && shutdown.pending().is_empty());
}

#[test]
fn calls_are_made_once_the_stop_is_asked_for_also_when_it_was_before() {
    let shutdown = Shutdown::new();
    let (told, calls) = bounded(9);
    let call = |name: &'static str| {
        let told = told.clone();
        move || told.send(name).unwrap()
    };
    shutdown.on_request(call("before"));
    assert!(calls.is_empty());
    shutdown.request();
    shutdown.on_request(call("after"));
    shutdown.request();
    assert_eq!(calls.try_iter().collect::<Vec<_>>(), ["before", "after"]);
}
