//! Asking a server without epochs whether it still tells the same history.

use super::StreamEvent;
use super::dialect::{StreamDialect, Wish};
use super::reply;
use crate::dialect::{Step, Steps};
use crate::exchange::Question;
use gapless_model::{Batch, Candle, Digest, Epoch, Rows, Seq, SeqRange};
use gapless_protocol::{Admission, Failure, Input, LogStatus, RequestId, Verdict};
use gapless_wire::BackfillCandlesResponse;

impl StreamDialect {
    /// Whether live rows may be handed on.
    pub(super) fn admits(&mut self, log: u32, batch: &Batch, steps: &mut Steps<Self>) -> bool {
        let Some(stream) = self.directory.get_mut(log) else { return false };
        if batch.rows.is_empty() {
            return batch.epoch.is_stated() || !stream.continuity.is_in_doubt();
        }
        let first = || match &batch.rows {
            Rows::Candles(rows) => rows.first().map_or(Digest::default(), |row| digest_of(batch.start, *row)),
            // Servers without epochs have candles only.
            Rows::Metrics(_) | Rows::Warnings(_) => Digest::default(),
        };
        let admission = stream.continuity.admit(batch.epoch, batch.range(), first);
        self.ask_for_proof(log, steps);
        admission == Admission::Pass
    }

    /// Asks the server for the row that proves its history, if that is wanted and not under way.
    pub(super) fn ask_for_proof(&mut self, log: u32, steps: &mut Steps<Self>) {
        let question = self.directory.get_mut(log).and_then(|stream| stream.continuity.poll_question());
        if let Some((seq, round)) = question {
            self.wish(log, Wish::Proof { seq, round }, steps);
        }
    }

    /// Every stream that has something to lose is in doubt from now on.
    pub(super) fn doubt_all(&mut self) {
        for (log, stream) in self.directory.iter_mut() {
            stream.continuity.interrupted();
            if stream.continuity.is_in_doubt() {
                self.doubtful.insert(log);
            }
        }
    }

    /// The server answered which row it has of that number.
    pub(super) fn proven(
        &mut self,
        log: u32,
        (seq, round): (Seq, u64),
        response: &BackfillCandlesResponse,
        steps: &mut Steps<Self>,
    ) {
        let Some(stream) = self.directory.get_mut(log) else { return };
        if response.epoch.is_stated() {
            stream.continuity.forget();
            return;
        }
        let found = response.candles.first().filter(|_| response.start == seq);
        let found = found.map(|row| digest_of(seq, *row));
        match stream.continuity.answered(round, found) {
            Verdict::Same { withheld: Seq::NONE } => {}
            Verdict::Same { withheld } => {
                stream.latest = stream.latest.max(withheld);
                let status = LogStatus {
                    epoch: Epoch::UNSTATED,
                    earliest: Seq::NONE,
                    latest: withheld,
                    epochs: Vec::new(),
                };
                let input = Input::Status { request: RequestId::UNSOLICITED, status };
                steps.push_back(Step::Input { log, input });
            }
            Verdict::Another => {
                tracing::info!(stream = %stream.key, %seq, "a server without epochs tells another history");
                steps.push_back(Step::Input { log, input: Input::BeganAnew });
            }
            Verdict::Unknown => drop(self.doubtful.insert(log)),
        }
    }

    pub(super) fn unproven(&mut self, log: u32, round: u64) {
        if let Some(stream) = self.directory.get_mut(log) {
            stream.continuity.unanswered(round);
            self.doubtful.insert(log);
        }
    }

    /// What an old server, or one that was asked in its words, replayed.
    pub(super) fn replayed_candles(
        &mut self,
        question: &Question<Wish>,
        range: SeqRange,
        response: BackfillCandlesResponse,
    ) -> Result<Input<Batch>, Failure> {
        let stream = self.directory.get_mut(question.owner).ok_or(Failure::UnknownLog)?;
        if !response.epoch.is_stated() {
            let first = response.candles.first().filter(|_| response.start < range.start());
            let first = first.map(|row| digest_of(response.start, *row));
            let contradicts =
                first.is_some_and(|digest| stream.continuity.contradicts(response.start, digest));
            if contradicts || stream.continuity.is_in_doubt() {
                self.doubtful.insert(question.owner);
                return Err(Failure::NoReply);
            }
        }
        reply::replayed_candles(question.request, &stream.key, range, stream.latest, response)
    }

    /// Keeps the last row that is handed over, where a later one may have to be compared with it.
    pub(super) fn handed_over(&mut self, log: u32, event: &StreamEvent) {
        let StreamEvent::Batch { batch, epoch, .. } = event else { return };
        let Some(stream) = self.directory.get_mut(log) else { return };
        if epoch.is_stated() {
            if stream.continuity.is_anchored() {
                stream.continuity.forget();
            }
        } else if let Rows::Candles(rows) = &batch.rows
            && let (Some(first), Some(last)) = (rows.first(), rows.last())
        {
            let seq = batch.range().last();
            stream.continuity.handed_over(*epoch, seq, digest_of(seq, *last));
            if batch.start == Seq::FIRST {
                stream.continuity.begun(digest_of(batch.start, *first));
            }
            self.is_wary = true;
        }
    }
}

/// The hash of one row alone.
fn digest_of(seq: Seq, row: Candle) -> Digest {
    Digest::of(seq, &Rows::Candles(vec![row]))
}
