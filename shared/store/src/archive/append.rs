//! One commit of the archive: rows of many streams and the journal position that they lead to.
//!
//! What a stream's end is stands in no table of its own, since the rows say it: a commit writes the rows,
//! one position, and a line for whatever is new (a stream, an epoch, a set of column names).

use super::block::{Block, Filling};
use super::block_table::{self, Line};
use super::directory::{Directory, epoch_start};
use super::tables::{self, Place};
use super::{Appended, Shared};
use crate::database::Database;
use crate::error::Doing;
use crate::{StoreError, sql};
use duckdb::Connection;
use gapless_model::{Batch, Epoch, EpochStart, Kind, Position, Rows, Seq, SeqRange, StreamKey};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The end of a stream while a commit is planned.
#[derive(Clone, Copy)]
struct End {
    id: u32,
    latest: Seq,
    epoch: Epoch,
    new: bool,
    /// Whether it has rows, so that a jump leaves a hole.
    has_rows: bool,
}

/// What a commit is going to write.
struct Plan<'a> {
    position: Position,
    epoch: Epoch,
    /// With the number of their stream.
    batches: Vec<(u32, Cow<'a, Batch>)>,
    new_streams: Vec<(u32, StreamKey, Seq)>,
    /// Streams without rows that go on above their end.
    moved: Vec<(u32, Seq)>,
    /// Rows that will not come.
    holes: Vec<(u32, SeqRange)>,
    new_epochs: Vec<(u32, EpochStart)>,
    new_sets: Vec<Arc<[String]>>,
    /// First number of `new_sets`.
    first_set: u32,
    /// Generation per kind, and whether its table has to be made.
    generations: HashMap<Kind, (u64, bool)>,
    done: Appended,
}

pub(super) fn append(
    database: &Database,
    shared: &Shared,
    seal_rows: u64,
    records: &[(Position, Batch)],
) -> Result<Appended, StoreError> {
    let Some(plan) = shared.read(|directory| plan(directory, seal_rows, records))? else {
        return Ok(Appended::default());
    };
    database.transaction("commit rows and position", |connection| {
        write_names(connection, &plan)?;
        for kind in Kind::ALL {
            write_rows(connection, shared, kind, &plan)?;
        }
        tables::write_state(connection, plan.position, plan.epoch)
    })?;
    let done = plan.done;
    shared.write(|directory| apply(directory, plan));
    Ok(done)
}

/// `None` when every record is there already.
fn plan<'a>(
    directory: &Directory,
    seal_rows: u64,
    records: &'a [(Position, Batch)],
) -> Result<Option<Plan<'a>>, StoreError> {
    let mut plan = Plan {
        position: directory.position,
        epoch: directory.epoch,
        batches: Vec::new(),
        new_streams: Vec::new(),
        moved: Vec::new(),
        holes: Vec::new(),
        new_epochs: Vec::new(),
        new_sets: Vec::new(),
        first_set: directory.column_sets.len() as u32,
        generations: HashMap::new(),
        done: Appended::default(),
    };
    let mut ends: HashMap<&StreamKey, End> = HashMap::new();
    for (position, batch) in records {
        if *position <= plan.position {
            plan.done.duplicates += batch.rows.len() as u64;
            continue;
        }
        if plan.position != Position::NONE && *position != plan.position.next() {
            return Err(StoreError::Position { expected: plan.position.next(), found: *position });
        }
        plan.position = *position;
        plan.epoch = plan.epoch.max(batch.epoch);
        plan.take(directory, &mut ends, batch)?;
    }
    if plan.position == directory.position {
        return Ok(None);
    }
    for kind in Kind::ALL {
        if plan.batches.iter().any(|(_, batch)| batch.kind() == kind) {
            let (generation, rows) = directory.generation(kind);
            let full = rows >= seal_rows;
            plan.done.sealable |= full;
            plan.generations
                .insert(kind, (if full { generation + 1 } else { generation }, full || rows == 0));
        }
    }
    Ok(Some(plan))
}

impl<'a> Plan<'a> {
    fn take(
        &mut self,
        directory: &Directory,
        ends: &mut HashMap<&'a StreamKey, End>,
        batch: &'a Batch,
    ) -> Result<(), StoreError> {
        if batch.rows.is_empty() {
            return Ok(());
        }
        if batch.start == Seq::NONE {
            return Err(StoreError::Hole { key: batch.key.clone(), expected: Seq::FIRST, found: Seq::NONE });
        }
        let next_id = directory.next_stream + self.new_streams.len() as u32;
        let end = ends.entry(&batch.key).or_insert_with(|| match directory.entry(&batch.key) {
            Some(entry) => End {
                id: entry.id,
                latest: entry.latest,
                epoch: entry.epochs.last().map_or(Epoch::UNSTATED, |start| start.epoch),
                new: false,
                has_rows: !entry.served().is_empty(),
            },
            None => {
                End { id: next_id, latest: Seq::NONE, epoch: Epoch::UNSTATED, new: true, has_rows: false }
            }
        });
        let range = batch.range();
        let fresh = range.intersect(SeqRange::new(end.latest.next(), range.end()));
        self.done.duplicates += range.len() - fresh.len();
        if fresh.is_empty() {
            return Ok(());
        }
        if end.new {
            end.new = false;
            self.new_streams.push((end.id, batch.key.clone(), fresh.start()));
        } else if fresh.start() > end.latest.next() {
            self.done.broken += 1;
            if end.has_rows {
                self.holes.push((end.id, SeqRange::new(end.latest.next(), fresh.start())));
            } else {
                self.moved.push((end.id, fresh.start()));
            }
        }
        end.has_rows = true;
        if end.epoch < batch.epoch {
            let first_sequence = epoch_start(fresh.start(), end.latest.next(), end.epoch.is_stated());
            self.new_epochs.push((end.id, EpochStart { epoch: batch.epoch, first_sequence }));
            end.epoch = batch.epoch;
        }
        end.latest = fresh.last();
        self.done.rows += fresh.len();
        let id = end.id;
        let batch = if fresh == range { Cow::Borrowed(batch) } else { Cow::Owned(batch.clone().cut(fresh)) };
        if let Rows::Metrics(rows) = &batch.rows
            && directory.set_number(&rows.columns).is_none()
            && !self.new_sets.contains(&rows.columns)
        {
            self.new_sets.push(rows.columns.clone());
        }
        self.batches.push((id, batch));
        Ok(())
    }

