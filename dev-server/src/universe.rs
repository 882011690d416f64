//! The symbols that one can choose from.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use utoipa::ToSchema;

/// One symbol of a universe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Listing {
    /// Words by which lists are filtered, as the owner of the table writes them.
    #[serde(default)]
    pub filters: String,
    /// A short mark to show beside it.
    #[serde(default)]
    pub badge: String,
    /// The symbol as it stands in topics.
    pub symbol: String,
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// Where it belongs: crypto, fx, ...
    #[serde(default)]
    pub market: String,
    /// Where it is traded.
    #[serde(default)]
    pub venue: String,
}

/// All symbols, in the order of their file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Universe {
    /// The symbols.
    pub listings: Vec<Listing>,
}

/// The universe where none is configured, so that the panel has something to choose from.
const DEFAULT: &str = include_str!("universe.csv");

impl Universe {
    /// The built-in universe.
    ///
    /// # Errors
    /// None in truth: a test reads it.
    pub fn built_in() -> Result<Universe, Error> {
        from_csv(Path::new("universe.csv"), DEFAULT.as_bytes())
    }

    /// The universe in `path`: the table `universe` of a DuckDB file, or a CSV file when it ends with `.csv`. When
    /// the DuckDB file or its table is not there, a CSV file takes its place and the log says so: `fallback`, or the
    /// one beside it.
    ///
    /// # Errors
    /// [`Error::Universe`] names the file, the line and what is wrong; [`Error::Store`] when DuckDB cannot read
    /// it.
    pub fn read(path: &Path, fallback: Option<&Path>) -> Result<Universe, Error> {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv")) {
            return from_csv_file(path);
        }
        let reason = match from_table(path)? {
            Found::Universe(universe) => return Ok(universe),
            Found::NoFile => "there is no such file",
            Found::NoTable => "it has no table universe",
        };
        let csv = self::fallback(path, fallback);
        if !csv.is_file() {
            return Err(refused(path, format!("{reason}, nor is there {} in its place", csv.display())));
        }
        tracing::warn!(universe = %path.display(), reason, csv = %csv.display(), "symbols come from the CSV file instead");
        from_csv_file(&csv)
    }

    /// The symbols that have every word of `search` somewhere, at most `limit`.
    pub fn search(&self, search: &str, limit: usize) -> Vec<&Listing> {
        let words: Vec<String> = search.split_whitespace().map(str::to_lowercase).collect();
        let fits = |listing: &&Listing| {
            let text = listing.text();
            words.iter().all(|word| text.contains(word.as_str()))
        };
        self.listings.iter().filter(fits).take(limit).collect()
    }
}

const TABLE: &str = "universe";
const COLUMNS: [&str; 6] = ["filters", "badge", "symbol", "name", "market", "venue"];

impl Listing {
    fn text(&self) -> String {
        let Listing { filters, badge, symbol, name, market, venue } = self;
        format!("{symbol} {name} {market} {venue} {badge} {filters}").to_lowercase()
    }
}

/// The CSV file in place of the DuckDB file in `path`.
pub(crate) fn fallback(path: &Path, set: Option<&Path>) -> PathBuf {
    set.map_or_else(|| path.with_extension("csv"), Path::to_path_buf)
}

/// What a DuckDB file turned out to hold.
enum Found {
    Universe(Universe),
    NoFile,
    NoTable,
}

fn from_table(path: &Path) -> Result<Found, Error> {
    if !path.exists() {
        return Ok(Found::NoFile);
    }
    let file = gapless_store::ForeignFile::open(path).map_err(|error| refused(path, error.to_string()))?;
    if !file.has_table(TABLE)? {
        return Ok(Found::NoTable);
    }
    let table = file.texts(TABLE, &COLUMNS).map_err(|error| {
        refused(path, format!("{error}; the table {TABLE} needs the columns {}", COLUMNS.join(", ")))
    })?;
    let listings = table.into_iter().map(|row| {
        let [filters, badge, symbol, name, market, venue] = row;
        Listing { filters, badge, symbol, name, market, venue }
    });
    checked(path, Universe { listings: listings.collect() }).map(Found::Universe)
}

fn from_csv_file(path: &Path) -> Result<Universe, Error> {
    let unreadable = |error: std::io::Error| refused(path, format!("cannot be read: {error}"));
    from_csv(path, std::fs::File::open(path).map_err(unreadable)?)
}

fn from_csv(path: &Path, text: impl std::io::Read) -> Result<Universe, Error> {
    let rows = csv::Reader::from_reader(text).into_deserialize::<Listing>();
    let listings = rows.collect::<Result<Vec<_>, _>>().map_err(|error| refused(path, error.to_string()))?;
    checked(path, Universe { listings })
}

/// A symbol that no topic can carry is refused by name.
fn checked(path: &Path, universe: Universe) -> Result<Universe, Error> {
    let key = |listing: &Listing| {
        gapless_model::StreamKey::new(gapless_model::Kind::Candles, "dev", &listing.symbol, "1s")
    };
    match universe.listings.iter().find_map(|listing| key(listing).err()) {
        Some(error) => Err(refused(path, error.to_string())),
        None if universe.listings.is_empty() => Err(refused(path, "it has no rows".into())),
        None => Ok(universe),
    }
}

fn refused(path: &Path, reason: String) -> Error {
    Error::Universe { path: path.to_path_buf(), reason }
}

#[cfg(test)]
mod tests;
