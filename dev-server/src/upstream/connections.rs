//! Whether peers can connect, and since or until when not.

use gapless_model::MonoTime;

/// How long the sockets stay closed when connections are only to be broken: an operating system needs a
/// moment until an address can be bound again.
pub(crate) const BREAK_MS: u32 = 50;

/// Whether peers can connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Connections {
    /// They can.
    #[default]
    Open,
    /// Rows are made meanwhile, which nobody gets.
    Refused { until: MonoTime },
    /// Nothing happens meanwhile.
    Down { until: MonoTime },
}

impl Connections {
    pub(crate) fn is_open(self) -> bool {
        self == Connections::Open
    }

    /// Whether the server is as good as not there.
    pub(crate) fn is_down(self) -> bool {
        matches!(self, Connections::Down { .. })
    }

    /// When they are taken again.
    pub(crate) fn reopens(self) -> Option<MonoTime> {
        match self {
            Connections::Open => None,
            Connections::Refused { until } | Connections::Down { until } => Some(until),
        }
    }
}
