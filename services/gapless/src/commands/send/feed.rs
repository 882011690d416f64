//! Rows out of a file or a pipe, in batches that do not wait for rows that do not come.
//!
//! A thread reads lines, since reading a pipe blocks; the other side gathers them and hands a batch over
//! when it is full or when no line came for a moment.

use super::Format;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use gapless::{Kind, Rows};
use gapless_formats::{BodyError, BodyFormat, Line, Lines, PushError, Row, RowsBuilder, parse_body};
use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

/// How long a row waits for another one to travel with.
const PAUSE: Duration = Duration::from_millis(100);
/// Lines read ahead: some batches, so that reading and sending overlap.
const READ_AHEAD: usize = 4096;
/// Pieces gathered ahead of the producer, which has its own bounds.
const PIECES_AHEAD: usize = 4;
/// The largest JSON array: more rows than one batch takes do not fit, whatever their size.
const MAX_JSON_BYTES: u64 = 64 << 20;

/// What comes next.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    /// Rows that are valid.
    Rows(Rows),
    /// A row that cannot be taken.
    Bad {
        /// Its line, from 1; in a JSON array its place.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// Nothing more can be read.
    Broken(String),
}

/// Pieces of an input.
#[derive(Debug)]
pub(super) struct Feed {
    pieces: Receiver<Piece>,
}

impl Feed {
    pub(super) fn start(input: Box<dyn Read + Send>, kind: Kind, format: Format, batch: usize) -> Feed {
        let (out, pieces) = bounded(PIECES_AHEAD);
        std::thread::spawn(move || {
            // An error means that nobody wants more pieces.
            let _ = match format {
                Format::Json => json(input, kind, |piece| out.send(piece).ok()),
                Format::Ndjson | Format::Csv => {
                    lines(read_lines(input), Gather::new(kind, format, batch), |piece| out.send(piece).ok())
                }
            };
        });
        Feed { pieces }
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = Piece> + '_ {
        self.pieces.iter()
    }
}

type Numbered = Result<(u64, Vec<u8>), String>;

fn read_lines(input: Box<dyn Read + Send>) -> Receiver<Numbered> {
    let (out, lines) = bounded(READ_AHEAD);
    std::thread::spawn(move || {
        let mut source = Lines::new(BufReader::new(input));
        loop {
            let next = match source.next_line() {
                Ok(Some((number, Line::Text(text)))) => Ok((number, text.to_vec())),
                Ok(Some((number, Line::TooLong))) => Ok((number, Vec::new())),
                Ok(None) => return,
                Err(error) => Err(error.to_string()),
            };
            let ends = next.is_err();
            if out.send(next).is_err() || ends {
                return;
            }
        }
    });
    lines
}

fn lines(
    lines: Receiver<Numbered>,
    mut gather: Gather,
    mut out: impl FnMut(Piece) -> Option<()>,
) -> Option<()> {
    loop {
        match lines.recv_timeout(PAUSE) {
            Ok(Ok((number, text))) => gather.take(number, &text, &mut out)?,
            Ok(Err(reason)) => {
                gather.flush(&mut out)?;
                return out(Piece::Broken(reason));
            }
            Err(RecvTimeoutError::Timeout) => gather.flush(&mut out)?,
            Err(RecvTimeoutError::Disconnected) => return gather.flush(&mut out),
        }
    }
}

/// Gathers lines into rows.
struct Gather {
    kind: Kind,
    format: Format,
    batch: usize,
    rows: RowsBuilder,
    /// CSV: the header line.
    header: Vec<u8>,
    /// CSV: lines that wait, with their numbers.
    pending: Vec<(u64, Vec<u8>)>,
}

impl Gather {
    fn new(kind: Kind, format: Format, batch: usize) -> Gather {
        Gather { kind, format, batch, rows: RowsBuilder::new(kind), header: Vec::new(), pending: Vec::new() }
    }

    fn take(&mut self, line: u64, text: &[u8], out: &mut impl FnMut(Piece) -> Option<()>) -> Option<()> {
        if text.is_empty() {
            return out(Piece::Bad { line, reason: "the line is too long".into() });
        }
        if self.format == Format::Csv {
            return self.take_csv(line, text, out);
        }
        let row = match Row::from_json(text) {
            Ok(row) => row,
            Err(reason) => return out(Piece::Bad { line, reason }),
        };
        match self.rows.push(&row) {
            Ok(()) => {}
            Err(PushError::NewColumn(_) | PushError::Full) => {
                self.flush(out)?;
                if let Err(error) = self.rows.push(&row) {
                    return out(Piece::Bad { line, reason: error.to_string() });
                }
            }
            Err(PushError::Bad(reason)) => return out(Piece::Bad { line, reason }),
        }
        if self.rows.len() >= self.batch { self.flush(out) } else { Some(()) }
    }

    fn take_csv(&mut self, line: u64, text: &[u8], out: &mut impl FnMut(Piece) -> Option<()>) -> Option<()> {
        if self.header.is_empty() {
            self.header = text.to_vec();
            return Some(());
        }
        self.pending.push((line, text.to_vec()));
        if self.pending.len() >= self.batch { self.flush(out) } else { Some(()) }
    }

    /// All pending lines as one body; when that is refused, each as a body of its own, so that a bad row
    /// spoils no other.
    fn flush_csv(&mut self, out: &mut impl FnMut(Piece) -> Option<()>) -> Option<()> {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return Some(());
        }
        if let Ok(rows) = self.parse_csv(&pending) {
            return out(Piece::Rows(rows));
        }
        for line in pending.chunks(1) {
            match (self.parse_csv(line), line) {
                (Ok(rows), _) => out(Piece::Rows(rows))?,
                (Err(error), [(line, _)]) => out(Piece::Bad { line: *line, reason: reason_of(error) })?,
                (Err(_), _) => {}
            }
        }
        Some(())
    }

    fn parse_csv(&self, lines: &[(u64, Vec<u8>)]) -> Result<Rows, BodyError> {
        let mut body = self.header.clone();
        for (_, line) in lines {
            body.push(b'\n');
            body.extend_from_slice(line);
        }
        parse_body(self.kind, BodyFormat::Csv, &body)
    }

    fn flush(&mut self, out: &mut impl FnMut(Piece) -> Option<()>) -> Option<()> {
        if self.format == Format::Csv {
            return self.flush_csv(out);
        }
        if self.rows.is_empty() { Some(()) } else { out(Piece::Rows(self.rows.take())) }
    }
}

fn json(input: Box<dyn Read + Send>, kind: Kind, mut out: impl FnMut(Piece) -> Option<()>) -> Option<()> {
    let mut body = Vec::new();
    let mut input = BufReader::new(input).take(MAX_JSON_BYTES);
    if let Err(error) = input.fill_buf().map(|_| ()).and_then(|()| input.read_to_end(&mut body).map(|_| ())) {
        return out(Piece::Broken(error.to_string()));
    }
    match parse_body(kind, BodyFormat::Json, &body) {
        Ok(rows) => out(Piece::Rows(rows)),
        Err(BodyError::Row { row, reason }) => {
            out(Piece::Broken(format!("row {row}: {reason} (an array is taken whole or not at all)")))
        }
        Err(BodyError::TooManyRows { limit }) => out(Piece::Broken(format!(
            "more than {limit} rows in one array: write one object a line instead"
        ))),
        Err(error) => out(Piece::Broken(error.to_string())),
    }
}

fn reason_of(error: BodyError) -> String {
    match error {
        BodyError::Row { reason, .. } => reason,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
