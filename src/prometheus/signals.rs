//! The quick clock: what enforcement looks at, for all profiles at once, every few seconds.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::{Client, age, answer::Sample};
use crate::{shard::Shards, slo::signals};

/// Time between two looks at the most: the rules record every 15 s.
pub const LOOK_EVERY: Duration = Duration::from_secs(10);
/// The age in seconds up to which signals are fresh: three evaluations and half a minute, for one may be late.
const LONGEST_AGE: i64 = 75;

/// The signals by namespace and profile, or why there are none.
pub type Signals = Result<HashMap<(String, String), ProfileSignals>, String>;

/// What the last look found.
#[derive(Debug)]
pub struct SignalSnapshot {
    /// When it was.
    pub at: Timestamp,
    /// The signals by namespace and profile, or why there are none; nothing where nobody has asked.
    pub answer: Option<Signals>,
}

/// The signals of one profile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProfileSignals {
    /// By objective.
    pub objectives: HashMap<String, ObjectiveSignals>,
    /// Requests a second.
    pub requests: Option<f64>,
    /// Requests in flight.
    pub in_flight: Option<f64>,
    /// Series that the requests are counted in.
    pub series: Option<f64>,
    /// What waits for a dependency.
    pub waiting: Option<f64>,
    /// Requests a second in the coming hour of past days.
    pub seasonal: Option<f64>,
    /// When the newest of the objectives' signals was recorded, in seconds since 1970.
    pub newest: Option<f64>,
}

/// Events per second of one objective.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ObjectiveSignals {
    /// Bad ones, over the last minute.
    pub bad: Option<f64>,
    /// All, over the last minute.
    pub total: Option<f64>,
    /// Bad ones, over five minutes.
    pub bad_5m: Option<f64>,
    /// All, over five minutes.
    pub total_5m: Option<f64>,
}

impl ProfileSignals {
    /// Why these cannot be acted on at this time; nothing where they can.
    pub fn stale(&self, at: Timestamp) -> Option<String> {
        match self.newest.map(|newest| age(newest, at)) {
            None => Some("Prometheus has no signals of this profile: are its rules loaded?".to_owned()),
            Some(age) if age > LONGEST_AGE => Some("the newest signals are more than 75 s old".to_owned()),
            Some(_) => None,
        }
    }
}

/// Whether anybody wants signals: until then Prometheus is not asked.
#[derive(Debug, Default)]
pub struct Wanted {
    said: AtomicBool,
    first: Notify,
}

impl Wanted {
    /// Says so. The first time it is looked at once.
    pub fn say(&self) {
        if !self.said.swap(true, Ordering::Relaxed) {
            self.first.notify_one();
        }
    }
}

/// Looks on a clock of its own, while there is a profile that wants it.
pub struct SignalSource {
    /// The Prometheus to ask; nothing where the operator was started without.
    pub prometheus: Option<Client>,
    /// Whether any profile wants signals: said by those who decide.
    pub wanted: Arc<Wanted>,
    /// Time between two looks.
    pub interval: Duration,
    /// The namespaces that this process looks after: what Prometheus says of others is dropped.
    pub shards: Shards,
    /// Where the findings go.
    pub snapshots: watch::Sender<Arc<SignalSnapshot>>,
}

impl SignalSource {
    /// Looks until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut clock = tokio::time::interval(self.interval);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = clock.tick() => {}
                () = self.wanted.first.notified() => {}
            }
            let looked = async {
                match &self.prometheus {
                    None => Some(Err("the operator was started without --prometheus-url".to_owned())),
                    Some(_) if !self.wanted.said.load(Ordering::Relaxed) => None,
                    Some(prometheus) => Some(look(prometheus, &self.shards).await),
                }
            };
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = looked => answer,
            };
            self.snapshots.send_replace(Arc::new(SignalSnapshot { at: Timestamp::now(), answer }));
        }
    }
}

