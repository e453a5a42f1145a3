//! Time and numbers of the arena: the casts are here, each with the reason why it is right.

/// Microseconds of virtual time since the beginning of the run.
pub type Micros = u64;

/// One second.
pub const SECOND: Micros = 1_000_000;
/// One minute.
pub const MINUTE: Micros = 60 * SECOND;

/// Seconds.
pub fn seconds(time: Micros) -> f64 {
    real(time) / 1e6
}

/// Microseconds; what is below zero becomes zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates, and runs take hours")]
pub fn micros(seconds: f64) -> Micros {
    (seconds * 1e6).round() as Micros
}

/// Milliseconds, as the port of the autoscaler counts.
pub fn millis(time: Micros) -> i64 {
    i64::try_from(time / 1_000).unwrap_or(i64::MAX)
}

/// A count as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
pub fn real(count: u64) -> f64 {
    count as f64
}

/// The length of a list as a number to reckon with.
#[expect(clippy::cast_precision_loss, reason = "lists of a run are far below 2^52")]
pub fn length(length: usize) -> f64 {
    length as f64
}

/// The next whole number above; what is below zero becomes zero.
#[expect(clippy::cast_possible_truncation, reason = "it saturates, and replicas are few")]
pub fn ceiling(value: f64) -> i32 {
    // A hair less, so that 0.7 * 10 is 7.
    (value - 1e-9).ceil().max(0.0) as i32
}

/// The next whole number below; what is below zero becomes zero.
#[expect(clippy::cast_possible_truncation, reason = "it saturates, and replicas are few")]
pub fn floor(value: f64) -> i32 {
    (value + 1e-9).floor().max(0.0) as i32
}

/// A value in thousandths, as the metrics APIs have it.
#[expect(clippy::cast_possible_truncation, reason = "it saturates; rates and uses are small")]
pub fn milli(value: f64) -> i64 {
    (value * 1_000.0).round() as i64
}

/// An index of pods or requests in a list.
pub fn index(id: u32) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}

/// The index at the end of a list, as an id.
pub fn id(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Replicas as a count that is not below zero.
pub fn whole(replicas: i32) -> usize {
    usize::try_from(replicas).unwrap_or_default()
}

/// A count as replicas.
pub fn replicas(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
