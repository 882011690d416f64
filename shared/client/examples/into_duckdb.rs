//! A whole application: everything that there is, in a DuckDB file, each row exactly once.
//!
//! Kill it whenever you like and start it again: the file is always right. Then look inside with
//! `duckdb app.duckdb "select stream, count(*) from candles group by all"`.
//!
//! Run with: cargo run -p gapless --example into_duckdb -- app.duckdb

use gapless::{From, Subscription};
use std::ops::ControlFlow;
use std::time::Duration;

fn main() -> Result<(), gapless::Error> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "app.duckdb".into());
    let everything =
        Subscription::builder().prefix("").from(From::Start).until_caught_up(Duration::from_secs(5));
    let filled = everything.into_duckdb(&path, |filled| {
        println!("{} rows of {} streams", filled.rows, filled.streams.len());
        ControlFlow::Continue(())
    })?;
    println!("{path}: {} new rows in {} transactions", filled.rows, filled.commits);
    Ok(())
}
