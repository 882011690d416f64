//! Checkpoints: what the engine was when it gave its state away, and which files have to be there.

use super::Truth;
use crate::disk::SimDisk;
use crate::node::checkpoints;
use gapless_checkpoint::{CheckpointFolder, Header};
use gapless_disk::Disk;
use gapless_live_engine::core::Engine;
use gapless_model::{Digest, Epoch, Position, Seq, SeqRange, StreamKey};
use gapless_snapshot_writer::core::Kept;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an engine was.
#[derive(Debug, Clone, PartialEq)]
struct EngineTruth {
    streams: BTreeMap<StreamKey, (Seq, Digest)>,
    /// Bars in the making, in words.
    forming: Vec<String>,
    /// Whether it had read every record up to there.
    is_whole: bool,
}

/// What is true of the checkpoints.
#[derive(Debug, Default)]
pub(super) struct Checkpoints {
    given: BTreeMap<(Epoch, Position), Vec<EngineTruth>>,
    /// Those that were read back, without those that a bit was flipped in since.
    kept: Vec<Header>,
    /// How many are kept; after a writer that was killed at its work there may be more.
    keep: usize,
    /// How many of the newest must be damaged before there is none that the journal goes on from.
    spare: usize,
    flips: usize,
    /// The journal keeps records from here on for the checkpoints.
    pub(super) pinned_from: Option<Position>,
    /// An engine went on without records, or began behind them.
    engine_had_holes: bool,
}

impl EngineTruth {
    fn of(engine: &Engine, is_whole: bool) -> EngineTruth {
        let streams = engine.state().iter();
        let mut forming: Vec<String> = engine
            .deriver()
            .forming()
            .iter()
            .map(|(topic, forming)| format!("{topic}: {forming:?}"))
            .collect();
        forming.sort_unstable();
        EngineTruth {
            streams: streams
                .map(|(_, stream)| (stream.key.clone(), (stream.latest, stream.digest)))
                .collect(),
            forming,
            is_whole,
        }
    }
}

impl Truth {
    /// Up to `keep` checkpoints are kept in this world.
    pub fn keeps_checkpoints(&mut self, keep: usize) {
        (self.checkpoints.keep, self.checkpoints.spare) = (keep, keep.clamp(1, 2));
    }

    /// The engine begins to give its state away.
    pub fn engine_frozen(&mut self, engine: &Engine, is_whole: bool) {
        let state = engine.state();
        let now = EngineTruth::of(engine, is_whole);
        if is_whole && state.epoch() == self.epoch() {
            self.check_fold(state.position(), &now);
        }
        let given = self.checkpoints.given.entry((state.epoch(), state.position())).or_default();
        if !given.contains(&now) {
            given.push(now);
        }
    }

    /// The state after a record is what the records up to it say.
    fn check_fold(&mut self, position: Position, engine: &EngineTruth) {
        let streams: Vec<(StreamKey, Seq, Digest)> = self
            .streams
            .iter()
            .filter_map(|stream| {
                let rows = stream.rows.partition_point(|row| row.position <= position);
                let last = rows.checked_sub(1).and_then(|at| stream.rows.get(at))?;
                Some((stream.key.clone(), Seq(rows as u64), last.running))
            })
            .collect();
        for (key, latest, digest) in streams {
            let found = engine.streams.get(&key).copied();
            self.require(found == Some((latest, digest)), "a state is what its records say", || {
                format!("engine at {position}: {key} is {found:?}, its rows give {latest}, {digest}")
            });
        }
    }

    /// An engine begins from a checkpoint; whether the one that gave it had read everything.
    pub fn engine_restored(&mut self, engine: &Engine, header: &Header) -> bool {
        let given = self.checkpoints.given.get(&(header.epoch, header.position));
        let now = EngineTruth::of(engine, true);
        let same = given.and_then(|given| {
            given.iter().find(|given| given.streams == now.streams && given.forming == now.forming)
        });
        let is_whole = same.map(|same| same.is_whole);
        let had = given.cloned();
        self.require(is_whole.is_some(), "a checkpoint is a state that the engine had", || {
            format!("{header:?} gives {now:?}, the engine gave {had:?}")
        });
        is_whole.unwrap_or(false)
    }

