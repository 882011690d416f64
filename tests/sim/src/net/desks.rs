//! Requests and replies.

use super::{NodeId, Partitions, delay};
use gapless_model::{MonoTime, Rows, StreamKey};
use gapless_wire::{Limits, Message, decode, decode_batch, encode_message};
use std::collections::BTreeMap;
use std::time::Duration;

/// A server's socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Desk {
    /// Ingestion takes rows, 5551.
    Ingest,
    /// Ingestion reads its journal, 5553.
    Journal,
    /// Backfill reads its archive, 5557.
    Rows,
    /// The engine tells its state, 5558.
    State,
}

impl Desk {
    /// Who answers there.
    pub fn server(self) -> NodeId {
        match self {
            Desk::Ingest | Desk::Journal => NodeId::Ingestion,
            Desk::Rows => NodeId::Backfill,
            Desk::State => NodeId::Engine,
        }
    }
}

/// Which of a node's requesting sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Socket {
    /// A follower's questions.
    Follow,
    /// Rows for ingestion.
    Send,
    /// Everything else.
    Ask,
}

/// Whose request it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer {
    /// Who asks.
    pub node: NodeId,
    /// The how-manieth process of that node.
    pub run: u32,
    /// By which of its sockets.
    pub socket: Socket,
    /// The how-manieth connection of that socket.
    pub connection: u32,
}

/// What happens to the traffic between one node and one desk.
#[derive(Debug, Clone, Default)]
pub struct Tampering {
    /// So many requests get lost.
    pub lose_requests: u32,
    /// So many replies get lost.
    pub lose_replies: u32,
    /// So many requests arrive twice.
    pub repeat_requests: u32,
    /// So many replies arrive twice.
    pub repeat_replies: u32,
    /// So many messages are late, by up to this long: later ones overtake them.
    pub late: (u32, Duration),
    /// So many requests ask for less than was asked for: short pages.
    pub short_pages: u32,
    /// So many requests are answered with the reply before: repeated pages.
    pub stale_pages: u32,
    /// So many pages of rows have a row that is not what was stored.
    pub damage: u32,
    /// Of each stream, how many of its last pages in a row were damaged.
    damaged: BTreeMap<StreamKey, u32>,
    last_page: Option<Message>,
}

/// Rows of which five pages in a row were damaged are given up, as they should be; a passing fault is shorter.
const MOST_DAMAGED: u32 = 4;

/// A message on its way: when it arrives, and its bytes.
pub type Carried = Vec<(MonoTime, Vec<u8>)>;

/// All traffic of requests and replies.
#[derive(Debug, Default)]
pub struct Desks {
    tampering: BTreeMap<(NodeId, Desk), Tampering>,
    connections: BTreeMap<(NodeId, Socket), u32>,
}

impl Desks {
    /// The current connection of a socket.
    pub fn connection(&self, node: NodeId, socket: Socket) -> u32 {
        self.connections.get(&(node, socket)).copied().unwrap_or(0)
    }

    /// The socket connects anew: replies to the old connection are lost.
    pub fn renew(&mut self, node: NodeId, socket: Socket) {
        *self.connections.entry((node, socket)).or_default() += 1;
    }

    /// What happens between this node and this desk from now on.
    pub fn tamper(&mut self, node: NodeId, desk: Desk) -> &mut Tampering {
        self.tampering.entry((node, desk)).or_default()
    }

    /// Ends every fault.
    pub fn heal(&mut self) {
        self.tampering.clear();
    }

    /// A request leaves: its copies that arrive, and what happened to it, when something did.
    pub fn request(
        &mut self,
        (node, desk): (NodeId, Desk),
        bytes: Vec<u8>,
        now: MonoTime,
        partitions: &Partitions,
        dice: &mut fastrand::Rng,
    ) -> (Carried, Option<&'static str>) {
        let blocked = partitions.blocked_until(node, desk.server(), now).is_some();
        let tampering = self.tampering.entry((node, desk)).or_default();
        if blocked {
            return (Vec::new(), Some("asks into a partition"));
        }
        if take(&mut tampering.lose_requests) {
            return (Vec::new(), Some("asks and the request is lost"));
        }
        let short = if tampering.short_pages > 0 { shorten(&bytes) } else { None };
        let what = short.is_some().then_some("asks and gets a short page");
        tampering.short_pages -= u32::from(short.is_some());
        let bytes = short.unwrap_or(bytes);
        let late = tampering.lateness(dice);
        let at = now.after(delay(dice)).after(late.unwrap_or_default());
        if take(&mut tampering.repeat_requests) {
            let again = at.after(Duration::from_millis(dice.u64(0..3000)));
            return (vec![(at, bytes.clone()), (again, bytes)], Some("asks and the request comes twice"));
        }
        (vec![(at, bytes)], late.map(|_| "asks and the request is late").or(what))
    }

