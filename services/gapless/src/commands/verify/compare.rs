//! Comparing places, and naming the first rows that differ.
//!
//! Digests are sums over rows, so places that cut their rows differently still compare, block by block.
//! In the first block that differs the rows themselves are compared. Places may hold different parts of
//! a stream (retention, a late start, rows that came in between): each is compared with the one that holds
//! the most, over what both hold; what the digests are told of is what all hold.

use super::Place;
use super::blocks::{Blocks, Sum, parts};
use super::holder::{Holder, sum_of, sum_of_part};
use super::live::Live;
use anyhow::Result;
use gapless::{Digest, Seq, SeqRange, StreamKey, Watermark};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a comparison found for one stream.
#[derive(Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) stream: String,
    /// The rows that were compared.
    pub(super) range: String,
    pub(super) rows: u64,
    pub(super) equal: bool,
    /// Digest of the compared rows in each place; for the live engine its running digest.
    pub(super) digests: BTreeMap<Place, String>,
    /// The row up to which the live engine's running digest goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) live_at: Option<u64>,
    /// The first rows that differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) difference: Option<Difference>,
    /// What else there is to say.
    pub(super) notes: Vec<String>,
}

/// Rows that are not the same in two places.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    pub(super) between: [Place; 2],
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) what: String,
}

impl Verdict {
    /// The digest in one place, for a table.
    pub(super) fn digest(&self, place: Place) -> String {
        match (self.digests.get(&place), self.live_at) {
            (None, _) => "-".to_owned(),
            (Some(digest), Some(at)) if place == Place::Live => format!("{digest} at {at}"),
            (Some(digest), _) => digest.clone(),
        }
    }

    /// A place does not have the stream, by right when the journal has retired its rows.
    fn lacks(&mut self, place: Place, is_retired: bool) {
        self.equal &= is_retired;
        let why = if is_retired { "no longer has it (retired from the journal)" } else { "does not have it" };
        self.notes.push(format!("{} {why}", place.name()));
    }

    /// Whether it is equal cannot be told.
    pub(super) fn doubt(&mut self, note: &str) {
        self.equal = false;
        self.notes.push(note.to_owned());
    }

    /// A place holds less of the stream than another.
    fn bounds(&mut self, place: Place, held: SeqRange, most: SeqRange) {
        if held.start() > most.start() {
            self.notes.push(format!("{} begins at {}", place.name(), held.start()));
        }
        if held.end() < most.end() {
            self.notes.push(format!("{} ends at {}", place.name(), held.last()));
        }
    }

    /// In one cell of a table.
    pub(super) fn words(&self) -> String {
        let mut words = match &self.difference {
            Some(d) => format!("DIFFERS: rows {}..{} {}", d.from, d.to, d.what),
            None if self.equal => "equal".to_owned(),
            None => "DIFFERS".to_owned(),
        };
        for note in &self.notes {
            words.push_str("; ");
            words.push_str(note);
        }
        words
    }
}

/// Compares one stream in all places.
pub(super) fn compare(
    key: &StreamKey,
    holders: &mut [Box<dyn Holder>],
    live: Option<&Live>,
) -> Result<Verdict> {
    let common = common_range(key, holders);
    let mut verdict = Verdict {
        stream: key.topic(),
        range: common.to_string(),
        rows: common.len(),
        equal: true,
        digests: BTreeMap::new(),
        live_at: None,
        difference: None,
        notes: Vec::new(),
    };
    // The journal retires old segments, and an engine that read the rest knows no more than that.
    let journal_has_retired = holders.iter().any(|holder| holder.has_retired());
    let widest = widest(key, holders);
    for at in 0..holders.len() {
        let Some(holder) = holders.get_mut(at) else { continue };
        let Some(range) = holder.blocks(key).map(Blocks::range) else {
            verdict.lacks(holder.place(), holder.has_retired());
            continue;
        };
        holder.troubles(key).iter().for_each(|trouble| verdict.doubt(trouble));
        let sum = sum_of(holder.as_mut(), key, common)?;
        verdict.digests.insert(holder.place(), sum.digest.to_string());
        if let Some((first, whole)) = widest.filter(|(first, _)| *first != at) {
            verdict.bounds(holder.place(), range, whole);
            compare_two(key, holders, (first, at), whole.intersect(range), &mut verdict)?;
        }
    }
    if common.is_empty() && widest.is_some_and(|(_, whole)| !whole.is_empty()) {
        verdict.doubt("no row is in every place");
    }
    let reference = widest;
    if let (Some(live), Some((at, _))) = (live, reference) {
        match (live.watermark(key), holders.get_mut(at)) {
            (Some(mark), Some(holder)) => compare_live(key, holder.as_mut(), mark, &mut verdict)?,
            _ => verdict.lacks(Place::Live, journal_has_retired),
        }
    }
    Ok(verdict)
}

/// The place that holds the most, and what it holds.
fn widest(key: &StreamKey, holders: &[Box<dyn Holder>]) -> Option<(usize, SeqRange)> {
    let held = holders.iter().enumerate();
    let held = held.filter_map(|(at, holder)| Some((at, holder.blocks(key)?.range())));
    held.reduce(|most, other| if other.1.len() > most.1.len() { other } else { most })
}