    /// An engine lacks records that the state which it publishes depends on.
    pub fn engine_has_holes(&mut self) {
        self.checkpoints.engine_had_holes = true;
    }

    /// Whether every engine so far had every record.
    pub fn engines_were_whole(&self) -> bool {
        !self.checkpoints.engine_had_holes
    }

    /// An engine was told that it will not get these records. While no history was lost and few checkpoints
    /// are damaged, none of them may be one that the journal kept for the checkpoints.
    pub fn engine_lacks(&mut self, range: SeqRange) {
        let Some(pinned_from) = self.checkpoints.pinned_from else { return };
        let is_excused = self.epochs.len() > 1 || self.checkpoints.flips >= self.checkpoints.spare;
        let lacking = (range.start().0..range.end().0).find(|seq| {
            *seq >= pinned_from.0 && Position(*seq) < self.earliest && !self.is_damaged_at(Seq(*seq))
        });
        self.require(is_excused || lacking.is_none(), "an engine begins where the journal goes on", || {
            format!(
                "the engine lacks record {lacking:?}, kept for checkpoints were those from {pinned_from} on"
            )
        });
    }

    /// The journal knows that checkpoints need its records.
    pub fn checkpoints_are_registered(&mut self) {
        let earliest = self.earliest;
        self.checkpoints.pinned_from.get_or_insert(earliest);
    }

    /// A checkpoint was written and read back.
    pub fn checkpoint_kept(&mut self, kept: &Kept) {
        let is_gone = |header: &Header| {
            header.position == kept.header.position
                || kept.removed.contains(&gapless_checkpoint::file_name(header.position))
        };
        self.checkpoints.kept.retain(|header| !is_gone(header));
        self.checkpoints.kept.push(kept.header);
    }

    /// A bit was flipped in a file of the checkpoints.
    pub fn checkpoint_flipped(&mut self, name: &str) {
        self.checkpoints.flips += 1;
        self.checkpoints.kept.retain(|header| gapless_checkpoint::file_name(header.position) != name);
    }

    /// As many whole checkpoints are there as were kept, whatever came in between.
    pub fn checkpoints_are_there(&mut self, disk: &SimDisk) {
        let whole = whole(Arc::new(disk.clone()));
        // A writer that is killed while it removes old ones never says so.
        let kept = std::mem::replace(&mut self.checkpoints.kept, whole.clone());
        let expected = kept.len().min(self.checkpoints.keep);
        self.require(whole.len() >= expected, "a checkpoint stays until newer ones are whole", || {
            format!("{kept:?} were kept, {whole:?} are there")
        });
    }

    /// The journal is told what it need not keep for the checkpoints, by somebody who knows its state in `epoch`.
    pub fn checkpoint_acknowledged(&mut self, position: Position, epoch: Epoch, disk: &SimDisk) {
        if position == Position::NONE || epoch != self.epoch() {
            return;
        }
        let whole = whole(Arc::new(disk.durable()));
        let is_there =
            whole.iter().any(|header| header.position >= position && self.is_of_this_history(header));
        let is_excused = self.checkpoints.flips >= self.checkpoints.spare;
        self.require(is_there || is_excused, "what the journal lets go of is in a checkpoint", || {
            format!("records up to {position} are said to be, on the disk are {whole:?}")
        });
    }

    fn is_of_this_history(&self, header: &Header) -> bool {
        let mut later = self.epochs.iter().skip_while(|start| start.epoch != header.epoch);
        header.position <= self.latest()
            && later.next().is_some()
            && later.all(|start| start.first_sequence.0 > header.position.0)
    }
}

fn whole(disk: Arc<dyn Disk>) -> Vec<Header> {
    let folder = CheckpointFolder::open(disk, &checkpoints());
    folder.and_then(|folder| folder.check()).map(|checked| checked.whole).unwrap_or_default()
}
