//! The dull loop: one thread, two sockets, one [`Machine`].
//!
//! It moves bytes between the sockets, the machine and the application's channel, and decides nothing.

use crate::Clock;
use crate::dialect::Dialect;
use crate::machine::{Doing, Machine};
use crossbeam_channel::{Receiver, Sender, TrySendError, select};
use gapless_model::MonoTime;
use gapless_transport::{Requester, Sent, Subscriber, TransportError, WakeReceiver, wait_any};
use std::time::Duration;

/// Live messages read per turn, so that replies and timers are never kept waiting for long.
const LIVE_PER_TURN: usize = 256;
/// Replies read per turn: a page of rows each, so that live data is not kept waiting.
const REPLIES_PER_TURN: usize = 8;
/// How often connections are looked at while messages come: far more often than one can break and be there again.
const LOOK_EVERY: Duration = Duration::from_millis(1);

pub(crate) struct Driver<D: Dialect> {
    pub(crate) machine: Machine<D>,
    pub(crate) live: Subscriber,
    pub(crate) requester: Requester,
    pub(crate) wake: WakeReceiver,
    pub(crate) out: Sender<D::Event>,
    pub(crate) stop: Receiver<()>,
    pub(crate) clock: Clock,
    pub(crate) stopped: bool,
    /// What became of the live connection, while messages from before may still be unread.
    pub(crate) link_news: Option<bool>,
    /// How long live messages may wait for more of them.
    pub(crate) linger: Duration,
    /// When connections were looked at last.
    pub(crate) looked: MonoTime,
    /// Whether the application made this thread wait since replies were read.
    pub(crate) was_held: bool,
}

/// Where there may be something to read. To look costs several calls to the system each, so nobody looks where there
/// is nothing.
#[derive(Debug, Clone, Copy)]
struct Ready {
    live: bool,
    replies: bool,
    woken: bool,
}

impl Ready {
    const EVERYWHERE: Ready = Ready { live: true, replies: true, woken: true };
}

impl<D: Dialect> Driver<D> {
    /// Runs until the follower is dropped or a socket fails.
    pub(crate) fn run(mut self) {
        if let Err(error) = self.follow() {
            tracing::error!(%error, "a follower's socket failed: the follower ends");
        }
    }

    fn follow(&mut self) -> Result<(), TransportError> {
        self.machine.start(self.clock.now());
        self.work()?;
        let mut ready = Ready::EVERYWHERE;
        while !self.is_stopped() {
            let more = self.turn(ready)?;
            ready = self.wait(more)?;
        }
        Ok(())
    }

    /// Priorities: 1 the end, 2 replies, 3 live messages, 4 timers. Replies
    /// and live messages come before timers, since after a long wait for the application they may hold
    /// what a timer would miss. When this thread had to wait for the application, both are looked at again: what came
    /// meanwhile is in time.
    fn turn(&mut self, ready: Ready) -> Result<bool, TransportError> {
        if ready.woken {
            self.wake.clear();
        }
        let mut more_replies = ready.replies && self.read_replies()?;
        let more_live = (ready.live || self.was_held) && self.read_live()?;
        if std::mem::take(&mut self.was_held) && !more_replies {
            more_replies = self.read_replies()?;
        }
        let now = self.clock.now();
        let is_quiet = !ready.live && !ready.replies;
        if is_quiet || now.since(self.looked) >= LOOK_EVERY {
            self.looked = now;
            // What came before a loss is read by now, so that it does not look like life after it.
            if !more_live {
                self.watch_link()?;
            }
            if !more_replies {
                self.watch_reach()?;
            }
        }
        self.run_timers()?;
        Ok(more_replies || more_live)
    }

    fn read_replies(&mut self) -> Result<bool, TransportError> {
        for _ in 0..REPLIES_PER_TURN {
            let Some(reply) = self.requester.try_receive()? else { return Ok(false) };
            self.heed_link()?;
            self.machine.handle_reply(&reply, self.clock.now());
            self.work()?;
        }
        Ok(true)
    }