    fn set_number(&self, directory: &Directory, names: &Arc<[String]>) -> u32 {
        let new = || self.new_sets.iter().position(|set| set == names).unwrap_or(0) as u32;
        directory.set_number(names).unwrap_or_else(|| self.first_set + new())
    }
}

fn write_names(connection: &Connection, plan: &Plan<'_>) -> Result<(), StoreError> {
    let doing = "write the names of streams and columns";
    let streams = plan.new_streams.iter().map(|(id, key, earliest)| {
        let digest = if *earliest == Seq::FIRST { "0" } else { "NULL" };
        format!("({id}, {}, {earliest}, 0, 0, {digest})", sql::text(&key.topic()))
    });
    tables::insert(connection, "streams", doing, streams)?;
    let epochs = plan
        .new_epochs
        .iter()
        .map(|(id, start)| format!("({id}, {}, {})", start.epoch, start.first_sequence));
    tables::insert(connection, "epochs", doing, epochs)?;
    let sets = (plan.first_set..).zip(&plan.new_sets).map(|(number, names)| {
        let names: Vec<String> = names.iter().map(|name| sql::text(name)).collect();
        format!("({number}, [{}])", names.join(", "))
    });
    tables::insert(connection, "column_sets", doing, sets)?;
    let holes = plan.holes.iter().map(|(id, hole)| format!("({id}, {}, {})", hole.start(), hole.last()));
    tables::insert(connection, "holes", doing, holes)?;
    for (id, earliest) in &plan.moved {
        let statement = format!("UPDATE streams SET earliest = {earliest} WHERE id = {id}");
        connection.execute_batch(&statement).doing(doing)?;
    }
    Ok(())
}

/// The rows of each stream as one block, or as several if they are many.
fn write_rows(
    connection: &Connection,
    shared: &Shared,
    kind: Kind,
    plan: &Plan<'_>,
) -> Result<(), StoreError> {
    let Some((generation, make)) = plan.generations.get(&kind) else { return Ok(()) };
    let place = Place::Hot(*generation);
    if *make {
        block_table::create(connection, kind, place)?;
    }
    let line = |(id, block): (u32, Block)| {
        shared.read(|directory| Line::new(place, id, &block, &|names| plan.set_number(directory, names)))
    };
    let mut streams: BTreeMap<u32, Filling> = BTreeMap::new();
    let mut lines: Vec<Line> = Vec::new();
    for (id, batch) in plan.batches.iter().filter(|(_, batch)| batch.kind() == kind) {
        let filling = streams.entry(*id).or_default();
        filling.push(Block::of(batch));
        lines.extend(filling.take_full().into_iter().map(|block| line((*id, block))));
    }
    let rest = streams.into_iter().flat_map(|(id, filling)| filling.finish().map(move |block| (id, block)));
    lines.extend(rest.map(line));
    block_table::insert(connection, kind, place, &lines)
}

/// Takes note of what is committed now.
fn apply(directory: &mut Directory, plan: Plan<'_>) {
    directory.position = plan.position;
    directory.epoch = plan.epoch;
    plan.new_sets.into_iter().for_each(|names| directory.add_set(names));
    directory.next_stream += plan.new_streams.len() as u32;
    for (id, key, _) in plan.new_streams {
        directory.streams.insert(key.topic(), super::directory::Entry::new(id, key));
    }
    for kind in Kind::ALL {
        let Some((generation, _)) = plan.generations.get(&kind) else { continue };
        let (current, rows) = directory.generation(kind);
        let before = if current == *generation { rows } else { 0 };
        let added: u64 =
            plan.batches.iter().filter(|(_, b)| b.kind() == kind).map(|(_, b)| b.rows.len() as u64).sum();
        directory.set_generation(kind, *generation, before + added);
    }
    for (_, batch) in plan.batches {
        let generation = directory.generation(batch.kind()).0;
        if let Some(entry) = directory.streams.get_mut(&**batch.key.shared_topic()) {
            entry.extend(generation, &batch);
        }
    }
}
