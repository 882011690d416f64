//! Rows as comma-separated values. Numbers are the shortest texts that read back equal.

use crate::rows::{self, Field};
use anyhow::Result;
use gapless::{Batch, Kind, Rows};
use std::io::{BufWriter, Write};

pub(super) struct CsvFile<W: Write> {
    writer: csv::Writer<BufWriter<W>>,
    columns: Vec<String>,
}

impl<W: Write> CsvFile<W> {
    pub(super) fn begin(out: W, kind: Kind, columns: &[String]) -> Result<CsvFile<W>> {
        let mut writer = csv::Writer::from_writer(BufWriter::new(out));
        let empty = Rows::empty(kind);
        let columns: Vec<String> = match kind {
            Kind::Metrics => columns.to_vec(),
            Kind::Candles | Kind::Warnings => rows::names(&empty).into_iter().map(str::to_owned).collect(),
        };
        writer.write_record(["seq", "ts"].into_iter().chain(columns.iter().map(String::as_str)))?;
        Ok(CsvFile { writer, columns })
    }

    pub(super) fn write(&mut self, batch: &Batch) -> Result<()> {
        let names = rows::names(&batch.rows);
        // Which of the batch's fields belongs into each column of the file.
        let places: Vec<Option<usize>> =
            self.columns.iter().map(|column| names.iter().position(|name| name == column)).collect();
        for (row, seq, ts) in rows::places(batch) {
            let fields = rows::fields(&batch.rows, row);
            self.writer.write_field(seq.to_string())?;
            self.writer.write_field(rows::time(ts))?;
            for place in &places {
                let field = place.and_then(|at| fields.get(at)).unwrap_or(&Field::Number(None));
                self.writer.write_field(rows::text(field))?;
            }
            self.writer.write_record(None::<&[u8]>)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<()> {
        tracing::debug!(columns = self.columns.len(), "csv file complete");
        self.writer.flush()?;
        Ok(())
    }
}
