//! Requests, and what the plan makes of their answers.

use super::{Now, Upstream};
use crate::answer::{self, Spoken};
use crate::faults::{ReplyFate, ReplyFaults, reply_fate};
use gapless_model::{MonoTime, UnixMillis};
use gapless_wire::{ErrorCode, ErrorResponse, Limits, Message, decode, encode_message, peek_correlation_id};
use std::time::Duration;

impl<P> Upstream<P> {
    /// A request: its answer leaves by [`Upstream::poll_output`], now, later or never.
    pub fn handle_request(&mut self, from: P, request: &[u8], now: MonoTime, wall: UnixMillis) {
        let now = Now { mono: now, wall };
        self.counts.requests += 1;
        let (message, correlation_id) = match decode(request, &Limits::request()) {
            Ok(envelope) => (envelope.message, envelope.correlation_id),
            Err(error) => {
                let answer = Message::Error(error.to_response());
                let envelope = encode_message(&answer, peek_correlation_id(request));
                return self.answer_at(now.mono, from, envelope);
            }
        };
        let topic = answer::stream_of(&message).map(|key| key.topic()).unwrap_or_default();
        let (plan, number) = self.plan_for(&topic);
        let fate = reply_fate(&plan, self.scenario.seed, &topic, number);
        let Some(answer) = self.answer(&topic, message, fate, &plan, now) else { return };
        let id = if fate == ReplyFate::WrongCorrelation { "nobody" } else { &correlation_id };
        let at = now.mono.after(Duration::from_millis(plan.slow_ms.into()));
        self.answer_at(at, from, encode_message(&answer, id));
    }

    fn answer_at(&mut self, at: MonoTime, to: P, envelope: Vec<u8>) {
        let ticket = self.ticket();
        self.answers.insert((at, ticket), (to, envelope));
    }

    /// The plan for requests about a stream, and the number of this one.
    fn plan_for(&mut self, topic: &str) -> (ReplyFaults, u64) {
        match self.streams.get_mut(topic) {
            Some(stream) => {
                stream.requests += 1;
                (stream.replies.clone(), stream.requests)
            }
            None => (self.plan.replies.clone(), self.counts.requests),
        }
    }

    /// The answer with its fault; `None`: none.
    fn answer(
        &mut self,
        topic: &str,
        request: Message,
        fate: ReplyFate,
        plan: &ReplyFaults,
        now: Now,
    ) -> Option<Message> {
        let spoken = Spoken { version: self.scenario.version, plan, wall: now.wall };
        let honest = answer::answer(&mut self.streams, request, &spoken);
        let is_page = matches!(honest, Message::BackfillResponse(_) | Message::BackfillCandlesResponse(_));
        let (name, answer) = match fate {
            ReplyFate::Withhold => ("none", None),
            ReplyFate::Error => ("error", Some(failure())),
            ReplyFate::WrongCorrelation => ("wrong-correlation", Some(honest.clone())),
            ReplyFate::RepeatPage if is_page => {
                let before = self.streams.get(topic).and_then(|stream| stream.last_page.clone());
                ("repeated-page", Some(before.unwrap_or_else(|| honest.clone())))
            }
            ReplyFate::EmptyPage if is_page => ("empty-page", Some(answer::emptied(honest.clone()))),
            ReplyFate::Answer | ReplyFate::RepeatPage | ReplyFate::EmptyPage => ("", Some(honest.clone())),
        };
        if !name.is_empty() {
            *self.counts.faults.entry(name).or_default() += 1;
        }
        let is_short = plan.page_rows > 0 && answer::has_more(&honest);
        let lies = plan.watermark_offset != 0 && answer::states_watermark(&honest);
        for (name, holds) in [("slow", plan.slow_ms > 0), ("short-page", is_short), ("false-watermark", lies)]
        {
            if holds {
                *self.counts.faults.entry(name).or_default() += 1;
            }
        }
        if is_page && let Some(stream) = self.streams.get_mut(topic) {
            stream.counts.replayed += answer.as_ref().map_or(0, answer::rows_in);
            stream.last_page = Some(honest);
        }
        answer
    }
}

fn failure() -> Message {
    Message::Error(ErrorResponse::retry(ErrorCode::INTERNAL, "an error that was asked for", 100))
}
