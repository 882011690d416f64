use super::*;
use crate::config::Config;
use std::io::{Read, Write};
use std::net::TcpStream;

fn panel() -> (DevServer, Panel) {
    let server = DevServer::start(&Config::on_any_port()).unwrap();
    let panel = Panel::start("127.0.0.1:0", server.clone()).unwrap();
    (server, panel)
}

/// Status line, headers and body of one request.
fn ask(panel: &Panel, method: &str, path: &str, headers: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(panel.address()).unwrap();
    let host =
        if headers.contains("Host:") { String::new() } else { format!("Host: {}\r\n", panel.address()) };
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

const JSON: &str = "Content-Type: application/json\r\n";

#[test]
fn an_order_over_http_changes_what_the_view_shows() {
    let (_server, panel) = panel();
    let (head, body) = ask(&panel, "POST", "/api/orders", JSON, r#"{"do":{"rate":{"tick_ms":7}}}"#);
    assert!(head.starts_with("HTTP/1.1 204"), "{head} {body}");
    let (_, view) = ask(&panel, "GET", "/api/view", "", "");
    let view: serde_json::Value = serde_json::from_str(&view).unwrap();
    assert!(view["streams"].as_array().unwrap().iter().all(|stream| stream["tick_ms"] == 7), "{view}");
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let (server, panel) = panel();
    let before = server.view().unwrap().streams.len();
    for (body, says) in [
        (r#"{"do":"dance"}"#, "dance"),
        (r#"{"do":{"rate":{"tick_ms":0}}}"#, "tick_ms"),
        (r#"{"stream":"candles.x","do":"stop"}"#, "candles.x"),
        (r#"{"do":{"symbols":["A.B"]}}"#, "A.B"),
        ("{", "JSON"),
    ] {
        let (head, answer) = ask(&panel, "POST", "/api/orders", JSON, body);
        assert!(head.starts_with("HTTP/1.1 4"), "{head}");
        assert!(answer.contains(says), "{body}: {answer}");
    }
    assert_eq!(server.view().unwrap().streams.len(), before);
}

#[test]
fn pages_of_other_sites_are_kept_out() {
    let (_server, panel) = panel();
    let (head, _) = ask(&panel, "GET", "/api/view", "Host: example.org\r\n", "");
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
    let (head, _) = ask(&panel, "POST", "/api/orders", "Content-Type: text/plain\r\n", r#"{"do":"stop"}"#);
    assert!(head.starts_with("HTTP/1.1 415"), "{head}");
    let (head, _) = ask(&panel, "PUT", "/api/scenario", "Content-Type: text/plain\r\n", "title = \"x\"");
    assert!(head.starts_with("HTTP/1.1 415"), "{head}");
}

#[test]
fn a_scenario_is_saved_and_loaded_again() {
    let (server, panel) = panel();
    ask(&panel, "POST", "/api/orders", JSON, r#"{"do":{"live":{"drop_percent":12.5}}}"#);
    let (_, saved) = ask(&panel, "GET", "/api/scenario", "", "");
    ask(&panel, "POST", "/api/orders", JSON, r#"{"do":"heal"}"#);
    let (head, body) = ask(&panel, "PUT", "/api/scenario", "Content-Type: application/toml\r\n", &saved);
    assert!(head.starts_with("HTTP/1.1 204"), "{head} {body}");
    let view = server.view().unwrap();
    assert!(view.streams.iter().all(|stream| stream.live.drop_percent == 12.5));
    let (head, body) = ask(&panel, "PUT", "/api/scenario", "Content-Type: application/toml\r\n", "titel = 1");
    assert!(head.starts_with("HTTP/1.1 400") && body.contains("titel"), "{head} {body}");
}

#[test]
fn events_begin_with_the_view_as_it_is() {
    let (_server, panel) = panel();
    let mut stream = TcpStream::connect(panel.address()).unwrap();
    write!(stream, "GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut text = String::new();
    let mut piece = [0; 4096];
    while !text.contains("\"streams\"") {
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "the stream ended: {text}");
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    assert!(text.contains("text/event-stream") && text.contains("data: {"), "{text}");
}

#[test]
fn every_path_of_the_description_answers() {
    let (_server, panel) = panel();
    let (_, text) = ask(&panel, "GET", "/api/openapi.json", "", "");
    let description: serde_json::Value = serde_json::from_str(&text).unwrap();
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() >= 8, "{paths:?}");
    for path in paths.keys().filter(|path| !path.contains("events")) {
        let (head, _) = ask(&panel, "GET", &path.replace("{name}", "lossy"), "", "");
        assert!(!head.starts_with("HTTP/1.1 404"), "{path}: {head}");
    }
    let names = description["components"]["schemas"].as_object().unwrap();
    assert!(names.contains_key("Command") && names.contains_key("View"), "{:?}", names.keys());
}
