//! Fetches the current state of streams in the background, so that no row waits for it.

use crate::ask::Asker;
use crate::{Error, Service, State};
use crossbeam_channel::{Receiver, Sender, bounded};
use gapless_model::StreamKey;
use gapless_transport::{Context, Waker};
use gapless_wire::{Limits, Message, PageRequest, StateResponse, decode_batch};
use std::time::Duration;

/// Streams whose state may be waited for at once; of more, the state is not fetched, which is logged.
const MAX_WAITING: usize = 1024;
/// How long the state of one stream may take. It is an addition to the truncation event, not a must.
const PATIENCE: Duration = Duration::from_secs(3);

/// A thread that asks live-engine; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct StateDesk {
    wanted: Sender<StreamKey>,
    answers: Receiver<State>,
}

impl StateDesk {
    /// `listener` is woken for each answer.
    pub(crate) fn start(context: &Context, endpoint: &str, listener: Waker) -> Result<StateDesk, Error> {
        let mut asker = Asker::new(context, Service::LiveEngine, endpoint)?;
        let (wanted, keys) = bounded::<StreamKey>(MAX_WAITING);
        let (found, answers) = bounded(MAX_WAITING);
        std::thread::Builder::new()
            .name("gapless-state".into())
            .spawn(move || {
                for key in keys {
                    match state_of(&mut asker, &key) {
                        Ok(Some(state)) => {
                            if found.send(state).is_err() {
                                return;
                            }
                            listener.wake();
                        }
                        Ok(None) => {}
                        Err(error) => tracing::warn!(%key, %error, "no state after a truncation"),
                    }
                }
            })
            .map_err(|error| Error::Usage(format!("cannot start a thread: {error}")))?;
        Ok(StateDesk { wanted, answers })
    }

    /// Asks for the state of `key`; the answer comes through [`StateDesk::answers`] if it comes.
    pub(crate) fn ask(&self, key: &StreamKey) {
        if self.wanted.try_send(key.clone()).is_err() {
            tracing::warn!(%key, "too many truncations at once: state not fetched");
        }
    }

    /// States as they are found.
    pub(crate) fn answers(&self) -> &Receiver<State> {
        &self.answers
    }
}

fn state_of(asker: &mut Asker, key: &StreamKey) -> Result<Option<State>, Error> {
    let page = PageRequest { prefix: key.topic(), after: String::new(), limit: 1 };
    let states = state_page(asker, page, PATIENCE)?.0;
    Ok(states.into_iter().find(|state| state.key == *key))
}

/// One page of the state, and whether another one follows.
pub(crate) fn state_page(
    asker: &mut Asker,
    page: PageRequest,
    patience: Duration,
) -> Result<(Vec<State>, bool), Error> {
    match asker.ask(&Message::StateRequest(page), patience)? {
        Message::StateResponse(response) => Ok((states(&response)?, response.has_more)),
        other => Err(asker.unexpected(&other)),
    }
}

fn states(response: &StateResponse) -> Result<Vec<State>, Error> {
    let batch = |bytes: &[u8]| match bytes {
        [] => Ok(None),
        bytes => decode_batch(bytes, &Limits::live())
            .map(Some)
            .map_err(|error| Error::BadReply { service: Service::LiveEngine, reason: error.to_string() }),
    };
    let state = |state: &gapless_wire::StreamState| {
        Ok(State {
            key: state.key.clone(),
            position: response.position,
            watermark: state.watermark,
            window: batch(&state.window)?,
            forming: batch(&state.forming)?,
        })
    };
    response.streams.iter().map(state).collect()
}
