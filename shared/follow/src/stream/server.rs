//! Which version the replay side speaks, learned from its answers rather than set by anybody.
//!
//! Version 2 is tried first. A server that refuses it, or that answers the words of version 1 without an epoch, is
//! asked in version 1 from then on, and now and then in version 2 again, since it may have been upgraded. One that says
//! nothing to version 2 is asked in both by turns.

use super::directory::Stream;
use gapless_model::{Epoch, Kind, MonoTime};
use std::time::Duration;

/// How long a server of version 1 is left in peace before version 2 is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// The version of the server, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// Nothing was answered yet that would tell.
    Unknown,
    /// Version 1; version 2 is tried again from then on.
    Version1 { try_again: MonoTime },
    /// Version 2.
    Version2,
}

impl Server {
    /// Whether a status of `stream` is to be asked in version 1.
    pub(crate) fn asks_status_in_version1(&mut self, stream: &mut Stream, now: MonoTime) -> bool {
        if stream.key.kind() != Kind::Candles {
            return false;
        }
        match self {
            Server::Version2 => false,
            Server::Version1 { try_again } if *try_again <= now => {
                *try_again = now.after(TRY_AGAIN);
                false
            }
            Server::Version1 { .. } => true,
            Server::Unknown => {
                stream.asked_in_version2 = !stream.asked_in_version2;
                !stream.asked_in_version2
            }
        }
    }

    /// Whether rows are to be asked for in version 1.
    pub(crate) fn serves_in_version1(self) -> bool {
        matches!(self, Server::Version1 { .. })
    }

    /// It refused the words of version 2.
    pub(crate) fn refused(&mut self, now: MonoTime) {
        if !self.serves_in_version1() {
            tracing::info!("the replay side does not know version 2: asking in version 1");
        }
        *self = Server::Version1 { try_again: now.after(TRY_AGAIN) };
    }

    /// It answered the words of version 1; `epoch` is the one that it stated. Only a server of version 2 states one.
    pub(crate) fn answered_in_version1(&mut self, epoch: Epoch, now: MonoTime) {
        if epoch.is_stated() {
            *self = Server::Version2;
        } else if !self.serves_in_version1() {
            self.refused(now);
        }
    }
}
