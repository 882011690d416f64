//! Folds single prices into candles of one interval.
//!
//! Each tick falls into the interval that contains its time, counted from the Unix epoch. A candle is
//! finished by the first tick of a later interval (or the end of the input); intervals without a tick
//! get no candle, because an invented flat one cannot be told from a measured one. A tick of an
//! interval that is finished comes too late and is refused by name rather than folded into the past.

use gapless_model::{Candle, Interval, UnixMillis, UnixNanos};
use std::fmt;
use std::str::FromStr;

/// Which price of a quote the candles are made of. Trades have only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Price {
    /// Half-way between bid and ask.
    #[default]
    Mid,
    /// What buyers offer.
    Bid,
    /// What sellers ask.
    Ask,
}

impl Price {
    /// Every price, for messages and help texts.
    pub const ALL: [Price; 3] = [Price::Mid, Price::Bid, Price::Ask];

    /// The word in settings.
    pub fn name(self) -> &'static str {
        match self {
            Price::Mid => "mid",
            Price::Bid => "bid",
            Price::Ask => "ask",
        }
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Price {
    type Err = String;

    fn from_str(text: &str) -> Result<Price, String> {
        Price::ALL
            .into_iter()
            .find(|price| price.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| format!("price {text:?} is not known: use mid, bid or ask"))
    }
}

/// One price at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Tick {
    ts: UnixNanos,
    price: f64,
    /// What it adds to the volume: its size, or 1 when the input does not tell sizes.
    amount: f64,
}

impl Tick {
    pub(crate) fn new(ts: UnixNanos, price: f64, size: Option<f64>) -> Result<Tick, String> {
        let amount = size.unwrap_or(1.0);
        if !price.is_finite() {
            return Err(format!("price is {price:?}, not a finite number"));
        }
        if !amount.is_finite() || amount < 0.0 {
            return Err(format!("size is {amount:?}, not a finite number of at least 0"));
        }
        Ok(Tick { ts, price, amount })
    }
}

/// The candle that is being formed.
#[derive(Debug)]
pub(crate) struct TickFold {
    interval_ms: i64,
    forming: Option<Forming>,
}

#[derive(Debug)]
struct Forming {
    /// Line of its first tick.
    line: u64,
    candle: Candle,
}

impl TickFold {
    pub(crate) fn new(interval: Interval) -> TickFold {
        TickFold { interval_ms: interval.millis(), forming: None }
    }

    /// Takes a tick; hands out the candle that it finished, with the line of that one's first tick.
    pub(crate) fn push(&mut self, line: u64, tick: Tick) -> Result<Option<(u64, Candle)>, String> {
        let start = tick.ts.to_millis().0.div_euclid(self.interval_ms) * self.interval_ms;
        match &mut self.forming {
            Some(forming) if start < forming.candle.ts.0 => Err(format!(
                "tick is older than the candle that is being formed: sort the file by time, or choose an \
                 interval longer than {} s",
                self.interval_ms / 1000
            )),
            Some(forming) if start == forming.candle.ts.0 => forming.add(tick).map(|()| None),
            _ => {
                let finished = self.finish();
                self.forming = Some(Forming::start(line, UnixMillis(start), tick));
                Ok(finished)
            }
        }
    }

    /// The input has ended: hands out the last candle.
    pub(crate) fn finish(&mut self) -> Option<(u64, Candle)> {
        self.forming.take().map(|forming| (forming.line, forming.candle))
    }
}

impl Forming {
    fn start(line: u64, ts: UnixMillis, tick: Tick) -> Forming {
        let Tick { price, amount, .. } = tick;
        let candle = Candle { ts, open: price, high: price, low: price, close: price, volume: amount };
        Forming { line, candle }
    }

    /// Adds a tick, or refuses it as it is.
    fn add(&mut self, tick: Tick) -> Result<(), String> {
        let volume = self.candle.volume + tick.amount;
        if !volume.is_finite() {
            return Err(format!(
                "size is {:?}: with it, the volume of its candle is no number any more",
                tick.amount
            ));
        }
        self.candle.high = self.candle.high.max(tick.price);
        self.candle.low = self.candle.low.min(tick.price);
        self.candle.close = tick.price;
        self.candle.volume = volume;
        Ok(())
    }
}
