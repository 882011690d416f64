//! Which column means what, by the names that files and feeds give them.
//!
//! Names are compared without case, spaces, `_`, `-` and the `<>` of some trading platforms. A name may
//! fit several meanings (`volume` is a candle's volume and a trade's size); the shape that is complete
//! decides: open, high, low and close make candles, else bid and ask or a price make ticks.

use crate::scalar::{Scalar, cut};
use crate::ticks::{Price, Tick};
use gapless_model::{Candle, UnixNanos};

/// Names for the time of a row, the surest first.
const TIME: &[&str] = &[
    "ts",
    "tsms",
    "tsns",
    "tsus",
    "timestamp",
    "timestampms",
    "timestampns",
    "timestampus",
    "tsevent",
    "datetime",
    "time",
    "date",
    "opentime",
    "timeopen",
    "starttime",
    "unix",
    "unixtime",
    "epoch",
    "gmttime",
    "localtime",
    "t",
    "unnamed:0",
    "",
];
const OPEN: &[&str] = &["open", "o", "openprice"];
const HIGH: &[&str] = &["high", "h", "highprice", "max"];
const LOW: &[&str] = &["low", "l", "lowprice", "min"];
const CLOSE: &[&str] = &["close", "c", "closeprice"];
const VOLUME: &[&str] = &["volume", "vol", "v", "basevolume", "tickvolume", "tickvol", "realvolume"];
const BID: &[&str] = &["bid", "bidprice", "b"];
const ASK: &[&str] = &["ask", "askprice", "offer", "a"];
const PRICE: &[&str] = &["price", "p", "last", "lastprice", "tradeprice", "mid"];
const SIZE: &[&str] = &["size", "qty", "quantity", "amount", "volume", "vol", "v", "s"];

/// The most characters of a message that columns which were found may take.
const MAX_FOUND_CHARS: usize = 1000;

/// Where the fields of a candle or a tick stand in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    time: TimeColumns,
    shape: Shape,
}

/// Some platforms write the date and the time of day in two columns.
#[derive(Debug, Clone, PartialEq, Eq)]
enum TimeColumns {
    One(usize),
    DateAndClock(usize, usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Candle { open: usize, high: usize, low: usize, close: usize, volume: Option<usize> },
    Quote { bid: Option<usize>, ask: Option<usize>, size: Option<usize> },
    Trade { price: usize, size: Option<usize> },
}

/// One row of a file, before ticks are folded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reading {
    Candle(Candle),
    Tick(Tick),
}

impl Layout {
    /// The layout that column names tell.
    pub(crate) fn of_names<S: AsRef<str>>(names: &[S]) -> Result<Layout, String> {
        let names = Names(names.iter().map(|name| normalise(name.as_ref())).collect());
        let time = names.time().ok_or_else(|| names.complain("no column with the time"))?;
        let shape = names.shape().ok_or_else(|| {
            names
                .complain("neither open, high, low and close, nor bid and ask, nor a price among the columns")
        })?;
        Ok(Layout { time, shape })
    }

    /// The layout of rows without a header, by how many fields the first one has; `None` when that row
    /// is no row of numbers with a time in front.
    pub(crate) fn of_first_row(fields: &[&str]) -> Option<Layout> {
        let (time, numbers) = fields.split_first()?;
        Scalar::Text((*time).into()).time().ok().flatten()?;
        let numeric = |field: &&str| field.trim().parse::<f64>().is_ok();
        let shape = match numbers.len() {
            1 => Shape::Trade { price: 1, size: None },
            2 => Shape::Quote { bid: Some(1), ask: Some(2), size: None },
            4 => Shape::Candle { open: 1, high: 2, low: 3, close: 4, volume: None },
            5.. => Shape::Candle { open: 1, high: 2, low: 3, close: 4, volume: Some(5) },
            _ => return None,
        };
        numbers.iter().take(5).all(numeric).then_some(Layout { time: TimeColumns::One(0), shape })
    }

    /// Whether its rows are ticks, to be folded into candles.
    pub(crate) fn is_ticks(&self) -> bool {
        !matches!(self.shape, Shape::Candle { .. })
    }

    /// Whether it has what `price` asks for.
    pub(crate) fn check_price(&self, price: Price) -> Result<(), String> {
        let Shape::Quote { bid, ask, .. } = &self.shape else { return Ok(()) };
        match price {
            Price::Mid if bid.is_some() && ask.is_some() => Ok(()),
            Price::Bid if bid.is_some() => Ok(()),
            Price::Ask if ask.is_some() => Ok(()),
            _ => Err(format!("no columns for the {price} price: choose the price that the file has")),
        }
    }

