//! The dull part: two sockets, one [`Machine`], and a queue of what it tells.
//!
//! It moves bytes between the sockets, the machine and the application, on the application's thread, and decides
//! nothing. A thread of its own with a channel was there before: it cost each row one more wake-up of a thread, which is
//! most of what a row costs, and libzmq queues messages while the application is busy anyway.

use crate::dialect::Dialect;
use crate::machine::{Doing, Machine};
use crate::{Clock, FollowError};
use gapless_model::MonoTime;
use gapless_protocol::Settings;
use gapless_transport::{
    Context, Fault, Requester, RequesterSettings, Sent, Source, Subscriber, SubscriberSettings,
    TransportError, WakeReceiver, wait_any, wake_pair,
};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Live messages read per turn, so that the application does not wait long for the first of them.
const LIVE_PER_TURN: usize = 64;
/// Replies read per turn: a page of rows each, so that live data is not kept waiting.
const REPLIES_PER_TURN: usize = 8;
/// How often connections are looked at while messages come: far more often than one can break and be there again.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How long timers wait for messages that lie there: less than any of them is about.
const UNREAD_AT_MOST: Duration = Duration::from_secs(1);

/// What a driver needs beside its dialect.
pub(crate) struct Wiring {
    pub(crate) context: Option<Context>,
    pub(crate) live: String,
    pub(crate) replay: String,
    pub(crate) receive_limit: u32,
    /// Events that wait before no more messages are read; the last message may go beyond.
    pub(crate) queue: usize,
    pub(crate) requests: usize,
    pub(crate) settings: Settings,
    pub(crate) fault: Option<Fault>,
    pub(crate) linger: Duration,
    /// Ends a wait; `None`: nothing does but its timeout.
    pub(crate) wake: Option<WakeReceiver>,
}

pub(crate) struct Driver<D: Dialect> {
    machine: Machine<D>,
    live: Subscriber,
    requester: Requester,
    wake: WakeReceiver,
    events: VecDeque<D::Event>,
    queue: usize,
    pub(crate) clock: Clock,
    /// What became of the live connection, while messages from before may still be unread.
    link_news: Option<bool>,
    /// How long live messages may wait for more of them.
    linger: Duration,
    /// When connections were looked at last.
    looked: MonoTime,
    /// Where there may be something to read since the last wait.
    ready: Ready,
    /// Since when messages lay unread after each turn.
    unread_since: Option<MonoTime>,
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
    const NOWHERE: Ready = Ready { live: false, replies: false, woken: false };
}

impl<D: Dialect> Driver<D> {
    /// Opens the sockets and begins.
    pub(crate) fn start(dialect: D, wiring: Wiring) -> Result<Driver<D>, FollowError> {
        let context = wiring.context.unwrap_or_default();
        let subscribing = SubscriberSettings {
            receive_limit: wiring.receive_limit,
            fault: wiring.fault,
            ..SubscriberSettings::default()
        };
        let live = Subscriber::connect(&context, &wiring.live, subscribing)?;
        let asking = RequesterSettings { watch: true, ..RequesterSettings::default() };
        let requester = Requester::connect(&context, &wiring.replay, asking)?;
        let mut driver = Driver {
            machine: Machine::new(dialect, wiring.settings, wiring.requests, fastrand::u64(..)),
            live,
            requester,
            wake: match wiring.wake {
                Some(wake) => wake,
                None => wake_pair()?.1,
            },
            events: VecDeque::new(),
            queue: wiring.queue.max(1),
            clock: Clock::start(),
            link_news: None,
            linger: wiring.linger,
            looked: MonoTime(0),
            ready: Ready::EVERYWHERE,
            unread_since: None,
        };
        driver.machine.start(driver.clock.now());
        driver.work()?;
        Ok(driver)
    }

    /// The next event, if it is known already.
    pub(crate) fn try_next(&mut self) -> Option<D::Event> {
        self.events.pop_front()
    }

    /// The next event; `None` when there was none until the timeout. Sockets are looked at also when that is zero.
    pub(crate) fn next_timeout(&mut self, timeout: Duration) -> Result<Option<D::Event>, TransportError> {
        let until = Instant::now().checked_add(timeout);
        loop {
            if let Some(event) = self.try_next() {
                return Ok(Some(event));
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            self.step(left)?;
            if self.events.is_empty() && left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
        }
    }

    /// Waits until there is something to do, `timeout` at most (`None`: as long as it takes), and does it.
    pub(crate) fn step(&mut self, timeout: Option<Duration>) -> Result<(), TransportError> {
        if self.room() == 0 {
            return self.hold(timeout);
        }
        self.wait(timeout)?;
        let ready = std::mem::replace(&mut self.ready, Ready::NOWHERE);
        if self.turn(ready)? {
            self.ready = Ready::EVERYWHERE;
        }
        Ok(())
    }

    /// Replies and live messages come before timers, since after a long absence of the application they may hold
    /// what a timer would miss; while there is always more of them, timers run all the same. Whether there may be more to
    /// read.
    fn turn(&mut self, ready: Ready) -> Result<bool, TransportError> {
        if ready.woken {
            self.wake.clear();
        }
        let more_replies = ready.replies && self.read_replies()?;
        let more_live = ready.live && self.read_live()?;
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
        let more = more_replies || more_live;
        self.unread_since = if more { self.unread_since.or(Some(now)) } else { None };
        if self.unread_since.is_none_or(|since| now.since(since) >= UNREAD_AT_MOST) {
            self.run_timers()?;
        }
        Ok(more)
    }

    fn read_replies(&mut self) -> Result<bool, TransportError> {
        for _ in 0..REPLIES_PER_TURN {
            if self.room() == 0 {
                return Ok(true);
            }
            let Some(reply) = self.requester.try_receive()? else { return Ok(false) };
            self.heed_link()?;
            self.machine.handle_reply(&reply, self.clock.now());
            self.work()?;
        }
        Ok(true)
    }

    fn read_live(&mut self) -> Result<bool, TransportError> {
        for _ in 0..LIVE_PER_TURN {
            if self.room() == 0 {
                return Ok(true);
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
        self.machine.handle_timeout(self.room(), self.clock.now());
        self.work()
    }

    /// How many more events may wait.
    fn room(&self) -> usize {
        self.queue.saturating_sub(self.events.len())
    }

    /// While nobody takes what was read, nothing more is, and no timer runs: what it would miss may lie unread.
    fn hold(&mut self, timeout: Option<Duration>) -> Result<(), TransportError> {
        self.ready = Ready::EVERYWHERE;
        wait_any([Source::Wake(&self.wake)], timeout)?;
        self.wake.clear();
        Ok(())
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<(), TransportError> {
        if self.ready.live || self.ready.replies {
            return Ok(());
        }
        let due = self.machine.poll_timeout().map(|due| due.since(self.clock.now()));
        let sources =
            [Source::Subscriber(&self.live), Source::Requester(&self.requester), Source::Wake(&self.wake)];
        let [live, replies, woken] = wait_any(sources, [due, timeout].into_iter().flatten().min())?;
        if live && !self.linger.is_zero() {
            // More of them in one go. Whoever stops the follower waits no longer than this.
            std::thread::sleep(self.linger);
        }
        self.ready = Ready { live, replies, woken };
        Ok(())
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
                Doing::Tell(event) => self.events.push_back(event),
            }
        }
        Ok(())
    }
}
