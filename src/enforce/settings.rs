//! What a profile allows.

/// What a profile allows. Times are in seconds.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the profile")]
pub struct Settings {
    /// Fewest replicas, as declared.
    pub min: i32,
    /// Most replicas.
    pub max: i32,
    /// Whether floors and holds are wanted.
    pub scaling: bool,
    /// Whether the floor follows the demand without a burn.
    pub feed_forward: bool,
    /// Whether a strict disruption budget would let fewer pods go than the declared one.
    pub disruption: bool,
    /// Requests that one pod works on at the same time; nothing to learn it.
    pub concurrency: Option<f64>,
    /// Most actions that are begun in an hour.
    pub max_actions_per_hour: usize,
    /// Until when nothing is begun (seconds since 1970).
    pub paused_until: Option<i64>,
    /// Longest time for which a freeze is written at once.
    pub longest_freeze: i64,
    /// Whether a freeze denies; else it warns.
    pub freeze_denies: bool,
    /// Generation of the profile: a new one ends a latch.
    pub generation: i64,
}

impl Settings {
    /// What a profile with these bounds allows by default.
    pub const fn new(min: i32, max: i32) -> Self {
        Self {
            min,
            max,
            scaling: true,
            feed_forward: true,
            disruption: true,
            concurrency: None,
            max_actions_per_hour: 20,
            paused_until: None,
            longest_freeze: 7_200,
            freeze_denies: true,
            generation: 0,
        }
    }
}
