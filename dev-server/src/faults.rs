//! What goes wrong, as data, and the pure functions that say what it means for one batch or one reply.

mod live;
mod plan;
mod reply;

pub(crate) use live::{Fate, fate};
pub use plan::{FaultPlan, LiveFaults, ReplyFaults};
pub(crate) use reply::{ReplyFate, reply_fate};

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The dice of one event: they depend on what it is and on nothing that happened before, so that an order
/// given while the server runs does not change the faults after it.
fn dice(seed: u64, stream: &str, number: u64) -> fastrand::Rng {
    fastrand::Rng::with_seed(xxh3_64_with_seed(stream.as_bytes(), seed ^ number.rotate_left(32)))
}

fn happens(dice: &mut fastrand::Rng, percent: f64) -> bool {
    dice.f64() * 100.0 < percent
}

#[cfg(test)]
mod tests;
