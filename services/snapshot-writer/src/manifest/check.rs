//! Whether a manifest's numbers fit together: a flipped bit in it must not become a hole in the rows.

use super::{FORMAT, Manifest, Part, State, StreamRecord, VERSION};
use gapless_model::Digest;
use std::collections::BTreeSet;

impl Manifest {
    /// Checks everything that can be told from the manifest alone.
    ///
    /// # Errors
    /// The first thing that does not fit, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("its format is {:?}, not {FORMAT}", self.format));
        }
        if self.version != VERSION {
            return Err(format!("its version is {}; this program reads version {VERSION}", self.version));
        }
        if (self.state == State::Complete) != self.completed_at.is_some() {
            return Err("its state and its time of completion contradict each other".into());
        }
        let mut topics = BTreeSet::new();
        for record in &self.streams {
            let named = |reason| format!("{}: {reason}", record.topic);
            if !topics.insert(&record.topic) {
                return Err(named("listed twice".into()));
            }
            if self.state == State::Complete && record.closed.is_none() {
                return Err(named("still open in an artifact that is complete".into()));
            }
            record.check().map_err(named)?;
        }
        Ok(())
    }
}

impl StreamRecord {
    fn check(&self) -> Result<(), String> {
        let key = self.key().ok_or("no stream can have this topic")?;
        let names = (key.kind().name(), key.source_id(), key.symbol(), key.interval());
        if names != (&*self.kind, &*self.source_id, &*self.symbol, &*self.interval) {
            return Err("its names are not those of its topic".into());
        }
        if self.folder != crate::name::topic_folder(&key) {
            return Err(format!("its folder is called {:?}", self.folder));
        }
        for part in &self.parts {
            part.check(&self.folder)?;
        }
        let (rows, digest) = self.parts.iter().fold((0u64, Digest::default()), |(rows, digest), part| {
            (rows.saturating_add(part.rows), digest + part.digest.0)
        });
        if rows != self.rows {
            return Err(format!("{} rows, and {rows} in its parts", self.rows));
        }
        if digest != self.digest.0 {
            return Err("its digest is not that of its parts".into());
        }
        self.check_places()
    }

    /// Parts and holes follow on each other, from the first row to the cursor.
    fn check_places(&self) -> Result<(), String> {
        let mut ranges: Vec<(u64, u64)> = self.parts.iter().map(|part| (part.first, part.last)).collect();
        let (first, last) = (ranges.first().map_or(0, |r| r.0), ranges.last().map_or(0, |r| r.1));
        if (first, last) != (self.first, self.last) {
            return Err(format!("rows {}..{}, and {first}..{last} in its parts", self.first, self.last));
        }
        ranges.extend(self.truncated.iter().map(|hole| (hole.from, hole.to)));
        ranges.sort_unstable();
        for pair in ranges.windows(2) {
            if let [(_, end), (start, _)] = pair
                && end.checked_add(1) != Some(*start)
            {
                return Err(format!("row {end} is followed by row {start}"));
            }
        }
        match ranges.last() {
            Some((_, end)) if *end != self.cursor.sequence => {
                Err(format!("its cursor is at {}, its rows end at {end}", self.cursor.sequence))
            }
            _ => Ok(()),
        }
    }
}

impl Part {
    fn check(&self, folder: &str) -> Result<(), String> {
        let range = format!("part {}..{}", self.first, self.last);
        if self.first == 0 || self.last < self.first || self.last - self.first + 1 != self.rows {
            return Err(format!("{range} with {} rows", self.rows));
        }
        for file in &self.files {
            let form = file.form().ok_or_else(|| format!("{range}: its form is {:?}", file.format))?;
            let name = format!("{folder}/{}", crate::name::part_file(self.first, self.last, form));
            if file.name != name || file.rows != self.rows {
                return Err(format!(
                    "{range}: its file is called {:?} and has {} rows",
                    file.name, file.rows
                ));
            }
        }
        if self.files.is_empty() { Err(format!("{range} has no file")) } else { Ok(()) }
    }
}
