//! DuckDB files that other programs wrote: read only, a table at a time.

use crate::StoreError;
use crate::error::Doing;
use crate::sql::name as quoted;
use duckdb::{AccessMode, Config, Connection, Row};
use gapless_model::{Candle, UnixMillis};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// By symbol; `None` in a table without symbols.
type CandlesBySymbol = BTreeMap<Option<String>, ForeignCandles>;

/// The rows of one symbol.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForeignCandles {
    /// In the order of time.
    pub rows: Vec<Candle>,
    /// Whether the table says of any of them that it was generated rather than measured.
    pub simulated: bool,
}

/// A DuckDB file that belongs to somebody else. While it is open, its owner cannot open it.
pub struct ForeignFile {
    connection: Connection,
    path: PathBuf,
}

impl ForeignFile {
    /// Opens the file for reading.
    ///
    /// # Errors
    /// [`StoreError::File`] when it is not there; [`StoreError::Database`] when it is no DuckDB file or another
    /// process has it open.
    pub fn open(path: &Path) -> Result<ForeignFile, StoreError> {
        // DuckDB would say the same in more words.
        std::fs::metadata(path).map_err(StoreError::file("read", path))?;
        let connection = Config::default()
            .access_mode(AccessMode::ReadOnly)
            .and_then(|config| config.with("autoinstall_known_extensions", "false"))
            .and_then(|config| config.with("autoload_known_extensions", "false"))
            .and_then(|config| Connection::open_with_flags(path, config))
            .doing("open the file for reading")
            .map_err(|error| error.of_file(path))?;
        Ok(ForeignFile { connection, path: path.to_path_buf() })
    }

    /// Whether there is a table or a view of that name.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the file cannot be read.
    pub fn has_table(&self, table: &str) -> Result<bool, StoreError> {
        let names = self.rows("SELECT table_name FROM information_schema.tables", |row| row.get(0))?;
        Ok(names.iter().any(|name: &String| name.eq_ignore_ascii_case(table)))
    }

    /// All rows of `columns` in `table`, as texts, in the order of the file; a missing value is an empty text.
    ///
    /// # Errors
    /// [`StoreError::Database`] when there is no such table or column.
    pub fn texts<const N: usize>(
        &self,
        table: &str,
        columns: &[&str; N],
    ) -> Result<Vec<[String; N]>, StoreError> {
        let wanted = columns.map(|column| format!("coalesce(CAST({} AS VARCHAR), '')", quoted(column)));
        let sql = format!("SELECT {} FROM {}", wanted.join(", "), quoted(table));
        let read = |row: &Row<'_>| {
            let mut texts = [const { String::new() }; N];
            for (at, text) in texts.iter_mut().enumerate() {
                *text = row.get(at)?;
            }
            Ok(texts)
        };
        self.rows(&sql, read)
    }

    /// Candles by their symbol, each in the order of time: columns `ts` (a time stamp, or Unix milliseconds) or
    /// `ts_ms`, `open`, `high`, `low`, `close`, `volume`, `symbol` when the table has several, and `simulated` when
    /// it tells generated rows from measured ones.
    ///
    /// # Errors
    /// [`StoreError::Database`] when there is no such table, it lacks a column, has more than `limit` rows, or a
    /// row is no candle.
    pub fn candles(&self, table: &str, limit: usize) -> Result<CandlesBySymbol, StoreError> {
        let columns = self.columns(table)?;
        let has = |name: &str| columns.iter().any(|(column, _)| column == name);
        let symbol = if has("symbol") { "CAST(symbol AS VARCHAR)" } else { "CAST(NULL AS VARCHAR)" };
        let simulated =
            if has("simulated") { "coalesce(CAST(simulated AS BOOLEAN), false)" } else { "false" };
        let time = self.time(table, &columns)?;
        let sql = format!(
            "SELECT {symbol}, {time}, {simulated}, CAST(open AS DOUBLE), CAST(high AS DOUBLE), CAST(low AS DOUBLE), \
             CAST(close AS DOUBLE), CAST(volume AS DOUBLE) FROM {} ORDER BY 1, 2 LIMIT {}",
            quoted(table),
            limit.saturating_add(1)
        );
        let read = |row: &Row<'_>| {
            let [open, high, low, close, volume] =
                [row.get(3)?, row.get(4)?, row.get(5)?, row.get(6)?, row.get(7)?];
            let candle = Candle { ts: UnixMillis(row.get(1)?), open, high, low, close, volume };
            Ok((row.get::<_, Option<String>>(0)?, row.get::<_, bool>(2)?, candle))
        };
        let rows = self.rows(&sql, read)?;
        if rows.len() > limit {
            return Err(self.refused(table, format!("has more than {limit} rows")));
        }
        let mut by_symbol = CandlesBySymbol::new();
        for (at, (symbol, simulated, candle)) in rows.into_iter().enumerate() {
            let whole = gapless_model::Rows::Candles(vec![candle]);
            whole
                .validate()
                .map_err(|error| self.refused(table, format!("row {at} in the order of time: {error}")))?;
            let of_symbol = by_symbol.entry(symbol).or_default();
            of_symbol.rows.push(candle);
            of_symbol.simulated |= simulated;
        }
        Ok(by_symbol)
    }

    /// How the time of a row is read as Unix milliseconds.
    fn time(&self, table: &str, columns: &[(String, String)]) -> Result<&'static str, StoreError> {
        let find =
            |name: &str| columns.iter().find(|(column, _)| column == name).map(|(_, kind)| kind.as_str());
        match (find("ts_ms"), find("ts")) {
            (Some(_), _) => Ok("CAST(ts_ms AS BIGINT)"),
            (None, Some(kind)) if kind.starts_with("TIMESTAMP") || kind == "DATE" => Ok("epoch_ms(ts)"),
            (None, Some(_)) => Ok("CAST(ts AS BIGINT)"),
            (None, None) => Err(self.refused(table, "has no column ts or ts_ms".into())),
        }
    }

    /// Names and types of the columns of `table`.
    fn columns(&self, table: &str) -> Result<Vec<(String, String)>, StoreError> {
        let sql = format!("SELECT column_name, column_type FROM (DESCRIBE {})", quoted(table));
        self.rows(&sql, |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn rows<T>(
        &self,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> Result<T, duckdb::Error>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.connection.prepare(sql).doing("read the table")?;
        let rows = statement.query_map([], read).doing("read the table")?;
        rows.collect::<Result<Vec<_>, _>>().doing("read the table")
    }

    fn refused(&self, table: &str, reason: String) -> StoreError {
        let reason = format!("{}: table {table} {reason}", self.path.display());
        StoreError::Database { doing: "read the table", reason }
    }
}

#[cfg(test)]
mod tests;