    fn read_live(&mut self) -> Result<bool, TransportError> {
        for _ in 0..LIVE_PER_TURN {
            if self.stopped {
                return Ok(false);
            }
            let Some(frames) = self.live.try_receive()? else { return Ok(false) };
            self.heed_link()?;
            self.machine.handle_live(&frames, self.clock.now());
            self.work()?;
        }
        Ok(true)
    }

    /// A message is here: was the connection another one before? Only a follower of a server without epochs asks.
    fn heed_link(&mut self) -> Result<(), TransportError> {
        if self.machine.is_wary()
            && let Some(is_up) = self.live.link_change()?
        {
            self.link_news = Some(is_up);
            self.machine.handle_interruption(self.clock.now());
        }
        Ok(())
    }

    fn watch_link(&mut self) -> Result<(), TransportError> {
        let news = self.live.link_change()?.or(self.link_news);
        self.link_news = None;
        let Some(is_up) = news else { return Ok(()) };
        self.machine.handle_link(is_up, self.clock.now());
        self.work()
    }

    fn watch_reach(&mut self) -> Result<(), TransportError> {
        while let Some(reach) = self.requester.reach_change()? {
            self.machine.handle_reach(reach, self.clock.now());
            self.work()?;
        }
        Ok(())
    }

    fn run_timers(&mut self) -> Result<(), TransportError> {
        let room = self.out.capacity().unwrap_or(0).saturating_sub(self.out.len());
        self.machine.handle_timeout(room, self.clock.now());
        self.work()
    }

    fn wait(&mut self, more: bool) -> Result<Ready, TransportError> {
        if more || self.stopped {
            return Ok(Ready::EVERYWHERE);
        }
        let timeout = self.machine.poll_timeout().map(|due| due.since(self.clock.now()));
        let sources = [
            gapless_transport::Source::Subscriber(&self.live),
            gapless_transport::Source::Requester(&self.requester),
            gapless_transport::Source::Wake(&self.wake),
        ];
        let [live, replies, woken] = wait_any(sources, timeout)?;
        if live && !self.linger.is_zero() {
            // More of them in one go. Whoever stops the follower waits no longer than this.
            std::thread::sleep(self.linger);
        }
        Ok(Ready { live, replies, woken })
    }

    /// Does what the machine wants until it wants nothing more.
    fn work(&mut self) -> Result<(), TransportError> {
        while let Some(doing) = self.machine.poll_output() {
            match doing {
                Doing::Subscribe(topic) => self.live.subscribe(&topic)?,
                Doing::Send { flight, bytes } => {
                    if self.requester.send(bytes)? == Sent::Full {
                        self.machine.handle_unsent(flight, self.clock.now());
                    }
                }
                Doing::Renew => {
                    tracing::debug!(endpoint = %self.requester.endpoint(), "no reply in time: a fresh connection");
                    self.requester.renew()?;
                }
                Doing::Tell(event) => self.emit(event),
            }
        }
        Ok(())
    }

    /// Hands an event over; waits for room, which stops the reading of sockets meanwhile.
    fn emit(&mut self, event: D::Event) {
        let event = match self.out.try_send(event) {
            Ok(()) => return,
            Err(TrySendError::Disconnected(_)) => {
                self.stopped = true;
                return;
            }
            Err(TrySendError::Full(event)) => event,
        };
        if self.stopped {
            return;
        }
        self.was_held = true;
        select! {
            send(self.out, event) -> sent => self.stopped = sent.is_err(),
            recv(self.stop) -> _ => self.stopped = true,
        }
    }

    fn is_stopped(&mut self) -> bool {
        use crossbeam_channel::TryRecvError::Disconnected;
        self.stopped = self.stopped || self.stop.try_recv() == Err(Disconnected);
        self.stopped
    }
}
