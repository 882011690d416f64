//! Rows as named fields, for every printed form.

use gapless_model::{Batch, Kind, Rows, UnixNanos};
use serde_json::{Map, Value};

/// One field of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Field<'a> {
    /// A number; `None` is missing.
    Number(Option<f64>),
    /// A text.
    Text(&'a str),
}

/// The names of a batch's fields, after stream, sequence and time.
pub fn names(rows: &Rows) -> Vec<&str> {
    match rows {
        Rows::Candles(_) | Rows::Warnings(_) => fixed_names(rows.kind()).to_vec(),
        Rows::Metrics(rows) => rows.columns.iter().map(String::as_str).collect(),
    }
}

/// The names of the fields of a kind whose fields are always the same; none for metrics.
pub(crate) fn fixed_names(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Candles => &["open", "high", "low", "close", "volume"],
        Kind::Metrics => &[],
        Kind::Warnings => &["severity", "code", "subject", "message"],
    }
}

/// The fields of row `row`, in the order of [`names`].
pub fn fields(rows: &Rows, row: usize) -> Vec<Field<'_>> {
    let number = |value: f64| Field::Number((!value.is_nan()).then_some(value));
    match rows {
        Rows::Candles(rows) => rows.get(row).map_or_else(Vec::new, |candle| {
            [candle.open, candle.high, candle.low, candle.close, candle.volume].map(number).into()
        }),
        Rows::Metrics(rows) => rows.row(row).iter().copied().map(number).collect(),
        Rows::Warnings(rows) => rows.get(row).map_or_else(Vec::new, |warning| {
            vec![
                Field::Text(warning.severity.name()),
                Field::Text(&warning.code),
                Field::Text(&warning.subject),
                Field::Text(&warning.message),
            ]
        }),
    }
}

/// Sequence and time of each row of a batch, with its place in the batch.
pub fn places(batch: &Batch) -> impl Iterator<Item = (usize, u64, UnixNanos)> + '_ {
    (0..batch.rows.len()).map(|row| (row, batch.start.0 + row as u64, batch.rows.ts(row).unwrap_or_default()))
}

/// A time as RFC 3339 in UTC, with as many digits of a second as it has.
pub fn time(ts: UnixNanos) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(ts.0)) {
        Ok(timestamp) => timestamp.to_string(),
        Err(_) => ts.0.to_string(),
    }
}

/// The time of row `row` as [`time`] has it; a candle's also where nanoseconds do not reach, and as a plain
/// number of milliseconds beyond the year 9999. Empty when there is no such row.
pub fn time_of(rows: &Rows, row: usize) -> String {
    match rows {
        Rows::Candles(rows) => rows.get(row).map_or_else(String::new, |candle| {
            match jiff::Timestamp::from_millisecond(candle.ts.0) {
                Ok(timestamp) => timestamp.to_string(),
                Err(_) => candle.ts.0.to_string(),
            }
        }),
        Rows::Metrics(_) | Rows::Warnings(_) => rows.ts(row).map_or_else(String::new, time),
    }
}

/// The shortest text that reads back as the same number; empty when it is missing.
pub fn text(field: &Field<'_>) -> String {
    match field {
        Field::Number(Some(value)) => value.to_string(),
        Field::Number(None) => String::new(),
        Field::Text(text) => (*text).to_owned(),
    }
}

/// Row `row` as a JSON object of its fields, by name; a missing value is `null`.
pub fn json(rows: &Rows, row: usize) -> Map<String, Value> {
    json_fields(rows, row).into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The fields of [`json`] in the order of [`names`], which is part of what a row's digest says.
pub fn json_fields(rows: &Rows, row: usize) -> Vec<(&str, Value)> {
    let value = |field| match field {
        Field::Number(number) => number.map_or(Value::Null, Value::from),
        Field::Text(text) => text.into(),
    };
    names(rows).into_iter().zip(fields(rows, row).into_iter().map(value)).collect()
}

#[cfg(test)]
mod tests;
