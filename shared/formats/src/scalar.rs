//! One field of a row, before anybody knows what it means.

use crate::time::{epoch_from_integer, parse_time};
use gapless_model::UnixNanos;
use std::borrow::Cow;

/// A field as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Scalar<'a> {
    /// Nothing, or JSON's `null`.
    Missing,
    /// A whole number.
    Integer(i64),
    /// A moment, in Unix nanoseconds.
    Nanos(i64),
    /// Any other number.
    Decimal(f64),
    /// Text, as everything in CSV is; it may spell a number.
    Text(Cow<'a, str>),
    /// Something that is no field of a row, with its name for the message.
    Other(&'static str),
}

impl Scalar<'_> {
    /// It as a number; `None` when it is missing or empty.
    pub(crate) fn number(&self) -> Result<Option<f64>, String> {
        match self {
            Scalar::Missing => Ok(None),
            Scalar::Integer(value) => Ok(Some(*value as f64)),
            Scalar::Nanos(_) => Err("is a time, not a number".into()),
            Scalar::Decimal(value) => Ok(Some(*value)),
            Scalar::Text(text) => parse_number(text),
            Scalar::Other(what) => Err(format!("is {what}, not a number")),
        }
    }

    /// It as a moment; `None` when it is missing or empty.
    pub(crate) fn time(&self) -> Result<Option<UnixNanos>, String> {
        match self {
            Scalar::Missing => Ok(None),
            Scalar::Integer(value) => epoch_from_integer(*value).map(Some).map_err(|e| e.to_string()),
            Scalar::Nanos(nanos) => Ok(Some(UnixNanos(*nanos))),
            // The shortest spelling that reads back as the same number: no rounding noise enters.
            Scalar::Decimal(value) => parse_time(&value.to_string()).map(Some).map_err(|e| e.to_string()),
            Scalar::Text(text) if text.trim().is_empty() => Ok(None),
            Scalar::Text(text) => parse_time(text).map(Some).map_err(|e| e.to_string()),
            Scalar::Other(what) => Err(format!("is {what}, not a time")),
        }
    }

    /// It as text; `None` when it is missing.
    pub(crate) fn text(&self) -> Result<Option<String>, String> {
        match self {
            Scalar::Missing => Ok(None),
            Scalar::Integer(value) => Ok(Some(value.to_string())),
            Scalar::Nanos(_) => Err("is a time, not text".into()),
            Scalar::Decimal(value) => Ok(Some(value.to_string())),
            Scalar::Text(text) => Ok(Some(text.to_string())),
            Scalar::Other(what) => Err(format!("is {what}, not text")),
        }
    }
}

fn parse_number(text: &str) -> Result<Option<f64>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let value = text.parse().map_err(|_| format!("is {:?}, not a number", cut(text)))?;
    Ok(Some(value))
}

/// The beginning of `text`, short enough to repeat in a message.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(40).collect()
}
