//! What is measured each second: memory, file descriptors, threads of each process; bytes of each folder.

use std::path::Path;

/// What the system says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProcessSample {
    pub(super) resident_kib: u64,
    /// Memory that is its own: without pages of files, which the system may take back at any time.
    pub(super) anonymous_kib: u64,
    pub(super) descriptors: u64,
    pub(super) threads: u64,
}

impl ProcessSample {
    /// Of a process of this machine; `None` when there is none, or no /proc.
    pub(super) fn of(pid: u32) -> Option<ProcessSample> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
        Some(ProcessSample {
            resident_kib: field(&status, "VmRSS:")?,
            anonymous_kib: field(&status, "RssAnon:")?,
            threads: field(&status, "Threads:")?,
            descriptors,
        })
    }
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Bytes of all files in a folder; files that vanish meanwhile count nothing.
pub(super) fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        let about = entry.metadata().ok()?;
        Some(if about.is_dir() { folder_bytes(&entry.path()) } else { about.len() })
    };
    entries.filter_map(size).sum()
}

#[cfg(test)]
mod tests;
