//! What is due: parts, last states, completing, retention. Whatever the disk does not take is noted and tried again
//! later; it holds up nothing else.

use super::{Complete, Done, RETAIN_EVERY, Shelf};
use crate::artifact::{Artifact, What};
use crate::clock;
use crate::error::Error;
use crate::retention::{Kept, expired};
use std::time::{Duration, Instant};

impl Shelf {
    /// When there is work to do next.
    pub(crate) fn next_due(&self, now: Instant) -> Instant {
        let retention = self.next_retention.unwrap_or(now).min(now + RETAIN_EVERY);
        let held = self.held.names().map(|name| self.troubles.not_before(name, now));
        let artifacts = self.live.values().flat_map(|artifact| {
            let parts = artifact.due(&self.settings.parts, now).map(|(due, _)| due);
            let parts = if self.is_full() { parts.map(|due| due.min(now)) } else { parts };
            let latest = artifact.latest_due(self.settings.latest_every, now);
            let after = |label: &str, due| self.troubles.not_before(label, due);
            let latest = latest.map(|due| after(&artifact.latest_label(), due));
            [parts.map(|due| after(artifact.label(), due)), latest].into_iter().flatten()
        });
        held.chain(artifacts).fold(retention, Instant::min)
    }

    /// Does the most urgent piece of work whose time has come: what was held, or parts of one artifact, or the
    /// last state of one, or retention. `None` when there is none.
    pub(crate) fn work(&mut self, now: Instant) -> Option<Done> {
        self.rest_superseded(now);
        if let Some(name) = self.due_held(now) {
            return Some(self.take_held(&name, now));
        }
        if let Some((at, what)) = self.due_parts(now) {
            return Some(self.try_write(at, what, now));
        }
        if let Some(at) = self.due_latest(now) {
            return Some(self.try_write_latest(at, now));
        }
        if self.next_retention.is_none_or(|due| due <= now) {
            self.next_retention = Some(now + RETAIN_EVERY);
            return Some(self.retain(now));
        }
        self.say_whether_stuck();
        None
    }

    /// Writes everything that waits, also what is let be for a while. `until` bounds it: what is not written by
    /// then comes again at the next start.
    pub(crate) fn write_all(&mut self, until: Instant) -> Done {
        let mut total = Done::default();
        for name in self.held.names().cloned().collect::<Vec<String>>() {
            total += self.take_held(&name, Instant::now());
        }
        for at in self.live.keys().copied().collect::<Vec<u64>>() {
            let now = Instant::now();
            if now >= until {
                break;
            }
            total += self.try_write(at, What::All, now);
            let changed = |artifact: &Artifact| artifact.latest_due(Duration::ZERO, now).is_some();
            if self.live.get(&at).is_some_and(changed) {
                total += self.try_write_latest(at, now);
            }
        }
        total
    }

    /// Whether `subject` is not let be at the moment.
    fn is_ready(&self, subject: &str, now: Instant) -> bool {
        self.troubles.not_before(subject, now) <= now
    }

    fn due_held(&self, now: Instant) -> Option<String> {
        let name = self.held.names().find(|name| self.is_ready(name, now));
        name.cloned()
    }

    fn due_latest(&self, now: Instant) -> Option<u64> {
        let every = self.settings.latest_every;
        let due = self.live.iter().find(|(_, artifact)| {
            artifact.latest_due(every, now).is_some_and(|due| due <= now)
                && self.is_ready(&artifact.latest_label(), now)
        });
        due.map(|(at, _)| *at)
    }

    /// The artifact that has waited longest of those that are due; the one with most rows when too much waits.
    fn due_parts(&self, now: Instant) -> Option<(u64, What)> {
        let is_full = self.is_full();
        let due = self.live.iter().filter_map(|(&at, artifact)| {
            let (due, what) = artifact.due(&self.settings.parts, now)?;
            if !self.is_ready(artifact.label(), now) {
                return None;
            }
            // What is in trouble is out of it when everything of it was written.
            let what = if self.troubles.has(artifact.label()) { What::All } else { what };
            match is_full {
                true => Some((std::cmp::Reverse(artifact.waiting().1), due, at, What::All)),
                false => (due <= now).then_some((std::cmp::Reverse(0), due, at, what)),
            }
        });
        due.min_by_key(|(bytes, due, at, _)| (*bytes, *due, *at)).map(|(_, _, at, what)| (at, what))
    }

    fn try_write(&mut self, at: u64, what: What, now: Instant) -> Done {
        let Some(label) = self.live.get(&at).map(|artifact| artifact.label().to_owned()) else {
            return Done::default();
        };
        let written = self.write(at, what, now);
        self.noted(&label, written, now)
    }

