//! A length of time as Prometheus and Go write it: `30d`, `1h30m`, `200ms`.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A length of time in whole milliseconds, at most 366 days.
///
/// Read and written in the style of Prometheus: a sequence of numbers with units from large to small, each unit once
/// (`w`, `d`, `h`, `m`, `s`, `ms`). Zero is written `0s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration {
    milliseconds: u64,
}

/// What is wrong with the text of a [`Duration`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// The text is not a sequence of numbers and units.
    #[error("`{0}` is no duration: write it like 30d, 1h30m or 200ms")]
    Malformed(String),
    /// The text is well formed and longer than 366 days.
    #[error("`{0}` is longer than 366d")]
    TooLong(String),
}

impl Duration {
    /// A duration of whole milliseconds.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self { milliseconds }
    }

    /// A duration of whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self { milliseconds: seconds.saturating_mul(1_000) }
    }

    /// The length in whole milliseconds.
    pub const fn as_millis(self) -> u64 {
        self.milliseconds
    }

    /// The length in whole seconds, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.milliseconds / 1_000
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        Self::from_millis(duration.milliseconds)
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || DurationError::Malformed(text.to_owned());
        let mut rest = text;
        let mut units = UNITS.iter();
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(malformed)?;
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(letters);
            let number: u64 = number.parse().map_err(|_| malformed())?;
            // The iterator goes on where the last unit was found: a unit twice or out of order is not found any more.
            let (_, millis) = units.find(|(name, _)| *name == unit).ok_or_else(malformed)?;
            total = number
                .checked_mul(*millis)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(|| DurationError::TooLong(text.to_owned()))?;
            rest = tail;
        }
        if text.is_empty() {
            return Err(malformed());
        }
        if total > 366 * 86_400_000 {
            return Err(DurationError::TooLong(text.to_owned()));
        }
        Ok(Self { milliseconds: total })
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.milliseconds == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.milliseconds;
        // Weeks are read and never written: `30d` should not come back as `4w2d`.
        for (unit, millis) in UNITS.iter().skip(1) {
            if rest >= *millis {
                write!(f, "{}{unit}", rest / millis)?;
                rest %= millis;
            }
        }
        Ok(())
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            // Which durations are taken, each field says in a rule of its own, with a message that a pattern has not.
            "maxLength": 32
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_the_prometheus_style() {
        for (text, millis, canonical) in [
            ("30d", 2_592_000_000, "30d"),
            ("4w", 2_419_200_000, "28d"),
            ("1h30m", 5_400_000, "1h30m"),
            ("90m", 5_400_000, "1h30m"),
            ("200ms", 200, "200ms"),
            ("1s500ms", 1_500, "1s500ms"),
            ("0s", 0, "0s"),
            ("1m", 60_000, "1m"),
        ] {
            let duration: Duration = text.parse().unwrap();
            assert_eq!(duration.as_millis(), millis, "{text}");
            assert_eq!(duration.to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_duration() {
        for text in ["", "30", "d", "1.5h", "-1h", "1h1h", "1m1h", "5 m", "1y", "1H"] {
            assert_eq!(text.parse::<Duration>(), Err(DurationError::Malformed(text.to_owned())), "{text}");
        }
        assert_eq!("367d".parse::<Duration>(), Err(DurationError::TooLong("367d".to_owned())));
        assert!(format!("{}d", u64::MAX).parse::<Duration>().is_err());
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(millis in 0_u64..=366 * 86_400_000) {
            let duration = Duration::from_millis(millis);
            proptest::prop_assert_eq!(duration.to_string().parse::<Duration>(), Ok(duration));
        }
    }
}
