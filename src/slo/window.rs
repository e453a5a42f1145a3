//! The rolling window of an objective.

use std::fmt;

use crate::api::Duration;

const DAY: u64 = 86_400;

/// The rolling window over which an objective is measured: whole days from 1 to 90.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    days: u32,
}

/// Why a [`Duration`] is no [`Window`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a window of {0} is not supported: write whole days from 1d to 90d, like 30d")]
pub struct WindowError(Duration);

impl Window {
    /// The length in days.
    pub const fn days(self) -> u32 {
        self.days
    }

    /// The length in seconds.
    pub const fn as_secs(self) -> u64 {
        self.days as u64 * DAY
    }

    /// The length as a [`Duration`].
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.as_secs())
    }
}

impl TryFrom<Duration> for Window {
    type Error = WindowError;

    fn try_from(duration: Duration) -> Result<Self, Self::Error> {
        let whole = duration.as_millis().is_multiple_of(DAY * 1_000);
        match u32::try_from(duration.as_secs() / DAY) {
            Ok(days @ 1..=90) if whole => Ok(Self { days }),
            _ => Err(WindowError(duration)),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.days)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_days_up_to_a_quarter_only() {
        for (text, days) in [("1d", 1), ("24h", 1), ("4w", 28), ("30d", 30), ("90d", 90)] {
            let window = Window::try_from(text.parse::<Duration>().unwrap()).unwrap();
            assert_eq!(window.days(), days, "{text}");
            assert_eq!(window.to_string(), format!("{days}d"));
            assert_eq!(window.as_secs(), u64::from(days) * DAY);
        }
        for text in ["0s", "23h", "36h", "91d", "1d1ms", "366d"] {
            let duration = text.parse::<Duration>().unwrap();
            assert_eq!(Window::try_from(duration), Err(WindowError(duration)), "{text}");
        }
    }
}
