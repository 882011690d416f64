//! Rows as named fields, for every printed form.

use gapless::{Batch, Rows, UnixNanos};

/// One field of a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Field<'a> {
    /// A number; `None` is missing.
    Number(Option<f64>),
    /// A text.
    Text(&'a str),
}

/// The names of a batch's fields, after stream, sequence and time.
pub(crate) fn names(rows: &Rows) -> Vec<&str> {
    match rows {
        Rows::Candles(_) => vec!["open", "high", "low", "close", "volume"],
        Rows::Metrics(rows) => rows.columns.iter().map(String::as_str).collect(),
        Rows::Warnings(_) => vec!["severity", "code", "subject", "message"],
    }
}

/// The fields of row `row`, in the order of [`names`].
pub(crate) fn fields(rows: &Rows, row: usize) -> Vec<Field<'_>> {
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
pub(crate) fn places(batch: &Batch) -> impl Iterator<Item = (usize, u64, UnixNanos)> + '_ {
    (0..batch.rows.len()).map(|row| (row, batch.start.0 + row as u64, batch.rows.ts(row).unwrap_or_default()))
}

/// A time as RFC 3339 in UTC, with as many digits of a second as it has.
pub(crate) fn time(ts: UnixNanos) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(ts.0)) {
        Ok(timestamp) => timestamp.to_string(),
        Err(_) => ts.0.to_string(),
    }
}

/// The shortest text that reads back as the same number; empty when it is missing.
pub(crate) fn text(field: &Field<'_>) -> String {
    match field {
        Field::Number(Some(value)) => value.to_string(),
        Field::Number(None) => String::new(),
        Field::Text(text) => (*text).to_owned(),
    }
}

#[cfg(test)]
mod tests;
