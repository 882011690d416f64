//! NATS JetStream as a reference: a server with one stream in files, a publisher whose every message is
//! acknowledged, and a push consumer.

use crate::clock::{now_ns, sleep_until};
use crate::load::{Arrivals, Load, Received, Sent, due_of, message};
use anyhow::{Context as _, Result, bail, ensure};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, push};
use async_nats::jetstream::{self, stream};
use async_nats::{Client, ConnectOptions, Subscriber};
use futures_util::StreamExt as _;
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::timeout;

const PROGRAM: &str = "nats-server";
/// The stream, and the one subject it takes.
const NAME: &str = "bench";
/// Messages that may be on their way to be acknowledged.
const IN_FLIGHT: usize = 4096;
/// The server lets 32 MiB wait for a consumer that asks for flow control, which is some 200,000 of our
/// messages. The library drops what does not fit its queue, so the queue is longer than that.
const QUEUE: usize = 1 << 20;
/// How long a server may take to start.
const START: u64 = 20_000_000_000;
/// Between two looks whether it has.
const LOOK: u64 = 20_000_000;
/// Nothing that is expected takes this long.
const QUIET: Duration = Duration::from_secs(60);

/// A server with default settings, but for its port and the folder of its store. Stops when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: String,
    folder: TempDir,
}

impl Server {
    /// Whether `nats-server` is there.
    pub fn is_installed() -> bool {
        Server::version().is_some()
    }

    /// Such as `2.9.10`; nothing where it is not installed.
    pub fn version() -> Option<String> {
        let out = Command::new(PROGRAM).arg("--version").output().ok()?;
        let text = String::from_utf8(out.stdout).ok()?;
        Some(text.trim().rsplit_once('v')?.1.to_owned())
    }

