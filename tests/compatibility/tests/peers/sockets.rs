//! An old client and an old server on the `zeromq` of the module that this is part of.

use super::client;
use super::zeromq::{PubSocket, RepSocket, Socket, SocketRecv, SocketSend, ZmqMessage};
use crate::peer::{self, Order, Setup};
use gapless_compatibility::{Answer, Key, LiveBatch, OldServer, Question};
use gapless_tests::SOON;
use std::future::Future;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

/// Waits for what is sure to come; a real old client has no time-out at all.
async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.unwrap_or_else(|_| panic!("not within {SOON:?}: {what}"))
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

pub(crate) struct Client {
    client: client::Client,
    key: Key,
}

impl Client {
    pub(crate) fn connect(live: &str, replies: &str, key: &Key) -> Client {
        Client { client: client::Client::connect(live, replies, SOON).unwrap(), key: key.clone() }
    }
}

impl peer::Client for Client {
    fn put(&mut self, question: &Question) -> Answer {
        self.client.put(&self.key, question).unwrap()
    }

    fn subscribe(&mut self, prefix: &str) {
        self.client.subscribe(prefix).unwrap();
        self.client.subscribe("watermarks").unwrap();
        while self.client.next(SOON).unwrap().expect("a sign of life").topic != b"watermarks" {}
        self.client.unsubscribe("watermarks").unwrap();
    }

    fn next(&mut self) -> LiveBatch {
        loop {
            if let Some(batch) = self.client.next(SOON).unwrap().expect("a live message").batch {
                return batch;
            }
        }
    }
}

type Orders = mpsc::UnboundedReceiver<(Order, oneshot::Sender<u64>)>;

pub(crate) struct Server {
    live: String,
    replies: String,
    orders: mpsc::UnboundedSender<(Order, oneshot::Sender<u64>)>,
    runtime: Option<Runtime>,
}

impl Server {
    pub(crate) fn start(setup: &Setup) -> Server {
        let runtime = runtime();
        let (orders, receiver) = mpsc::unbounded_channel();
        let (live, replies) = runtime.block_on(async {
            let mut feed = PubSocket::new();
            let live = within("the live address is free", bind(&mut feed, &setup.live)).await;
            let mut socket = RepSocket::new();
            let replies = within("the request address is free", bind(&mut socket, &setup.replies)).await;
            let desk =
                Desk { address: replies.clone(), socket: Some(socket), held: None, manner: Order::Answer };
            tokio::spawn(serve(setup.world(), feed, desk, receiver));
            (live, replies)
        });
        Server { live, replies, orders, runtime: Some(runtime) }
    }
}

impl peer::Server for Server {
    fn order(&mut self, order: Order) -> u64 {
        let (done, answer) = oneshot::channel();
        self.orders.send((order, done)).expect("it runs");
        answer.blocking_recv().expect("it runs")
    }

    fn live(&self) -> String {
        self.live.clone()
    }

    fn replies(&self) -> String {
        self.replies.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // As a killed process does: whatever is under way ends in the middle.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An address may still be held by a socket that is just being closed.
async fn bind(socket: &mut impl Socket, address: &str) -> String {
    loop {
        match socket.bind(address).await {
            Ok(bound) => return bound.to_string(),
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// Where requests are answered, or not.
struct Desk {
    address: String,
    socket: Option<RepSocket>,
    /// An answer that is not given yet.
    held: Option<Vec<u8>>,
    manner: Order,
}

async fn serve(mut world: OldServer, mut feed: PubSocket, mut desk: Desk, mut orders: Orders) {
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some((order, done)) = order else { return };
                match order {
                    Order::Append { rows, live } => {
                        let first = world.append(rows);
                        if live {
                            publish(&world, &mut feed, first, world.latest()).await;
                        }
                    }
                    Order::Repeat { from, to } => publish(&world, &mut feed, from, to).await,
                    Order::Ignore | Order::Hold | Order::Close | Order::Answer => desk.turn(order).await,
                }
                let _ = done.send(world.latest());
            }
            request = desk.request() => desk.answer(world.answer(&request)).await,
        }
    }
}

async fn publish(world: &OldServer, feed: &mut PubSocket, from: u64, to: u64) {
    let mut message = ZmqMessage::from(world.key().topic());
    message.push_back(world.batch(from, to).into());
    let _ = feed.send(message).await;
}

impl Desk {
    async fn request(&mut self) -> Vec<u8> {
        loop {
            match &mut self.socket {
                Some(socket) if self.held.is_none() => {
                    // An error is about one peer that went away.
                    if let Ok(message) = socket.recv().await {
                        return message.get(0).unwrap().to_vec();
                    }
                }
                _ => std::future::pending().await,
            }
        }
    }

    async fn answer(&mut self, answer: Vec<u8>) {
        match (&mut self.socket, self.manner) {
            // One that asked and went away is no concern of an old server.
            (Some(socket), Order::Answer) => drop(socket.send(answer.into()).await),
            _ => self.held = Some(answer),
        }
    }

    async fn turn(&mut self, manner: Order) {
        match (manner, self.manner) {
            (Order::Close, _) => {
                if let Some(socket) = self.socket.take() {
                    socket.close().await;
                }
            }
            (Order::Answer, Order::Hold) => {
                if let (Some(socket), Some(answer)) = (&mut self.socket, self.held.take()) {
                    let _ = socket.send(answer.into()).await;
                }
            }
            (Order::Answer, Order::Ignore) => self.held = None,
            (Order::Answer, Order::Close) => {
                let mut socket = RepSocket::new();
                bind(&mut socket, &self.address).await;
                (self.socket, self.held) = (Some(socket), None);
            }
            _ => {}
        }
        self.manner = manner;
    }
}
