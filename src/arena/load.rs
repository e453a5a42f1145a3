//! The load: how many requests a second come at which time, and when each of them comes.

use super::{
    number::{MINUTE, Micros, SECOND, length, micros, real, seconds},
    random::Random,
};

/// The time before the hour that counts, with the load of its beginning: the service and its metrics settle.
pub const WARM_UP: Micros = 5 * MINUTE;
/// Requests a second on average over the time that counts.
pub const MEAN: f64 = 100.0;

/// How the load goes over the hour. Each has the same mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Shape {
    /// The same all the time
    Steady,
    /// Three times as much from the twentieth minute on
    Step,
    /// Six times as much for five minutes
    Flash,
    /// Twice as much for two minutes, every ten minutes
    Spikes,
    /// One wave: four times as much at its top as at its bottom
    Diurnal,
    /// Two states at random, with 3.6 times as much in the one as in the other (a Markov-modulated Poisson process)
    Bursty,
    /// Four times as much, reached within half an hour
    Ramp,
    /// Two waves, one upon the other
    Diurnal2,
    /// Another level every ten seconds, by an autoregressive process
    Noisy,
    /// Up by steps of eight minutes, and down again
    Staircase,
    /// Four times as much for eight minutes, as on the days before at about this time
    Recurring,
}

impl Shape {
    /// All of them: those that were tuned on, then those that were not.
    pub const ALL: [Self; 11] = [
        Self::Steady,
        Self::Step,
        Self::Flash,
        Self::Spikes,
        Self::Diurnal,
        Self::Bursty,
        Self::Ramp,
        Self::Diurnal2,
        Self::Noisy,
        Self::Staircase,
        Self::Recurring,
    ];

    /// Its name, as on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Step => "step",
            Self::Flash => "flash",
            Self::Spikes => "spikes",
            Self::Diurnal => "diurnal",
            Self::Bursty => "bursty",
            Self::Ramp => "ramp",
            Self::Diurnal2 => "diurnal2",
            Self::Noisy => "noisy",
            Self::Staircase => "staircase",
            Self::Recurring => "recurring",
        }
    }

    /// Whether the policies may be tuned on it. What holds on the others was not fitted to them.
    pub const fn tuned(self) -> bool {
        matches!(self, Self::Steady | Self::Step | Self::Flash | Self::Spikes | Self::Diurnal | Self::Bursty)
    }

    /// When the load is highest, as a share of the hour: faults of the measurement begin shortly before.
    pub const fn peak(self) -> f64 {
        match self {
            Self::Steady | Self::Bursty | Self::Noisy | Self::Diurnal | Self::Staircase | Self::Recurring => 0.5,
            Self::Step => 0.6,
            Self::Flash | Self::Spikes => 0.46,
            Self::Ramp => 0.8,
            Self::Diurnal2 => 0.2,
        }
    }

    /// The level at a share of the hour, before it is scaled to the mean. `offset` moves what recurs.
    fn level(self, share: f64, offset: f64) -> f64 {
        let within = |from: f64, until: f64| (from..until).contains(&share);
        match self {
            Self::Step if share >= 1.0 / 3.0 => 3.0,
            // Half a minute up, then five minutes.
            Self::Flash if within(0.45, 0.5417) => 1.0 + 5.0 * ((share - 0.45) * 120.0).min(1.0),
            Self::Spikes if share >= 0.1 && (share * 6.0).fract() > 0.6 && (share * 6.0).fract() < 0.8 => 2.0,
            Self::Diurnal => 1.0 - 0.6 * (share * std::f64::consts::TAU).cos(),
            Self::Diurnal2 => {
                let angle = share * std::f64::consts::TAU;
                1.0 + 0.45 * angle.sin() + 0.3 * (2.0 * angle - 1.0).sin()
            }
            Self::Ramp => 1.0 + 3.0 * ((share - 0.15) * 2.0).clamp(0.0, 1.0),
            Self::Staircase => 1.0 + 0.5 * (4.0 - ((share - 0.5).abs() * 7.5).round().min(4.0)),
            Self::Recurring if within(0.5 + offset, 0.6333 + offset) => {
                1.0 + 3.0 * ((share - 0.5 - offset) * 60.0).min(1.0)
            }
            _ => 1.0,
        }
    }
}

/// Requests a second, second by second.
#[derive(Clone, Debug)]
pub struct Load {
    rates: Vec<f64>,
    /// The same of days before, if there were any that say something.
    past: Vec<Vec<f64>>,
}

impl Load {
    /// The load of a shape over so many minutes after the warm-up.
    pub fn new(shape: Shape, minutes: u32, seed: u64) -> Self {
        let day = |stream| rates(shape, minutes, &mut Random::new(seed, stream));
        let past =
            if shape == Shape::Recurring { (1..=3).map(|before| day(100 + before)).collect() } else { Vec::new() };
        Self { rates: day(1), past }
    }

    /// The same load all the time.
    pub fn constant(rate: f64, length: Micros) -> Self {
        let count = usize::try_from(length / SECOND).unwrap_or_default();
        Self { rates: vec![rate; count], past: Vec::new() }
    }

    /// When it ends.
    pub fn end(&self) -> Micros {
        micros(length(self.rates.len()))
    }

    /// Requests a second at a time.
    pub fn at(&self, time: Micros) -> f64 {
        self.rates.get(second(time)).copied().unwrap_or_default()
    }

    /// The highest rate from a time on, for so long.
    pub fn highest(&self, from: Micros, length: Micros) -> f64 {
        let range = self.rates.iter().skip(second(from)).take(second(length).max(1));
        range.copied().fold(0.0, f64::max)
    }

