use std::io::{Read, Write};
use std::net::TcpListener;
use std::net::TcpStream;

use super::*;
use crate::health::condition;
use crate::metrics::{counter, install, names};

fn fetch(admin: &Admin, path: &str) -> String {
    let mut stream = TcpStream::connect(admin.address()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn ready_means_that_every_condition_holds_and_no_stop_was_asked_for() {
    let shutdown = Shutdown::new();
    let admin = Admin::start("127.0.0.1:0", Some("readiness"), "1.2.3", shutdown.clone()).unwrap();
    assert!(fetch(&admin, "/healthz").starts_with("HTTP/1.1 200"));
    assert!(fetch(&admin, "/readyz").starts_with("HTTP/1.1 503"), "nothing stated is not ready");

    let bound = condition("readiness", "sockets-bound", "starting");
    let journal = condition("readiness", "journal-open", "recovering");
    let _other_service = condition("elsewhere", "broken", "for ever");
    bound.holds();
    let waiting = fetch(&admin, "/readyz");
    assert!(waiting.starts_with("HTTP/1.1 503") && waiting.contains("recovering"), "{waiting}");

    journal.holds();
    assert!(fetch(&admin, "/readyz").starts_with("HTTP/1.1 200"));
    journal.fails("disk full");
    assert!(fetch(&admin, "/readyz").contains("disk full"));
    drop(journal);
    assert!(fetch(&admin, "/readyz").starts_with("HTTP/1.1 200"));
    shutdown.request();
    assert!(fetch(&admin, "/readyz").starts_with("HTTP/1.1 503"));
}

#[test]
fn services_that_share_a_process_share_one_recorder_and_keep_their_labels() {
    install();
    install();
    counter(names::ROWS_ACCEPTED, "ingestion", &[("via", "http")]).increment(3);
    counter(names::ROWS_ACCEPTED, "dev-server", &[("via", "zmq")]).increment(4);
    let admin = Admin::start("127.0.0.1:0", None, "1.2.3", Shutdown::new()).unwrap();
    let page = fetch(&admin, "/metrics");
    assert!(page.contains("gapless_rows_accepted_total{service=\"ingestion\",via=\"http\"} 3"), "{page}");
    assert!(page.contains("gapless_rows_accepted_total{service=\"dev-server\",via=\"zmq\"} 4"), "{page}");
    assert!(page.contains("# HELP gapless_rows_accepted_total Rows acknowledged"), "{page}");
}

#[test]
fn an_address_in_use_is_told_with_the_way_out() {
    let first = Admin::start("127.0.0.1:0", None, "1", Shutdown::new()).unwrap();
    let again = Admin::start(&first.address().to_string(), None, "1", Shutdown::new());
    assert!(again.unwrap_err().to_string().contains("--admin off"));
}

#[test]
fn a_dropped_endpoint_frees_its_port_even_while_a_peer_stays_connected() {
    let admin = Admin::start("127.0.0.1:0", None, "1", Shutdown::new()).unwrap();
    let address = admin.address();
    let _lingering = TcpStream::connect(address).unwrap();
    drop(admin);
    assert!(TcpListener::bind(address).is_ok());
}

fn post(admin: &Admin, path: &str, header: &str) -> String {
    let mut stream = TcpStream::connect(admin.address()).unwrap();
    write!(stream, "POST {path} HTTP/1.1\r\nHost: test\r\n{header}Connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn an_action_is_done_by_the_service_and_by_no_page_of_a_browser() {
    let admin = Admin::start("127.0.0.1:0", Some("acting"), "1", Shutdown::new()).unwrap();
    let unknown = post(&admin, "/actions/jump", "x-gapless: 1\r\n");
    assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
    let jump = crate::action("acting", "jump");
    let service = std::thread::spawn(move || {
        jump.asks().recv().unwrap().answer(Ok(json!({ "height": 3 })));
        jump.asks().recv().unwrap().answer(Err("too tired".into()));
    });
    assert!(post(&admin, "/actions/jump", "").starts_with("HTTP/1.1 403"));
    assert!(fetch(&admin, "/actions/jump").starts_with("HTTP/1.1 405"));
    let done = post(&admin, "/actions/jump", "x-gapless: 1\r\n");
    assert!(done.starts_with("HTTP/1.1 200") && done.contains("{\"height\":3}"), "{done}");
    let failed = post(&admin, "/actions/jump", "x-gapless: 1\r\n");
    assert!(failed.starts_with("HTTP/1.1 500") && failed.contains("too tired"), "{failed}");
    service.join().unwrap();
    let gone = post(&admin, "/actions/jump", "x-gapless: 1\r\n");
    assert!(gone.starts_with("HTTP/1.1 404"), "withdrawn with its service: {gone}");
}
