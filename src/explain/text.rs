//! Texts in columns, and times and counts for people.

use std::fmt::Write;

use crate::slo::number;

/// Names, as many on a line as it holds.
pub(super) fn wrapped(names: &[&str]) -> String {
    let mut text = String::new();
    let mut line = String::from("   ");
    for name in names {
        if line.len() + 1 + name.len() > 118 {
            text.push_str(&line);
            text.push('\n');
            line.truncate(3);
        }
        line.push(' ');
        line.push_str(name);
    }
    text.push_str(&line);
    text.push('\n');
    text
}

pub(super) fn row<const N: usize>(cells: [&str; 5], more: [String; N]) -> Vec<String> {
    cells.into_iter().map(str::to_owned).chain(more).collect()
}

/// Columns of one width each, with two blanks before and between.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = (0..columns).filter_map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "  {cell:<width$}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The two largest units of a length of time: `43m12s`, `2h24m`, `3d`, `0.9s`.
pub(crate) fn human_time(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{}s", number::round3((seconds * 10.0).round() / 10.0));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ten seconds or more")]
    let whole = seconds.round() as u64;
    let units = [("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)];
    let first = units.iter().position(|(_, size)| whole >= *size).unwrap_or(3);
    let mut rest = whole;
    let mut text = String::new();
    for (unit, size) in units.iter().skip(first).take(2) {
        if rest >= *size {
            let _ = write!(text, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    text
}

/// `1000` as `1,000`.
pub(super) fn grouped(text: &str) -> String {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let mut shown = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    if decimals.is_empty() { shown } else { format!("{shown}.{decimals}") }
}

#[expect(clippy::cast_precision_loss, reason = "at most 90 days")]
pub(crate) fn seconds(seconds: u64) -> f64 {
    seconds as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_counts_for_people() {
        for (seconds, shown) in [
            (0.86, "0.9s"),
            (51.84, "52s"),
            (2_592.0, "43m12s"),
            (8_640.0, "2h24m"),
            (259_200.0, "3d"),
            (259_205.0, "3d"),
            (777_600.5, "9d"),
        ] {
            assert_eq!(human_time(seconds), shown, "{seconds}");
        }
        assert_eq!(["1", "100", "1000", "500000", "0.1"].map(grouped), ["1", "100", "1,000", "500,000", "0.1"]);
    }
}
