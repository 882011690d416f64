//! What can be configured, with its defaults and its checks.

use crate::derive::{Rule, RuleText, check_rules};
use gapless_service_kit::{ByteSize, Invalid, Validate};
use gapless_transport::Endpoint;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The longest window: the most rows of one batch, which a window is sent as.
const MAX_WINDOW_ROWS: usize = gapless_model::MAX_ROWS_PER_BATCH;

/// The table `[live-engine]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Address of the journal's live feed.
    pub journal_live: String,
    /// Address of the journal's replay side.
    pub journal_replay: String,
    /// Address at which ingestion takes derived rows.
    pub ingest: String,
    /// Where to bind the live feed.
    pub live: String,
    /// Where to bind state requests.
    pub state: String,
    /// The name under which the journal keeps what the engine has not read.
    pub follower_id: String,
    /// Folder of the checkpoints that the snapshot writer makes; empty: none, the journal is read from its
    /// beginning at each start.
    pub checkpoint_dir: PathBuf,
    /// Rows kept per stream for state requests: 300 are what a chart shows at first.
    pub window_rows: usize,
    /// The most streams; records of further ones are published nowhere, and that is an error.
    pub max_streams: usize,
    /// Messages queued per subscriber before its newest are dropped (and healed by backfill): libzmq's own
    /// default. A subscriber that hangs costs this many batches of memory.
    pub send_limit: u32,
    /// Bytes that the kernel may hold per subscriber besides; 0: as many as it likes. Raise it for
    /// subscribers far away: it bounds the rate to this much per round trip.
    pub send_buffer: ByteSize,
    /// Derived streams.
    pub derive: Vec<RuleText>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            journal_live: "tcp://127.0.0.1:5552".into(),
            journal_replay: "tcp://127.0.0.1:5553".into(),
            ingest: "tcp://127.0.0.1:5551".into(),
            live: "tcp://127.0.0.1:5556".into(),
            state: "tcp://127.0.0.1:5558".into(),
            follower_id: "live-engine".into(),
            checkpoint_dir: PathBuf::new(),
            window_rows: 300,
            max_streams: 100_000,
            send_limit: 1000,
            send_buffer: ByteSize(128 << 10),
            derive: Vec::new(),
        }
    }
}

impl Config {
    /// The rules, parsed and checked.
    ///
    /// # Errors
    /// The first wrong rule, by its key.
    pub(crate) fn rules(&self) -> Result<Vec<Rule>, Invalid> {
        let key = |index: usize| format!("derive.{index}");
        let mut rules = Vec::with_capacity(self.derive.len());
        for (index, text) in self.derive.iter().enumerate() {
            let rule = Rule::try_from(text);
            rules.push(rule.map_err(|error| Invalid::new(key(index), error.to_string()))?);
        }
        check_rules(&rules).map_err(|(index, error)| Invalid::new(key(index), error.to_string()))?;
        Ok(rules)
    }
}

impl Validate for Config {
    fn validate(&self) -> Result<(), Invalid> {
        let addresses = [
            ("journal_live", &self.journal_live),
            ("journal_replay", &self.journal_replay),
            ("ingest", &self.ingest),
            ("live", &self.live),
            ("state", &self.state),
        ];
        for (key, address) in addresses {
            address.parse::<Endpoint>().map_err(|error| Invalid::new(key, error.to_string()))?;
        }
        if self.window_rows > MAX_WINDOW_ROWS {
            let message = format!("at most {MAX_WINDOW_ROWS} rows fit one answer");
            return Err(Invalid::new("window_rows", message));
        }
        for (key, value) in [("max_streams", self.max_streams), ("send_limit", self.send_limit as usize)] {
            if value == 0 {
                return Err(Invalid::new(key, "0 would let nothing through: choose at least 1"));
            }
        }
        if self.follower_id.is_empty() || self.follower_id.len() > gapless_wire::MAX_ID_BYTES {
            let message = format!("1 to {} printable ASCII characters", gapless_wire::MAX_ID_BYTES);
            return Err(Invalid::new("follower_id", message));
        }
        self.rules().map(drop)
    }
}

#[cfg(test)]
mod tests;
