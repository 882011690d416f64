//! Following into a DuckDB file, with progress.

use super::Summary;
use crate::connect::Global;
use crate::{render, terminal};
use anyhow::Result;
use gapless::{Filled, StreamReport, SubscriptionBuilder};
use gapless_service_kit::Shutdown;
use std::ops::ControlFlow;
use std::path::Path;

pub(super) fn run(
    global: &Global,
    builder: SubscriptionBuilder,
    path: &Path,
    shutdown: &Shutdown,
) -> Result<Vec<StreamReport>> {
    let bar = terminal::bar(0, "rows").with_message(path.display().to_string());
    let result = builder.into_duckdb(path, |filled| {
        bar.set_position(filled.rows);
        bar.set_message(format!("{} {}", path.display(), standing(filled)));
        if shutdown.is_requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    let filled = result?;
    let summary = Summary::of(filled.rows, &filled.streams);
    if global.json {
        render::json(&summary)?;
    } else {
        render::line(format!("{}: {summary}", path.display()))?;
    }
    Ok(filled.streams)
}

fn standing(filled: &Filled) -> String {
    let lag: u64 = filled.streams.iter().map(StreamReport::lag).sum();
    format!("{} streams, {} behind", filled.streams.len(), render::count(lag))
}
