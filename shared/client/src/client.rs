//! One place that knows where the services are.

use crate::ask::Asker;
use crate::state_desk::state_page;
use crate::{
    Endpoints, EngineCheckpoint, Error, JournalReader, Page, Producer, ProducerSettings, Reader, Service,
    State, SubscriptionBuilder,
};
use gapless_model::{StreamKey, StreamStatus};
use gapless_transport::Context;
use gapless_wire::{BackfillRequest, ErrorCode, Message, PageRequest, ProducerStatusResponse};
use std::time::Duration;

/// How long a question waits for its answer unless told otherwise: a service that is being restarted is
/// back within this.
pub const DEFAULT_PATIENCE: Duration = Duration::from_secs(5);

/// Asks the services, and makes subscriptions and producers that know where they are. Cheap to clone.
///
/// ```no_run
/// # use gapless::{Client, Endpoints};
/// let client = Client::new(Endpoints::on_host("10.0.0.7"));
/// for stream in client.streams("candles.")? {
///     println!("{} is at {}", stream.key, stream.watermark.latest);
/// }
/// # Ok::<(), gapless::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    context: Context,
    endpoints: Endpoints,
    patience: Duration,
}

impl Default for Client {
    /// The services of this machine at their default ports.
    fn default() -> Client {
        Client::new(Endpoints::default())
    }
}

impl Client {
    /// A client for these services. It connects when it is used.
    pub fn new(endpoints: Endpoints) -> Client {
        Client::with_context(Context::new(), endpoints)
    }

    pub(crate) fn with_context(context: Context, endpoints: Endpoints) -> Client {
        Client { context, endpoints, patience: DEFAULT_PATIENCE }
    }

    /// The same client with another patience for questions.
    pub fn with_patience(self, patience: Duration) -> Client {
        Client { patience, ..self }
    }

    /// Where the services are.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Begins a subscription.
    pub fn subscribe(&self) -> SubscriptionBuilder {
        SubscriptionBuilder::new(self.context.clone(), self.endpoints.clone())
    }

    /// A producer with this id; see [`ProducerSettings::producer_id`].
    ///
    /// # Errors
    /// As [`Producer::start`].
    pub fn producer(&self, producer_id: &str) -> Result<Producer, Error> {
        self.producer_with(ProducerSettings::new(self.endpoints.ingest.clone(), producer_id))
    }

    /// A producer with settings of its own.
    ///
    /// # Errors
    /// As [`Producer::start`].
    pub fn producer_with(&self, settings: ProducerSettings) -> Result<Producer, Error> {
        Producer::start(&self.context, settings)
    }

    /// How far a producer got on a stream.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when ingestion does not answer.
    pub fn producer_status(
        &self,
        producer_id: &str,
        key: &StreamKey,
    ) -> Result<ProducerStatusResponse, Error> {
        let mut asker = self.asker(Service::Ingestion)?;
        crate::producer::producer_status(&mut asker, producer_id, key, self.patience)
    }

    /// Every stream whose topic begins with `prefix`, in the order of their topics.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when backfill does not answer.
    pub fn streams(&self, prefix: &str) -> Result<Vec<StreamStatus>, Error> {
        let mut asker = self.asker(Service::Backfill)?;
        let mut found: Vec<StreamStatus> = Vec::new();
        loop {
            let after = found.last().map_or(String::new(), |last| last.key.topic());
            let page = PageRequest { prefix: prefix.into(), after, limit: 0 };
            match asker.ask(&Message::ListStreamsRequest(page), self.patience)? {
                Message::ListStreamsResponse(page) => {
                    let more = page.has_more && !page.streams.is_empty();
                    found.extend(page.streams);
                    if !more {
                        return Ok(found);
                    }
                }
                other => return Err(asker.unexpected(&other)),
            }
        }
    }

    /// How far one stream is; `None` when backfill does not know it. A server of version 1 is asked in its own words:
    /// it states no epoch and no earliest row.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when backfill does not answer.
    pub fn stream(&self, key: &StreamKey) -> Result<Option<StreamStatus>, Error> {
        let mut asker = self.asker(Service::Backfill)?;
        let mut answer = asker.ask(&Message::StreamStatusRequest(key.clone()), self.patience);
        if let Err(Error::Refused { error, .. }) = &answer
            && matches!(error.code, ErrorCode::VERSION | ErrorCode::MALFORMED)
        {
            answer = asker.ask(&Message::GetCursorRequest(key.clone()), self.patience);
        }
        match answer {
            Ok(Message::StreamStatusResponse(status) | Message::GetCursorResponse(status)) => {
                Ok(Some(status))
            }
            Ok(other) => Err(asker.unexpected(&other)),
            Err(Error::Refused { error, .. }) if error.code == ErrorCode::UNKNOWN_STREAM => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The current state of every stream whose topic begins with `prefix`, as live-engine has it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when live-engine does not answer.
    pub fn state(&self, prefix: &str) -> Result<Vec<State>, Error> {
        let mut asker = self.asker(Service::LiveEngine)?;
        let mut found: Vec<State> = Vec::new();
        loop {
            let after = found.last().map_or(String::new(), |last| last.key.topic());
            let page = PageRequest { prefix: prefix.into(), after, limit: 0 };
            let (states, more) = state_page(&mut asker, page, self.patience)?;
            let more = more && !states.is_empty();
            found.extend(states);
            if !more {
                return Ok(found);
            }
        }
    }

    /// live-engine's whole state as of now, as a checkpoint stores it. It may take many questions.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when live-engine does not answer; [`Error::Refused`] with 503 while it reads
    /// the journal; [`Error::BadReply`] when the parts do not belong together.
    pub fn checkpoint(&self) -> Result<EngineCheckpoint, Error> {
        crate::checkpoint::fetch(&mut self.asker(Service::LiveEngine)?, self.patience)
    }

    /// One page of rows of one stream.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Refused`] with 404 for an unknown stream; [`Error::BadReply`] when
    /// the rows are not what the server says that they are.
    pub fn read(&self, request: BackfillRequest) -> Result<Page, Error> {
        self.reader()?.read(request)
    }

    /// Reads many pages over one connection.
    ///
    /// # Errors
    /// [`Error::Transport`] when no socket can be opened.
    pub fn reader(&self) -> Result<Reader, Error> {
        Ok(Reader::new(self.asker(Service::Backfill)?, self.patience))
    }

    /// Records of the journal.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when ingestion does not answer.
    pub fn journal(&self) -> Result<JournalReader, Error> {
        let asker = Asker::new(&self.context, Service::Ingestion, &self.endpoints.journal)?;
        Ok(JournalReader::new(asker, self.patience))
    }

    /// Whether a service answers at its request socket, and what it says of itself.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when it does not answer; [`Error::Refused`] when it is not ready.
    pub fn health(&self, service: Service) -> Result<gapless_wire::Health, Error> {
        let mut asker = self.asker(service)?;
        match asker.ask(&Message::HealthRequest, self.patience)? {
            Message::HealthResponse(health) => Ok(health),
            other => Err(asker.unexpected(&other)),
        }
    }

    pub(crate) fn asker(&self, service: Service) -> Result<Asker, Error> {
        let endpoint = match service {
            Service::Ingestion => &self.endpoints.ingest,
            Service::LiveEngine => &self.endpoints.state,
            Service::Backfill => &self.endpoints.backfill,
        };
        Asker::new(&self.context, service, endpoint)
    }
}
