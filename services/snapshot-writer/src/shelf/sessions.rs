//! Sessions: which artifact the rows of a stream go into, and what an epoch change means for it.

use super::{LOOK_EVERY, SUPERSEDED_REST, Shelf};
use crate::artifact::{Artifact, What, is_gone};
use crate::error::Error;
use crate::manifest::{Closed, MANIFEST, Manifest, Session};
use crate::name::group_name;
use crate::record::{Item, Stand};
use gapless_model::{Epoch, Seq, StreamKey};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

impl Shelf {
    /// The artifact that the next rows of `key` go into; begun when there is none.
    pub(super) fn place_for(&mut self, key: &StreamKey, epoch: Epoch) -> Result<u64, Error> {
        let is_open = |at: &u64| self.live.get(at).is_some_and(|artifact| artifact.closed(key) == Some(None));
        if let Some(at) = self.open_in.get(key).filter(|at| is_open(at)) {
            return Ok(*at);
        }
        let name = group_name(self.settings.group, key);
        let same: &[u64] = self.by_name.get(&name).map_or(&[], Vec::as_slice);
        // The newest: an older one may not know yet that it was superseded.
        if let Some(at) = same.iter().rev().find(|at| is_open(at)) {
            return Ok(*at);
        }
        if let Some(&at) = same.last() {
            let artifact = self.live.get(&at).map(|a| (a.is_over(), a.closed(key)));
            match artifact {
                // Nothing more goes into a session that is over.
                Some((true, _)) => self.end(at)?,
                // It began anew, and so does its session.
                Some((false, Some(Some(Closed::Reset)))) => {}
                _ => return Ok(at),
            }
        }
        self.begin(key, &name, epoch)
    }

    /// Writes a session that is over. One that lacks a file is not complete, and its successor begins all the same.
    fn end(&mut self, at: u64) -> Result<(), Error> {
        let now = Instant::now();
        match self.write(at, What::All, now) {
            Err(error @ Error::Incomplete { .. }) => {
                let label = self.live.get(&at).map(|artifact| artifact.label().to_owned());
                self.troubles.note(&label.unwrap_or_default(), &error, now);
                Ok(())
            }
            other => other.map(drop),
        }
    }

    fn begin(&mut self, key: &StreamKey, name: &str, epoch: Epoch) -> Result<u64, Error> {
        let session = Session {
            source_id: key.source_id().to_owned(),
            epoch: epoch.0,
            live: self.settings.live.clone(),
            first_publish: None,
        };
        self.check_home()?;
        let number = self.highest(name) + 1;
        let artifact = Artifact::begin(&self.settings.folder, self.settings.group, name, number, session)?;
        Ok(self.put(artifact))
    }

    /// The highest number that was given to an artifact of that name.
    fn highest(&self, name: &str) -> u64 {
        let live = self.by_name.get(name).into_iter().flatten().filter_map(|at| self.live.get(at));
        let live = live.map(Artifact::number);
        let complete = self.complete.iter().filter(|one| one.name == name).map(|one| one.number);
        live.chain(complete).max().unwrap_or(0).max(self.retired.number(name))
    }

    /// Rows after `keep` never happened: they are taken back wherever they are, from the oldest artifact to
    /// the newest, whose manifest is the cursor. Cut short, it is done again after the next start.
    pub(super) fn rewind(&mut self, key: &StreamKey, to: Epoch, keep: Seq) -> Result<(), Error> {
        tracing::warn!(%key, %keep, epoch = to.0, "rows after this one never happened: taken back");
        let name = group_name(self.settings.group, key);
        let folders: Vec<_> =
            self.complete.iter().filter(|one| one.name == name).map(|one| one.folder.clone()).collect();
        for folder in folders {
            self.rewind_complete(&folder, key, to, keep)?;
        }
        let same = self.by_name.get(&name).cloned().unwrap_or_default();
        for at in &same {
            self.keep_folder(*at)?;
            if let Some(artifact) = self.live.get_mut(at) {
                artifact.rewind(key, to, keep, &self.settings.parts.forms)?;
            }
        }
        self.count_waiting();
        let newest = same.iter().rev().find_map(|at| self.live.get(at)?.stand(key));
        let taken_back = Stand { cursor: Some(crate::manifest::Cursor::at(to, keep)), running: None };
        self.stands.insert(key.clone(), newest.filter(|stand| stand.cursor.is_some()).unwrap_or(taken_back));
        Ok(())
    }

    fn rewind_complete(&self, folder: &Path, key: &StreamKey, to: Epoch, keep: Seq) -> Result<(), Error> {
        let path = folder.join(MANIFEST);
        if is_gone(&path)? {
            self.check_home()?;
            tracing::warn!(artifact = %folder.display(), "a complete artifact was removed: nothing to take back in it");
            return Ok(());
        }
        let bytes = std::fs::read(&path).map_err(|e| Error::write(&path, e))?;
        let manifest = Manifest::parse(&bytes).map_err(|reason| Error::Damaged { path, reason })?;
        if manifest.stream(key).is_some_and(|record| record.cursor.sequence > keep.0) {
            let mut artifact = Artifact::open(folder, manifest);
            artifact.rewind(key, to, keep, &self.settings.parts.forms)?;
            artifact.write_latest(Instant::now())?;
        }
        Ok(())
    }

    /// The history of a stream is lost: what was written of it stays as it is, and what comes next goes into
    /// a new artifact.
    pub(super) fn reset(&mut self, key: &StreamKey, now: Instant) {
        tracing::warn!(%key, "its history began anew: so does its artifact");
        let same = self.by_name.get(&group_name(self.settings.group, key)).cloned().unwrap_or_default();
        let has = |state| {
            move |live: &BTreeMap<u64, Artifact>, at: &u64| {
                live.get(at).is_some_and(|artifact| artifact.closed(key) == Some(state))
            }
        };
        let newest = |state| same.iter().rev().find(|at| has(state)(&self.live, at)).copied();
        let at = newest(None).or_else(|| newest(Some(Closed::End)));
        if let Some(at) = at {
            self.add(at, key, Item::Reset, now);
        }
        self.stands.insert(key.clone(), Stand::default());
    }

    /// Completes sessions whose successor has begun and that nothing was added to for a while.
    pub(super) fn rest_superseded(&mut self, now: Instant) {
        if self.next_look.is_some_and(|next| now < next) {
            return;
        }
        self.next_look = Some(now + LOOK_EVERY);
        let old = self.by_name.values().filter_map(|same| same.split_last()).flat_map(|(_, old)| old);
        let is_idle = |at: &&u64| self.live.get(at).is_some_and(Artifact::is_idle);
        let old: Vec<u64> = old.filter(is_idle).copied().collect();
        self.superseded.retain(|at, _| old.contains(at));
        for at in old {
            let since = *self.superseded.entry(at).or_insert(now);
            if now.saturating_duration_since(since) >= SUPERSEDED_REST {
                self.live.get_mut(&at).into_iter().for_each(|artifact| artifact.close(now));
            }
        }
    }
}
