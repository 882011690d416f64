//! A running service, and a client that asks it.

use super::fake_journal::FakeJournal;
use crate::{Bound, Config, Error, run};
use gapless_model::{Batch, Digest, Epoch, Seq, SeqRange, StreamKey, StreamStatus};
use gapless_service_kit::{HumanDuration, Shutdown};
use gapless_transport::{Context, Requester, RequesterSettings, Sent};
use gapless_wire::{
    BackfillRequest, BackfillResponse, ErrorCode, Limits, Message, decode, decode_batch, encode_message,
};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a test waits for what must happen.
const DEADLINE: Duration = Duration::from_secs(20);

/// A service under test.
pub(super) struct Bench {
    shutdown: Shutdown,
    thread: Option<JoinHandle<Result<(), Error>>>,
    requester: Requester,
    address: String,
    asked: u64,
}

impl Bench {
    pub(super) fn start(journal: &FakeJournal, folder: &Path) -> Bench {
        Bench::start_with(journal, folder, |_| {})
    }

    pub(super) fn start_with(
        journal: &FakeJournal,
        folder: &Path,
        change: impl FnOnce(&mut Config),
    ) -> Bench {
        let mut config = Config {
            journal_live: journal.live.clone(),
            journal_replay: journal.replay.clone(),
            backfill: "tcp://127.0.0.1:*".into(),
            archive: folder.join("archive.duckdb"),
            commit_every: HumanDuration::from_millis(20),
            workers: 2,
            ..Config::default()
        };
        change(&mut config);
        let shutdown = Shutdown::new();
        let (tell, told) = crossbeam_channel::bounded::<Bound>(1);
        let stop = shutdown.clone();
        let thread = std::thread::spawn(move || run(config, stop, |bound| tell.send(bound).unwrap()));
        let bound = told.recv_timeout(DEADLINE).unwrap();
        let settings = RequesterSettings::default();
        let requester = Requester::connect(&Context::new(), bound.requests.as_str(), settings).unwrap();
        Bench { shutdown, thread: Some(thread), requester, address: bound.requests, asked: 0 }
    }

    /// Where it answers.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Stops the service in order.
    pub(super) fn stop(mut self) {
        self.shutdown.request();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }

    /// Asks once.
    pub(super) fn ask(&mut self, message: &Message) -> Message {
        self.asked += 1;
        let id = self.asked.to_string();
        let reply = self.ask_bytes(&encode_message(message, &id));
        assert_eq!(reply.1, id, "the correlation id is echoed");
        reply.0
    }

    /// Sends any bytes; the answer and its correlation id.
    pub(super) fn ask_bytes(&mut self, bytes: &[u8]) -> (Message, String) {
        self.ask_without_waiting(bytes);
        let reply = self.requester.receive(DEADLINE).unwrap().expect("an answer in time");
        let envelope = decode(&reply, &Limits::reply()).unwrap();
        (envelope.message, envelope.correlation_id)
    }

    /// Sends a request and leaves its answer for [`Bench::answers`].
    pub(super) fn ask_without_waiting(&mut self, bytes: &[u8]) {
        assert_eq!(self.requester.send(bytes.to_vec()).unwrap(), Sent::Queued);
    }

    /// Takes answers until `count` came or none comes any more: how many held rows, how many refused.
    pub(super) fn answers(&mut self, count: usize) -> (usize, usize) {
        let (mut rows, mut refused) = (0, 0);
        while rows + refused < count
            && let Some(reply) = self.requester.receive(Duration::from_secs(2)).unwrap()
        {
            match decode(&reply, &Limits::reply()).unwrap().message {
                Message::BackfillResponse(_) => rows += 1,
                Message::Error(error) if error.code == ErrorCode::BUSY && error.retry_after_ms > 0 => {
                    refused += 1
                }
                other => panic!("{other:?}"),
            }
        }
        self.requester.renew().unwrap();
        (rows, refused)
    }

    /// A client with a connection of its own.
    pub(super) fn another_client(&self) -> impl FnMut(&Message) -> Message + use<> {
        let settings = RequesterSettings::default();
        let mut requester = Requester::connect(&Context::new(), self.address.as_str(), settings).unwrap();
        move |message| {
            assert_eq!(requester.send(encode_message(message, "")).unwrap(), Sent::Queued);
            let reply = requester.receive(DEADLINE).unwrap().expect("an answer in time");
            decode(&reply, &Limits::reply()).unwrap().message
        }
    }

