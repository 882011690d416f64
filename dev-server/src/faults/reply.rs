//! What happens to one reply.

use super::{ReplyFaults, dice, happens};

/// The one fault that a reply suffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ReplyFate {
    /// None.
    Answer,
    /// It is not sent.
    Withhold,
    /// An error instead.
    Error,
    /// It carries the correlation id of nobody.
    WrongCorrelation,
    /// It is the page before once more.
    RepeatPage,
    /// It has no rows and says that there are more.
    EmptyPage,
}

/// What the plan has for the request `number` about `stream` (empty: about none).
pub(crate) fn reply_fate(plan: &ReplyFaults, seed: u64, stream: &str, number: u64) -> ReplyFate {
    // Another seed than for batches, or every dropped batch would be the request that fails.
    let mut dice = dice(!seed, stream, number);
    let hits = [
        (plan.none_percent, ReplyFate::Withhold),
        (plan.error_percent, ReplyFate::Error),
        (plan.wrong_correlation_percent, ReplyFate::WrongCorrelation),
        (plan.repeat_page_percent, ReplyFate::RepeatPage),
        (plan.empty_page_percent, ReplyFate::EmptyPage),
    ];
    let rolled = hits.map(|(percent, fate)| happens(&mut dice, percent).then_some(fate));
    rolled.into_iter().flatten().next().unwrap_or(ReplyFate::Answer)
}
