//! Single operations, many times: what B9 counts.

use crate::load::Sent;
use crate::ours::{Kind, Maker};
use anyhow::{Context, Result};
use gapless::{Batch, Digest, Epoch, Flags, Rows, Seq, SeqRange, StreamKey, UnixMillis};
use gapless_journal::{Options, Sync, open};
use gapless_model::MonoTime;
use gapless_protocol::{
    Begin, Chunk, Coordinator, Input, ProducerRef, Sequencer, SequencerLimits, Settings, Submission,
};
use gapless_store::{AppStore, Change};
use gapless_wire::{Encoder, Limits, decode_batch};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::Instant;

/// One operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A batch becomes bytes.
    Encode,
    /// Bytes are verified and become a batch.
    Decode,
    /// The sequencer places a batch of one row.
    Sequence,
    /// The client's coordinator takes a live chunk of one row.
    Admit,
    /// The digest of rows.
    Digest,
    /// A record goes into the journal.
    Append,
    /// Rows and a cursor are committed to an application's DuckDB file.
    Commit,
}

impl Operation {
    /// All, with the name for people, and how many rows each has at once.
    pub const ALL: [(Operation, &str, u64); 10] = [
        (Operation::Encode, "encode, 1 row of 128 bytes", 1),
        (Operation::Encode, "encode, 100 candles", 100),
        (Operation::Decode, "verify and decode, 1 row of 128 bytes", 1),
        (Operation::Decode, "verify and decode, 100 candles", 100),
        (Operation::Sequence, "sequencer, 1 row", 1),
        (Operation::Admit, "coordinator admits 1 row", 1),
        (Operation::Digest, "digest, 1 row of 128 bytes", 1),
        (Operation::Digest, "digest, 100 candles", 100),
        (Operation::Append, "journal append, 1 row of 128 bytes", 1),
        (Operation::Commit, "rows and cursor into DuckDB, 100 candles", 100),
    ];

    /// Whether counting its instructions says something: DuckDB has threads of its own, which wait in loops.
    pub fn is_counted(self) -> bool {
        self != Operation::Commit
    }
}

/// How often to do what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// What.
    pub operation: Operation,
    /// Rows at once.
    pub rows: u64,
    /// How often.
    pub times: u64,
}

/// Does it; how long all of it took.
///
/// # Errors
/// When a file cannot be written.
pub fn repeat(what: &Repeat) -> Result<Sent> {
    let Repeat { operation, rows, times } = *what;
    let kind = if rows == 1 { Kind::Metrics } else { Kind::Candles };
    let batch = batch(kind, rows)?;
    let (mut encoder, bytes) = (Encoder::new(), Encoder::new().batch(&batch).to_vec());
    let folder = tempfile::tempdir()?;
    let begun;
    match operation {
        Operation::Encode => {
            begun = Instant::now();
            for _ in 0..times {
                black_box(encoder.batch(black_box(&batch)));
            }
        }
        Operation::Decode => {
            begun = Instant::now();
            for _ in 0..times {
                black_box(decode_batch(black_box(&bytes), &Limits::live())?);
            }
        }
        Operation::Digest => {
            begun = Instant::now();
            for number in 0..times {
                black_box(Digest::of(Seq(1 + number), black_box(&batch.rows)));
            }
        }
        Operation::Sequence => {
            let mut sequencer = Sequencer::new(SequencerLimits::default(), Epoch(1));
            begun = Instant::now();
            for number in 1..=times {
                let producer = Some(ProducerRef { id: "bench", sequence: number, previous: number - 1 });
                let submission =
                    Submission { key: &batch.key, producer, content_hash: number, rows: &batch.rows };
                black_box(sequencer.accept(submission));
                sequencer.commit(sequencer.position());
            }
        }
        Operation::Admit => {
            let now = MonoTime(0);
            let mut follower = Coordinator::new(Settings::default(), Begin::Latest, 1, now);
            begun = Instant::now();
            for number in 1..=times {
                let range = SeqRange::of_len(Seq(number), 1);
                let chunk = Chunk { epoch: Epoch(1), range, bytes: 128, payload: number };
                follower.handle_input(Input::Live(chunk), now);
                while let Some(output) = follower.poll_output() {
                    black_box(output);
                }
            }
        }
        Operation::Append => {
            let options = Options { sync: Sync::Os, ..Options::new(folder.path(), "bench") };
            let mut opened = open(options, UnixMillis(1_700_000_000_000))?;
            begun = Instant::now();
            for _ in 0..times {
                black_box(opened.appender.append(&[black_box(&bytes)])?);
            }
        }
        Operation::Commit => {
            let mut store = AppStore::open(folder.path().join("app.duckdb"))?;
            begun = Instant::now();
            for number in 0..times {
                let start = Seq(1 + number * rows);
                store.commit(vec![Change::Rows(Batch { epoch: Epoch(1), start, ..batch.clone() })])?;
            }
        }
    }
    // Not the clock that all processes share: valgrind does not survive how it is read.
    let took = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    Ok(Sent { begun_ns: 0, done_ns: took })
}

fn batch(kind: Kind, rows: u64) -> Result<Batch> {
    let topic = crate::ours::topic(kind, "micro", 0);
    let key: StreamKey = topic.parse().with_context(|| topic.clone())?;
    let rows: Rows = Maker::new(kind, 0).rows(rows, 1);
    Ok(Batch { start: Seq(1), epoch: Epoch(1), ..Batch::unsequenced(key, Flags::SIMULATED, rows) })
}