async fn look(prometheus: &Client, shards: &Shards) -> Signals {
    let recorded = format!("{{__name__=~\"{}\"}}", signals::RECORDED);
    let ours = |shards: &Shards| {
        let shards = shards.clone();
        move |sample: &Sample| sample.label("namespace").is_some_and(|namespace| shards.hold(namespace))
    };
    let (held, held_too) = (ours(shards), ours(shards));
    let gathered = prometheus.gather(&recorded, HashMap::new(), move |all, sample| {
        if held(&sample) {
            take(all, &sample);
        }
    });
    let all = gathered.await.map_err(|error| error.message)?;
    let newest = format!("timestamp({})", signals::TOTAL);
    let timed = prometheus.gather(&newest, all, move |all, time| {
        if let Some(profile) = held_too(&time).then(|| profile(all, &time)).flatten() {
            let newest = time.value();
            profile.newest = Some(profile.newest.map_or(newest, |other| other.max(newest)));
        }
    });
    timed.await.map_err(|error| error.message)
}

fn profile<'a>(
    all: &'a mut HashMap<(String, String), ProfileSignals>,
    sample: &Sample,
) -> Option<&'a mut ProfileSignals> {
    let label = |name: &str| sample.label(name).map(ToOwned::to_owned);
    Some(all.entry((label("namespace")?, label("profile")?)).or_default())
}

fn take(all: &mut HashMap<(String, String), ProfileSignals>, sample: &Sample) {
    let value = sample.value();
    let (Some(name), Some(profile)) = (sample.label("__name__"), profile(all, sample)) else { return };
    let slot = match name {
        signals::REQUESTS => &mut profile.requests,
        signals::IN_FLIGHT => &mut profile.in_flight,
        signals::SERIES => &mut profile.series,
        signals::WAITING => &mut profile.waiting,
        signals::SEASONAL => &mut profile.seasonal,
        _ => {
            let Some(objective) = sample.label("objective") else { return };
            let objective = profile.objectives.entry(objective.to_owned()).or_default();
            match name {
                signals::TOTAL => objective.total = Some(value),
                signals::BAD => objective.bad = Some(value),
                // Of a grouped objective the groups together.
                "plimsoll:total:rate5m" => *objective.total_5m.get_or_insert(0.0) += value,
                "plimsoll:bad:rate5m" => *objective.bad_5m.get_or_insert(0.0) += value,
                _ => {}
            }
            return;
        }
    };
    *slot = Some(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(json: serde_json::Value) -> Sample {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn samples_find_their_profile_and_groups_add_up() {
        let mut all = HashMap::new();
        let sample = |name: &str, objective: Option<&str>, value: &str| {
            let mut metric = serde_json::json!({"__name__": name, "namespace": "shop", "profile": "web"});
            if let Some(objective) = objective {
                metric["objective"] = objective.into();
            }
            vector(serde_json::json!({"metric": metric, "value": [1_800_000_000.0, value]}))
        };
        for one in [
            sample(signals::REQUESTS, None, "12"),
            sample(signals::TOTAL, Some("latency"), "11"),
            sample("plimsoll:total:rate5m", Some("latency"), "4"),
            sample("plimsoll:total:rate5m", Some("latency"), "5"),
        ] {
            take(&mut all, &one);
        }
        let found = &all[&("shop".to_owned(), "web".to_owned())];
        assert_eq!(found.requests, Some(12.0));
        assert_eq!(found.objectives["latency"].total, Some(11.0));
        assert_eq!(found.objectives["latency"].total_5m, Some(9.0));
        assert!(found.stale(Timestamp::UNIX_EPOCH).is_some());
        let fresh = ProfileSignals { newest: Some(1_800_000_000.0), ..found.clone() };
        assert_eq!(fresh.stale(Timestamp::from_second(1_800_000_070).unwrap()), None);
        assert!(fresh.stale(Timestamp::from_second(1_800_000_080).unwrap()).is_some());
    }
}
