//! Opening a DuckDB file: its owner's lock, its limits, and nothing that reaches out of the machine.

use crate::StoreError;
use crate::error::Doing;
use crate::owner::Owner;
use duckdb::{Config, Connection};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// DuckDB 1.5 makes the plan of a prepared statement from the statistics of that moment and runs it on what
/// another connection has committed since (duckdb issue 23704, mended later by leaving the statistics
/// out of such plans): values outside of the old minimum and maximum then come back cut off. So no plan here
/// may depend on statistics. Scans still skip row groups by theirs, which costs nothing measurable.
const SETTINGS: &str = "SET preserve_insertion_order = true; \
                        SET disabled_optimizers = 'statistics_propagation,compressed_materialization'; \
                        SET lock_configuration = true";

/// Limits of one open file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The most memory that DuckDB may use, in MiB.
    pub memory_limit_mib: u32,
    /// Threads that one query may use.
    pub threads: u32,
    /// How large the log may become before it goes into the file, in MiB. What it holds of a table that is dropped by then
    /// is never written there; a killed process leaves it to be read again.
    pub log_limit_mib: u32,
}

impl Default for Options {
    /// 512 MiB and 2 threads, enough for a query over a million rows and small beside any application, and DuckDB's own
    /// limit on its log.
    fn default() -> Options {
        Options { memory_limit_mib: 512, threads: 2, log_limit_mib: 16 }
    }
}

/// An open file. The first connection comes from `open`; every other one is a clone of it.
pub(crate) struct Database {
    pub(crate) connection: Connection,
    owner: Arc<Owner>,
    path: PathBuf,
}

impl Database {
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Database, StoreError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(StoreError::file("create the folder", folder))?;
        }
        let owner = Owner::acquire(path)?;
        let connection = config(options)
            .and_then(|config| Connection::open_with_flags(path, config))
            .doing("open the file")
            .map_err(|error| error.of_file(path))?;
        connection.execute_batch(SETTINGS).doing("set up the database")?;
        Ok(Database { connection, owner: Arc::new(owner), path: path.to_path_buf() })
    }

    /// Another connection to the same file, for another thread.
    pub(crate) fn another(&self) -> Result<Database, StoreError> {
        let connection = self.connection.try_clone().doing("open another connection")?;
        Ok(Database { connection, owner: self.owner.clone(), path: self.path.clone() })
    }

    /// Runs `work` in a transaction: committed when it succeeds, rolled back when it does not.
    pub(crate) fn transaction<T>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connection.execute_batch("BEGIN TRANSACTION").doing(doing)?;
        let result = work(&self.connection)
            .and_then(|done| self.connection.execute_batch("COMMIT").doing(doing).map(|()| done));
        if result.is_err()
            && let Err(error) = self.connection.execute_batch("ROLLBACK")
        {
            // A failed COMMIT has already ended the transaction; there is nothing left to roll back.
            tracing::debug!(%error, "rollback had nothing to do");
        }
        result
    }

    /// Checks the layout's version, and writes it into a new file.
    pub(crate) fn check_layout(&self, supported: u32) -> Result<(), StoreError> {
        self.connection
            .execute_batch("CREATE TABLE IF NOT EXISTS gapless_layout (version UINTEGER)")
            .doing("read the layout's version")?;
        let found: Option<u32> = self
            .connection
            .query_row("SELECT max(version) FROM gapless_layout", [], |row| row.get(0))
            .doing("read the layout's version")?;
        match found {
            Some(found) if found == supported => Ok(()),
            Some(found) => Err(StoreError::Layout { path: self.path.clone(), found, supported }),
            None => self
                .connection
                .execute_batch(&format!("INSERT INTO gapless_layout VALUES ({supported})"))
                .doing("write the layout's version"),
        }
    }
}

fn config(options: &Options) -> Result<Config, duckdb::Error> {
    Config::default()
        .with("memory_limit", format!("{}MiB", options.memory_limit_mib))?
        .with("threads", options.threads.max(1).to_string())?
        .with("wal_autocheckpoint", format!("{}MiB", options.log_limit_mib))?
        .with("autoinstall_known_extensions", "false")?
        .with("autoload_known_extensions", "false")
}
