//! Events as lines.

use super::Format;
use anyhow::Result;
use gapless::{Batch, Event, Flags, GapCause, StreamKey};
use gapless_formats::rows;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::io::{BufWriter, Stdout, Write};

/// Writes rows to stdout, and what is not a row to stderr. With JSON, what changes the meaning of the rows
/// (truncation, rewind, reset) stands among them as an object that has an `event`.
pub(super) struct Printer {
    format: Format,
    out: BufWriter<Stdout>,
    /// Rows that may still be printed.
    left: u64,
    /// CSV: the header of the columns that are being printed.
    header: String,
    /// Streams of which it was said that they have caught up; said again each time it would be noise.
    caught_up: HashSet<StreamKey>,
}

impl Printer {
    pub(super) fn new(format: Format, limit: u64) -> Printer {
        Printer {
            format,
            out: BufWriter::new(std::io::stdout()),
            left: limit,
            header: String::new(),
            caught_up: HashSet::new(),
        }
    }

    /// Whether as many rows were printed as were wanted.
    pub(super) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Prints rows.
    pub(super) fn rows(&mut self, batch: &Batch) -> Result<()> {
        for (row, seq, ts) in rows::places(batch) {
            if self.left == 0 {
                break;
            }
            self.left -= 1;
            match self.format {
                Format::Table => writeln!(self.out, "{}", table_line(batch, row, seq, &rows::time(ts)))?,
                Format::Json => writeln!(self.out, "{}", json_row(batch, row, seq, &rows::time(ts))?)?,
                Format::Csv => self.csv(batch, row, seq, &rows::time(ts))?,
            }
        }
        self.out.flush()?;
        Ok(())
    }

    /// Prints what is not a row.
    pub(super) fn event(&mut self, event: &Event) -> Result<()> {
        if let Event::CaughtUp { key, .. } = event
            && !self.caught_up.insert(key.clone())
        {
            return Ok(());
        }
        match (self.format, event.moves_cursor()) {
            (Format::Json, true) => {
                writeln!(self.out, "{}", json_event(event))?;
                self.out.flush()?;
            }
            (Format::Json, false) => eprintln!("{}", json_event(event)),
            (Format::Table | Format::Csv, _) => eprintln!("{}", words(event)),
        }
        Ok(())
    }

    /// Columns differ by stream; a new header says so.
    fn csv(&mut self, batch: &Batch, row: usize, seq: u64, time: &str) -> Result<()> {
        let names = rows::names(&batch.rows);
        let header = csv_line(["stream", "seq", "ts"].into_iter().chain(names))?;
        if header != self.header {
            self.out.write_all(header.as_bytes())?;
            self.header = header;
        }
        let fields = rows::fields(&batch.rows, row);
        let start = [batch.key.topic(), seq.to_string(), time.to_owned()];
        let line = csv_line(start.into_iter().chain(fields.iter().map(rows::text)))?;
        self.out.write_all(line.as_bytes())?;
        Ok(())
    }
}

fn table_line(batch: &Batch, row: usize, seq: u64, time: &str) -> String {
    let names = rows::names(&batch.rows);
    let fields = rows::fields(&batch.rows, row);
    let values = names.iter().zip(&fields).map(|(name, field)| format!("{name}={}", rows::text(field)));
    let simulated = if batch.flags.contains(Flags::SIMULATED) { " (simulated)" } else { "" };
    format!("{time:<24} {} {seq:>8}  {}{simulated}", batch.key, values.collect::<Vec<_>>().join(" "))
}

/// A row as a line of JSON.
#[derive(Serialize)]
struct JsonRow<'a> {
    stream: String,
    epoch: u64,
    seq: u64,
    ts: &'a str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    simulated: bool,
    /// In the order of the stream's columns: whoever reads them can check the row's digest.
    #[serde(serialize_with = "as_object")]
    values: Vec<(&'a str, Value)>,
}

