//! The proof at the end: the same rows everywhere, and of every producer each row once, in order.

use super::held::{Held, Place};
use crate::book::{Book, Page};
use crate::client::{Choice, Followed, Seen};
use crate::load::{closed_bars, derived_topic, is_bar, origins};
use gapless::{Batch, Kind, Rows, StreamKey};
use std::collections::{BTreeMap, BTreeSet};

/// Of one kind of problem, so many are told: the rest is likely the same.
const MOST_TOLD: usize = 10;

/// Where the journal has each lane's rows.
#[derive(Debug, Default)]
pub(super) struct Traced {
    /// For each lane, the sequence of each of its rows.
    sequences: BTreeMap<u32, Vec<u64>>,
    bars: BTreeMap<StreamKey, u64>,
    problems: Vec<String>,
    pub(super) repeated: u64,
}

impl Traced {
    /// A batch of the journal; `derived` maps topics of bars to the lane that they come from.
    pub(super) fn take(&mut self, batch: &Batch, derived: &BTreeMap<String, u32>) {
        if let Some(lane) = derived.get(&batch.key.topic()) {
            self.take_bars(batch, *lane);
            return;
        }
        for ((lane, row), sequence) in origins(&batch.rows).into_iter().zip(batch.start.0..) {
            let places = self.sequences.entry(lane).or_default();
            let due = places.len() as u64;
            if row != due {
                let key = &batch.key;
                self.problems.push(format!("{key}: lane {lane} has its row {row} where {due} was due"));
                self.repeated += u64::from(row < due);
            }
            places.push(sequence);
        }
    }

    fn take_bars(&mut self, batch: &Batch, lane: u32) {
        let due = self.bars.entry(batch.key.clone()).or_default();
        let Rows::Candles(bars) = &batch.rows else { return };
        for bar in bars {
            if !is_bar(bar, lane, *due) {
                self.problems.push(format!("{}: bar {due} is {bar:?}", batch.key));
            }
            *due += 1;
        }
    }

    /// Holds it against what the producers remember.
    pub(super) fn against(mut self, book: &Book) -> (Vec<String>, u64) {
        let mut lost = 0;
        for page in book.pages() {
            let name = format!("lane {} of {}", page.lane.number, page.lane.key);
            let found = self.sequences.remove(&page.lane.number).unwrap_or_default();
            let had = found.len() as u64;
            lost += page.acknowledged.saturating_sub(had);
            if had != page.acknowledged || page.made != page.acknowledged {
                self.problems.push(format!(
                    "{name}: {} rows made, {} acknowledged, {had} in the journal",
                    page.made, page.acknowledged
                ));
            }
            self.problems.extend(page.problems.iter().map(|problem| format!("{name}: {problem}")));
            self.problems.extend(misplaced(&page, &found).map(|what| format!("{name}: {what}")));
            self.against_bars(&page);
        }
        let strangers: Vec<u32> = self.sequences.into_keys().collect();
        if !strangers.is_empty() {
            self.problems.push(format!("rows of lanes that nobody sent: {strangers:?}"));
        }
        (self.problems, lost)
    }

    fn against_bars(&mut self, page: &Page) {
        if page.lane.key.kind() != Kind::Candles {
            return;
        }
        let topic = derived_topic(&page.lane.key).unwrap_or_default();
        let found = self.bars.iter().find(|(key, _)| key.topic() == topic).map_or(0, |(_, bars)| *bars);
        let due = closed_bars(page.acknowledged);
        if found != due {
            self.problems.push(format!("{topic}: {found} bars of {due}"));
        }
    }
}

/// Receipts that named another place than the journal has.
fn misplaced(page: &Page, found: &[u64]) -> impl Iterator<Item = String> {
    page.receipts.iter().filter_map(|receipt| {
        let first = usize::try_from(receipt.first).ok()?;
        let place = found.get(first).copied();
        let wrong = place != Some(receipt.sequence);
        wrong.then(|| {
            format!("row {first} was acknowledged as {}, the journal has {place:?}", receipt.sequence)
        })
    })
}

/// Every place against the journal. `choice`: of which streams the place is to hold rows.
pub(super) fn same(journal: &Place, other: &Place, name: &str, choice: &Choice) -> Vec<String> {
    compare(journal, &other.streams, name, choice)
}

/// The same of a client that keeps sums instead of rows.
pub(super) fn same_seen(journal: &Place, seen: &Seen, name: &str, choice: &Choice) -> Vec<String> {
    let sums = |(key, stream): (&StreamKey, &Followed)| {
        (key.clone(), Held { rows: stream.applied, digest: stream.digest })
    };
    compare(journal, &seen.streams.iter().map(sums).collect(), name, choice)
}

fn compare(journal: &Place, other: &BTreeMap<StreamKey, Held>, name: &str, choice: &Choice) -> Vec<String> {
    let keys: BTreeSet<&StreamKey> = journal.streams.keys().chain(other.keys()).collect();
    let wanted = keys.into_iter().filter(|key| choice.holds(&key.topic()));
    wanted
        .filter_map(|key| {
            let (ours, theirs) = (journal.streams.get(key), other.get(key));
            let tell = |held: Option<&Held>| {
                held.map_or("nothing".to_owned(), |held| format!("{} rows {}", held.rows, held.digest))
            };
            (ours != theirs).then(|| format!("{key}: journal {}, {name} {}", tell(ours), tell(theirs)))
        })
        .collect()
}

/// The first of them, and how many more there are.
pub(super) fn shortened(problems: Vec<String>) -> Vec<String> {
    let more = problems.len().saturating_sub(MOST_TOLD);
    let mut told: Vec<String> = problems.into_iter().take(MOST_TOLD).collect();
    if more > 0 {
        told.push(format!("... and {more} more"));
    }
    told
}

#[cfg(test)]
mod tests;
