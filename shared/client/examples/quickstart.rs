//! Follows every candle stream of a running stack (`gapless demo` starts one) and prints what happens.
//!
//! Run with: cargo run -p gapless --example quickstart

use gapless::{Event, From, Subscription};

fn main() -> Result<(), gapless::Error> {
    let subscription = Subscription::builder().prefix("candles.").from(From::Latest).start()?;
    for event in subscription {
        match event? {
            Event::Rows(batch) => println!("{} rows {}", batch.key, batch.range()),
            Event::GapOpened { key, gap } => {
                println!("{key} rows {} are missing and being fetched", gap.range)
            }
            Event::GapHealed { key, gap } => println!("{key} rows {} are here now", gap.range),
            Event::Truncated { key, range, .. } => println!("{key} rows {range} are gone for good"),
            other => println!("{} {other:?}", other.key()),
        }
    }
    Ok(())
}
