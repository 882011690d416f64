use super::*;
use gapless_model::Rows;
use proptest::prelude::*;

fn market(seed: u64, symbol: &str) -> Market {
    Market::new(seed, symbol, "1s".parse().unwrap())
}

#[test]
fn the_same_seed_gives_the_same_candles_from_wherever_one_starts() {
    let whole = market(7, "X").candles(UnixMillis(1_700_000_000_000), 1000);
    let later = market(7, "X").candles(UnixMillis(1_700_000_500_000), 500);
    assert_eq!(whole[500..], later);
    assert_ne!(whole, market(8, "X").candles(UnixMillis(1_700_000_000_000), 1000));
    assert_ne!(whole, market(7, "Y").candles(UnixMillis(1_700_000_000_000), 1000));
}

#[test]
fn prices_move_and_do_not_jump() {
    let day = market(1, "BTC-USD").candles(UnixMillis(1_700_000_000_000), 86_400);
    assert!(day.windows(2).all(|pair| pair[0].close == pair[1].open), "candles join");
    let jump = |candle: &Candle| (candle.high / candle.low).ln();
    assert!(day.iter().all(|candle| jump(candle) < 0.01), "no second moves by a percent");
    let (low, high) =
        day.iter().fold((f64::MAX, 0.0f64), |(low, high), c| (low.min(c.low), high.max(c.high)));
    assert!(high / low > 1.005, "a day moves: {low} to {high}");
    let still = day.iter().filter(|candle| candle.high == candle.low).count();
    assert!(still < day.len() / 4, "{still} candles stand still");
}

proptest! {
    #[test]
    fn every_candle_is_valid(seed in any::<u64>(), ts in 0i64..4_000_000_000_000, symbol in "[A-Z]{1,8}") {
        let candles = market(seed, &symbol).candles(UnixMillis(ts), 50);
        prop_assert!(Rows::Candles(candles).validate().is_ok());
    }
}
