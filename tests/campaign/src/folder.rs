//! Where reports and logs go: the cache, never the source tree.

use anyhow::{Context, Result};
use std::path::PathBuf;

/// `<cache>/<campaign>/<name>`, made new.
pub(crate) fn report_folder(campaign: &str, name: &str) -> Result<PathBuf> {
    let cache = match std::env::var_os("GAPLESS_CACHE") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache/gapless"),
    };
    let folder = cache.join(campaign).join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