    /// The status of a stream that is known.
    pub(super) fn status(&mut self, key: &StreamKey) -> StreamStatus {
        match self.ask(&Message::StreamStatusRequest(key.clone())) {
            Message::StreamStatusResponse(status) => status,
            other => panic!("{other:?}"),
        }
    }

    /// The epoch of a stream; `None` while it is not known.
    pub(super) fn epoch(&mut self, key: &StreamKey) -> Option<Epoch> {
        match self.ask(&Message::StreamStatusRequest(key.clone())) {
            Message::StreamStatusResponse(status) => Some(status.watermark.epoch),
            Message::Error(error) if error.code == ErrorCode::UNKNOWN_STREAM => None,
            other => panic!("{other:?}"),
        }
    }

    /// The code of the error with which a message is answered.
    pub(super) fn refused(&mut self, message: &Message) -> ErrorCode {
        match self.ask(message) {
            Message::Error(error) => error.code,
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the stream ends at `latest` in `epoch`.
    pub(super) fn reaches(&mut self, key: &StreamKey, epoch: u64, latest: u64) {
        eventually("the stream to end there", || {
            match self.ask(&Message::StreamStatusRequest(key.clone())) {
                Message::StreamStatusResponse(status) => {
                    let mark = status.watermark;
                    (mark.epoch, mark.latest) == (Epoch(epoch), Seq(latest))
                }
                _ => false,
            }
        });
    }

    /// One answer to a version 2 request, checked for what it says about itself.
    pub(super) fn page(&mut self, request: &BackfillRequest) -> (BackfillResponse, Vec<Batch>) {
        let response = match self.ask(&Message::BackfillRequest(request.clone())) {
            Message::BackfillResponse(response) => response,
            other => panic!("{other:?}"),
        };
        let batches: Vec<Batch> =
            response.batches.iter().map(|bytes| decode_batch(bytes, &Limits::live()).unwrap()).collect();
        let mut expected = response.served_from;
        let mut digest = Digest::default();
        for batch in &batches {
            assert_eq!(batch.start, expected);
            expected = batch.range().end();
            digest = digest + Digest::of(batch.start, &batch.rows);
        }
        assert_eq!((expected, digest), (response.served_to.next(), response.digest));
        (response, batches)
    }

    /// Every batch of a stream, by as many requests as it takes.
    pub(super) fn all(&mut self, key: &StreamKey, limit: u32) -> Vec<Batch> {
        let mut request = BackfillRequest { limit, ..request(key, 0, 0) };
        let mut batches = Vec::new();
        loop {
            let (response, page) = self.page(&request);
            batches.extend(page);
            if !response.has_more {
                return batches;
            }
            request.from_exclusive = response.served_to;
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.shutdown.request();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A version 2 request for rows after `from` up to `to` (0: no bound).
pub(super) fn request(key: &StreamKey, from: u64, to: u64) -> BackfillRequest {
    BackfillRequest {
        key: key.clone(),
        epoch: Epoch::UNSTATED,
        from_exclusive: Seq(from),
        to: Seq(to),
        start_ts: None,
        end_ts: None,
        limit: 0,
        max_bytes: 0,
    }
}

/// As published, without what backfill is allowed to add.
pub(super) fn as_published(batches: &[Batch]) -> Vec<Batch> {
    batches.iter().map(|batch| Batch { earliest: Seq::NONE, ..batch.clone() }).collect()
}

/// The ranges of batches.
pub(super) fn ranges(batches: &[Batch]) -> Vec<SeqRange> {
    batches.iter().map(Batch::range).collect()
}

/// How many rows there are.
pub(super) fn rows_in(batches: &[Batch]) -> usize {
    batches.iter().map(|batch| batch.rows.len()).sum()
}

/// Waits for `holds`.
pub(super) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < DEADLINE, "waited in vain for {what}");
        // Nothing ever comes: this is the wait between two looks.
        let _ = crossbeam_channel::never::<()>().recv_timeout(Duration::from_millis(5));
    }
}
