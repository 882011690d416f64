//! Candles and ticks from comma-, semicolon- or tab-separated lines.
//!
//! A row is one line: prices hold no line breaks, and a reader that believed a stray quote would
//! swallow the rest of the file. So each line stands for itself, and damage costs the rows it hit.

use crate::error::{BadRow, FileError};
use crate::layout::{Layout, Reading};
use crate::lines::{Line, Lines, MAX_LINE_BYTES};
use crate::row_source::{Pulled, RowSource};
use crate::scalar::Scalar;
use crate::ticks::Price;
use csv_core::ReadRecordResult;
use std::io::BufRead;
use std::sync::Arc;

/// The most fields of a row: twice the most columns of any stream.
const MAX_FIELDS: usize = 512;

/// The separator of `line`: whichever of comma, semicolon, tab and bar stands in it most often.
pub(crate) fn delimiter_of(line: &[u8]) -> u8 {
    let count = |wanted: u8| {
        let mut quoted = false;
        line.iter()
            .filter(|byte| {
                quoted ^= **byte == b'"';
                !quoted && **byte == wanted
            })
            .count()
    };
    let counted = [b'|', b'\t', b';', b','].map(|delimiter| (count(delimiter), delimiter));
    counted.into_iter().max_by_key(|(count, _)| *count).map_or(b',', |(_, delimiter)| delimiter)
}

/// Rows of a delimited text.
pub(crate) struct Delimited<R> {
    lines: Lines<R>,
    file: Arc<str>,
    splitter: Splitter,
    layout: Layout,
    price: Price,
    /// The first line, when it turned out to be a row.
    first: Option<(u64, Vec<u8>)>,
}

impl<R: BufRead> Delimited<R> {
    /// Reads the header, or finds out from the first row that there is none.
    pub(crate) fn open(input: R, file: Arc<str>, price: Price) -> Result<Delimited<R>, FileError> {
        let unusable = |reason: String| FileError::Unusable { file: file.clone(), reason };
        let io = |source| FileError::Io { file: file.clone(), source };
        let mut lines = Lines::new(input);
        let (number, line) = match lines.next_line().map_err(io)? {
            Some((number, Line::Text(text))) => (number, text.to_vec()),
            Some((number, Line::TooLong)) => {
                return Err(unusable(format!(
                    "line {number} is longer than {MAX_LINE_BYTES} bytes: not a CSV file"
                )));
            }
            None => return Err(unusable("the file is empty: nothing to read".into())),
        };
        let mut splitter = Splitter::new(delimiter_of(&line));
        let fields = splitter.split(&line).map_err(|reason| unusable(format!("line {number}: {reason}")))?;
        let (layout, is_row) = match Layout::of_first_row(&fields) {
            Some(layout) => (layout, true),
            None => (
                Layout::of_names(&fields).map_err(|reason| unusable(format!("line {number}: {reason}")))?,
                false,
            ),
        };
        layout.check_price(price).map_err(unusable)?;
        let first = is_row.then_some((number, line));
        Ok(Delimited { lines, file, splitter, layout, price, first })
    }
}

impl<R: BufRead> RowSource for Delimited<R> {
    fn pull(&mut self) -> Result<Option<Pulled>, FileError> {
        let Delimited { lines, file, splitter, layout, price, first } = self;
        let first_line = first.take();
        let (line, text) = match &first_line {
            Some((number, text)) => (*number, Line::Text(text)),
            None => match lines.next_line().map_err(|source| FileError::Io { file: file.clone(), source })? {
                Some(next) => next,
                None => return Ok(None),
            },
        };
        let reading = match text {
            Line::Text(text) => splitter.split(text).and_then(|fields| read(layout, *price, &fields)),
            Line::TooLong => Err(format!("longer than {MAX_LINE_BYTES} bytes")),
        };
        Ok(Some(match reading {
            Ok(reading) => Pulled::Row(line, reading),
            Err(reason) => Pulled::Bad(BadRow { file: file.clone(), line, reason }),
        }))
    }

    fn is_ticks(&self) -> bool {
        self.layout.is_ticks()
    }

    fn bytes_read(&self) -> u64 {
        self.lines.bytes_read()
    }
}

fn read(layout: &Layout, price: Price, fields: &[&str]) -> Result<Reading, String> {
    layout.read(price, |column| match fields.get(column) {
        Some(field) => Scalar::Text((*field).into()),
        None => Scalar::Missing,
    })
}

/// Splits lines into fields, quotes understood, without allocating per line.
struct Splitter {
    reader: csv_core::Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Splitter {
    fn new(delimiter: u8) -> Splitter {
        let reader = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        Splitter { reader, text: vec![0; MAX_LINE_BYTES + 1], ends: vec![0; MAX_FIELDS] }
    }

    fn split(&mut self, line: &[u8]) -> Result<Vec<&str>, String> {
        self.reader.reset();
        let (mut text_used, mut ends_used) = (0, 0);
        // Twice: the line, then the empty input that tells the reader that it has ended.
        for input in [line, b""] {
            let (text, ends) = (self.text.get_mut(text_used..), self.ends.get_mut(ends_used..));
            let (Some(text), Some(ends)) = (text, ends) else { break };
            let (result, _, wrote, ended) = self.reader.read_record(input, text, ends);
            (text_used, ends_used) = (text_used + wrote, ends_used + ended);
            match result {
                ReadRecordResult::OutputEndsFull => return Err(format!("more than {MAX_FIELDS} fields")),
                ReadRecordResult::OutputFull => return Err(format!("longer than {MAX_LINE_BYTES} bytes")),
                ReadRecordResult::Record | ReadRecordResult::End => break,
                ReadRecordResult::InputEmpty => {}
            }
        }
        let mut from = 0;
        let ends = self.ends.get(..ends_used).unwrap_or_default();
        ends.iter()
            .map(|end| {
                let field = self.text.get(from..*end).unwrap_or_default();
                from = *end;
                std::str::from_utf8(field).map_err(|_| "not UTF-8 text".to_string())
            })
            .collect()
    }
}
