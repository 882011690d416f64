//! Comma-separated rows, read back.

use super::{CHUNK_ROWS, checked, columns_of};
use crate::error::{BadRow, FileError};
use gapless_model::{Candle, Kind, MetricRows, Rows, Seq, Severity, UnixMillis, UnixNanos, Warning};
use std::io::{BufReader, Read};
use std::sync::Arc;

pub(super) struct CsvIn {
    reader: csv::Reader<BufReader<Box<dyn Read + Send>>>,
    file: Arc<str>,
    kind: Kind,
    columns: Arc<[String]>,
    record: csv::StringRecord,
    /// The first row of the next chunk was read already.
    is_ahead: bool,
}

impl CsvIn {
    pub(super) fn open(input: Box<dyn Read + Send>, file: Arc<str>, kind: Kind) -> Result<CsvIn, FileError> {
        let mut reader = csv::Reader::from_reader(BufReader::new(input));
        let header = reader.headers().map_err(|error| failed(&file, error))?;
        let names = header.iter().map(str::to_owned).collect();
        let columns = columns_of(&file, kind, names)?.into();
        Ok(CsvIn { reader, file, kind, columns, record: csv::StringRecord::new(), is_ahead: false })
    }

    pub(super) fn next_rows(&mut self) -> Result<Option<(Seq, Rows)>, FileError> {
        if !self.advance()? {
            return Ok(None);
        }
        let start = self.sequence()?;
        let mut rows = empty(self.kind, &self.columns);
        while rows.len() < CHUNK_ROWS {
            if !self.advance()? {
                break;
            }
            if self.sequence()? != start.plus(rows.len() as u64) {
                break;
            }
            self.is_ahead = false;
            self.push(&mut rows).map_err(|reason| self.bad(reason))?;
        }
        Ok(Some((start, checked(&self.file, rows)?)))
    }

    /// Whether there is a row in `record`.
    fn advance(&mut self) -> Result<bool, FileError> {
        if !self.is_ahead {
            let read = self.reader.read_record(&mut self.record);
            self.is_ahead = read.map_err(|error| failed(&self.file, error))?;
        }
        Ok(self.is_ahead)
    }

    fn sequence(&self) -> Result<Seq, FileError> {
        let text = self.field(0);
        text.parse().map(Seq).map_err(|_| self.bad(format!("seq is {text:?}")))
    }

    fn push(&self, rows: &mut Rows) -> Result<(), String> {
        match rows {
            Rows::Candles(rows) => rows.push(Candle {
                ts: UnixMillis(self.time(1_000_000)?),
                open: self.number(2)?,
                high: self.number(3)?,
                low: self.number(4)?,
                close: self.number(5)?,
                volume: self.number(6)?,
            }),
            Rows::Metrics(rows) => {
                rows.ts.push(UnixNanos(self.time(1)?));
                for at in 0..self.columns.len() {
                    let is_missing = self.field(at + 2).is_empty();
                    rows.values.push(if is_missing { f64::NAN } else { self.number(at + 2)? });
                }
            }
            Rows::Warnings(rows) => rows.push(Warning {
                ts: UnixNanos(self.time(1)?),
                severity: severity(self.field(2))?,
                code: self.field(3).to_owned(),
                subject: self.field(4).to_owned(),
                message: self.field(5).to_owned(),
            }),
        }
        Ok(())
    }

    fn field(&self, at: usize) -> &str {
        self.record.get(at).unwrap_or_default()
    }

    fn number(&self, at: usize) -> Result<f64, String> {
        let text = self.field(at);
        text.parse().map_err(|_| format!("{text:?} is not a number"))
    }

    /// The time in units of `nanos_each`.
    fn time(&self, nanos_each: i128) -> Result<i64, String> {
        let text = self.field(1);
        if let Ok(plain) = text.parse() {
            return Ok(plain);
        }
        let bad = || format!("{text:?} is not a time that was written here");
        let time: jiff::Timestamp = text.parse().map_err(|_| bad())?;
        let nanos = time.as_nanosecond();
        if nanos % nanos_each != 0 {
            return Err(bad());
        }
        i64::try_from(nanos / nanos_each).map_err(|_| bad())
    }

    fn bad(&self, reason: String) -> FileError {
        let line = self.record.position().map_or(0, csv::Position::line);
        FileError::Row(BadRow { file: self.file.clone(), line, reason })
    }
}

fn failed(file: &Arc<str>, error: csv::Error) -> FileError {
    match error.into_kind() {
        csv::ErrorKind::Io(source) => FileError::Io { file: file.clone(), source },
        other => FileError::Unusable { file: file.clone(), reason: format!("it is no such CSV: {other:?}") },
    }
}

fn empty(kind: Kind, columns: &Arc<[String]>) -> Rows {
    match kind {
        Kind::Metrics => {
            Rows::Metrics(MetricRows { columns: columns.clone(), ts: Vec::new(), values: Vec::new() })
        }
        Kind::Candles | Kind::Warnings => Rows::empty(kind),
    }
}

/// The severity with this name.
pub(super) fn severity(name: &str) -> Result<Severity, String> {
    let known = [Severity::Info, Severity::Warning, Severity::Error];
    known.into_iter().find(|known| known.name() == name).ok_or_else(|| format!("{name:?} is no severity"))
}
