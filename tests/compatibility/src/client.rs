//! The sockets of an old client, on the `zeromq` of the module that this is part of: one SUB, and a REQ for each request.

use super::zeromq::{ReqSocket, Socket, SocketRecv, SocketSend, SubSocket};
use crate::{Answer, Heard, Key, Question, ask, read_answer, read_batch};
use std::future::Future;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const ID: &str = "old-rust";

/// An old client.
pub struct Client {
    live: SubSocket,
    replies: String,
    within: Duration,
    // Last, so that sockets go before what they live on.
    runtime: Runtime,
}

/// What an old client cannot go on from without connecting anew, in words.
type Trouble = String;

async fn in_time<T, E: std::fmt::Debug>(
    within: Duration,
    future: impl Future<Output = Result<T, E>>,
) -> Result<T, Trouble> {
    let done =
        tokio::time::timeout(within, future).await.map_err(|_| format!("nothing within {within:?}"))?;
    done.map_err(|error| format!("{error:?}"))
}

impl Client {
    /// Connects to a live feed; requests go to `replies`. A real old client waits for ever; this one `within`.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(live: &str, replies: &str, within: Duration) -> Result<Client, Trouble> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let live = runtime.block_on(async {
            let mut socket = SubSocket::new();
            in_time(within, socket.connect(live)).await.map(|()| socket)
        })?;
        Ok(Client { live, replies: replies.into(), within, runtime })
    }

    /// Asks on a connection of its own and waits for the answer.
    ///
    /// # Errors
    /// When none comes, or one that an old client would stumble over.
    pub fn put(&mut self, key: &Key, question: &Question) -> Result<Answer, Trouble> {
        let (request, within) = (ask(question, key, 1, ID), self.within);
        let answer = self.runtime.block_on(async {
            let mut socket = ReqSocket::new();
            in_time(within, socket.connect(&self.replies)).await?;
            in_time(within, socket.send(request.into())).await?;
            in_time(within, socket.recv()).await
        })?;
        match answer.get(0) {
            Some(frame) if answer.len() == 1 => read_answer(frame, ID),
            _ => Err(format!("an answer of {} frames", answer.len())),
        }
    }

    /// Subscribes to topics with this beginning.
    ///
    /// # Errors
    /// When the publisher is gone.
    pub fn subscribe(&mut self, prefix: &str) -> Result<(), Trouble> {
        self.runtime.block_on(in_time(self.within, self.live.subscribe(prefix)))
    }

    /// Ends such a subscription.
    ///
    /// # Errors
    /// When the publisher is gone.
    pub fn unsubscribe(&mut self, prefix: &str) -> Result<(), Trouble> {
        self.runtime.block_on(in_time(self.within, self.live.unsubscribe(prefix)))
    }

    /// The next message, whatever it is about; `None` when none comes within `wait`.
    ///
    /// # Errors
    /// When the publisher is gone, or with what an old client would stumble over.
    pub fn next(&mut self, wait: Duration) -> Result<Option<Heard>, Trouble> {
        let received = self.runtime.block_on(async { tokio::time::timeout(wait, self.live.recv()).await });
        let Ok(message) = received else { return Ok(None) };
        let message = message.map_err(|error| format!("{error:?}"))?;
        let (Some(topic), Some(envelope)) = (message.get(0), message.get(1)) else {
            return Err(format!("a live message of {} frames", message.len()));
        };
        Ok(Some(Heard { topic: topic.to_vec(), batch: read_batch(topic, envelope)? }))
    }
}
