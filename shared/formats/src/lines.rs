//! Lines of any input, with their numbers, in bounded memory.

use std::io::{self, BufRead, Read};

/// The longest line, in bytes: a row of 256 columns with 24 characters each is 6 kB, a warning with its
/// texts at their limit is 12 kB, so a longer one is damage (or no text at all).
pub const MAX_LINE_BYTES: usize = 64 * 1024;

/// One line as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// A whole line without its end.
    Text(&'a [u8]),
    /// A line longer than [`MAX_LINE_BYTES`]; it was passed over.
    TooLong,
}

/// Reads lines; a line of any length costs no more than [`MAX_LINE_BYTES`].
#[derive(Debug)]
pub struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    number: u64,
    bytes: u64,
}

impl<R: BufRead> Lines<R> {
    /// Lines of `input`.
    pub fn new(input: R) -> Lines<R> {
        Lines { input, buffer: Vec::new(), number: 0, bytes: 0 }
    }

    /// How many bytes were consumed.
    pub fn bytes_read(&self) -> u64 {
        self.bytes
    }

    /// The next line that is not blank, with its number from 1; `None` at the end.
    ///
    /// # Errors
    /// What the input says.
    pub fn next_line(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        loop {
            self.buffer.clear();
            let limit = MAX_LINE_BYTES as u64 + 1;
            let taken = self.input.by_ref().take(limit).read_until(b'\n', &mut self.buffer)?;
            if taken == 0 {
                return Ok(None);
            }
            self.bytes += taken as u64;
            self.number += 1;
            if self.buffer.last() != Some(&b'\n') && taken > MAX_LINE_BYTES {
                self.pass_over()?;
                return Ok(Some((self.number, Line::TooLong)));
            }
            if !self.buffer.trim_ascii().is_empty() {
                break;
            }
        }
        Ok(Some((self.number, Line::Text(without_end(&self.buffer, self.number == 1)))))
    }

    /// Skips to the end of the line.
    fn pass_over(&mut self) -> io::Result<()> {
        loop {
            let available = self.input.fill_buf()?;
            let (used, done) = match available.iter().position(|b| *b == b'\n') {
                Some(at) => (at + 1, true),
                None => (available.len(), available.is_empty()),
            };
            self.input.consume(used);
            self.bytes += used as u64;
            if done {
                return Ok(());
            }
        }
    }
}

/// Cuts the line end, and in front of a file the mark that some editors write.
fn without_end(line: &[u8], first: bool) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line }
}
