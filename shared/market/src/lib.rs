//! A simulated market: prices that wander, as a pure function of seed, symbol and time.
//!
//! It is where sources of simulated candles get their rows; it knows no clock, pace or stream.
//!
//! A plain random walk has to be walked from its beginning to know today's price; a restart would jump.
//! Here the walk is built the way of midpoint displacement: noise on a grid of nine hours, and on grids
//! each a quarter as wide down to half a second, each with half the amplitude, as a random walk has on
//! that scale (the root of the width). Any moment is computed from the grids around it alone; the grid
//! points around the last moment are kept, since the next moment is nearly always between the same.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

use gapless_model::{Candle, Interval, UnixMillis};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// How many grids there are.
const GRIDS: usize = 9;
/// The widest grid, in milliseconds as a power of 2: a good nine hours. The narrowest is 2^9 ms.
const WIDEST_LOG2_MS: u32 = 25;
/// How far the logarithm of the price wanders on the widest grid: about 4 %.
const WIDEST_AMPLITUDE: f64 = 0.04;
/// Moments within a candle whose prices make its high and low.
const MOMENTS: i64 = 4;

/// One symbol's prices.
#[derive(Debug, Clone)]
pub struct Market {
    seed: u64,
    interval: Interval,
    /// Around what the price wanders.
    base: f64,
    /// Steps of the price per unit: five digits, as exchanges quote.
    steps: f64,
    grids: [Grid; GRIDS],
}

/// The part of one grid around the moment that was asked for last.
#[derive(Debug, Clone, Copy)]
struct Grid {
    log2_ms: u32,
    amplitude: f64,
    cell: i64,
    knots: (f64, f64),
}

impl Market {
    /// The market of `symbol`; the same seed and symbol give the same prices, always.
    pub fn new(seed: u64, symbol: &str, interval: Interval) -> Market {
        let seed = xxh3_64_with_seed(symbol.as_bytes(), seed);
        // From 1 to 100,000, as likely to be between 1 and 10 as between 10,000 and 100,000.
        let base = 10f64.powf(5.0 * uniform(seed, 0, 0));
        let steps = 10f64.powf(4.0 - base.log10().floor());
        let (mut log2_ms, mut amplitude) = (WIDEST_LOG2_MS, WIDEST_AMPLITUDE);
        let grids = std::array::from_fn(|_| {
            let grid = Grid { log2_ms, amplitude, cell: 0, knots: knots(seed, log2_ms, 0) };
            (log2_ms, amplitude) = (log2_ms.saturating_sub(2), amplitude / 2.0);
            grid
        });
        Market { seed, interval, base, steps, grids }
    }

    /// The interval of its candles.
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// `count` consecutive candles, the first of which begins at `from`.
    pub fn candles(&mut self, from: UnixMillis, count: usize) -> Vec<Candle> {
        let step = self.interval.millis();
        let mut open = self.price(from.0);
        let mut candles = Vec::with_capacity(count);
        for n in (0i64..).take(count) {
            let candle = self.candle(UnixMillis(from.0 + n * step), open);
            open = candle.close;
            candles.push(candle);
        }
        candles
    }

    fn candle(&mut self, ts: UnixMillis, open: f64) -> Candle {
        let step = self.interval.millis();
        let (mut low, mut high, mut close) = (open, open, open);
        for moment in 1..=MOMENTS {
            close = self.price(ts.0 + step * moment / MOMENTS);
            low = low.min(close);
            high = high.max(close);
        }
        let activity = -(1.0 - uniform(self.seed, u32::MAX, ts.0)).ln();
        let volume = activity * step as f64 / 1000.0 * (1.0 + 100.0 * (high - low) / open);
        Candle { ts, open, high, low, close, volume: round(volume, 1e4) }
    }

    fn price(&mut self, at_ms: i64) -> f64 {
        let seed = self.seed;
        let wandered: f64 = self.grids.iter_mut().map(|grid| grid.noise(seed, at_ms)).sum();
        round(self.base * wandered.exp(), self.steps)
    }
}

impl Grid {
    /// Noise between minus and plus the amplitude, joined smoothly.
    fn noise(&mut self, seed: u64, at_ms: i64) -> f64 {
        let cell = at_ms >> self.log2_ms;
        if cell != self.cell {
            self.cell = cell;
            self.knots = knots(seed, self.log2_ms, cell);
        }
        let along = (at_ms - (cell << self.log2_ms)) as f64 / (1i64 << self.log2_ms) as f64;
        let smooth = along * along * (3.0 - 2.0 * along);
        let (left, right) = self.knots;
        self.amplitude * (left + (right - left) * smooth)
    }
}

/// The noise at both ends of a cell, from -1 to 1.
fn knots(seed: u64, log2_ms: u32, cell: i64) -> (f64, f64) {
    let knot = |cell| 2.0 * uniform(seed, log2_ms, cell) - 1.0;
    (knot(cell), knot(cell + 1))
}

/// A number from 0 to below 1 that only the arguments decide.
fn uniform(seed: u64, grid: u32, cell: i64) -> f64 {
    let mut bytes = [0u8; 20];
    let parts = seed.to_le_bytes().into_iter().chain(grid.to_le_bytes()).chain(cell.to_le_bytes());
    bytes.iter_mut().zip(parts).for_each(|(slot, byte)| *slot = byte);
    (xxh3_64(&bytes) >> 11) as f64 / (1u64 << 53) as f64
}

fn round(value: f64, per_unit: f64) -> f64 {
    (value * per_unit).round() / per_unit
}

#[cfg(test)]
mod tests;
