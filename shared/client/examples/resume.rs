//! Goes on where it stopped, also after a crash: the cursor moves only past rows that were acknowledged.
//!
//! Here the cursor is kept in memory and the subscription is made anew after every hundred rows; with a
//! store of your own (or `DuckStore`) the same holds over the end of the process.
//!
//! Run with: cargo run -p gapless --example resume -- candles.sim.BTC-USD.1s

use gapless::{Acknowledge, Client, Event, MemoryStore};

fn main() -> Result<(), gapless::Error> {
    let topic = std::env::args().nth(1).unwrap_or_else(|| "candles.sim.BTC-USD.1s".into());
    let (client, store) = (Client::default(), MemoryStore::new());
    loop {
        let builder = client.subscribe().stream(&topic).store(store.clone());
        let subscription = builder.acknowledge(Acknowledge::Explicit).start()?;
        let acks = subscription.acks();
        let mut rows = 0;
        for event in subscription {
            let event = event?;
            if let Event::Rows(batch) = &event {
                println!("{} rows {}", batch.key, batch.range());
                rows += batch.rows.len();
            }
            // Only now the cursor moves. Whatever fails before this line comes again.
            acks.ack(event)?;
            if rows >= 100 {
                println!("stopping and resuming");
                break;
            }
        }
    }
}
