//! What streams carry: rows of each kind, checked.

use crate::{Kind, UnixMillis, UnixNanos};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// The most rows in one batch: version 1's cap on a response, so any batch fits any message.
pub const MAX_ROWS_PER_BATCH: usize = 10_000;
/// The most columns of a metrics stream: rows stay below a page of memory.
pub const MAX_COLUMNS: usize = 256;
/// The longest text field of a row, in bytes.
pub const MAX_TEXT_BYTES: usize = 4096;

/// One interval of a market.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candle {
    /// Start of the interval, from the source.
    pub ts: UnixMillis,
    /// First price. Finite.
    pub open: f64,
    /// Highest price. Finite, not below any other price of the candle.
    pub high: f64,
    /// Lowest price. Finite, not above any other price of the candle.
    pub low: f64,
    /// Last price. Finite.
    pub close: f64,
    /// Amount traded, in the source's unit. Finite, not negative; 0 when the source does not tell.
    pub volume: f64,
}

/// Rows of a metrics stream, column names once, values row-major.
#[derive(Debug, Clone)]
pub struct MetricRows {
    /// Names of the columns, `n` of them, unique, 1 to 256.
    pub columns: Arc<[String]>,
    /// When each row was measured; one per row.
    pub ts: Vec<UnixNanos>,
    /// `ts.len() * n` values, row after row. NaN is "missing".
    pub values: Vec<f64>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info = 0,
    /// Unusual but working.
    Warning = 1,
    /// Something does not work.
    Error = 2,
}

/// Something a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// When it was noticed.
    pub ts: UnixNanos,
    /// How bad it is.
    pub severity: Severity,
    /// What it is, for programs: `stale_source`.
    pub code: String,
    /// What it is about, such as a topic. May be empty.
    pub subject: String,
    /// What it says, for people.
    pub message: String,
}

/// The rows of one batch, all of one kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Rows {
    /// Rows of a candles stream.
    Candles(Vec<Candle>),
    /// Rows of a metrics stream.
    Metrics(MetricRows),
    /// Rows of a warnings stream.
    Warnings(Vec<Warning>),
}

/// Why rows cannot be taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RowError {
    /// One row is wrong.
    #[error("row {row}: {reason}")]
    Row {
        /// Which one, counted from 0 in its batch.
        row: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The batch as a whole is wrong.
    #[error("{0}")]
    Batch(String),
}

impl Rows {
    /// No rows of `kind`; a watermark carries these.
    pub fn empty(kind: Kind) -> Rows {
        match kind {
            Kind::Candles => Rows::Candles(Vec::new()),
            Kind::Metrics => {
                Rows::Metrics(MetricRows { columns: Arc::from([]), ts: Vec::new(), values: Vec::new() })
            }
            Kind::Warnings => Rows::Warnings(Vec::new()),
        }
    }

