//! By which way rows came in, for the metrics.

use super::Refusal;
use gapless_service_kit::metrics::{self, names};

/// By which way rows came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// A request over HTTP.
    Http,
    /// A producer over ZeroMQ.
    Zmq,
    /// A source inside the process.
    Source,
}

impl Via {
    /// The metrics' label.
    pub fn label(self) -> &'static str {
        match self {
            Via::Http => "http",
            Via::Zmq => "zmq",
            Via::Source => "source",
        }
    }

    /// Counts a refused submission of `rows` rows.
    pub(crate) fn refused(self, refusal: &Refusal, rows: usize) {
        let reason = match refusal {
            Refusal::Busy { .. } => "busy",
            Refusal::Conflict { .. } => "conflict",
            Refusal::Invalid(_) | Refusal::TooLarge { .. } | Refusal::TooManyStreams => "invalid",
            Refusal::NoSpace { .. } | Refusal::Failed { .. } | Refusal::Halted { .. } => "disk",
            Refusal::Closing { .. } | Refusal::TimedOut => "closing",
        };
        metrics::counter(names::BATCHES_REFUSED, crate::SERVICE, &[("reason", reason)]).increment(1);
        if reason == "invalid" {
            let label = [("via", self.label())];
            metrics::counter(names::ROWS_REJECTED, crate::SERVICE, &label).increment(rows as u64);
        }
    }
}
