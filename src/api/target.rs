//! An objective's target: a percentage as a decimal string, held exactly.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// How many parts make the whole: a percentage with five decimals is a whole number of these.
const PARTS: u32 = 10_000_000;

/// The target of an objective, from 50 to 99.99999 per cent, with at most five decimals.
///
/// It is a string on the wire and a whole number of ten-millionths here, because `1 - 0.999` in binary floating point is
/// `0.0010000000000000009`, and such noise ends up in rules and alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    parts: u32,
}

/// What is wrong with the text of a [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no target: write per cent as a decimal from 50 to 99.99999, like \"99.9\"")]
pub struct TargetError(String);

impl Target {
    /// The share of events that may be bad, in ten-millionths: 10,000 for 99.9 %.
    pub const fn budget_parts(self) -> u32 {
        PARTS - self.parts
    }

    /// The share of events that may be bad, as a fraction: 0.001 for 99.9 %.
    pub fn budget(self) -> f64 {
        f64::from(self.budget_parts()) / f64::from(PARTS)
    }

    /// The target as a fraction in its shortest exact decimal form: `0.999` for 99.9 %.
    pub fn fraction(self) -> String {
        fraction(self.parts)
    }

    /// The share of events that may be bad, in its shortest exact decimal form: `0.001` for 99.9 %.
    pub fn budget_fraction(self) -> String {
        fraction(self.budget_parts())
    }
}

fn fraction(parts: u32) -> String {
    format!("0.{parts:07}").trim_end_matches('0').to_owned()
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || TargetError(text.to_owned());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let all_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if whole.len() != 2 || !all_digits(whole) || !all_digits(decimals) || decimals.len() > 5 {
            return Err(wrong());
        }
        let parts: u32 = format!("{whole}{decimals:0<5}").parse().map_err(|_| wrong())?;
        if parts < PARTS / 2 { Err(wrong()) } else { Ok(Self { parts }) }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:05}", self.parts / 100_000, self.parts % 100_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Target {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Target".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": 32,
            "x-kubernetes-validations": [{
                "rule": "self.matches('^[5-9][0-9](\\\\.[0-9]{1,5})?$')",
                "message": "target is per cent, a decimal string from \"50\" to \"99.99999\" with at most five decimals, like \"99.9\"; 100 would leave no error budget"
            }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_decimal_and_holds_it_exactly() {
        for (text, shown, fraction, budget) in [
            ("99.9", "99.9", "0.999", "0.001"),
            ("99.90", "99.9", "0.999", "0.001"),
            ("99", "99", "0.99", "0.01"),
            ("50", "50", "0.5", "0.5"),
            ("99.99999", "99.99999", "0.9999999", "0.0000001"),
            ("90.00", "90", "0.9", "0.1"),
        ] {
            let target: Target = text.parse().unwrap();
            assert_eq!(target.to_string(), shown);
            assert_eq!(target.fraction(), fraction);
            assert_eq!(target.budget_fraction(), budget);
            assert!((target.budget() - budget.parse::<f64>().unwrap()).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn refuses_what_is_no_target() {
        for text in ["", "100", "49.9", "0.999", "99.", "99.9%", "99,9", "99.999999", "9e1", " 99", "-99", "१०"] {
            assert_eq!(text.parse::<Target>(), Err(TargetError(text.to_owned())), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_reads_back(parts in PARTS / 2..PARTS) {
            let target = Target { parts };
            proptest::prop_assert_eq!(target.to_string().parse::<Target>(), Ok(target));
        }
    }
}
