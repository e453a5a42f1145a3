//! Numbers as people and rules want them: rounded to three significant digits, or exact.

use std::{fmt, str::FromStr};

/// A number as it was written: digits with a decimal point at most, so that it goes into rules unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal(String);

/// Why a text is no [`Decimal`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no number above zero of at most 12 digits and 6 decimals, like 1000 or 0.8")]
pub struct DecimalError(String);

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str, most| (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let above_zero = text.bytes().any(|b| (b'1'..=b'9').contains(&b));
        if digits(whole, 12) && digits(decimals, 6) && above_zero {
            Ok(Self(text.to_owned()))
        } else {
            Err(DecimalError(text.to_owned()))
        }
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Rounds to three significant digits. What is not finite stays as it is.
///
/// A status that follows every sample would be written at every evaluation; three digits hold still while nothing happens.
pub fn round3(value: f64) -> f64 {
    significant(value).parse().unwrap_or(value)
}

/// Rounds a share of good events so that its *distance from one* keeps three significant digits.
///
/// Plain rounding would turn 99.962 % into 100 %; what matters about it is the 0.038 % that is missing.
pub fn round_good(share: f64) -> f64 {
    // Through decimal text, because `1 - 0.00038` in binary is not `0.99962`.
    format!("{:.12}", 1.0 - round3(1.0 - share)).parse().unwrap_or(share)
}

/// A fraction as per cent without noise: `0.99962` becomes `99.962`, `0.624` becomes `62.4`.
pub fn percent(fraction: f64) -> String {
    plain(fraction * 100.0)
}

/// A count as people write it, with three significant digits: `7.2`, `950`, `1.21k`, `3.2M`.
pub fn human_count(count: f64) -> String {
    let rounded = round3(count);
    for (unit, size) in [("G", 1e9), ("M", 1e6), ("k", 1e3)] {
        if rounded.abs() >= size {
            return format!("{}{unit}", plain(round3(rounded / size)));
        }
    }
    plain(rounded)
}

/// Three significant digits in the `e` notation, the one in which Rust rounds to significant digits.
fn significant(value: f64) -> String {
    format!("{value:.2e}")
}

/// A decimal without exponent and without trailing zeros; binary noise beyond ten decimals is cut.
fn plain(value: f64) -> String {
    let text = format!("{value:.10}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Hundredths as an exact decimal: 70 becomes `0.7`, 5 becomes `0.05`, 150 becomes `1.5`.
pub(super) fn hundredths(percent: u32) -> String {
    let text = format!("{}.{:02}", percent / 100, percent % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Tenths as an exact decimal: 144 becomes `14.4`, 60 becomes `6`.
pub(super) fn tenths(value: u32) -> String {
    let text = format!("{}.{}", value / 10, value % 10);
    text.trim_end_matches(".0").to_owned()
}

/// Milliseconds as an exact decimal number of seconds: 200 becomes `0.2`, 1500 becomes `1.5`.
pub(crate) fn seconds(milliseconds: u64) -> String {
    let text = format!("{}.{:03}", milliseconds / 1_000, milliseconds % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // Exactness is what these numbers promise.
mod tests {
    use super::*;

    #[test]
    fn three_significant_digits() {
        for (value, rounded) in [
            (0.0, 0.0),
            (62.4449, 62.4),
            (0.000_123_46, 0.000_123),
            (1234.0, 1230.0),
            (-4.69e-12, -4.69e-12),
            (999.9, 1000.0),
            (14.4, 14.4),
        ] {
            assert_eq!(round3(value), rounded, "{value}");
        }
        assert!(round3(f64::INFINITY).is_infinite() && round3(f64::NAN).is_nan());
    }

    #[test]
    fn good_shares_keep_the_digits_that_matter() {
        for (share, shown) in [
            (0.999_62, "99.962"),
            (0.999_623_4, "99.9623"),
            (1.0, "100"),
            (0.5, "50"),
            (0.999_998_765_1, "99.999877"),
            (0.0, "0"),
            (0.912_345, "91.23"),
        ] {
            assert_eq!(percent(round_good(share)), shown);
        }
    }

    #[test]
    fn counts_for_people() {
        for (count, shown) in [
            (0.0, "0"),
            (7.2, "7.2"),
            (999.0, "999"),
            (999.6, "1k"),
            (1_214.0, "1.21k"),
            (3_200.0, "3.2k"),
            (1_234_567.0, "1.23M"),
            (25_920_000_000.0, "25.9G"),
            (-12.34, "-12.3"),
        ] {
            assert_eq!(human_count(count), shown, "{count}");
        }
    }

    #[test]
    fn exact_decimals() {
        assert_eq!(["0.7", "0.05", "1.5", "1", "0"].map(str::to_owned), [70, 5, 150, 100, 0].map(hundredths));
        assert_eq!(["14.4", "6", "0.5", "30"].map(str::to_owned), [144, 60, 5, 300].map(tenths));
        assert_eq!(["0.2", "1.5", "1", "0.001", "60"].map(str::to_owned), [200, 1_500, 1_000, 1, 60_000].map(seconds));
    }

    #[test]
    fn decimals_are_kept_as_written() {
        for text in ["1000", "0.8", "1", "0.000001", "999999999999.999999"] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text);
        }
        for text in ["", "0", "0.0", "-1", "+1", "1e3", "1.", ".5", "1.2.3", "1234567890123", "0.1234567", "1 ", "٣"] {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }
}