    /// Starts one on a port that the system chooses, with an empty store in a temporary folder.
    ///
    /// # Errors
    /// When there is no `nats-server`, or it does not listen in time.
    pub fn start() -> Result<Server> {
        let folder = tempfile::tempdir().context("no folder for nats-server")?;
        let child = Command::new(PROGRAM)
            .args(["-js", "-a", "127.0.0.1", "-p", "-1", "-sd"])
            .arg(folder.path().join("store"))
            .arg("--ports_file_dir")
            .arg(folder.path())
            .arg("-l")
            .arg(folder.path().join("log"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("nats-server does not start")?;
        let mut server = Server { child, address: String::new(), folder };
        server.address = server.wait()?;
        Ok(server)
    }

    /// Host and port.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Until it has written down where it listens and answers there.
    fn wait(&mut self) -> Result<String> {
        let folder = self.folder.path().to_owned();
        let until = now_ns() + START;
        loop {
            if let Some(address) = listens_at(&folder).filter(|address| answers(address)) {
                return Ok(address);
            }
            let ended = self.child.try_wait().context("nats-server")?;
            if ended.is_some() || now_ns() > until {
                let log = fs::read_to_string(folder.join("log")).unwrap_or_default();
                bail!("nats-server does not listen; its log:\n{log}");
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

/// The file in which the server says where it listens.
#[derive(Deserialize)]
struct Ports {
    nats: Vec<String>,
}

fn listens_at(folder: &Path) -> Option<String> {
    let is_ports = |path: &Path| path.extension().is_some_and(|extension| extension == "ports");
    let file = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find(|path| is_ports(path))?;
    let ports: Ports = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    Some(ports.nats.first()?.trim_start_matches("nats://").to_owned())
}

/// Whether JetStream answers. What it says is not read: the library expects more of it than a server of the age
/// that Debian has tells.
fn answers(address: &str) -> bool {
    let ask = async {
        let client = async_nats::connect(address).await.ok()?;
        client.request("$JS.API.INFO", "".into()).await.ok()
    };
    one_thread().is_ok_and(|runtime| runtime.block_on(ask).is_some())
}

fn one_thread() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("no runtime")
}

async fn connect(address: &str) -> Result<Client> {
    let connecting = ConnectOptions::new().subscription_capacity(QUEUE).connect(address);
    connecting.await.with_context(|| format!("no connection to nats-server at {address}"))
}

/// Makes the stream: in files, one replica. As always with the server's default settings a message is
/// acknowledged when it was written to the file, and the file is synced every two minutes (`sync_interval`):
/// a power cut may take what was acknowledged, the end of the process does not.
///
/// # Errors
/// When the server does not do it.
pub fn prepare(address: &str) -> Result<()> {
    one_thread()?.block_on(async {
        let config = stream::Config {
            name: NAME.to_owned(),
            subjects: vec![NAME.to_owned()],
            storage: stream::StorageType::File,
            num_replicas: 1,
            ..Default::default()
        };
        let context = jetstream::new(connect(address).await?);
        context.create_stream(config).await.context("the stream is not made")?;
        Ok(())
    })
}

/// Publishes, and is done when everything was acknowledged. The replies come to one inbox and are read there:
/// that is faster by a third or more than the library's future for each acknowledgement, and tells the same.
///
/// # Errors
/// When a message has several rows, or is not acknowledged.
pub fn send(address: &str, load: &Load) -> Result<Sent> {
    ensure!(load.rows == 1, "JetStream is measured with messages of one row");
    let total = load.messages;
    // The times are waited for on this thread; the connection has its own.
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().context("no runtime")?;
    runtime.block_on(async {
        let client = connect(address).await?;
        let inbox = client.new_inbox();
        let acks = client.subscribe(inbox.clone()).await.context("no inbox")?;
        let free = Arc::new(Semaphore::new(IN_FLIGHT));
        let acknowledged = tokio::spawn(acknowledgements(acks, total, Arc::clone(&free)));
        let begun_ns = now_ns();
        for due in load.due() {
            // Closed when an acknowledgement was none; the task says why.
            let Ok(permit) = free.acquire().await else { break };
            permit.forget();
            let payload = message(due).to_vec().into();
            client.publish_with_reply(NAME, inbox.clone(), payload).await.context("a message is not sent")?;
        }
        let done_ns = acknowledged.await.context("the acknowledgements")??;
        Ok(Sent { begun_ns, done_ns })
    })
}

/// What the server says to a message.
#[derive(Deserialize)]
struct Ack {
    #[serde(default)]
    seq: u64,
    error: Option<serde_json::Value>,
}

/// Reads acknowledgements until there are `total`, and says when the last came.
async fn acknowledgements(mut acks: Subscriber, total: u64, free: Arc<Semaphore>) -> Result<u64> {
    let all = async {
        let mut last = 0;
        for number in 1..=total {
            let came = timeout(QUIET, acks.next()).await;
            let came = came.with_context(|| format!("message {number} is not acknowledged"))?;
            let ack = came.context("the connection ended")?;
            let ack: Ack = serde_json::from_slice(&ack.payload).context("an acknowledgement is none")?;
            ensure!(ack.error.is_none() && ack.seq > last, "message {number} is refused: {:?}", ack.error);
            last = ack.seq;
            free.add_permits(1);
        }
        Ok(now_ns())
    };
    let done = all.await;
    free.close();
    done
}

/// Reads the stream from its first message on. A push consumer without acknowledgements, with flow control, on
/// one thread: faster than the library's ordered consumer and than pulling batches of 10,000.
///
/// # Errors
/// When the connection ends, or nothing comes for a minute.
pub fn receive(address: &str, rows: u64, ready: impl FnOnce()) -> Result<Received> {
    one_thread()?.block_on(async {
        let client = connect(address).await?;
        let config = push::Config {
            deliver_subject: client.new_inbox(),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::None,
            flow_control: true,
            idle_heartbeat: QUIET / 2,
            ..Default::default()
        };
        let stream = jetstream::new(client).get_stream(NAME).await.context("there is no stream")?;
        let mut messages;
        if stream.cached_info().state.messages > 0 {
            // It flows as soon as there is a consumer: none of it before the start.
            ready();
            messages = consume(&stream, config).await?;
        } else {
            messages = consume(&stream, config).await?;
            ready();
        }
        let mut arrivals = Arrivals::new();
        while arrivals.rows() < rows {
            let next = timeout(QUIET, messages.next()).await;
            let next = next.with_context(|| format!("{} of {rows} messages came", arrivals.rows()))?;
            let message = next.context("the connection ended")?.context("the consumer ended")?;
            arrivals.came(1, due_of(&message.payload));
        }
        Ok(arrivals.done())
    })
}

async fn consume(stream: &stream::Stream, config: push::Config) -> Result<push::Messages> {
    let consumer = stream.create_consumer(config).await.context("there is no consumer")?;
    consumer.messages().await.context("the consumer does not begin")
}
