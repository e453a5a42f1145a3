//! Means and how far to trust them.

use super::number::length;

/// The quantiles of Student's t for a two-sided interval of 95 %, by degrees of freedom from 1.
const STUDENT: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// A mean with its interval of 95 %.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Interval {
    /// The mean.
    pub mean: f64,
    /// Half of the interval: zero of one value, about which nothing can be said.
    pub half: f64,
}

/// The mean of values and its interval.
pub fn interval(values: &[f64]) -> Interval {
    let count = length(values.len());
    let mean = values.iter().sum::<f64>() / count.max(1.0);
    if values.len() < 2 {
        return Interval { mean, half: 0.0 };
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    // Above thirty degrees of freedom the normal distribution is near enough.
    let quantile = STUDENT.get(values.len() - 2).copied().unwrap_or(1.96);
    Interval { mean, half: quantile * (squares / (count - 1.0) / count).sqrt() }
}

/// The geometric mean.
pub fn geometric(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().map(|value| value.ln()).sum();
    f64::exp(sum / length(values.len()).max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_of_a_textbook() {
        // Mean 3, deviation 1.5811, five values: 2.776 * 1.5811 / sqrt(5).
        let five = interval(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert!((five.mean - 3.0).abs() < 1e-9 && (five.half - 1.963).abs() < 1e-3, "{five:?}");
        assert_eq!(interval(&[2.0]), Interval { mean: 2.0, half: 0.0 });
        assert!((geometric(&[1.0, 100.0]) - 10.0).abs() < 1e-9);
    }
}