/// Compares what two places hold of a range.
fn compare_two(
    key: &StreamKey,
    holders: &mut [Box<dyn Holder>],
    (first, second): (usize, usize),
    shared: SeqRange,
    verdict: &mut Verdict,
) -> Result<()> {
    let mut sums = [Sum::default(); 2];
    for (sum, at) in sums.iter_mut().zip([first, second]) {
        if let Some(holder) = holders.get_mut(at) {
            *sum = sum_of(holder.as_mut(), key, shared)?;
        }
    }
    if sums[0] != sums[1] {
        verdict.equal = false;
        let found = difference(key, shared, holders, first, second)?;
        verdict.difference = verdict.difference.take().or(found);
    }
    Ok(())
}

/// The rows from the last beginning to the first end.
fn common_range(key: &StreamKey, holders: &[Box<dyn Holder>]) -> SeqRange {
    let ranges = holders.iter().filter_map(|holder| holder.blocks(key)).map(|blocks| blocks.range());
    ranges
        .reduce(|common, range| {
            SeqRange::new(common.start().max(range.start()), common.end().min(range.end()))
        })
        .unwrap_or(SeqRange::new(Seq::FIRST, Seq::FIRST))
}

fn compare_live(
    key: &StreamKey,
    holder: &mut dyn Holder,
    mark: &Watermark,
    verdict: &mut Verdict,
) -> Result<()> {
    verdict.digests.insert(Place::Live, mark.digest.to_string());
    verdict.live_at = Some(mark.latest.0);
    let held = holder.blocks(key).map_or(SeqRange::new(Seq::FIRST, Seq::FIRST), |blocks| blocks.range());
    if mark.latest == Seq::NONE {
        return Ok(());
    }
    if held.start() > Seq::FIRST {
        verdict.notes.push(format!("live not compared: no place has the rows before {}", held.start()));
        return Ok(());
    }
    if mark.latest >= held.end() {
        verdict.equal = false;
        verdict.notes.push(format!(
            "live is at {}, {} ends at {}",
            mark.latest,
            holder.place().name(),
            held.last()
        ));
        return Ok(());
    }
    let expected = sum_of(holder, key, SeqRange::new(Seq::FIRST, mark.latest.next()))?;
    if expected.digest != mark.digest {
        verdict.equal = false;
        verdict.notes.push(format!("live's running digest is not that of rows 1..{}", mark.latest));
    }
    Ok(())
}

/// The first run of rows that two places do not share.
fn difference(
    key: &StreamKey,
    common: SeqRange,
    holders: &mut [Box<dyn Holder>],
    first: usize,
    second: usize,
) -> Result<Option<Difference>> {
    for part in parts(common) {
        let mut sums = [Sum::default(); 2];
        for (sum, at) in sums.iter_mut().zip([first, second]) {
            if let Some(holder) = holders.get_mut(at) {
                *sum = sum_of_part(holder.as_mut(), key, part)?;
            }
        }
        if sums[0] != sums[1] {
            let mut rows = [BTreeMap::new(), BTreeMap::new()];
            let mut places = [Place::Journal; 2];
            for (slot, at) in [first, second].into_iter().enumerate() {
                if let Some(holder) = holders.get_mut(at) {
                    places[slot] = holder.place();
                    rows[slot] = hashes(holder.as_mut(), key, part)?;
                }
            }
            return Ok(first_run(part, &rows).map(|(from, to, what)| Difference {
                between: places,
                from,
                to,
                what: describe(what, places),
            }));
        }
    }
    Ok(None)
}

/// How two places differ at a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    OnlyFirst,
    OnlySecond,
    Values,
}

fn describe(how: How, [first, second]: [Place; 2]) -> String {
    match how {
        How::OnlyFirst => format!("are in {} and not in {}", first.name(), second.name()),
        How::OnlySecond => format!("are in {} and not in {}", second.name(), first.name()),
        How::Values => format!("have other values in {} than in {}", second.name(), first.name()),
    }
}

/// The first run of consecutive rows that differ in the same way.
fn first_run(part: SeqRange, rows: &[BTreeMap<u64, Digest>; 2]) -> Option<(u64, u64, How)> {
    let how = |seq: u64| match (rows[0].get(&seq), rows[1].get(&seq)) {
        (a, b) if a == b => None,
        (Some(_), None) => Some(How::OnlyFirst),
        (None, Some(_)) => Some(How::OnlySecond),
        _ => Some(How::Values),
    };
    let (from, kind) = (part.start().0..part.end().0).find_map(|seq| Some((seq, how(seq)?)))?;
    let to = (from..part.end().0).take_while(|seq| how(*seq) == Some(kind)).last().unwrap_or(from);
    Some((from, to, kind))
}

/// The digest of each row.
fn hashes(holder: &mut dyn Holder, key: &StreamKey, range: SeqRange) -> Result<BTreeMap<u64, Digest>> {
    let mut found = BTreeMap::new();
    for batch in holder.rows(key, range)? {
        for row in 0..batch.rows.len() {
            let seq = batch.start.plus(row as u64);
            found.insert(seq.0, Digest::of(seq, &batch.rows.clone().slice(row, row + 1)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