    /// Which kind they are.
    pub fn kind(&self) -> Kind {
        match self {
            Rows::Candles(_) => Kind::Candles,
            Rows::Metrics(_) => Kind::Metrics,
            Rows::Warnings(_) => Kind::Warnings,
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        match self {
            Rows::Candles(rows) => rows.len(),
            Rows::Metrics(rows) => rows.ts.len(),
            Rows::Warnings(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The time of row `row`, if there is one.
    pub fn ts(&self, row: usize) -> Option<UnixNanos> {
        match self {
            Rows::Candles(rows) => rows.get(row).map(|row| row.ts.to_nanos()),
            Rows::Metrics(rows) => rows.ts.get(row).copied(),
            Rows::Warnings(rows) => rows.get(row).map(|row| row.ts),
        }
    }

    /// The time of the last row, if there is one.
    pub fn last_ts(&self) -> Option<UnixNanos> {
        self.len().checked_sub(1).and_then(|last| self.ts(last))
    }

    /// Keeps rows `from..to` and forgets the others; a range past the end is cut.
    pub fn slice(mut self, from: usize, to: usize) -> Rows {
        let to = to.min(self.len());
        let from = from.min(to);
        match &mut self {
            Rows::Candles(rows) => {
                rows.truncate(to);
                rows.drain(..from);
            }
            Rows::Metrics(rows) => {
                let width = rows.columns.len();
                rows.ts.truncate(to);
                rows.ts.drain(..from);
                rows.values.truncate(to * width);
                rows.values.drain(..from * width);
            }
            Rows::Warnings(rows) => {
                rows.truncate(to);
                rows.drain(..from);
            }
        }
        self
    }

    /// A copy of rows `from..to`; a range past the end is cut.
    pub fn part(&self, from: usize, to: usize) -> Rows {
        let to = to.min(self.len());
        let from = from.min(to);
        match self {
            Rows::Candles(rows) => Rows::Candles(rows[from..to].to_vec()),
            Rows::Metrics(rows) => {
                let width = rows.columns.len();
                Rows::Metrics(MetricRows {
                    columns: rows.columns.clone(),
                    ts: rows.ts[from..to].to_vec(),
                    values: rows.values[from * width..to * width].to_vec(),
                })
            }
            Rows::Warnings(rows) => Rows::Warnings(rows[from..to].to_vec()),
        }
    }

    /// Whether [`Rows::append`] takes `more`: of the same kind, and with the same columns.
    pub fn is_like(&self, more: &Rows) -> bool {
        match (self, more) {
            (Rows::Metrics(rows), Rows::Metrics(more)) => rows.has_columns(&more.columns),
            _ => self.kind() == more.kind(),
        }
    }

    /// Whether [`Rows::append`] would take `more`, and all of them were a batch.
    pub fn takes(&self, more: &Rows) -> bool {
        self.is_like(more) && self.len() + more.len() <= MAX_ROWS_PER_BATCH
    }

    /// Puts `more` behind these rows; gives it back when it is of another kind or has other columns.
    ///
    /// # Errors
    /// `more`, untouched.
    pub fn append(&mut self, more: Rows) -> Result<(), Rows> {
        match (self, more) {
            (Rows::Candles(rows), Rows::Candles(mut more)) => rows.append(&mut more),
            (Rows::Metrics(rows), Rows::Metrics(mut more)) if rows.has_columns(&more.columns) => {
                rows.ts.append(&mut more.ts);
                rows.values.append(&mut more.values);
            }
            (Rows::Warnings(rows), Rows::Warnings(mut more)) => rows.append(&mut more),
            (_, more) => return Err(more),
        }
        Ok(())
    }

    /// About how many bytes they take in memory, for bounded buffers.
    pub fn approx_bytes(&self) -> usize {
        match self {
            Rows::Candles(rows) => rows.len() * size_of::<Candle>(),
            Rows::Metrics(rows) => (rows.ts.len() + rows.values.len()) * 8,
            Rows::Warnings(rows) => {
                rows.iter().map(|w| 64 + w.code.len() + w.subject.len() + w.message.len()).sum()
            }
        }
    }

    /// About how many bytes the names of columns take, which each batch states.
    pub fn name_bytes(&self) -> usize {
        match self {
            Rows::Metrics(rows) => rows.columns.iter().map(|name| name.len() + 16).sum(),
            Rows::Candles(_) | Rows::Warnings(_) => 0,
        }
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`RowError`] naming the first wrong row: a price that is not finite, `high` below another price,
    /// too many rows or columns, values that do not fill whole rows, a text that is too long.
    pub fn validate(&self) -> Result<(), RowError> {
        self.validate_beside(&Arc::default())
    }

    /// As [`Rows::validate`], for a reader of many batches: where the columns are `checked` itself, of the batch before,
    /// their names are not looked at again.
    ///
    /// # Errors
    /// As [`Rows::validate`].
    pub fn validate_beside(&self, checked: &Arc<[String]>) -> Result<(), RowError> {
        if self.len() > MAX_ROWS_PER_BATCH {
            return Err(RowError::Batch(format!(
                "{} rows in one batch: send at most {MAX_ROWS_PER_BATCH}",
                self.len()
            )));
        }
        match self {
            Rows::Candles(rows) => each(rows, Candle::check),
            Rows::Metrics(rows) => rows.check(checked),
            Rows::Warnings(rows) => each(rows, Warning::check),
        }
    }
}

impl Candle {
    /// Checks one candle by itself.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn check(&self) -> Result<(), String> {
        let Candle { open, high, low, close, volume, .. } = *self;
        for (name, value) in
            [("open", open), ("high", high), ("low", low), ("close", close), ("volume", volume)]
        {
            if !value.is_finite() {
                return Err(format!("{name} is {value}, not a finite number"));
            }
        }
        if high < open.max(close).max(low) {
            let [open, high, low, close] = [open, high, low, close].map(shown);
            return Err(format!(
                "high {high} is below another price (open {open}, low {low}, close {close})"
            ));
        }
        if low > open.min(close) {
            let [open, low, close] = [open, low, close].map(shown);
            return Err(format!("low {low} is above another price (open {open}, close {close})"));
        }
        if volume < 0.0 {
            return Err(format!("volume {} is negative", shown(volume)));
        }
        Ok(())
    }
}

/// A number as people write it; the largest and smallest have 300 digits that way, so those with an exponent.
fn shown(value: f64) -> String {
    if value == 0.0 || (1e-9..1e16).contains(&value.abs()) { value.to_string() } else { format!("{value:e}") }
}

impl MetricRows {
    /// The values of row `row`, one per column; empty when there is no such row.
    pub fn row(&self, row: usize) -> &[f64] {
        let width = self.columns.len();
        self.values.get(row * width..(row + 1) * width).unwrap_or(&[])
    }

    /// Whether these are its columns, in this order.
    fn has_columns(&self, columns: &Arc<[String]>) -> bool {
        Arc::ptr_eq(&self.columns, columns) || self.columns == *columns
    }

    fn check(&self, checked: &Arc<[String]>) -> Result<(), RowError> {
        let width = self.columns.len();
        if self.ts.is_empty() && self.values.is_empty() {
            return Ok(());
        }
        // No columns are the same nothing everywhere, and are wrong.
        if width == 0 || !Arc::ptr_eq(&self.columns, checked) {
            self.check_columns()?;
        }
        if self.values.len() != self.ts.len() * width {
            return Err(RowError::Batch(format!(
                "{} values do not fill {} rows of {width} columns",
                self.values.len(),
                self.ts.len()
            )));
        }
        match self.values.iter().position(|value| value.is_infinite()) {
            Some(at) => Err(RowError::Row {
                row: at / width,
                reason: format!("{} is infinite: send a number or leave it out", self.columns[at % width]),
            }),
            None => Ok(()),
        }
    }

    fn check_columns(&self) -> Result<(), RowError> {
        let width = self.columns.len();
        if width == 0 || width > MAX_COLUMNS {
            return Err(RowError::Batch(format!("{width} columns: a metrics row has 1 to {MAX_COLUMNS}")));
        }
        let mut hashes = [0; MAX_COLUMNS];
        for (index, name) in self.columns.iter().enumerate() {
            if name.is_empty() || name.len() > crate::MAX_PART_BYTES || name.chars().any(char::is_control) {
                let name: String = name.chars().take(80).collect();
                return Err(RowError::Batch(format!(
                    "column {index} has the name {name:?}: 1 to 64 printable characters"
                )));
            }
            hashes[index] = xxh3_64(name.as_bytes());
            // A name is looked for only where its hash was seen: each batch is checked, of one row or of many.
            if hashes[..index].contains(&hashes[index]) && self.columns[..index].contains(name) {
                return Err(RowError::Batch(format!("column {name:?} is named twice")));
            }
        }
        Ok(())
    }
}

impl PartialEq for MetricRows {
    /// Bit-equal values, so that a missing one (NaN) equals a missing one.
    fn eq(&self, other: &Self) -> bool {
        self.columns == other.columns
            && self.ts == other.ts
            && self.values.len() == other.values.len()
            && self
                .values
                .iter()
                .zip(&other.values)
                .all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
    }
}

impl Warning {
    /// Checks one warning by itself.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn check(&self) -> Result<(), String> {
        if self.code.is_empty() {
            return Err("code is empty".into());
        }
        for (name, text) in [("code", &self.code), ("subject", &self.subject), ("message", &self.message)] {
            if text.len() > MAX_TEXT_BYTES {
                return Err(format!("{name} has {} bytes: at most {MAX_TEXT_BYTES}", text.len()));
            }
        }
        Ok(())
    }
}

impl Severity {
    /// The severity with this number on the wire, if there is one.
    pub fn from_u8(number: u8) -> Option<Severity> {
        [Severity::Info, Severity::Warning, Severity::Error]
            .into_iter()
            .find(|severity| *severity as u8 == number)
    }

    /// Its name in text forms.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

fn each<T>(rows: &[T], check: impl Fn(&T) -> Result<(), String>) -> Result<(), RowError> {
    for (row, value) in rows.iter().enumerate() {
        check(value).map_err(|reason| RowError::Row { row, reason })?;
    }
    Ok(())
}
