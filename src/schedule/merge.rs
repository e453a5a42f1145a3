//! Windows that overlap are one.

use jiff::Timestamp;

/// The same time as stretches in order that neither overlap nor touch. Stretches without length are dropped.
pub fn merge(mut spans: Vec<(Timestamp, Timestamp)>) -> Vec<(Timestamp, Timestamp)> {
    spans.retain(|(start, end)| start < end);
    spans.sort_unstable();
    let mut merged: Vec<(Timestamp, Timestamp)> = Vec::with_capacity(spans.len());
    for (start, end) in spans {
        match merged.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => merged.push((start, end)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans(of: &[(i64, i64)]) -> Vec<(Timestamp, Timestamp)> {
        let at = |second| Timestamp::from_second(second).unwrap();
        of.iter().map(|(start, end)| (at(*start), at(*end))).collect()
    }

    #[test]
    fn overlapping_and_touching_stretches_are_joined() {
        for (given, expected) in [
            (&[][..], &[][..]),
            (&[(5, 6), (1, 2)], &[(1, 2), (5, 6)]),
            (&[(1, 3), (3, 5)], &[(1, 5)]),
            (&[(1, 9), (2, 3), (4, 10)], &[(1, 10)]),
            (&[(1, 2), (1, 2)], &[(1, 2)]),
            (&[(2, 2), (5, 4)], &[]),
        ] {
            assert_eq!(merge(spans(given)), spans(expected), "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn merged_stretches_are_disjoint_and_cover_the_same(given in prop::collection::vec((0_i64..200, 1_i64..20), 0..30)) {
            let given: Vec<_> = given.into_iter().map(|(start, length)| (start, start + length)).collect();
            let merged = merge(spans(&given));
            prop_assert!(merged.windows(2).all(|pair| pair[0].1 < pair[1].0), "{merged:?}");
            for second in 0..220 {
                let at = Timestamp::from_second(second).unwrap();
                let before = given.iter().any(|(start, end)| (*start..*end).contains(&second));
                let after = merged.iter().any(|(start, end)| (*start..*end).contains(&at));
                prop_assert_eq!(before, after, "{}", second);
            }
        }
    }
}
