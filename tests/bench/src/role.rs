//! What the processes of a benchmark do, apart from the services: one process for each.

use crate::load::Load;
use crate::{jetstream, micro, ours, raw, redis_streams};
use anyhow::{Context, Result};
use gapless::Endpoints;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Write};

/// One process's part.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Plain ZeroMQ: binds, and sends once somebody has subscribed.
    RawSend(Load),
    /// Plain ZeroMQ: only forwards, from there to an address of its own.
    RawForward(String),
    /// Plain ZeroMQ: receives so many rows from there, of messages with so many rows.
    RawReceive(String, Load),
    /// A producer of Gapless.
    Produce(ours::Produce),
    /// Clients of Gapless.
    Follow(ours::Follow),
    /// A producer of JetStream.
    JetStreamSend(String, Load),
    /// A consumer of JetStream, for so many rows.
    JetStreamReceive(String, u64),
    /// A producer of Redis Streams.
    RedisSend(String, Load),
    /// A consumer of Redis Streams, for so many rows.
    RedisReceive(String, u64),
    /// One operation, many times.
    Micro(micro::Repeat),
}

/// Where to find a running stack.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Places {
    live: String,
    backfill: String,
    state: String,
    ingest: String,
    journal: String,
}

impl From<&Endpoints> for Places {
    fn from(at: &Endpoints) -> Places {
        Places {
            live: at.live.clone(),
            backfill: at.backfill.clone(),
            state: at.state.clone(),
            ingest: at.ingest.clone(),
            journal: at.journal.clone(),
        }
    }
}

impl Places {
    /// For a client.
    pub fn endpoints(&self) -> Endpoints {
        Endpoints {
            live: self.live.clone(),
            backfill: self.backfill.clone(),
            state: self.state.clone(),
            ingest: self.ingest.clone(),
            journal: self.journal.clone(),
        }
    }
}

/// What a process says when it can begin: where it listens, or an empty text.
pub(crate) const READY: &str = "ready ";

/// Says that it can begin, and waits until it is told to.
pub(crate) fn wait_for_the_start(address: &str) -> Result<()> {
    say(&format!("{READY}{address}"))?;
    std::io::stdin().lock().read_line(&mut String::new()).context("the benchmark is gone")?;
    Ok(())
}

/// Waits until the benchmark needs it no more.
fn wait_for_the_end() -> Result<()> {
    std::io::stdin().lock().read_line(&mut String::new()).map(drop).context("the benchmark is gone")
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush().context("the benchmark is gone")
}

/// Plays a part to its end and says what came of it.
///
/// # Errors
/// When a socket or server does not do what it should.
pub fn play(role: &Role) -> Result<()> {
    match role {
        Role::RawSend(load) => raw::send(*load, |sent| {
            tell(sent)?;
            wait_for_the_end()
        }),
        Role::RawForward(from) => raw::forward(from),
        Role::RawReceive(from, load) => tell(&[raw::receive(from, *load)?]),
        Role::Produce(part) => tell(&ours::produce(part)?),
        Role::Follow(part) => tell(&ours::follow(part)?),
        Role::Micro(what) => {
            wait_for_the_start("")?;
            tell(&micro::repeat(what)?)
        }
        Role::JetStreamSend(address, load) => {
            wait_for_the_start("")?;
            tell(&jetstream::send(address, load)?)
        }
        Role::JetStreamReceive(address, rows) => {
            tell(&[jetstream::receive(address, *rows, || wait_for_the_start("").unwrap_or_default())?])
        }
        Role::RedisSend(address, load) => {
            wait_for_the_start("")?;
            tell(&redis_streams::send(address, load)?)
        }
        Role::RedisReceive(address, rows) => {
            tell(&[redis_streams::receive(address, *rows, || wait_for_the_start("").unwrap_or_default())?])
        }
    }
}

fn tell(result: &(impl Serialize + ?Sized)) -> Result<()> {
    say(&serde_json::to_string(result)?)
}
