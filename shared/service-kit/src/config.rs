//! Layered configuration: default < file < environment < flag.
//!
//! The intuition: each layer is a TOML table with a memory of where its values came from. The tables
//! are laid over each other, the result is read once into the service's struct, and whatever that
//! struct did not want or did not like is reported with the place that said it.
//!
//! The complication is telling the place after merging; so layers are kept, and a complaint's path is
//! looked up from the topmost layer down. Rejected: a layered-configuration crate, which would bring
//! its own formats and still not name a line.
mod env;
mod error;
mod file;
mod layer;
mod soundness;

pub use error::{Complaint, ConfigError};
pub use layer::insert_at;
pub use soundness::assert_sound;

use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::args::CommonArgs;
use crate::logs::LogFormat;
use file::FileLayer;
use layer::{Layers, merge};

/// The tables that `gapless.toml` may hold; each process reads its own and leaves the others alone.
pub const SECTIONS: [&str; 6] =
    ["ingestion", "live-engine", "backfill", "snapshot-writer", "dev-server", "gapless"];

/// A value that is well-formed but cannot be, alone or beside another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The key, dotted (`journal.segment_bytes`).
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Invalid {
    /// Says that the value at `key` cannot be, because of `message`.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Invalid {
        Invalid { key: key.into(), message: message.into() }
    }
}

/// The checks of a configuration that types cannot make: limits, and limits against each other.
pub trait Validate {
    /// Checks the whole configuration once, at start.
    ///
    /// # Errors
    /// The first value that cannot be.
    fn validate(&self) -> Result<(), Invalid>;
}

/// What every service's table may also hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Common {
    /// Address of the admin endpoint, `off` for none, empty for the service's default.
    pub admin: String,
    /// Level or filter of the log; empty means `info`.
    pub log_level: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// The keys of [`Common`].
const COMMON_KEYS: [&str; 3] = ["admin", "log_level", "log_format"];

/// A service's configuration and the part that all services share.
#[derive(Clone, Debug)]
pub struct Loaded<C> {
    /// The service's own configuration.
    pub config: C,
    /// The shared part.
    pub common: Common,
}

/// Reads the configuration of `service` (its table's name) from all layers. `C` must be
/// `#[serde(default)]`, so that a table may state only what differs.
///
/// # Errors
/// When the file cannot be read or parsed, or when a value is unknown, ill-typed or fails
/// [`Validate::validate`]. Every complaint names key, value and place.
pub fn load<C>(service: &str, cli: &CommonArgs, overrides: Table) -> Result<C, ConfigError>
where
    C: Serialize + DeserializeOwned + Default + Validate,
{
    load_with_common(service, cli, overrides).map(|loaded| loaded.config)
}

/// [`load`], with the shared part beside it.
///
/// # Errors
/// As [`load`].
pub fn load_with_common<C>(
    service: &str,
    cli: &CommonArgs,
    overrides: Table,
) -> Result<Loaded<C>, ConfigError>
where
    C: Serialize + DeserializeOwned + Default + Validate,
{
    load_from(service, cli, overrides, std::env::vars())
}

/// Whether the configuration file has a table for `service`: for what is optional and switched on by it.
///
/// # Errors
/// When the file cannot be read or parsed.
pub fn is_configured(service: &str, cli: &CommonArgs) -> Result<bool, ConfigError> {
    Ok(file::read(cli.config.as_deref(), service)?.is_present)
}

/// [`load_with_common`] with the environment as a value.
pub(crate) fn load_from<C>(
    service: &str,
    cli: &CommonArgs,
    overrides: Table,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Loaded<C>, ConfigError>
where
    C: Serialize + DeserializeOwned + Default + Validate,
{
    let mut flags = common_flags(cli);
    merge(&mut flags, &overrides);
    load_layers(service, file::read(cli.config.as_deref(), service)?, flags, environment)
}

/// The layers laid over each other, read and checked.
fn load_layers<C>(
    service: &str,
    file: FileLayer,
    flags: Table,
    environment: impl Iterator<Item = (String, String)>,
) -> Result<Loaded<C>, ConfigError>
where
    C: Serialize + DeserializeOwned + Default + Validate,
{
    let shape = shape::<C>()?;
    let env = env::read(service, &shape, environment);
    let layers = Layers { service: service.to_owned(), file, env, flags };
    let mut merged = layers.merged();
    let common = take_common(&mut merged);
    let common = read::<Common>(&layers, common)?;
    let config = read::<C>(&layers, merged)?;
    match config.validate() {
        Ok(()) => Ok(Loaded { config, common }),
        Err(invalid) => {
            let path: Vec<String> = invalid.key.split('.').map(str::to_owned).collect();
            Err(ConfigError::rejected(layers.complain(&path, invalid.message, Some(&shape))))
        }
    }
}

/// Prints a configuration as the table that `gapless.toml` would hold.
///
/// # Errors
/// When the configuration has no TOML form, which is a bug of its type.
pub fn to_toml<C: Serialize>(service: &str, loaded: &Loaded<C>) -> Result<String, ConfigError> {
    let mut table = to_table(&loaded.common)?;
    merge(&mut table, &to_table(&loaded.config)?);
    let mut root = Table::new();
    root.insert(service.to_owned(), Value::Table(table));
    toml::to_string_pretty(&root).map_err(|e| ConfigError::Bug { message: e.to_string() })
}

/// The configuration's defaults as a table: tells which keys there are and of which type.
fn shape<C: Serialize + Default>() -> Result<Table, ConfigError> {
    let mut shape = to_table(&C::default())?;
    merge(&mut shape, &to_table(&Common::default())?);
    Ok(shape)
}

fn to_table<C: Serialize>(value: &C) -> Result<Table, ConfigError> {
    Table::try_from(value).map_err(|e| ConfigError::Bug { message: e.to_string() })
}

fn common_flags(cli: &CommonArgs) -> Table {
    let format = cli.log_format.map(|f| match f {
        LogFormat::Human => "human",
        LogFormat::Json => "json",
    });
    crate::args::overrides([
        ("admin", cli.admin.clone().map(Value::from)),
        ("log_level", cli.log_level.clone().map(Value::from)),
        ("log_format", format.map(Value::from)),
    ])
}

fn take_common(merged: &mut Table) -> Table {
    COMMON_KEYS.iter().filter_map(|key| merged.remove_entry(*key)).collect()
}

/// Reads a merged table into a struct; every key that the struct does not want is a complaint.
fn read<C: DeserializeOwned + Serialize + Default>(layers: &Layers, merged: Table) -> Result<C, ConfigError> {
    let mut unknown: Vec<Vec<String>> = Vec::new();
    let mut track = serde_path_to_error::Track::new();
    let source = serde_path_to_error::Deserializer::new(merged.into_deserializer(), &mut track);
    let result = serde_ignored::deserialize(source, |path| unknown.push(layer::ignored_path(&path)));
    let shape = shape::<C>().unwrap_or_default();
    if !unknown.is_empty() {
        let complaints = unknown.iter().map(|path| layers.unknown(path, &shape)).collect();
        return Err(ConfigError::Rejected { complaints });
    }
    result.map_err(|error: toml::de::Error| {
        let path = layer::error_path(&track.path());
        let message = error.message().trim().to_owned();
        ConfigError::rejected(layers.complain(&path, message, Some(&shape)))
    })
}

#[cfg(test)]
mod tests;
