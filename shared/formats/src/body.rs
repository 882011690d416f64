//! The rows of one request: a whole batch, taken whole or refused with the row that is wrong.

use crate::builder::{PushError, RowsBuilder};
use crate::delimited::delimiter_of;
use crate::error::BodyError;
use crate::lines::{Line, Lines, MAX_LINE_BYTES};
use crate::row::{MAX_FIELDS, Row, json_reason};
use gapless_model::{Kind, MAX_ROWS_PER_BATCH, Rows};
use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use std::fmt;

/// How the rows of a body are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyFormat {
    /// One JSON object a line.
    Ndjson,
    /// One JSON array of objects; a single object stands for an array of one.
    Json,
    /// A header and a line a row, separated by comma, semicolon or tab.
    Csv,
}

/// Reads the rows of a body.
///
/// Candles name their fields as files do (`ts`, `open`, ...; volume may be missing and is 0 then).
/// Metrics have a time and numbers, the first row fixing the columns and their order; missing, empty
/// and `null` is NaN. Warnings have `ts, severity, code, subject, message`; severity, subject and message
/// may be missing. Times have any of the forms of [`crate::parse_time`]. What else a candle or a warning
/// carries is ignored.
///
/// ```
/// use gapless_formats::{BodyFormat, parse_body};
/// use gapless_model::Kind;
/// let rows = parse_body(Kind::Metrics, BodyFormat::Ndjson, br#"{"ts": 1700000000, "load": 0.5}"#)?;
/// assert_eq!(rows.len(), 1);
/// # Ok::<(), gapless_formats::BodyError>(())
/// ```
///
/// # Errors
/// [`BodyError`] names the first wrong row and what is wrong with it.
pub fn parse_body(kind: Kind, format: BodyFormat, body: &[u8]) -> Result<Rows, BodyError> {
    let mut rows = RowsBuilder::new(kind);
    match format {
        BodyFormat::Ndjson => ndjson(&mut rows, body)?,
        BodyFormat::Json => json(&mut rows, body)?,
        BodyFormat::Csv => csv(&mut rows, body)?,
    }
    if rows.is_empty() { Err(BodyError::Empty) } else { Ok(rows.take()) }
}

fn ndjson(rows: &mut RowsBuilder, body: &[u8]) -> Result<(), BodyError> {
    let mut lines = Lines::new(body);
    let broken = |error: std::io::Error| BodyError::Malformed(error.to_string());
    while let Some((row, line)) = lines.next_line().map_err(broken)? {
        let bad = |reason| BodyError::Row { row, reason };
        let Line::Text(text) = line else { return Err(bad(format!("longer than {MAX_LINE_BYTES} bytes"))) };
        push(rows, row, &Row::from_json(text).map_err(bad)?)?;
    }
    Ok(())
}

fn csv(rows: &mut RowsBuilder, body: &[u8]) -> Result<(), BodyError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let head = body.split(|b| *b == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter_of(head))
        .has_headers(false)
        .flexible(true)
        .from_reader(body);
    let mut record = csv::StringRecord::new();
    let mut header: Vec<String> = Vec::new();
    loop {
        let from = reader.position().line();
        let bad = |row, reason| BodyError::Row { row, reason };
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(bad(from, csv_reason(&error))),
        }
        let row = record.position().map_or(from, csv::Position::line);
        if record.len() > MAX_FIELDS {
            return Err(bad(row, format!("more than {MAX_FIELDS} fields")));
        }
        if header.is_empty() {
            header = record.iter().map(str::to_owned).collect();
        } else if record.len() > header.len() {
            return Err(bad(row, format!("{} fields, but the header names {}", record.len(), header.len())));
        } else if record.iter().any(|field| !field.trim().is_empty()) {
            push(rows, row, &Row::from_fields(&header, record.iter()))?;
        }
    }
}

fn csv_reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "not UTF-8 text".into(),
        _ => error.to_string(),
    }
}

fn json(rows: &mut RowsBuilder, body: &[u8]) -> Result<(), BodyError> {
    let body = body.trim_ascii();
    if body.starts_with(b"{") {
        let row = Row::from_json(body).map_err(|reason| BodyError::Row { row: 1, reason })?;
        return push(rows, 1, &row);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let mut array = JsonArray { rows, row: 0, failure: None };
    let read = (&mut array).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match (array.failure, read) {
        (Some(failure), _) => Err(failure),
        (None, Ok(())) => Ok(()),
        (None, Err(error)) if array.row == 0 => {
            Err(BodyError::Malformed(format!("not a JSON array of rows: {}", json_reason(&error))))
        }
        (None, Err(error)) => Err(BodyError::Row { row: array.row, reason: json_reason(&error) }),
    }
}

/// Takes the elements of an array one by one, so that only one is held as JSON.
struct JsonArray<'r> {
    rows: &'r mut RowsBuilder,
    /// The element that is being read, from 1.
    row: u64,
    /// Why an element that is good JSON was refused.
    failure: Option<BodyError>,
}

impl<'de> DeserializeSeed<'de> for &mut JsonArray<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut JsonArray<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        use serde::de::Error;
        loop {
            self.row += 1;
            let Some(row) = seq.next_element::<Row<'_>>()? else { return Ok(()) };
            if let Err(failure) = push(self.rows, self.row, &row) {
                self.failure = Some(failure);
                return Err(A::Error::custom("refused"));
            }
        }
    }
}

fn push(rows: &mut RowsBuilder, row: u64, fields: &Row<'_>) -> Result<(), BodyError> {
    rows.push(fields).map_err(|error| match error {
        PushError::Full => BodyError::TooManyRows { limit: MAX_ROWS_PER_BATCH },
        PushError::NewColumn(_) | PushError::Bad(_) => BodyError::Row { row, reason: error.to_string() },
    })
}
