//! What a design for enforcement has to know of the autoscaler, as examples.

use super::*;

/// Ten pods at most, one at least; a value for each pod, of which 100 are wanted.
struct Shop {
    pods: Vec<Pod>,
    /// For each pod; None when the metric is lost.
    value: Option<i64>,
}

impl Shop {
    fn with(replicas: i32, value: Option<i64>) -> Self {
        let requests = Requests { cpu: Some(1000), memory: None };
        let pods = (0..replicas).map(|number| Pod::running(format!("p{number}"), -3_600_000, -3_500_000, requests));
        Self { pods: pods.collect(), value }
    }
}

impl Readings for Shop {
    fn pods(&self) -> &[Pod] {
        &self.pods
    }

    fn resource(&self, _: Resource, _: Option<&str>) -> Result<Samples, String> {
        let value = self.value.ok_or("the metrics API does not answer")?;
        let sample = |pod: &Pod| (pod.name.clone(), Sample { value, at_ms: 0, window_ms: 15_000 });
        Ok(self.pods.iter().map(sample).collect())
    }
}

fn spec(min: i32, behavior: Option<Behavior>) -> Spec {
    let target = ResourceTarget::AverageValue(100);
    Spec {
        min,
        max: 40,
        metrics: vec![Metric::Resource { resource: Resource::Cpu, container: None, target }],
        behavior,
    }
}

/// Passes every 15 s while the load is what so many pods would need; the replicas after each.
fn replicas(autoscaler: &mut Autoscaler, spec: &Spec, start: (i64, i32), needs: &[i32]) -> Vec<i32> {
    let (mut now_ms, mut replicas) = start;
    let mut all = Vec::new();
    for need in needs {
        let value = i64::from(*need) * 100 / i64::from(replicas);
        replicas = autoscaler.sync(spec, replicas, replicas, &Shop::with(replicas, Some(value)), now_ms).desired;
        now_ms += SYNC_PERIOD_MS;
        all.push(replicas);
    }
    all
}

#[test]
fn without_a_behavior_it_doubles_up_and_waits_five_minutes_down() {
    let mut autoscaler = Autoscaler::new();
    assert_eq!(replicas(&mut autoscaler, &spec(1, None), (0, 3), &[30; 5]), [6, 12, 24, 30, 30]);
    // The last 30 was recommended at 60 s, and it counts as long as it is not older than 300 s: until 360 s.
    let falling = replicas(&mut autoscaler, &spec(1, None), (75_000, 30), &[2; 22]);
    assert_eq!(falling.iter().filter(|it| **it == 30).count(), 20, "{falling:?}");
    assert_eq!(falling.last(), Some(&2));
}

#[test]
fn a_floor_is_reached_at_once_and_without_metrics() {
    let outcome = Autoscaler::new().sync(&spec(12, Some(Behavior::default())), 2, 2, &Shop::with(2, None), 0);
    assert_eq!((outcome.desired, outcome.rescale, outcome.error), (12, true, None));
    let held = Autoscaler::new().sync(&spec(1, None), 2, 2, &Shop::with(2, None), 0);
    assert_eq!((held.desired, held.rescale), (2, false));
    assert_eq!(held.conditions.active, Some(Active::FailedGetResourceMetric));
}

#[test]
fn a_floor_that_goes_leaves_no_trace_in_the_recommendations() {
    let mut autoscaler = Autoscaler::new();
    assert_eq!(replicas(&mut autoscaler, &spec(1, None), (0, 2), &[2]), [2]);
    assert_eq!(replicas(&mut autoscaler, &spec(20, None), (15_000, 2), &[2; 30]), [20; 30]);
    assert_eq!(replicas(&mut autoscaler, &spec(1, None), (465_000, 20), &[2]), [2], "in one step");
}

#[test]
fn a_floor_that_rises_uses_up_the_rate() {
    let mut autoscaler = Autoscaler::new();
    let mut behavior = Behavior::default();
    behavior.scale_up.policies = vec![Policy { kind: PolicyKind::Pods, value: 4, period_s: 60 }];
    assert_eq!(replicas(&mut autoscaler, &spec(6, Some(behavior.clone())), (0, 2), &[2]), [6]);
    let mut limited = autoscaler.clone();
    let outcome = limited.sync(&spec(6, Some(behavior.clone())), 6, 6, &Shop::with(6, Some(1000)), 15_000);
    assert_eq!((outcome.desired, outcome.scaling_limited()), (6, Some(Limit::ScaleUpLimit)));
    assert_eq!(outcome.proposal, Some(60), "what the metrics ask for");
    assert_eq!(replicas(&mut autoscaler, &spec(6, Some(behavior)), (60_000, 6), &[60]), [10], "a minute later");
}

#[test]
fn a_ceiling_cuts_at_once() {
    let mut autoscaler = Autoscaler::new();
    assert_eq!(replicas(&mut autoscaler, &Spec { max: 5, ..spec(1, None) }, (0, 30), &[30]), [5]);
}

#[test]
fn a_controller_that_starts_anew_holds_what_it_finds() {
    let mut autoscaler = Autoscaler::new();
    assert_eq!(replicas(&mut autoscaler, &spec(1, None), (0, 9), &[2; 21])[20], 9);
    autoscaler.restart();
    assert_eq!(replicas(&mut autoscaler, &spec(1, None), (315_000, 9), &[2; 21]), [9; 21]);
    assert_eq!(replicas(&mut autoscaler, &spec(1, None), (630_000, 9), &[2]), [2]);
}
