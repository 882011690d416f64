//! Charts of the figures, as SVG.

use crate::report::{Line, lines, number};
use crate::results::Results;
use anyhow::{Context, Result, anyhow};
use plotters::prelude::{
    BLACK, ChartBuilder, Color, EmptyElement, IntoDrawingArea, IntoFont, PathElement, RGBColor, Rectangle,
    SVGBackend, Text,
};
use std::path::Path;

/// What each chart shows: benchmark, figure, title, file.
const CHARTS: [(&str, &str, &str, &str); 4] = [
    (
        "B1",
        "rows/s",
        "Rows of 128 bytes a second, handed over one by one, from producer to subscriber",
        "throughput.svg",
    ),
    ("B3", "p50 us", "Half of the rows arrive within, in microseconds", "latency-p50.svg"),
    ("B3", "p99 us", "99 of 100 rows arrive within, in microseconds", "latency-p99.svg"),
    ("B4", "rows/s", "Rows a second read from the beginning by a new client", "replay.svg"),
];

const WIDTH: u32 = 900;
const BAR: u32 = 34;
const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const OTHERS: RGBColor = RGBColor(0xb0, 0xb7, 0xc3);

/// Draws every chart whose figures were measured; returns titles and names of the files.
///
/// # Errors
/// When a file cannot be written.
pub fn write_all(folder: &Path, results: &Results) -> Result<Vec<(&'static str, &'static str)>> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut drawn = Vec::new();
    for (bench, measure, title, file) in CHARTS {
        let mut bars = lines(results);
        bars.retain(|line| line.bench == bench && line.measure == measure);
        if bars.is_empty() {
            continue;
        }
        draw(&folder.join(file), title, &bars).map_err(|error| anyhow!("the chart {file}: {error}"))?;
        drawn.push((title, file));
    }
    Ok(drawn)
}

/// How long a bar is: in proportion, or by the figure's logarithm where the largest is so much larger than the smallest
/// that most bars could not be seen.
#[derive(Debug, Clone, Copy)]
enum Scale {
    Linear,
    /// A bar of no length is this much.
    Logarithmic(f64),
}

impl Scale {
    fn of(bars: &[Line<'_>]) -> Scale {
        let all = || bars.iter().map(|bar| bar.spread.median).filter(|median| *median > 0.0);
        let (least, most) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
        if most > 100.0 * least { Scale::Logarithmic(least / 2.0) } else { Scale::Linear }
    }

    fn at(self, value: f64) -> f64 {
        match self {
            Scale::Linear => value,
            Scale::Logarithmic(nothing) => (value / nothing).log10().max(0.0),
        }
    }
}

/// A bar for each line, with its median, and a stroke from the smallest to the largest.
fn draw(path: &Path, title: &str, bars: &[Line<'_>]) -> Result<(), Box<dyn std::error::Error>> {
    let count = i32::try_from(bars.len())?;
    let area = SVGBackend::new(path, (WIDTH, 60 + BAR * u32::try_from(count)?)).into_drawing_area();
    area.fill(&plotters::style::WHITE)?;
    let scale = Scale::of(bars);
    let largest = bars.iter().map(|bar| scale.at(bar.spread.max)).fold(0.0, f64::max);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18).into_font())
        .margin(10)
        .build_cartesian_2d(-0.45 * largest..1.2 * largest, 0..count * 10)?;
    for (place, bar) in bars.iter().enumerate() {
        let top = (count - i32::try_from(place)?) * 10;
        let color = if bar.system.starts_with("Gapless") { OURS } else { OTHERS };
        let style = ("sans-serif", 14).into_font();
        let label =
            if bar.case.is_empty() { bar.system.to_owned() } else { format!("{}, {}", bar.system, bar.case) };
        let [least, median, most] =
            [bar.spread.min, bar.spread.median, bar.spread.max].map(|value| scale.at(value));
        chart.draw_series([Rectangle::new([(0.0, top - 2), (median, top - 8)], color.filled())])?;
        let range = vec![(least, top - 5), (most, top - 5)];
        chart.draw_series([PathElement::new(range, BLACK.stroke_width(2))])?;
        chart.draw_series([
            EmptyElement::at((-0.44 * largest, top - 3)) + Text::new(label, (0, 0), style.clone()),
            EmptyElement::at((most.max(median) + 0.01 * largest, top - 3))
                + Text::new(number(bar.spread.median), (0, 0), style),
        ])?;
    }
    area.present()?;
    Ok(())
}