    /// The highest rate over five minutes that days before had at this time and for so long after it. None without days
    /// before.
    pub fn seasonal(&self, now: Micros, ahead: Micros) -> Option<f64> {
        let highest = |day: &Vec<f64>| {
            let (from, until) = (second(now), second(now + ahead).min(day.len()));
            let mean = |end: usize| {
                let window = day.get(end.saturating_sub(300)..end).unwrap_or_default();
                window.iter().sum::<f64>() / length(window.len().max(1))
            };
            (from..until).step_by(15).map(mean).fold(0.0, f64::max)
        };
        self.past.iter().map(highest).fold(None, |most, rate| Some(most.map_or(rate, |most: f64| most.max(rate))))
    }

    /// When the next request comes after a time, with a Poisson process of these rates: None when the load has ended.
    pub fn next(&self, after: Micros, random: &mut Random) -> Option<Micros> {
        let mut due = random.exponential();
        let mut now = seconds(after);
        let mut index = second(after);
        loop {
            let rate = *self.rates.get(index)?;
            let end = length(index + 1);
            let events = rate * (end - now);
            if due < events {
                return Some(micros(now + due / rate).max(after));
            }
            due -= events;
            now = end;
            index += 1;
        }
    }
}

fn second(time: Micros) -> usize {
    usize::try_from(time / SECOND).unwrap_or(usize::MAX)
}

fn rates(shape: Shape, minutes: u32, random: &mut Random) -> Vec<f64> {
    let whole = u64::from(minutes) * 60;
    let offset = random.between(-1.5, 1.5) / 60.0;
    let mut levels: Vec<f64> = (0..whole).map(|second| shape.level(real(second) / real(whole), offset)).collect();
    match shape {
        Shape::Bursty => modulate(&mut levels, random),
        Shape::Noisy => disturb(&mut levels, random),
        _ => {}
    }
    let mean = levels.iter().sum::<f64>() / real(whole.max(1));
    let first = levels.first().copied().unwrap_or_default();
    let warm_up = (0..WARM_UP / SECOND).map(|_| first);
    warm_up.chain(levels.iter().copied()).map(|level| level * MEAN / mean).collect()
}

/// Two states: 0.6 for two minutes and 2.2 for 45 seconds on average.
fn modulate(levels: &mut [f64], random: &mut Random) {
    let (mut high, mut left) = (false, 60.0);
    for level in levels {
        *level *= if high { 2.2 } else { 0.6 };
        left -= 1.0;
        if left <= 0.0 {
            high = !high;
            left = random.exponential() * if high { 45.0 } else { 120.0 };
        }
    }
}

/// A lognormal level with a deviation of a quarter, of which 0.8 stays from one ten seconds to the next.
fn disturb(levels: &mut [f64], random: &mut Random) {
    let (keep, deviation): (f64, f64) = (0.8, 0.25);
    let mut state = 0.0;
    for (second, level) in levels.iter_mut().enumerate() {
        if second % 10 == 0 {
            state = keep * state + (1.0 - keep * keep).sqrt() * deviation * random.normal();
        }
        *level *= f64::exp(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_has_the_same_mean_and_repeats_with_its_seed() {
        for shape in Shape::ALL {
            let load = Load::new(shape, 60, 3);
            let counted = &load.rates[300..];
            let mean = counted.iter().sum::<f64>() / 3_600.0;
            assert!((mean - MEAN).abs() < 1e-6 && counted.len() == 3_600, "{shape:?}: {mean}");
            assert!(counted.iter().all(|rate| *rate > 10.0), "{shape:?}");
            assert_eq!(load.rates, Load::new(shape, 60, 3).rates);
            let peak = load.highest(WARM_UP + micros(3_600.0 * shape.peak()), 6 * MINUTE);
            let highest = load.highest(0, load.end());
            if !matches!(shape, Shape::Bursty | Shape::Noisy) {
                assert!(peak > 0.95 * highest, "{shape:?}: {peak} at the peak, {highest} anywhere");
            }
        }
    }

    #[test]
    fn shapes_are_as_high_as_they_say() {
        for (shape, factor) in
            [(Shape::Step, 3.0), (Shape::Flash, 6.0), (Shape::Spikes, 2.0), (Shape::Ramp, 4.0), (Shape::Recurring, 4.0)]
        {
            let load = Load::new(shape, 60, 1);
            let ratio = load.highest(0, load.end()) / load.at(0);
            assert!((ratio - factor).abs() < 0.05, "{shape:?}: {ratio}");
        }
    }

    #[test]
    fn requests_come_as_often_as_the_load_says() {
        let load = Load::new(Shape::Step, 60, 1);
        let mut random = Random::new(1, 9);
        let (mut now, mut before, mut after) = (0, 0_u32, 0_u32);
        while let Some(next) = load.next(now, &mut random) {
            assert!(next >= now);
            now = next;
            let minute = now / MINUTE;
            before += u32::from((5..25).contains(&minute));
            after += u32::from(minute >= 25);
        }
        // 42.9 a second for twenty minutes, then 128.6 for forty.
        assert!(before.abs_diff(51_429) < 900 && after.abs_diff(308_571) < 2_200, "{before} {after}");
    }

    #[test]
    fn only_what_recurs_has_a_past_and_it_shows_the_spike_before_it_comes() {
        assert_eq!(Load::new(Shape::Flash, 60, 1).seasonal(0, MINUTE), None);
        let load = Load::new(Shape::Recurring, 60, 1);
        let before = load.seasonal(10 * MINUTE, 10 * MINUTE).unwrap();
        let shortly = load.seasonal(32 * MINUTE, 12 * MINUTE).unwrap();
        assert!(shortly > 2.5 * before, "{shortly} {before}");
    }
}
