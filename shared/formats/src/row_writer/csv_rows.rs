//! Rows as comma-separated values. Numbers are the shortest texts that read back equal.

use crate::error::WriteError;
use crate::rows::{self, Field};
use gapless_model::Batch;
use std::io::{BufWriter, Write};

pub(super) struct CsvOut<W: Write> {
    writer: csv::Writer<BufWriter<W>>,
    columns: Vec<String>,
}

impl<W: Write> CsvOut<W> {
    pub(super) fn begin(out: W, columns: Vec<String>) -> Result<CsvOut<W>, WriteError> {
        let mut writer = csv::Writer::from_writer(BufWriter::new(out));
        writer.write_record(["seq", "ts"].into_iter().chain(columns.iter().map(String::as_str)))?;
        Ok(CsvOut { writer, columns })
    }

    pub(super) fn write(&mut self, batch: &Batch) -> Result<(), WriteError> {
        let names = rows::names(&batch.rows);
        // Which of the batch's fields belongs into each column of the file.
        let places: Vec<Option<usize>> =
            self.columns.iter().map(|column| names.iter().position(|name| name == column)).collect();
        for (row, seq, _) in rows::places(batch) {
            let fields = rows::fields(&batch.rows, row);
            self.writer.write_field(seq.to_string())?;
            self.writer.write_field(rows::time_of(&batch.rows, row))?;
            for place in &places {
                let field = place.and_then(|at| fields.get(at)).unwrap_or(&Field::Number(None));
                self.writer.write_field(rows::text(field))?;
            }
            self.writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<W, WriteError> {
        let buffered = self.writer.into_inner().map_err(|error| error.into_error())?;
        Ok(buffered.into_inner().map_err(|error| error.into_error())?)
    }
}
