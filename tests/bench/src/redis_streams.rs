//! Redis Streams as a reference: a server with an append-only file, a producer that pipelines XADD, and a
//! consumer that reads with XREAD.

use crate::clock::{now_ns, sleep_until};
use crate::load::{Arrivals, Load, Received, Sent, due_of, message};
use anyhow::{Context as _, Result, bail, ensure};
use redis::{Client, Connection, IntoConnectionInfo as _, Value};
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const PROGRAM: &str = "redis-server";
/// The stream's key.
const NAME: &str = "bench";
/// The one field of an entry.
const FIELD: &str = "m";
/// Commands of one write. With 100 and with 400 it is equally fast, within the noise.
const BATCH: u64 = 256;
/// Commands that may be on their way to be answered.
const IN_FLIGHT: u64 = 4096;
/// Entries of one XREAD. Four times as many were not faster.
const COUNT: u64 = 1000;
/// How long XREAD waits before it comes back with nothing, in milliseconds.
const QUIET_MS: u64 = 60_000;
/// How long a server may take to start.
const START: u64 = 20_000_000_000;
/// Between two looks whether it has.
const LOOK: u64 = 20_000_000;
/// Another process may take a free port before the server does.
const TRIES: usize = 5;

/// A server that appends every command to a file, which is synced every second (`appendfsync everysec`, its
/// default), and writes no snapshots. Stops when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
    folder: TempDir,
}

impl Server {
    /// Whether `redis-server` is there.
    pub fn is_installed() -> bool {
        Server::version().is_some()
    }

    /// Such as `7.0.15`; nothing where it is not installed.
    pub fn version() -> Option<String> {
        let out = Command::new(PROGRAM).arg("--version").output().ok()?;
        let text = String::from_utf8(out.stdout).ok()?;
        Some(text.split_whitespace().find_map(|word| word.strip_prefix("v="))?.to_owned())
    }

    /// Starts one on a free port, with an empty store in a temporary folder.
    ///
    /// # Errors
    /// When there is no `redis-server`, or it does not answer in time.
    pub fn start() -> Result<Server> {
        let mut last = Server::start_once();
        for _ in 1..TRIES {
            if last.is_ok() {
                break;
            }
            last = Server::start_once();
        }
        last
    }

