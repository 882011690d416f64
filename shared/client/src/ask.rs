//! One question, one answer, within a deadline.
//!
//! An attempt that gets no reply is repeated on a fresh connection until the deadline: every question
//! here only reads, so asking twice is harmless.

use crate::{Error, Service};
use gapless_transport::{Context, Requester, RequesterSettings, Sent};
use gapless_wire::{ErrorCode, Limits, Message, decode, encode_message};
use std::time::{Duration, Instant};

/// How long one attempt waits: a page of rows takes tens of milliseconds, a service that restarts is
/// back within about a second.
const ATTEMPT: Duration = Duration::from_secs(2);
/// The wait before asking a busy server again when it does not say how long.
const BUSY_WAIT: Duration = Duration::from_millis(100);

/// Asks one server, one question at a time.
#[derive(Debug)]
pub(crate) struct Asker {
    service: Service,
    requester: Requester,
    asked: u64,
}

impl Asker {
    pub(crate) fn new(context: &Context, service: Service, endpoint: &str) -> Result<Asker, Error> {
        let requester = Requester::connect(context, endpoint, RequesterSettings::default())?;
        Ok(Asker { service, requester, asked: 0 })
    }

    /// The answer to `question`, waiting at most `patience` for it.
    pub(crate) fn ask(&mut self, question: &Message, patience: Duration) -> Result<Message, Error> {
        let end = Instant::now() + patience;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.unavailable(patience));
            }
            match self.attempt(question, left.min(ATTEMPT))? {
                Some(Message::Error(error)) if is_passing(error.code) => {
                    let wait = Duration::from_millis(u64::from(error.retry_after_ms)).max(BUSY_WAIT);
                    if wait >= end.saturating_duration_since(Instant::now()) {
                        return Err(Error::Refused { service: self.service, error });
                    }
                    std::thread::sleep(wait);
                }
                Some(Message::Error(error)) => return Err(Error::Refused { service: self.service, error }),
                Some(answer) => return Ok(answer),
                None => self.requester.renew()?,
            }
        }
    }

    fn attempt(&mut self, question: &Message, patience: Duration) -> Result<Option<Message>, Error> {
        self.asked += 1;
        let correlation = self.asked.to_string();
        let end = Instant::now() + patience;
        if self.requester.send(encode_message(question, &correlation))? == Sent::Full {
            return Ok(None);
        }
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Some(frame) = self.requester.receive(left)? else {
                if left.is_zero() {
                    return Ok(None);
                }
                continue;
            };
            match decode(&frame, &Limits::reply()) {
                Ok(envelope) if envelope.correlation_id == correlation => return Ok(Some(envelope.message)),
                Ok(_) => {}
                Err(error) => {
                    return Err(Error::BadReply { service: self.service, reason: error.to_string() });
                }
            }
        }
    }

    fn unavailable(&self, waited: Duration) -> Error {
        let endpoint = self.requester.endpoint().to_string();
        Error::Unavailable { service: self.service, endpoint, waited }
    }

    /// What to say when the answer is of another kind than the question.
    pub(crate) fn unexpected(&self, answer: &Message) -> Error {
        let text = format!("{answer:?}");
        let kind = text.split(['(', ' ']).next().unwrap_or_default();
        Error::BadReply { service: self.service, reason: format!("{kind} does not answer what was asked") }
    }
}

/// Asking again later can help.
fn is_passing(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::BUSY | ErrorCode::NOT_READY)
}