fn as_object<S: Serializer>(fields: &[(&str, Value)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().map(|(name, value)| (name, value)))
}

fn json_row(batch: &Batch, row: usize, seq: u64, time: &str) -> serde_json::Result<String> {
    serde_json::to_string(&JsonRow {
        stream: batch.key.topic(),
        epoch: batch.epoch.0,
        seq,
        ts: time,
        simulated: batch.flags.contains(Flags::SIMULATED),
        values: rows::json_fields(&batch.rows, row),
    })
}

fn json_event(event: &Event) -> Value {
    let stream = event.key().topic();
    match event {
        Event::GapOpened { gap, .. } => {
            json!({ "event": "gap_opened", "stream": stream, "epoch": gap.epoch.0,
            "from": gap.range.start().0, "to": gap.range.last().0, "cause": gap.cause.name() })
        }
        Event::GapHealed { gap, .. } => {
            json!({ "event": "gap_healed", "stream": stream, "epoch": gap.epoch.0,
            "from": gap.range.start().0, "to": gap.range.last().0, "cause": gap.cause.name() })
        }
        Event::GapVoid { gap, .. } => {
            json!({ "event": "gap_void", "stream": stream, "epoch": gap.epoch.0,
            "from": gap.range.start().0, "to": gap.range.last().0, "cause": gap.cause.name() })
        }
        Event::Truncated { epoch, range, .. } => json!({ "event": "truncated", "stream": stream,
            "epoch": epoch.0, "from": range.start().0, "to": range.last().0 }),
        Event::Rewind { from, to, keep, .. } => json!({ "event": "rewind", "stream": stream,
            "from_epoch": from.0, "to_epoch": to.0, "keep": keep.0 }),
        Event::Reset { from, to, .. } => json!({ "event": "reset", "stream": stream,
            "from_epoch": from.0, "to_epoch": to.0 }),
        Event::State(state) => json!({ "event": "state", "stream": stream,
            "latest": state.watermark.latest.0, "position": state.position.0 }),
        Event::Health { health, .. } => {
            json!({ "event": "health", "stream": stream, "health": health.name() })
        }
        Event::CaughtUp { at, .. } => json!({ "event": "caught_up", "stream": stream, "at": at.0 }),
        Event::Rows(batch) => json!({ "event": "rows", "stream": stream, "rows": batch.rows.len() }),
    }
}

fn words(event: &Event) -> String {
    let key = event.key();
    match event {
        Event::GapOpened { gap, .. } if gap.cause == GapCause::Join => {
            format!("{key}: fetching rows {}", gap.range)
        }
        Event::GapOpened { gap, .. } => {
            format!("{key}: rows {} are missing ({})", gap.range, gap.cause.name())
        }
        Event::GapHealed { gap, .. } => format!("{key}: rows {} are here now", gap.range),
        Event::GapVoid { gap, .. } => {
            format!("{key}: the history changed, rows {} of it are not waited for any more", gap.range)
        }
        Event::Truncated { range, reason, .. } => {
            format!("{key}: rows {range} are gone for good ({reason:?})")
        }
        Event::Rewind { keep, .. } => {
            format!("{key}: history was lost upstream, rows after {keep} never happened")
        }
        Event::Reset { .. } => format!("{key}: begins anew, every row before is void"),
        Event::State(state) => format!("{key}: the state is that at row {}", state.watermark.latest),
        Event::Health { health, .. } => format!("{key}: {}", health.name()),
        Event::CaughtUp { at, .. } => format!("{key}: caught up at {at}"),
        Event::Rows(batch) => format!("{key}: {} rows", batch.rows.len()),
    }
}

fn csv_line(fields: impl Iterator<Item = impl AsRef<[u8]>>) -> Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields)?;
    let bytes = writer.into_inner().map_err(|error| error.into_error())?;
    Ok(String::from_utf8(bytes)?)
}

#[cfg(test)]
mod tests;
