//! A plain HTTP client for the tests: what it sends is exactly what it is told to.

use crate::http::HttpServer;
use crate::sources::fake_journal::{FakeJournal, RunningJournal};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) const CANDLES: &str = "/v1/ingest/candles/s/X/1m";
pub(crate) const METRICS: &str = "/v1/ingest/metrics/s/X/1s";
pub(crate) const NDJSON: (&str, &str) = ("content-type", "application/x-ndjson");
pub(crate) const ROW: &str = "{\"ts\":1700000000,\"open\":1,\"high\":2,\"low\":1,\"close\":2}\n";

/// A server in front of a journal that takes everything.
pub(crate) fn start() -> (HttpServer, RunningJournal) {
    let journal = FakeJournal::new(100).spawn(|| None);
    (HttpServer::start("127.0.0.1:0", &journal.intake).unwrap(), journal)
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

pub(crate) fn head(path: &str, headers: &[(&str, &str)], length: usize) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!(
        "POST {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
    )
}

pub(crate) fn post(
    server: &HttpServer,
    path: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Reply {
    post_to(server.address(), path, headers, body)
}

pub(crate) fn post_to(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: impl AsRef<[u8]>,
) -> Reply {
    let mut stream = connect(address);
    let body = body.as_ref();
    stream.write_all(head(path, headers, body.len()).as_bytes()).unwrap();
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(body);
    read(stream)
}

/// Reads until the server closes.
pub(crate) fn read(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply { status, head: head.to_lowercase(), body: serde_json::from_str(body).unwrap_or(Value::Null) }
}

impl Reply {
    pub(crate) fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }

    /// Asserts a refusal whose JSON says the same as its status line.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, message: &str) {
        assert_eq!((self.status, self.body["code"].as_u64()), (status, Some(status.into())), "{self:?}");
        assert!(self.message().contains(message), "{self:?}");
    }
}
