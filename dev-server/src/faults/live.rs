//! What happens to one live batch.

use super::{LiveFaults, dice, happens};

/// The one fault that a batch suffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// None.
    Deliver,
    /// It is not sent.
    Withhold,
    /// It is sent with flipped bytes; the number decides which.
    Corrupt(u64),
    /// It is sent with a version that nobody speaks.
    WrongVersion,
    /// It is sent twice.
    Duplicate,
    /// It is sent together with messages that only look like it.
    Collide,
}

/// What happens to a batch, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LiveFate {
    /// What.
    pub(crate) fate: Fate,
    /// How long it is held back, in milliseconds.
    pub(crate) delay_ms: u32,
}

/// What the plan has for the batch `number` of `stream`.
pub(crate) fn fate(plan: &LiveFaults, seed: u64, stream: &str, number: u64) -> LiveFate {
    let mut dice = dice(seed, stream, number);
    let flips = dice.u64(..);
    let hits = [
        (plan.drop_percent, Fate::Withhold),
        (plan.corrupt_percent, Fate::Corrupt(flips)),
        (plan.wrong_version_percent, Fate::WrongVersion),
        (plan.duplicate_percent, Fate::Duplicate),
        (plan.collide_percent, Fate::Collide),
    ];
    // Each is rolled, hit or not, so that one percentage does not move the others' hits.
    let rolled = hits.map(|(percent, fate)| happens(&mut dice, percent).then_some(fate));
    let fate = rolled.into_iter().flatten().next().unwrap_or(Fate::Deliver);
    LiveFate { fate, delay_ms: plan.delay_ms + dice.u32(..=plan.delay_jitter_ms) }
}