    fn try_write_latest(&mut self, at: u64, now: Instant) -> Done {
        let Some(label) = self.live.get(&at).map(Artifact::latest_label) else { return Done::default() };
        let written = self.keep_folder(at).and_then(|()| match self.live.get_mut(&at) {
            Some(artifact) => artifact.write_latest(now),
            None => Ok(()),
        });
        self.noted(&label, written.map(|()| Done::default()), now)
    }

    /// Notes whether `subject` is in trouble; what was done.
    pub(super) fn noted(&mut self, subject: &str, result: Result<Done, Error>, now: Instant) -> Done {
        match result {
            Ok(done) => {
                self.troubles.end(subject);
                done
            }
            Err(error) => {
                self.troubles.note(subject, &error, now);
                Done { failures: 1, ..Done::default() }
            }
        }
    }

    /// Writes what waits of one artifact, and moves it to the complete ones when it is.
    pub(super) fn write(&mut self, at: u64, what: What, now: Instant) -> Result<Done, Error> {
        self.keep_folder(at)?;
        let Some(artifact) = self.live.get_mut(&at) else { return Ok(Done::default()) };
        let written = artifact.write(what, &self.settings.parts);
        let ended = match &written {
            Ok(_) if artifact.is_over() && artifact.is_idle() => artifact.complete(),
            Ok(_) | Err(_) => Ok(()),
        };
        self.count_waiting();
        let mut done = Done { written: written?, ..Done::default() };
        ended?;
        self.written_again(at);
        if let Some(artifact) = self.take_out_complete(at) {
            self.complete(artifact, now);
            done.completed = 1;
            // What is kept may be one too many now.
            self.next_retention = None;
        }
        Ok(done)
    }

    /// Whoever wrote it, the trouble that it was in is over.
    fn written_again(&mut self, at: u64) {
        if let Some(artifact) = self.live.get(&at) {
            self.troubles.end(artifact.label());
        }
    }

    fn take_out_complete(&mut self, at: u64) -> Option<Artifact> {
        self.live.get(&at).filter(|artifact| artifact.is_complete())?;
        self.take_out(at)
    }

    fn complete(&mut self, mut artifact: Artifact, now: Instant) {
        if let Err(error) = artifact.write_latest(now) {
            tracing::warn!(%error, "the last state of a complete artifact is not the newest");
        }
        self.troubles.end(&artifact.latest_label());
        let manifest = artifact.manifest();
        tracing::info!(artifact = %artifact.folder().display(), streams = manifest.streams.len(), "artifact complete");
        self.complete.push(Complete::of(artifact.folder(), &manifest));
    }

    /// An artifact whose folder was removed is begun again, without what was in it.
    pub(super) fn keep_folder(&mut self, at: u64) -> Result<(), Error> {
        match self.live.get(&at) {
            Some(artifact) if artifact.is_lost()? => self.check_home()?,
            Some(_) | None => return Ok(()),
        }
        self.live.get_mut(&at).map_or(Ok(()), Artifact::begin_again)
    }

    /// Removes what is too much.
    fn retain(&mut self, now: Instant) -> Done {
        let time = clock::now();
        let kept = |one: &Complete| Kept {
            name: one.name.clone(),
            number: one.number,
            age: clock::age(&one.completed_at, time),
            bytes: one.bytes,
        };
        let kept: Vec<Kept> = self.complete.iter().map(kept).collect();
        let mut total = Done::default();
        for at in expired(&kept, self.settings.limits).into_iter().rev() {
            let Some(folder) = self.complete.get(at).map(|one| one.folder.clone()) else { continue };
            let removed = self.remove(&folder).map(|()| Done { removed: 1, ..Done::default() });
            if removed.is_ok() {
                self.complete.remove(at);
            }
            total += self.noted(&format!("removing {}", folder.display()), removed, now);
        }
        total
    }

    /// Says when what cannot be written takes all the memory that there is for rows, and when no longer.
    fn say_whether_stuck(&mut self) {
        let is_stuck = self.is_full() && !self.troubles.is_empty();
        if is_stuck && !self.is_stuck {
            tracing::error!(
                rows = self.waiting.0,
                bytes = self.waiting.1,
                "what cannot be written takes all memory for rows: nothing more is read until it is written"
            );
        } else if self.is_stuck && !is_stuck {
            tracing::info!("there is memory for rows again: reading goes on");
        }
        self.is_stuck = is_stuck;
    }
}
