//! Quantities as the API writes them: `100m`, `1.5`, `2Gi`, `1e3`.

/// A decimal, and nothing is lost of it down to billionths: `digits` times ten to the power of `scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quantity {
    digits: i128,
    scale: i32,
}

impl Quantity {
    /// None of a text that is no quantity, or of one that is below zero: there is no such target and no such tolerance.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let number = text.strip_prefix('+').unwrap_or(text);
        let end = number.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(number.len());
        let (number, suffix) = number.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let (times, exponent) = unit(suffix)?;
        let scale = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
        // More than this no target has, and beyond it there would be nothing to count with.
        (scale.abs() <= 30).then_some(())?;
        Some(Self { digits: digits.checked_mul(times)?, scale }.canonical())
    }

    /// As the API server writes it: the fewest digits, with an exponent that is a multiple of three, and no less than
    /// billionths, rounded up.
    fn canonical(self) -> Self {
        let Self { mut digits, mut scale } = self;
        while scale < -9 {
            digits = ceil_div(digits, 10);
            scale += 1;
        }
        while digits != 0 && digits % 10 == 0 {
            digits /= 10;
            scale += 1;
        }
        while scale.rem_euclid(3) != 0 {
            digits = digits.saturating_mul(10);
            scale -= 1;
        }
        Self { digits, scale }
    }

    /// In thousandths, rounded up. None if there are too many of them.
    pub(super) fn milli(self) -> Option<i64> {
        let scale = self.scale + 3;
        let power = 10_i128.checked_pow(scale.unsigned_abs())?;
        let milli = if scale >= 0 { self.digits.checked_mul(power)? } else { ceil_div(self.digits, power) };
        i64::try_from(milli).ok()
    }

    /// As a float: the digits times the power of ten, which is not always the float nearest to the number.
    #[expect(clippy::cast_precision_loss, reason = "a tolerance has few digits")]
    pub(super) fn approximate(self) -> Option<f64> {
        let digits = self.digits as f64;
        Some(if self.scale == 0 { digits } else { digits * format!("1e{}", self.scale).parse::<f64>().ok()? })
    }
}

/// The factor and the power of ten of a suffix.
fn unit(suffix: &str) -> Option<(i128, i32)> {
    let binary = |power: u32| Some((1_i128 << (10 * power), 0));
    match suffix {
        "n" => Some((1, -9)),
        "u" => Some((1, -6)),
        "m" => Some((1, -3)),
        "" => Some((1, 0)),
        "k" => Some((1, 3)),
        "M" => Some((1, 6)),
        "G" => Some((1, 9)),
        "T" => Some((1, 12)),
        "P" => Some((1, 15)),
        "E" => Some((1, 18)),
        "Ki" => binary(1),
        "Mi" => binary(2),
        "Gi" => binary(3),
        "Ti" => binary(4),
        "Pi" => binary(5),
        "Ei" => binary(6),
        _ => Some((1, suffix.strip_prefix(['e', 'E'])?.parse().ok()?)),
    }
}

fn ceil_div(digits: i128, by: i128) -> i128 {
    digits / by + i128::from(digits % by > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_are_rounded_up() {
        let milli = |text: &str| Quantity::parse(text).and_then(Quantity::milli);
        for (text, expected) in [
            ("1", 1000_i128),
            ("+1.5", 1500),
            ("100m", 100),
            ("0.0001", 1),
            ("1u", 1),
            ("0", 0),
            (".5", 500),
            ("2.", 2000),
            ("1e3", 1_000_000),
            ("5E-3", 5),
            ("2Ki", 2_048_000),
            ("1.5Gi", 1_610_612_736_000),
            ("3k", 3_000_000),
            ("1E", 1_000_000_000_000_000_000_000),
        ] {
            assert_eq!(milli(text), i64::try_from(expected).ok(), "{text}");
        }
        for text in ["", "-1", "1 ", "m", "1mm", "1.2.3", "1e", "1e999999999999", "one"] {
            assert_eq!(Quantity::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_float_comes_from_the_canonical_digits() {
        let float = |text: &str| Quantity::parse(text).and_then(Quantity::approximate);
        assert_eq!(float("0.07"), Some(70.0 * 0.001));
        assert_eq!(float("0.35"), Some(350.0 * 0.001));
        assert_eq!(
            [float("1"), float("0"), float("1000m"), float("2k")],
            [Some(1.0), Some(0.0), Some(1.0), Some(2000.0)]
        );
    }
}
