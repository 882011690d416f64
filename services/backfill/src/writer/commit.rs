//! What the writer does by the clock: commits, retention, counters.

use super::{Pending, Writer};
use crate::error::Error;
use crate::library::now;
use gapless_model::Position;
use gapless_store::StoreError;
use std::path::Path;
use std::time::{Duration, Instant};

/// How often old rows are looked for.
const RETAIN_EVERY: Duration = Duration::from_secs(60);
/// How often a commit that failed is tried again, and for how long: a disk that was full has room again,
/// or somebody has to look.
const RETRY_EVERY: Duration = Duration::from_secs(1);
const RETRY_FOR: Duration = Duration::from_secs(60);

impl Pending {
    /// Forgets records after `keep`.
    pub(super) fn keep_to(&mut self, keep: Position) {
        let records = std::mem::take(self).records;
        records
            .into_iter()
            .filter(|(position, _)| *position <= keep)
            .for_each(|(at, batch)| self.push(at, batch));
    }
}

impl Writer {
    /// Rows and position into the archive; then the journal may forget them. A failure that may pass leaves
    /// them pending.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        self.commit_at = None;
        let Some((last, _)) = self.pending.records.last() else { return Ok(()) };
        let last = *last;
        let began = Instant::now();
        match self.archive.append(&self.pending.records) {
            Ok(done) => {
                self.meters.commit_seconds.record(began.elapsed().as_secs_f64());
                self.meters.archive_rows.increment(done.rows);
                if done.broken > 0 {
                    tracing::error!(
                        streams = done.broken,
                        "streams begin anew above rows that the journal lost"
                    );
                }
                self.pending = Pending::default();
                self.hot.write(|hot| hot.committed(last));
                self.follower.acknowledge(last);
                if self.failing_since.take().is_some() {
                    tracing::info!("the archive takes rows again");
                    self.writable.holds();
                }
                if done.sealable {
                    // Full means that it was told already.
                    let _ = self.sealing.try_send(());
                }
                Ok(())
            }
            Err(error @ (StoreError::Database { .. } | StoreError::File { .. })) => self.commit_failed(error),
            Err(error) => Err(error.into()),
        }
    }

    fn commit_failed(&mut self, error: StoreError) -> Result<(), Error> {
        let now = Instant::now();
        let since = *self.failing_since.get_or_insert(now);
        tracing::error!(%error, rows = self.pending.rows, "the archive does not take rows: the journal keeps them");
        self.writable.fails(error.to_string());
        if now.duration_since(since) > RETRY_FOR {
            return Err(error.into());
        }
        self.commit_at = Some(now + RETRY_EVERY);
        Ok(())
    }

    pub(super) fn retain(&mut self) {
        self.retain_at = Instant::now() + RETAIN_EVERY;
        if !self.config.removes_rows() {
            return;
        }
        let config = &self.config;
        match self.archive.retain(now(), &|key| config.retention_of(key)) {
            Ok(None) => self.retain_at = Instant::now() + RETRY_EVERY,
            Ok(Some(done)) => {
                self.meters.retention_rows.increment(done.rows);
                if done.rows > 0 {
                    tracing::info!(rows = done.rows, streams = done.streams, "removed old rows");
                }
            }
            Err(error) => tracing::error!(%error, "old rows could not be removed: trying again later"),
        }
    }

    pub(super) fn measure(&mut self) {
        self.meters.hot_rows.set(self.hot.read(|hot| hot.rows()) as f64);
        self.meters.archive_size.set(archive_bytes(&self.config.archive) as f64);
        let Some(progress) = self.follower.progress() else { return };
        self.meters.follow(&progress, self.progress.as_ref());
        self.progress = Some(progress);
    }
}

/// Bytes of the archive's file and of what is written ahead of it. Looking at a size opens nothing, so
/// DuckDB keeps its lock.
fn archive_bytes(archive: &Path) -> u64 {
    let mut ahead = archive.as_os_str().to_owned();
    ahead.push(".wal");
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |file| file.len());
    size(archive) + size(Path::new(&ahead))
}
