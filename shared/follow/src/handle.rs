//! What both followers hold of their driver: its channel, its wake-up and its end.

use crate::dialect::Dialect;
use crate::driver::Driver;
use crate::machine::Machine;
use crate::{Clock, FollowError};
use crossbeam_channel::{Receiver, Sender, bounded};
use gapless_model::MonoTime;
use gapless_protocol::Settings;
use gapless_transport::{
    Context, Fault, Requester, RequesterSettings, Subscriber, SubscriberSettings, Waker, wake_pair,
};
use std::thread::JoinHandle;
use std::time::Duration;

/// What a driver needs beside its dialect.
pub(crate) struct Wiring {
    pub(crate) context: Option<Context>,
    pub(crate) live: String,
    pub(crate) replay: String,
    pub(crate) receive_limit: u32,
    pub(crate) queue: usize,
    pub(crate) requests: usize,
    pub(crate) settings: Settings,
    pub(crate) fault: Option<Fault>,
    pub(crate) linger: Duration,
}

/// A running driver. Dropping it ends its thread.
#[derive(Debug)]
pub(crate) struct Handle<E> {
    pub(crate) events: Receiver<E>,
    pub(crate) clock: Clock,
    waker: Waker,
    /// Dropped to stop the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl<E: Send + 'static> Handle<E> {
    /// Opens the sockets here, so that a wrong address is told at once, and gives them to a new thread.
    pub(crate) fn start<D>(name: &str, dialect: D, wiring: Wiring) -> Result<Handle<E>, FollowError>
    where
        D: Dialect<Event = E>,
    {
        let context = wiring.context.unwrap_or_default();
        let subscribing = SubscriberSettings {
            receive_limit: wiring.receive_limit,
            fault: wiring.fault,
            ..SubscriberSettings::default()
        };
        let live = Subscriber::connect(&context, &wiring.live, subscribing)?;
        let asking = RequesterSettings { watch: true, ..RequesterSettings::default() };
        let requester = Requester::connect(&context, &wiring.replay, asking)?;
        let (waker, wake) = wake_pair()?;
        let (out, events) = bounded(wiring.queue.max(1));
        let (stop, stopped) = bounded(0);
        let clock = Clock::start();
        let driver = Driver {
            machine: Machine::new(dialect, wiring.settings, wiring.requests, fastrand::u64(..)),
            live,
            requester,
            wake,
            out,
            stop: stopped,
            clock,
            stopped: false,
            link_news: None,
            linger: wiring.linger,
            looked: MonoTime(0),
            was_held: false,
        };
        let thread = std::thread::Builder::new()
            .name(name.into())
            .spawn(move || driver.run())
            .map_err(|error| FollowError::Thread(error.to_string()))?;
        Ok(Handle { events, clock, waker, stop: Some(stop), thread: Some(thread) })
    }
}

impl<E> Drop for Handle<E> {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.waker.wake();
        if let Some(thread) = self.thread.take() {
            // A panic there was already reported by its own thread.
            let _ = thread.join();
        }
    }
}
