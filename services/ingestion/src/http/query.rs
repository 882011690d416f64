//! What the part of a path after `?` asks for.

use crate::AckWhen;
use crate::http::problem::Problem;
use gapless_model::Flags;

/// What the query asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Query {
    /// `durability=synced`: answer when the rows survive a power loss.
    pub(crate) ack: AckWhen,
    /// `simulated=true`: the rows were generated, not measured.
    pub(crate) flags: Flags,
}

impl Query {
    pub(crate) fn parse(query: Option<&str>) -> Result<Query, Problem> {
        let mut parsed = Query::default();
        for part in query.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
            match part {
                "durability=written" => parsed.ack = AckWhen::Written,
                "durability=synced" => parsed.ack = AckWhen::Synced,
                "simulated=true" => parsed.flags = Flags::SIMULATED,
                "simulated=false" => parsed.flags = Flags::NONE,
                other => {
                    let other: String = other.chars().take(80).collect();
                    return Err(Problem::bad_request(format!(
                        "query {other:?} is not known: use durability=written, durability=synced or simulated=true"
                    )));
                }
            }
        }
        Ok(parsed)
    }
}
