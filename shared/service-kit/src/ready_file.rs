//! The file that tells scripts and tests that a service is ready, and where.
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What `--ready-file` writes, as JSON. The file appears whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadyFile {
    /// The service's name, such as `ingestion`.
    pub service: String,
    /// Its version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// Name of the socket -> address really bound (`ingest` -> `tcp://127.0.0.1:5551`).
    pub addresses: BTreeMap<String, String>,
}

/// Writes `ready` to `path` atomically: a new file in the same folder, then a rename.
///
/// # Errors
/// When the folder does not exist or cannot be written to.
pub fn write_ready_file(path: &Path, ready: &ReadyFile) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut file, ready)?;
    file.write_all(b"\n")?;
    file.persist(path).map_err(|e| e.error)?;
    Ok(())
}

#[cfg(test)]
mod tests;
