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
