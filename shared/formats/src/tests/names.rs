use crate::{FileName, topic_part};
use gapless_model::{Kind, StreamKey};
use proptest::prelude::*;
use std::path::Path;

fn named(path: &str) -> (String, Option<String>) {
    let name = FileName::of(Path::new(path));
    (name.symbol, name.interval.map(|interval| interval.to_string()))
}

#[test]
fn a_file_name_gives_symbol_and_interval() {
    for (path, symbol, interval) in [
        ("data/btc-perp-1m.csv", "btc-perp", Some("1m")),
        ("EURUSD_5M.parquet", "EURUSD", Some("5m")),
        ("eth.4h.csv", "eth", Some("4h")),
        ("gbpusd-1m-bid.csv", "gbpusd-1m-bid", None),
        ("usdjpy-ticks.csv", "usdjpy-ticks", None),
        ("1m.csv", "1m", None),
        ("no-ending", "no-ending", None),
        ("v1.2 final.csv", "v1-2-final", None),
        ("börse.csv", "b-rse", None),
        ("", "-", None),
    ] {
        assert_eq!(named(path), (symbol.to_string(), interval.map(str::to_string)), "{path}");
    }
}

proptest! {
    #[test]
    fn any_text_becomes_a_part_that_a_topic_carries(text in any::<String>()) {
        let part = topic_part(&text);
        prop_assert!(StreamKey::new(Kind::Candles, &part, &part, "1m").is_ok(), "{}", part);
    }

    #[test]
    fn a_usable_part_stays_as_it_is(text in "[a-zA-Z0-9_-]{1,64}") {
        prop_assert_eq!(topic_part(&text), text);
    }
}
