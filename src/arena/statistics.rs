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

/// The quantile of Student's t for 12 two-sided intervals of which all hold at the same time with 95 % (Bonferroni), by
/// the expansion of Cornish and Fisher about the normal quantile.
pub fn joint(degrees: f64) -> f64 {
    // Of a tail of 0.05 / 24.
    let z: f64 = 2.8653;
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / degrees + second / degrees.powi(2) + third / degrees.powi(3)
}

/// The mean of values and its interval.
pub fn interval(values: &[f64]) -> Interval {
    let count = length(values.len());
    let mean = values.iter().sum::<f64>() / count.max(1.0);
    if values.len() < 2 {
        return Interval { mean, half: 0.0 };
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Interval { mean, half: student(values.len() - 1) * (squares / (count - 1.0) / count).sqrt() }
}

/// The quantile of Student's t for a two-sided interval of 95 %.
pub fn student(degrees: usize) -> f64 {
    // Above thirty degrees of freedom the normal distribution is near enough.
    degrees.checked_sub(1).and_then(|index| STUDENT.get(index)).copied().unwrap_or(1.96)
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
        // Tables: 3.808 with 9 degrees of freedom, 2.929 with 100.
        assert!(
            (joint(9.0) - 3.81).abs() < 0.02 && (joint(100.0) - 2.935).abs() < 0.01,
            "{} {}",
            joint(9.0),
            joint(100.0)
        );
        assert_eq!(interval(&[2.0]), Interval { mean: 2.0, half: 0.0 });
        assert!((geometric(&[1.0, 100.0]) - 10.0).abs() < 1e-9);
    }
}
