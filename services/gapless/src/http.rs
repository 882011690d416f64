//! One request to an admin endpoint.

use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(2);
/// How long the answer may take: longer than the endpoint itself waits.
const ANSWER: Duration = Duration::from_secs(70);
/// The longest answer.
const MAX_BYTES: u64 = 1 << 20;

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// `POST path` at `address`, which is `host:port`. Version 1.0, so that the answer comes in one piece.
pub(crate) fn post(address: &str, path: &str) -> Result<Answer> {
    let place = address.to_socket_addrs()?.next().context("the address leads nowhere")?;
    let mut stream = TcpStream::connect_timeout(&place, CONNECT)?;
    stream.set_read_timeout(Some(ANSWER))?;
    write!(stream, "POST {path} HTTP/1.0\r\nHost: {address}\r\nX-Gapless: 1\r\nContent-Length: 0\r\n\r\n")?;
    let mut text = String::new();
    stream.take(MAX_BYTES).read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("that is no HTTP")?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("that is no HTTP")?;
    Ok(Answer { status, body: body.trim().to_owned() })
}