    /// The columns that it needs, ascending, each once.
    pub(crate) fn columns(&self) -> Vec<usize> {
        let mut columns = match self.time {
            TimeColumns::One(time) => vec![time],
            TimeColumns::DateAndClock(date, clock) => vec![date, clock],
        };
        columns.extend(
            match &self.shape {
                Shape::Candle { open, high, low, close, volume } => {
                    [Some(*open), Some(*high), Some(*low), Some(*close), *volume]
                }
                Shape::Quote { bid, ask, size } => [*bid, *ask, *size, None, None],
                Shape::Trade { price, size } => [Some(*price), *size, None, None, None],
            }
            .into_iter()
            .flatten(),
        );
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// Reads one row, whose fields `field` hands out by column.
    pub(crate) fn read<'a>(
        &self,
        price: Price,
        field: impl Fn(usize) -> Scalar<'a>,
    ) -> Result<Reading, String> {
        let ts = self.read_time(&field)?;
        let number = |name, column| required(name, field(column).number());
        let optional = |name, column: Option<usize>| match column {
            Some(column) => field(column).number().map_err(|e| format!("{name} {e}")),
            None => Ok(None),
        };
        match &self.shape {
            Shape::Candle { open, high, low, close, volume } => {
                let candle = Candle {
                    ts: ts.to_millis(),
                    open: number("open", *open)?,
                    high: number("high", *high)?,
                    low: number("low", *low)?,
                    close: number("close", *close)?,
                    volume: optional("volume", *volume)?.unwrap_or(0.0),
                };
                candle.check()?;
                Ok(Reading::Candle(candle))
            }
            Shape::Quote { bid, ask, size } => {
                let side = |name, column: &Option<usize>| match column {
                    Some(column) => number(name, *column),
                    None => Err(format!("{name} is missing")),
                };
                let price = match price {
                    Price::Mid => (side("bid", bid)? + side("ask", ask)?) / 2.0,
                    Price::Bid => side("bid", bid)?,
                    Price::Ask => side("ask", ask)?,
                };
                Tick::new(ts, price, optional("size", *size)?).map(Reading::Tick)
            }
            Shape::Trade { price, size } => {
                Tick::new(ts, number("price", *price)?, optional("size", *size)?).map(Reading::Tick)
            }
        }
    }

    fn read_time<'a>(&self, field: &impl Fn(usize) -> Scalar<'a>) -> Result<UnixNanos, String> {
        match self.time {
            TimeColumns::One(column) => required("time", field(column).time()),
            TimeColumns::DateAndClock(date, clock) => {
                let text = |name, column| required(name, field(column).text());
                let joined = format!("{} {}", text("date", date)?.trim(), text("time", clock)?.trim());
                required("time", Scalar::Text(joined.into()).time())
            }
        }
    }
}

/// The column that tells when, for rows whose other columns are free.
pub(crate) fn time_column<S: AsRef<str>>(names: &[S]) -> Option<usize> {
    let names = Names(names.iter().map(|name| normalise(name.as_ref())).collect());
    names.first_of(TIME)
}

/// The first column that has one of `wanted` as its name, the earlier name in `wanted` winning.
pub(crate) fn column_named<S: AsRef<str>>(names: &[S], wanted: &[&str]) -> Option<usize> {
    Names(names.iter().map(|name| normalise(name.as_ref())).collect()).first_of(wanted)
}

struct Names(Vec<String>);

impl Names {
    fn first_of(&self, wanted: &[&str]) -> Option<usize> {
        wanted.iter().find_map(|wanted| self.0.iter().position(|name| name == wanted))
    }

    fn time(&self) -> Option<TimeColumns> {
        match (self.first_of(&["date"]), self.first_of(&["time"])) {
            (Some(date), Some(clock)) if self.first_of(&["ts", "timestamp", "datetime"]).is_none() => {
                Some(TimeColumns::DateAndClock(date, clock))
            }
            _ => self.first_of(TIME).map(TimeColumns::One),
        }
    }

    fn shape(&self) -> Option<Shape> {
        let candle = (self.first_of(OPEN), self.first_of(HIGH), self.first_of(LOW), self.first_of(CLOSE));
        let (bid, ask) = (self.first_of(BID), self.first_of(ASK));
        let size = self.first_of(SIZE);
        match candle {
            (Some(open), Some(high), Some(low), Some(close)) => {
                Some(Shape::Candle { open, high, low, close, volume: self.first_of(VOLUME) })
            }
            _ if bid.is_some() || ask.is_some() => Some(Shape::Quote { bid, ask, size }),
            _ => self.first_of(PRICE).map(|price| Shape::Trade { price, size }),
        }
    }

    fn complain(&self, what: &str) -> String {
        let found: Vec<String> = self.0.iter().take(20).map(|name| cut(name)).collect();
        // Names that cannot be printed are escaped and get ten times as long.
        let found: String = format!("{found:?}").chars().take(MAX_FOUND_CHARS).collect();
        format!("{what}; found {found}")
    }
}

fn normalise(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '<' | '>' | '"' | '\''))
        .flat_map(char::to_lowercase)
        .collect()
}

fn required<T>(name: &str, value: Result<Option<T>, String>) -> Result<T, String> {
    match value {
        Ok(Some(value)) => Ok(value),
        Ok(None) => Err(format!("{name} is missing")),
        Err(reason) => Err(format!("{name} {reason}")),
    }
}
