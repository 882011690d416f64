//! Whether a service is ready: named conditions, each with a reason while it does not hold.
//!
//! The list is one per process, like the metrics recorder and the log, so that a condition can be
//! stated deep inside a service without passing a registry down to it. A condition lives as long as
//! its [`Condition`]; services that share a process are told apart by name.
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

static CONDITIONS: Mutex<BTreeMap<u64, State>> = Mutex::new(BTreeMap::new());
static NEXT: AtomicU64 = AtomicU64::new(0);

/// One condition as `/readyz` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct State {
    /// The service that states it.
    pub service: &'static str,
    /// Its name, such as `journal-open`.
    pub name: String,
    /// Whether it holds.
    pub ok: bool,
    /// Why it does not hold, or what is not well although it does; else empty.
    pub reason: String,
}

/// A condition that a service states about itself. It starts as not holding and leaves the list when
/// dropped.
#[derive(Debug)]
pub struct Condition {
    id: u64,
}

/// States a new condition of `service`, which does not hold yet for `reason`.
pub fn condition(service: &'static str, name: impl Into<String>, reason: impl Into<String>) -> Condition {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let state = State { service, name: name.into(), ok: false, reason: reason.into() };
    conditions().insert(id, state);
    Condition { id }
}

impl Condition {
    /// The condition holds.
    pub fn holds(&self) {
        self.set(true, String::new());
    }

    /// The condition holds, but something is not well that somebody should look at.
    pub fn holds_but(&self, reason: impl Into<String>) {
        self.set(true, reason.into());
    }

    /// The condition does not hold, for `reason`.
    pub fn fails(&self, reason: impl Into<String>) {
        self.set(false, reason.into());
    }

    fn set(&self, ok: bool, reason: String) {
        if let Some(state) = conditions().get_mut(&self.id) {
            state.ok = ok;
            state.reason = reason;
        }
    }
}

impl Drop for Condition {
    fn drop(&mut self) {
        conditions().remove(&self.id);
    }
}

/// The conditions of `service`, or of every service in the process.
pub fn snapshot(service: Option<&str>) -> Vec<State> {
    conditions().values().filter(|state| service.is_none_or(|name| name == state.service)).cloned().collect()
}

fn conditions() -> MutexGuard<'static, BTreeMap<u64, State>> {
    CONDITIONS.lock().unwrap_or_else(PoisonError::into_inner)
}
