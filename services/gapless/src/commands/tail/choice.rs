//! Where to begin, as people write it.

use gapless::{From as Begin, Seq, UnixNanos};

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    Start,
    Latest,
    Sequence(Seq),
    Time(UnixNanos),
    Cursor,
}

impl From<Beginning> for Begin {
    fn from(beginning: Beginning) -> Begin {
        match beginning {
            Beginning::Start => Begin::Start,
            Beginning::Latest => Begin::Latest,
            Beginning::Sequence(seq) => Begin::Sequence(seq),
            Beginning::Time(ts) => Begin::Time(ts),
            Beginning::Cursor => Begin::Cursor,
        }
    }
}

/// Reads `start`, `latest`, `cursor`, `seq:N` (or a bare N) and `time:...`.
pub(crate) fn parse_beginning(text: &str) -> Result<Beginning, String> {
    let (form, value) = text.split_once(':').unwrap_or((text, ""));
    match (form, value) {
        ("start", "") => Ok(Beginning::Start),
        ("latest", "") => Ok(Beginning::Latest),
        ("cursor", "") => Ok(Beginning::Cursor),
        ("time", time) => gapless_formats::parse_time(time).map(Beginning::Time).map_err(|e| e.to_string()),
        ("seq", number) | (number, "") => match number.parse::<u64>() {
            Ok(seq) if seq > 0 => Ok(Beginning::Sequence(Seq(seq))),
            _ => Err("use start, latest, cursor, seq:N (from 1) or time:2024-01-31T12:00:00Z".into()),
        },
        _ => Err("use start, latest, cursor, seq:N (from 1) or time:2024-01-31T12:00:00Z".into()),
    }
}

#[cfg(test)]
mod tests;