    /// A reply leaves: its copies that arrive, and what happened to it, when something did.
    pub fn reply(
        &mut self,
        (node, desk): (NodeId, Desk),
        mut bytes: Vec<u8>,
        now: MonoTime,
        partitions: &Partitions,
        dice: &mut fastrand::Rng,
    ) -> (Carried, Option<&'static str>) {
        let blocked = partitions.blocked_until(desk.server(), node, now).is_some();
        let tampering = self.tampering.entry((node, desk)).or_default();
        if blocked {
            return (Vec::new(), Some("is answered into a partition"));
        }
        if take(&mut tampering.lose_replies) {
            return (Vec::new(), Some("is answered and the reply is lost"));
        }
        let mut what = tampering.go_stale(&mut bytes);
        if let Some(damaged) = tampering.spoil(&bytes) {
            (bytes, what) = (damaged, Some("is answered with a damaged page"));
        }
        let late = tampering.lateness(dice);
        let at = now.after(delay(dice)).after(late.unwrap_or_default());
        if take(&mut tampering.repeat_replies) {
            let again = at.after(Duration::from_millis(dice.u64(0..3000)));
            return (
                vec![(at, bytes.clone()), (again, bytes)],
                Some("is answered and the reply comes twice"),
            );
        }
        (vec![(at, bytes)], late.map(|_| "is answered and the reply is late").or(what))
    }
}

impl Tampering {
    fn lateness(&mut self, dice: &mut fastrand::Rng) -> Option<Duration> {
        let (messages, most) = &mut self.late;
        take(messages).then(|| Duration::from_millis(dice.u64(0..=most.as_millis() as u64)))
    }

    /// A proxy that answers from its memory: the page before, under this request's name.
    fn go_stale(&mut self, bytes: &mut Vec<u8>) -> Option<&'static str> {
        if self.stale_pages == 0 {
            return None;
        }
        let envelope = decode(bytes, &Limits::reply()).ok()?;
        let is_page =
            matches!(envelope.message, Message::BackfillResponse(_) | Message::JournalReadResponse(_));
        if !is_page {
            return None;
        }
        let before = self.last_page.replace(envelope.message)?;
        self.stale_pages -= 1;
        *bytes = encode_message(&before, &envelope.correlation_id);
        Some("is answered with a repeated page")
    }

    /// The same page of rows, one of them with another value, if it is its turn.
    fn spoil(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        if self.damage == 0 && self.damaged.is_empty() {
            return None;
        }
        let envelope = decode(bytes, &Limits::reply()).ok()?;
        let Message::BackfillResponse(mut response) = envelope.message else { return None };
        let mut batch = decode_batch(response.batches.last()?, &Limits::live()).ok()?;
        let in_a_row = self.damaged.remove(&response.key).unwrap_or_default();
        if self.damage == 0 || in_a_row == MOST_DAMAGED {
            return None;
        }
        match &mut batch.rows {
            Rows::Candles(rows) => rows.last_mut()?.high += 1.0,
            Rows::Metrics(rows) => *rows.values.last_mut()? += 1.0,
            Rows::Warnings(rows) => rows.last_mut()?.message.push('!'),
        }
        self.damage -= 1;
        self.damaged.insert(response.key.clone(), in_a_row + 1);
        *response.batches.last_mut()? = encode_message(&Message::Batch(batch), "");
        Some(encode_message(&Message::BackfillResponse(response), &envelope.correlation_id))
    }
}

/// The same request for less; `None` when it asks for no rows.
fn shorten(bytes: &[u8]) -> Option<Vec<u8>> {
    let envelope = decode(bytes, &Limits::ingest()).ok()?;
    let message = match envelope.message {
        Message::BackfillRequest(request) => {
            let limit = 1 + request.limit / 4;
            Message::BackfillRequest(gapless_wire::BackfillRequest { limit, ..request })
        }
        Message::JournalReadRequest(request) => {
            Message::JournalReadRequest(gapless_wire::JournalReadRequest { max_bytes: 1, ..request })
        }
        _ => return None,
    };
    Some(encode_message(&message, &envelope.correlation_id))
}

fn take(left: &mut u32) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}
