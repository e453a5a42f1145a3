//! Numbers as the controller's language has them. Its integers wrap, and a conversion of a float that the integer cannot
//! hold gives the smallest integer: that is how it is on amd64, where the control planes run that this is compared with.

/// `int32(math.Ceil(x))`.
pub(super) fn ceil(x: f64) -> i32 {
    truncate(x.ceil())
}

/// `int32(x)`.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
pub(super) fn truncate(x: f64) -> i32 {
    let whole = x.trunc();
    if whole >= f64::from(i32::MIN) && whole <= f64::from(i32::MAX) { whole as i32 } else { i32::MIN }
}

/// `int64(math.Ceil(x))`.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked, and its end is not within it")]
pub(super) fn ceil_long(x: f64) -> i64 {
    let whole = x.ceil();
    let end = -float(i64::MIN);
    if whole >= -end && whole < end { whole as i64 } else { i64::MIN }
}

/// `int32(n)`: the lower half.
#[expect(clippy::cast_possible_truncation, reason = "that is what the controller does")]
pub(super) const fn lower_half(n: i64) -> i32 {
    n as i32
}

/// `float64(n)`.
#[expect(clippy::cast_precision_loss, reason = "that is what the controller does")]
pub(super) const fn float(n: i64) -> f64 {
    n as f64
}

/// A count of pods.
pub(super) fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_integer_cannot_hold_becomes_the_smallest() {
        assert_eq!([ceil(2.000_000_1), ceil(-2.9), ceil(2_147_483_647.0)], [3, -2, i32::MAX]);
        assert_eq!([ceil(2_147_483_648.0), ceil(f64::NAN), ceil(f64::INFINITY)], [i32::MIN; 3]);
        assert_eq!([truncate(2.9), truncate(-2.9), truncate(-2_147_483_648.9)], [2, -2, i32::MIN]);
        assert_eq!(
            [ceil_long(1e18), ceil_long(1e19), ceil_long(-1e19)],
            [1_000_000_000_000_000_000, i64::MIN, i64::MIN]
        );
        assert_eq!(lower_half((1 << 32) + 7), 7);
    }
}
