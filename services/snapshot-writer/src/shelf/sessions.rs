//! Sessions: which artifact the rows of a stream go into, and what an epoch change means for it.

use super::{SUPERSEDED_REST, Shelf};
use crate::artifact::{Artifact, What};
use crate::error::Error;
use crate::manifest::{Closed, MANIFEST, Manifest, Session};
use crate::name::group_name;
use crate::record::{Item, Stand};
use gapless_model::{Epoch, Seq, StreamKey};
use std::time::Instant;

impl Shelf {
    /// The artifact that the next rows of `key` go into; begun when there is none.
    pub(super) fn place_for(&mut self, key: &StreamKey, epoch: Epoch) -> Result<usize, Error> {
        let name = group_name(self.settings.group, key);
        let open = |artifact: &Artifact| artifact.name() == name && artifact.closed(key) == Some(None);
        // The newest: an older one may not know yet that it was superseded.
        if let Some(at) = self.live.iter().rposition(open) {
            return Ok(at);
        }
        let newest = self.live.iter().rposition(|artifact| artifact.name() == name);
        if let Some(at) = newest {
            let artifact = self.live.get(at).map(|a| (a.is_over(), a.closed(key)));
            match artifact {
                // Nothing more goes into a session that is over.
                Some((true, _)) => drop(self.write(at, What::All, Instant::now())?),
                // It began anew, and so does its session.
                Some((false, Some(Some(Closed::Reset)))) => {}
                _ => return Ok(at),
            }
        }
        self.begin(key, &name, epoch)
    }

    fn begin(&mut self, key: &StreamKey, name: &str, epoch: Epoch) -> Result<usize, Error> {
        let session = Session {
            source_id: key.source_id().to_owned(),
            epoch: epoch.0,
            live: self.settings.live.clone(),
            first_publish: None,
        };
        let number = self.highest(name) + 1;
        let artifact = Artifact::begin(&self.settings.folder, self.settings.group, name, number, session)?;
        self.live.push(artifact);
        Ok(self.live.len() - 1)
    }

    /// The highest number that was given to an artifact of that name.
    fn highest(&self, name: &str) -> u64 {
        let live = self.live.iter().filter(|a| a.name() == name).map(Artifact::number);
        let complete = self.complete.iter().filter(|one| one.name == name).map(|one| one.number);
        live.chain(complete).max().unwrap_or(0).max(self.retired.number(name))
    }

    /// Rows after `keep` never happened: they are taken back wherever they are, from the oldest artifact to
    /// the newest, whose manifest is the cursor. Cut short, it is done again after the next start.
    pub(super) fn rewind(&mut self, key: &StreamKey, to: Epoch, keep: Seq) -> Result<(), Error> {
        tracing::warn!(%key, %keep, epoch = to.0, "rows after this one never happened: taken back");
        let name = group_name(self.settings.group, key);
        let forms = self.settings.parts.forms.clone();
        let folders: Vec<_> =
            self.complete.iter().filter(|one| one.name == name).map(|one| one.folder.clone()).collect();
        for folder in folders {
            let path = folder.join(MANIFEST);
            let bytes = std::fs::read(&path).map_err(|e| Error::write(&path, e))?;
            let manifest = Manifest::parse(&bytes).map_err(|reason| Error::Damaged { path, reason })?;
            if manifest.stream(key).is_some_and(|record| record.cursor.sequence > keep.0) {
                let mut artifact = Artifact::open(&folder, manifest);
                artifact.rewind(key, to, keep, &forms)?;
                artifact.write_latest(Instant::now())?;
            }
        }
        for artifact in self.live.iter_mut().filter(|artifact| artifact.name() == name) {
            artifact.rewind(key, to, keep, &forms)?;
        }
        let newest = self.live.iter().rev().find_map(|a| a.stands().find(|(k, _)| *k == key).map(|(_, s)| s));
        let taken_back = Stand { cursor: Some(crate::manifest::Cursor::at(to, keep)), running: None };
        self.stands.insert(key.clone(), newest.filter(|stand| stand.cursor.is_some()).unwrap_or(taken_back));
        Ok(())
    }

    /// The history of a stream is lost: what was written of it stays as it is, and what comes next goes into
    /// a new artifact.
    pub(super) fn reset(&mut self, key: &StreamKey, now: Instant) -> Result<(), Error> {
        tracing::warn!(%key, "its history began anew: so does its artifact");
        let open = |artifact: &Artifact| artifact.closed(key) == Some(None);
        let at = self.live.iter().rposition(open).or_else(|| {
            self.live.iter().rposition(|artifact| artifact.closed(key) == Some(Some(Closed::End)))
        });
        if let Some(at) = at {
            self.add(at, key, Item::Reset, now);
        }
        self.stands.insert(key.clone(), Stand::default());
        Ok(())
    }

    /// Completes sessions whose successor has begun and that nothing was added to for a while.
    pub(super) fn rest_superseded(&mut self, now: Instant) {
        let newest = |name: &str| self.live.iter().rev().find(|a| a.name() == name).map(Artifact::number);
        let old: Vec<(String, u64)> = self
            .live
            .iter()
            .filter(|artifact| artifact.is_idle() && newest(artifact.name()) != Some(artifact.number()))
            .map(|artifact| (artifact.name().to_owned(), artifact.number()))
            .collect();
        self.superseded.retain(|session, _| old.contains(session));
        for session in old {
            let since = *self.superseded.entry(session.clone()).or_insert(now);
            if now.saturating_duration_since(since) >= SUPERSEDED_REST {
                let same = |a: &&mut Artifact| a.name() == session.0 && a.number() == session.1;
                self.live.iter_mut().find(same).into_iter().for_each(|artifact| artifact.close(now));
            }
        }
    }
}