    fn start_once() -> Result<Server> {
        let folder = tempfile::tempdir().context("no folder for redis-server")?;
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let port = free.context("no free port")?.port();
        let child = Command::new(PROGRAM)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--appendonly", "yes", "--appendfsync", "everysec", "--save", ""])
            .args(["--logfile", "log", "--dir"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("redis-server does not start")?;
        let mut server = Server { child, address: format!("127.0.0.1:{port}"), folder };
        server.wait()?;
        Ok(server)
    }

    /// Host and port.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Until it answers.
    fn wait(&mut self) -> Result<()> {
        let until = now_ns() + START;
        loop {
            // In this order: where it has ended, another server may have its port.
            let ended = self.child.try_wait().context("redis-server")?;
            if ended.is_some() || now_ns() > until {
                let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                bail!("redis-server does not answer; its log:\n{log}");
            }
            if answers(&self.address) {
                return Ok(());
            }
            sleep_until(now_ns() + LOOK);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answers(address: &str) -> bool {
    connect(address).is_ok_and(|mut connection| redis::cmd("PING").exec(&mut connection).is_ok())
}

/// Without the delay of small packets, which the library leaves on.
fn connect(address: &str) -> Result<Connection> {
    let info = format!("redis://{address}/").into_connection_info().context("an address of Redis")?;
    let settings = info.tcp_settings().clone().set_nodelay(true);
    let client = Client::open(info.set_tcp_settings(settings)).context("an address of Redis")?;
    client.get_connection().with_context(|| format!("no connection to redis-server at {address}"))
}

/// Adds entries, those that are due in one write, and is done when every one was answered. The server answers
/// when the entry is in its memory and, unless a sync holds it up, written to the file.
///
/// # Errors
/// When a message has several rows, or the server refuses one.
pub fn send(address: &str, load: &Load) -> Result<Sent> {
    ensure!(load.rows == 1, "Redis Streams is measured with messages of one row");
    let mut pipeline =
        Pipeline { connection: connect(address)?, commands: Vec::new(), waiting: 0, in_flight: 0 };
    let begun_ns = now_ns();
    let mut first_ns = None;
    for (number, due_ns) in (1..).zip(load.due()) {
        let first_ns = *first_ns.get_or_insert(due_ns);
        pipeline.add(due_ns);
        let next_is_due = load.rate.is_none_or(|rate| first_ns + number * 1_000_000_000 / rate <= now_ns());
        if pipeline.waiting == BATCH || !next_is_due {
            pipeline.write()?;
            pipeline.answers(IN_FLIGHT)?;
        }
    }
    pipeline.write()?;
    pipeline.answers(0)?;
    Ok(Sent { begun_ns, done_ns: now_ns() })
}

/// Commands that go in one write, and do not wait for the answers to those before.
struct Pipeline {
    connection: Connection,
    commands: Vec<u8>,
    /// Commands that are not written yet.
    waiting: u64,
    /// Commands that are not answered yet.
    in_flight: u64,
}

impl Pipeline {
    fn add(&mut self, due_ns: u64) {
        let message = message(due_ns);
        let mut command = redis::cmd("XADD");
        command.arg(NAME).arg("*").arg(FIELD).arg(&message[..]).write_packed_command(&mut self.commands);
        self.waiting += 1;
    }

    fn write(&mut self) -> Result<()> {
        if self.waiting > 0 {
            self.connection.send_packed_command(&self.commands).context("entries are not sent")?;
            self.commands.clear();
            self.in_flight += std::mem::take(&mut self.waiting);
        }
        Ok(())
    }

    /// Reads answers until only so many are missing.
    fn answers(&mut self, missing: u64) -> Result<()> {
        while self.in_flight > missing {
            let answer = self.connection.recv_response().context("an entry is not answered")?;
            ensure!(matches!(answer, Value::BulkString(_)), "an entry is refused: {answer:?}");
            self.in_flight -= 1;
        }
        Ok(())
    }
}

/// Reads the stream from its first entry on.
///
/// # Errors
/// When the connection ends, or nothing comes for a minute.
pub fn receive(address: &str, rows: u64, ready: impl FnOnce()) -> Result<Received> {
    let mut connection = connect(address)?;
    ready();
    let mut arrivals = Arrivals::new();
    let mut last = b"0".to_vec();
    while arrivals.rows() < rows {
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(COUNT).arg("BLOCK").arg(QUIET_MS).arg("STREAMS").arg(NAME).arg(&last[..]);
        let answer: Value = read.query(&mut connection).context("XREAD")?;
        let entries =
            entries(answer).with_context(|| format!("{} of {rows} entries came", arrivals.rows()))?;
        for entry in &entries {
            let (id, message) = parts(entry).context("an entry of another shape")?;
            arrivals.came(1, due_of(message));
            last.clear();
            last.extend_from_slice(id);
        }
    }
    Ok(arrivals.done())
}

/// Those of the one stream. The library's own type for them makes a map of each entry.
fn entries(answer: Value) -> Option<Vec<Value>> {
    let Value::Array(mut streams) = answer else { return None };
    let Value::Array(mut stream) = streams.pop()? else { return None };
    let Value::Array(entries) = stream.pop()? else { return None };
    Some(entries)
}

/// An entry's id, and its message.
fn parts(entry: &Value) -> Option<(&[u8], &[u8])> {
    let Value::Array(entry) = entry else { return None };
    let [Value::BulkString(id), Value::Array(fields)] = entry.as_slice() else { return None };
    let [_, Value::BulkString(message)] = fields.as_slice() else { return None };
    Some((id, message))
}
