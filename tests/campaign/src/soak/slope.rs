//! Whether something grows: a least-squares line through the means of equal spans, with its confidence.
//!
//! Samples a second apart are anything but independent (an allocator's arena stays grown for minutes), and a
//! line through them would be far too sure of itself. Means of some twenty spans are nearly independent; what
//! they leave of the line's residuals gives an honest interval. Comparing only the first and the last value
//! was rejected: one of them is always an exception.

use serde::Serialize;

/// Spans that the samples are cut into.
const SPANS: usize = 20;
/// Student's t for 95 % (two-sided) at [`SPANS`] - 2 degrees of freedom.
const T_95: f64 = 2.101;

/// A line through samples of one measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Slope {
    /// Mean of the samples.
    pub level: f64,
    /// Growth in an hour at this slope.
    pub per_hour: f64,
    /// Half of the 95 % confidence interval of the growth.
    pub plus_minus: f64,
}

impl Slope {
    /// The line through `(seconds, value)`; `None` with fewer samples than spans.
    pub fn of(samples: &[(f64, f64)]) -> Option<Slope> {
        let means = means(samples)?;
        let count = means.len() as f64;
        let mean = |pick: fn(&(f64, f64)) -> f64| means.iter().map(pick).sum::<f64>() / count;
        let (x_mean, y_mean) = (mean(|point| point.0), mean(|point| point.1));
        let sxx: f64 = means.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
        let sxy: f64 = means.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
        let slope = sxy / sxx;
        let residual = |(x, y): &(f64, f64)| (y - y_mean - slope * (x - x_mean)).powi(2);
        let variance = means.iter().map(residual).sum::<f64>() / (count - 2.0);
        let error = (variance / sxx).sqrt();
        Some(Slope { level: y_mean, per_hour: slope * 3600.0, plus_minus: T_95 * error * 3600.0 })
    }

    /// Whether it grows by more than `most` an hour, with 95 % confidence.
    pub fn exceeds(&self, most: f64) -> bool {
        self.per_hour - self.plus_minus > most
    }
}

/// The means of [`SPANS`] spans with equally many samples each.
fn means(samples: &[(f64, f64)]) -> Option<Vec<(f64, f64)>> {
    let each = samples.len() / SPANS;
    if each == 0 {
        return None;
    }
    // What does not fill a span is left out at the beginning, where it is warmest.
    let rest = samples.get(samples.len() - each * SPANS..)?;
    let mean = |span: &[(f64, f64)]| {
        let sum = span.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / each as f64, sum.1 / each as f64)
    };
    Some(rest.chunks(each).map(mean).collect())
}

#[cfg(test)]
mod tests;
