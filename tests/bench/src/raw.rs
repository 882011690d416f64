//! Plain ZeroMQ PUB/SUB: what the bus costs by itself. Queues are without a limit, so that nothing is lost.

use crate::clock::now_ns;
use crate::load::{Arrivals, Load, ROW_BYTES, Received, Sent, due_of, message};
use crate::role::wait_for_the_start;
use anyhow::{Context as _, Result};
use zmq::{Context, Socket, SocketType};

/// Every message begins with it.
const TOPIC: &str = "metrics.bench.s0.raw";

fn socket(context: &Context, kind: SocketType) -> Result<Socket> {
    let socket = context.socket(kind)?;
    socket.set_sndhwm(0)?;
    socket.set_rcvhwm(0)?;
    socket.set_linger(-1)?;
    Ok(socket)
}

fn bind(socket: &Socket) -> Result<String> {
    socket.bind("tcp://127.0.0.1:*")?;
    socket.get_last_endpoint()?.map_err(|_| anyhow::anyhow!("an address that is no text"))
}

/// Sends two frames a message, topic and rows, as the services do. `done` is called before the socket is closed: what is
/// still in its queue goes out until it returns.
pub(crate) fn send(load: Load, done: impl FnOnce(&Sent) -> Result<()>) -> Result<()> {
    let context = Context::new();
    let publisher = socket(&context, SocketType::XPUB)?;
    wait_for_the_start(&bind(&publisher)?)?;
    // The subscription has come through every hop.
    publisher.recv_bytes(0).context("nobody subscribes")?;
    let begun_ns = now_ns();
    let mut rows = vec![0x5a; ROW_BYTES * usize::try_from(load.rows)?];
    for due in load.due() {
        if let (Some(head), made) = (rows.first_chunk_mut::<ROW_BYTES>(), message(due)) {
            *head = made;
        }
        publisher.send(TOPIC, zmq::SNDMORE)?;
        publisher.send(&rows[..], 0)?;
    }
    done(&Sent { begun_ns, done_ns: now_ns() })
}

/// Forwards until it is killed.
pub(crate) fn forward(from: &str) -> Result<()> {
    let context = Context::new();
    let upstream = socket(&context, SocketType::XSUB)?;
    upstream.connect(from)?;
    let downstream = socket(&context, SocketType::XPUB)?;
    let address = bind(&downstream)?;
    std::thread::spawn(move || wait_for_the_start(&address));
    zmq::proxy(&upstream, &downstream)?;
    Ok(())
}

pub(crate) fn receive(from: &str, load: Load) -> Result<Received> {
    let context = Context::new();
    let subscriber = socket(&context, SocketType::SUB)?;
    subscriber.connect(from)?;
    subscriber.set_subscribe(TOPIC.as_bytes())?;
    wait_for_the_start("")?;
    let mut arrivals = Arrivals::new();
    let mut frame = zmq::Message::new();
    while arrivals.rows() < load.total() {
        subscriber.recv(&mut frame, 0)?;
        subscriber.recv(&mut frame, 0)?;
        arrivals.came(load.rows, due_of(&frame));
    }
    Ok(arrivals.done())
}
