//! Things that an operator can ask a running service to do now: `POST /actions/<name>` on the admin endpoint.
//!
//! The list is one per process, like the conditions of [`crate::health`], so that an action can be offered
//! deep inside a service. Asking is a message: the service takes it when it can, on its own thread.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use serde_json::Value;

static ACTIONS: Mutex<BTreeMap<u64, Offer>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Requests for one action that wait: one at work and some behind it.
const WAITING: usize = 4;
/// How long an answer may take: what is asked for is the work of seconds.
const PATIENCE: Duration = Duration::from_secs(60);

struct Offer {
    service: &'static str,
    name: &'static str,
    asks: Sender<Ask>,
}

/// An action that a service offers; it is withdrawn when this is dropped.
#[derive(Debug)]
pub struct Action {
    id: u64,
    asks: Receiver<Ask>,
}

/// Somebody asks for an action and waits for the answer.
#[derive(Debug)]
pub struct Ask {
    answer: Sender<Result<Value, String>>,
}

/// Offers the action `name` of `service`.
pub fn action(service: &'static str, name: &'static str) -> Action {
    let (asks, asked) = bounded(WAITING);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    actions().insert(id, Offer { service, name, asks });
    Action { id, asks: asked }
}

impl Action {
    /// Those who ask.
    pub fn asks(&self) -> &Receiver<Ask> {
        &self.asks
    }
}

impl Drop for Action {
    fn drop(&mut self) {
        actions().remove(&self.id);
    }
}

impl Ask {
    /// Says what came of it: a JSON value, or what went wrong in words.
    pub fn answer(self, outcome: Result<Value, String>) {
        // Whoever asked may have given up.
        let _ = self.answer.send(outcome);
    }
}

/// Why there is no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// Nobody offers that.
    Unknown {
        /// What is offered.
        known: Vec<&'static str>,
    },
    /// Too many ask for it.
    Busy,
    /// Not in time.
    TooLate,
}

/// Asks `service`, or any in the process, for the action `name`, and waits for the answer.
pub(crate) fn ask(service: Option<&str>, name: &str) -> Result<Result<Value, String>, NoAnswer> {
    let (answer, answered) = bounded(1);
    {
        let actions = actions();
        let offered = || actions.values().filter(|offer| service.is_none_or(|name| name == offer.service));
        let Some(offer) = offered().find(|offer| offer.name == name) else {
            return Err(NoAnswer::Unknown { known: offered().map(|offer| offer.name).collect() });
        };
        match offer.asks.try_send(Ask { answer }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(NoAnswer::Busy),
            Err(TrySendError::Disconnected(_)) => return Err(NoAnswer::TooLate),
        }
    }
    answered.recv_timeout(PATIENCE).map_err(|_| NoAnswer::TooLate)
}

fn actions() -> MutexGuard<'static, BTreeMap<u64, Offer>> {
    ACTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}
