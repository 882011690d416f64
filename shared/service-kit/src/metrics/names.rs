//! Every metric that the project has: name, kind, meaning. A name ends in its unit, counters in
//! `_total`. Labels: `service` always, others as the description says.
use ::metrics::{describe_counter, describe_gauge, describe_histogram};

macro_rules! catalogue {
    ($($kind:ident $constant:ident = $name:literal, $help:literal;)*) => {
        $(#[doc = $help] pub const $constant: &str = $name;)*

        /// All names, in the order of this page.
        pub const ALL: &[&str] = &[$($name),*];

        /// Gives the recorder every name's description.
        pub(crate) fn describe() {
            $($kind!($name, $help);)*
        }
    };
}

catalogue! {
    // Every service.
    describe_gauge BUILD_INFO = "gapless_build_info", "Always 1; label version.";
    describe_gauge QUEUE_ITEMS = "gapless_queue_items", "Items waiting; label queue.";
    describe_counter QUEUE_REFUSED = "gapless_queue_refused_total", "Items not let into a full queue; label queue.";
    describe_counter MALFORMED_MESSAGES = "gapless_malformed_messages_total", "Messages rejected whole because they could not be read; label socket.";
    describe_counter REQUESTS = "gapless_requests_total", "Requests answered; labels request, outcome.";
    describe_histogram REQUEST_SECONDS = "gapless_request_seconds", "Time from a request's arrival to its answer; label request.";

    // Ingestion.
    describe_counter ROWS_ACCEPTED = "gapless_rows_accepted_total", "Rows acknowledged; label via (http, zmq, source).";
    describe_counter ROWS_DUPLICATE = "gapless_rows_duplicate_total", "Rows of retried batches that were in the journal already.";
    describe_counter ROWS_REJECTED = "gapless_rows_rejected_total", "Rows refused as invalid; label via.";
    describe_counter BATCHES_ACCEPTED = "gapless_batches_accepted_total", "Batches acknowledged; label via.";
    describe_counter BATCHES_REFUSED = "gapless_batches_refused_total", "Batches refused; label reason (busy, conflict, disk, invalid).";
    describe_histogram ACCEPT_SECONDS = "gapless_accept_seconds", "Time from a batch's arrival to its acknowledgement.";
    describe_counter SOURCE_ROWS = "gapless_source_rows_total", "Rows read by a source; label source.";
    describe_counter SOURCE_BAD_ROWS = "gapless_source_bad_rows_total", "Rows that a source skipped as bad; label source.";
    describe_counter SOURCE_RESTARTS = "gapless_source_restarts_total", "Times that a source was started again after a failure; label source.";
    describe_counter JOURNAL_RECORDS = "gapless_journal_records_total", "Records appended to the journal.";
    describe_counter JOURNAL_BYTES = "gapless_journal_bytes_total", "Bytes appended to the journal.";
    describe_histogram JOURNAL_APPEND_SECONDS = "gapless_journal_append_seconds", "Time of one group append.";
    describe_histogram JOURNAL_SYNC_SECONDS = "gapless_journal_sync_seconds", "Time of one sync to disk.";
    describe_gauge JOURNAL_POSITION = "gapless_journal_position_records", "Newest position in the journal.";
    describe_gauge JOURNAL_EARLIEST = "gapless_journal_earliest_records", "Oldest position still in the journal.";
    describe_gauge JOURNAL_SIZE = "gapless_journal_size_bytes", "Bytes of all journal segments.";
    describe_gauge JOURNAL_EPOCH = "gapless_journal_epoch_milliseconds", "Epoch of the journal: Unix time at which its history began.";
    describe_gauge JOURNAL_DAMAGED = "gapless_journal_damaged_records", "Records in the journal that cannot be served any more because their bytes changed.";
    describe_counter FOLLOWERS_FORGOTTEN = "gapless_followers_forgotten_total", "Followers whose lease was over: what they need may be retired.";
    describe_gauge STREAMS = "gapless_streams_count", "Streams known.";

    // Following a log.
    describe_gauge FOLLOW_POSITION = "gapless_follow_position_records", "Journal position applied.";
    describe_gauge FOLLOW_LAG = "gapless_follow_lag_records", "Journal records heard of but not applied.";
    describe_counter GAPS_FOUND = "gapless_gaps_found_total", "Gaps seen in the journal feed.";
    describe_counter GAPS_HEALED = "gapless_gaps_healed_total", "Gaps closed by replay.";
    describe_counter GAPS_TRUNCATED = "gapless_gaps_truncated_total", "Gaps that replay could no longer fill.";
    describe_counter RECORDS_APPLIED = "gapless_records_applied_total", "Journal records applied; label source (live, replay).";
    describe_counter DUPLICATES_DROPPED = "gapless_duplicates_dropped_total", "Records that came twice and were dropped.";
    describe_counter REWINDS = "gapless_rewinds_total", "Epoch changes that took rows back.";

    // Live engine.
    describe_counter ROWS_PUBLISHED = "gapless_rows_published_total", "Rows sent on the live socket.";
    describe_counter MESSAGES_PUBLISHED = "gapless_messages_published_total", "Messages sent on a publishing socket; label topic (journal, live, watermark, watermarks).";
    describe_counter BYTES_PUBLISHED = "gapless_bytes_published_total", "Bytes sent on a publishing socket.";
    describe_counter DERIVED_ROWS = "gapless_derived_rows_total", "Rows derived from other streams and acknowledged by ingestion.";
    describe_counter LATE_ROWS = "gapless_late_rows_total", "Rows that came after the derived bar they belong to was closed.";
    describe_counter DERIVED_RETRIES = "gapless_derived_retries_total", "Derived batches that had to be sent again.";

    // Backfill.
    describe_counter ARCHIVE_ROWS = "gapless_archive_rows_total", "Rows committed to the archive.";
    describe_histogram ARCHIVE_COMMIT_SECONDS = "gapless_archive_commit_seconds", "Time of one archive commit.";
    describe_gauge ARCHIVE_SIZE = "gapless_archive_size_bytes", "Bytes of the archive's files.";
    describe_counter ARCHIVE_READ_ERRORS = "gapless_archive_read_errors_total", "Looks into the archive that failed; label cause (damage, other).";
    describe_gauge HOT_ROWS = "gapless_hot_rows", "Rows held in memory for recent replays.";
    describe_counter ROWS_SERVED = "gapless_rows_served_total", "Rows sent in answers; label from (hot, archive).";
    describe_counter BYTES_SERVED = "gapless_bytes_served_total", "Bytes sent in answers.";
    describe_gauge REQUESTS_ACTIVE = "gapless_requests_active_count", "Requests being worked on.";
    describe_counter REQUESTS_SHARED = "gapless_requests_shared_total", "Requests answered from another one's read.";
    describe_counter RETENTION_ROWS = "gapless_retention_rows_total", "Rows removed by retention.";

    // Snapshot writer.
    describe_counter ARTIFACT_ROWS = "gapless_artifact_rows_total", "Rows that a manifest names.";
    describe_counter ARTIFACT_PARTS = "gapless_artifact_parts_total", "Parts written, those that were put together from smaller ones too.";
    describe_counter ARTIFACT_BYTES = "gapless_artifact_bytes_total", "Bytes written into parts.";
    describe_gauge ARTIFACT_WAITING = "gapless_artifact_waiting_rows", "Rows that wait to be written.";
    describe_histogram ARTIFACT_WRITE_SECONDS = "gapless_artifact_write_seconds", "Time of one write: parts and manifest, synced.";
    describe_counter ARTIFACT_FAILURES = "gapless_artifact_failures_total", "Writes that the disk did not take; they are tried again.";
    describe_gauge ARTIFACTS = "gapless_artifacts_count", "Artifacts; label state (live, complete).";
    describe_counter ARTIFACTS_REMOVED = "gapless_artifacts_removed_total", "Complete artifacts removed by retention.";
    describe_counter CHECKPOINTS = "gapless_checkpoints_total", "Checkpoints asked for; label outcome (written, failed).";
    describe_histogram CHECKPOINT_SECONDS = "gapless_checkpoint_seconds", "Time of one checkpoint: fetched, written, read back.";
    describe_gauge CHECKPOINT_POSITION = "gapless_checkpoint_position_records", "Journal position of the newest checkpoint.";
    describe_gauge CHECKPOINT_SIZE = "gapless_checkpoint_size_bytes", "Bytes of the newest checkpoint.";
}

#[cfg(test)]
mod tests;
