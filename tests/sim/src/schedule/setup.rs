//! How everybody in one world is set up: small, so that every limit is met.

use crate::node::{BackfillSetup, Care, ClientSetup, EngineSetup, IngestionSetup, WriterSetup};
use gapless::Acknowledge;
use gapless_backfill::core::HotLimits;
use gapless_live_engine::core::{PART_BYTES, Rule, RuleText};
use gapless_model::{Kind, StreamKey};
use gapless_protocol::{SequencerLimits, Settings};
use std::time::Duration;

/// How everybody in one world is set up.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The journal.
    pub ingestion: IngestionSetup,
    /// The engine.
    pub engine: EngineSetup,
    /// The archive.
    pub backfill: BackfillSetup,
    /// Applications.
    pub clients: Vec<ClientSetup>,
    /// Producers with their streams.
    pub producers: Vec<(Care, Vec<StreamKey>)>,
    /// Messages that wait for one subscriber before the newest are dropped.
    pub feed_limit: usize,
    /// Checkpoints; `None`: there are none.
    pub writer: Option<WriterSetup>,
}

impl Setup {
    /// One of many.
    pub(super) fn roll(dice: &mut fastrand::Rng) -> Setup {
        let rule = RuleText { prefix: "candles.".into(), from: "1s".into(), to: vec!["5s".into()] };
        let rules = if dice.bool() { Rule::try_from(&rule).into_iter().collect() } else { Vec::new() };
        let clients = (0..1 + dice.usize(..2)).map(|_| client(dice)).collect();
        Setup {
            ingestion: ingestion(dice),
            engine: EngineSetup { rules, follow: follow(dice), part_bytes: PART_BYTES },
            backfill: BackfillSetup {
                hot: HotLimits {
                    stream_rows: dice.u64(8..80),
                    stream_bytes: dice.usize(2_000..20_000),
                    total_bytes: dice.usize(4_000..40_000),
                },
                commit_every: Duration::from_millis(dice.u64(20..1500)),
                follow: follow(dice),
            },
            clients,
            producers: vec![
                (Care::Written, vec![key(Kind::Candles, "a", "1s"), key(Kind::Metrics, "m", "1s")]),
                (Care::Synced, vec![key(Kind::Warnings, "w", "1s"), key(Kind::Metrics, "m", "1s")]),
            ],
            feed_limit: dice.usize(8..200),
            writer: None,
        }
    }
}

fn ingestion(dice: &mut fastrand::Rng) -> IngestionSetup {
    let segment_bytes = dice.u64(1_500..9_000);
    let sync_every = [None, Some(50), Some(400), Some(3_000)][dice.usize(..4)].map(Duration::from_millis);
    IngestionSetup {
        segment_bytes,
        max_bytes: dice.bool().then(|| segment_bytes * dice.u64(1..4)),
        sync_every,
        verify_all: dice.bool(),
        limits: SequencerLimits {
            max_streams: 16,
            max_producers: 16,
            max_remembered: 64 + dice.usize(..256),
        },
    }
}

fn client(dice: &mut fastrand::Rng) -> ClientSetup {
    let some = vec![key(Kind::Candles, "a", "1s"), key(Kind::Warnings, "w", "1s")];
    ClientSetup {
        topics: if dice.u8(..3) == 0 { some } else { Vec::new() },
        mode: if dice.bool() { Acknowledge::OnNext } else { Acknowledge::Explicit },
        follow: follow(dice),
        requests: dice.usize(1..4),
    }
}

/// As by default but for the limits, which are small now and then.
pub(super) fn follow(dice: &mut fastrand::Rng) -> Settings {
    let tight = dice.bool();
    let default = Settings::default();
    Settings {
        max_buffer_rows: if tight { dice.u64(1..40) } else { default.max_buffer_rows },
        max_buffer_bytes: if tight { dice.usize(200..6_000) } else { default.max_buffer_bytes },
        chunk_rows: if dice.bool() { dice.u64(1..30) } else { default.chunk_rows },
        max_open_gaps: if tight { dice.usize(1..6) } else { default.max_open_gaps },
        ..default
    }
}

fn key(kind: Kind, symbol: &str, interval: &str) -> StreamKey {
    StreamKey::new(kind, "sim", symbol, interval).expect("the names above are fine")
}
