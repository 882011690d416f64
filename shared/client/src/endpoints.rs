//! Where the services are.

use gapless_transport::{Endpoint, TransportError};

/// The addresses of the sockets that a client uses.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoints {
    /// Live feed of live-engine.
    pub live: String,
    /// Ranges and the stream directory of backfill.
    pub backfill: String,
    /// Current state of live-engine.
    pub state: String,
    /// Where ingestion takes batches.
    pub ingest: String,
    /// Journal records by position, of ingestion.
    pub journal: String,
}

impl Default for Endpoints {
    /// The default ports on this machine.
    fn default() -> Endpoints {
        Endpoints::on_host("127.0.0.1")
    }
}

impl Endpoints {
    /// The default ports on another machine; an IPv6 address goes in brackets.
    pub fn on_host(host: &str) -> Endpoints {
        let at = |port: u16| format!("tcp://{host}:{port}");
        Endpoints { live: at(5556), backfill: at(5557), state: at(5558), ingest: at(5551), journal: at(5553) }
    }

    /// Whether every address can be connected to, as written.
    ///
    /// # Errors
    /// [`TransportError::Endpoint`] naming the first that cannot.
    pub fn check(&self) -> Result<(), TransportError> {
        for address in [&self.live, &self.backfill, &self.state, &self.ingest, &self.journal] {
            address.parse::<Endpoint>()?;
        }
        Ok(())
    }
}
