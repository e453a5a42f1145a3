//! From `spec.enforcement` to what may be done.

use k8s_openapi::{
    apimachinery::pkg::util::intstr::IntOrString,
    jiff::{SignedDuration, Timestamp},
};

use super::schedule;
use crate::{
    api::v1alpha1::{AutoscalingMode, EnforcementMode, FreezeAction, Management, PerformanceProfile},
    enforce::{Scheduled, Settings},
    profile::finding::{Finding, Level},
    slo::{self, Fenced, signals::SignalOptions},
};

/// What may be done for a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct EnforcementPlan {
    /// How far it goes; never `Disabled`.
    pub mode: EnforcementMode,
    /// The bounds of each decision. Of an adopted autoscaler the replicas are its own, filled in where it is seen.
    pub settings: Settings,
    /// What a freeze does at admission.
    pub freeze: FreezeAction,
    /// The highest floor that is scheduled for now.
    pub scheduled: Option<Scheduled>,
    /// Pods whose connections the database takes.
    pub connections: Option<i32>,
}

/// What may be done at a time; nothing where the profile asks for none.
pub fn enforcement(profile: &PerformanceProfile, now: Timestamp) -> Option<EnforcementPlan> {
    let wire = profile.spec.enforcement.as_ref().filter(|wire| wire.mode != EnforcementMode::Disabled)?;
    let autoscaling = profile.spec.autoscaling.clone().unwrap_or_default();
    let scaling = wire.scaling.clone().unwrap_or_default();
    let freeze = wire.freeze.clone().unwrap_or_default();
    let settings = Settings {
        scaling: scaling.mode == Management::Managed && autoscaling.mode != AutoscalingMode::Disabled,
        disruption: looser_than_one(profile),
        feed_forward: scaling.feed_forward == Management::Managed,
        concurrency: scaling.concurrency.map(f64::from),
        max_actions_per_hour: usize::try_from(wire.max_actions_per_hour).unwrap_or(1),
        paused_until: wire.pause.as_ref().map(|pause| pause.until.0.as_second()),
        longest_freeze: i64::try_from(freeze.longest.as_secs()).unwrap_or(7_200).clamp(600, 86_400),
        freeze_denies: freeze.action == FreezeAction::Deny,
        generation: profile.metadata.generation.unwrap_or(0),
        ..Settings::new(autoscaling.min_replicas, autoscaling.max_replicas)
    };
    Some(EnforcementPlan {
        mode: wire.mode,
        settings,
        freeze: freeze.action,
        scheduled: scheduled(profile, now),
        connections: scaling.connections.map(|all| (all.maximum - all.reserve) / all.per_pod.max(1)),
    })
}

/// Whether the declared disruption budget may let more than one pod go.
fn looser_than_one(profile: &PerformanceProfile) -> bool {
    let disruption = profile.spec.disruption.clone().unwrap_or_default();
    let one = IntOrString::Int(1);
    let bound = disruption.max_unavailable.as_ref().unwrap_or(&one);
    disruption.mode == Management::Managed && (disruption.min_available.is_some() || *bound != one)
}

/// The highest of the floors whose time it is. One that cannot be read is a finding of [`findings`], and no floor.
fn scheduled(profile: &PerformanceProfile, now: Timestamp) -> Option<Scheduled> {
    let scaling = profile.spec.enforcement.as_ref()?.scaling.as_ref()?;
    let soon = now.checked_add(SignedDuration::from_secs(1)).unwrap_or(now);
    let active = scaling.floors.iter().filter(|floor| match (&floor.once, &floor.recurring) {
        (Some(once), _) => once.start.0 <= now && now < once.end.0,
        (None, Some(recurring)) => schedule::occurrences(recurring, now, soon).is_ok_and(|spans| !spans.is_empty()),
        (None, None) => false,
    });
    active
        .max_by_key(|floor| floor.min_replicas)
        .map(|floor| Scheduled { name: floor.name.clone(), replicas: floor.min_replicas })
}

/// What the rules record for enforcement; nothing where the profile asks for none.
pub fn signal_options(
    profile: &PerformanceProfile,
    fence: Option<&slo::Fence>,
) -> Option<Result<SignalOptions, Finding>> {
    let wire = profile.spec.enforcement.as_ref().filter(|wire| wire.mode != EnforcementMode::Disabled)?;
    let scaling = wire.scaling.clone().unwrap_or_default();
    let read = |text: &str| {
        let read: slo::Expression = text.parse().map_err(|error: slo::ExpressionError| error.to_string())?;
        fence.map_or_else(|| Ok(read.clone()), |fence| read.clone().within(fence).map_err(|error| error.to_string()))
    };
    let waiting = match scaling.dependency_waiting.as_deref().map(read).transpose() {
        Ok(waiting) => waiting,
        Err(error) => {
            let place = "/spec/enforcement/scaling/dependencyWaiting";
            return Some(Err(Finding::new(Level::Error, place, error)));
        }
    };
    let seasonal_days = scaling.seasonal.map_or(0, |seasonal| u32::try_from(seasonal.days).unwrap_or(0));
    Some(Ok(SignalOptions { waiting, seasonal_days }))
}

/// What is wrong with the enforcement of a profile, or could be better.
pub fn findings(profile: &PerformanceProfile, sound: &[slo::Objective], now: Timestamp) -> Vec<Finding> {
    let Some(wire) = profile.spec.enforcement.as_ref().filter(|wire| wire.mode != EnforcementMode::Disabled) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    let scaling = wire.scaling.clone().unwrap_or_default();
    if !sound.iter().any(|objective| slo::signals::is_about_requests(&objective.indicator)) {
        let why = "enforcement has nothing to look at: it needs an objective on requests (availability, ratio, latency or raw)";
        all.push(Finding::new(Level::Warning, "/spec/enforcement", why.to_owned()));
    } else if !sound.iter().any(|objective| matches!(objective.indicator, slo::Indicator::Latency { .. })) {
        let why = "without a latency objective the demand is not measured: floors follow the pods' CPU alone";
        all.push(Finding::new(Level::Warning, "/spec/enforcement", why.to_owned()));
    }
    let autoscaling = profile.spec.autoscaling.clone().unwrap_or_default();
    let later = now.checked_add(SignedDuration::from_hours(24)).unwrap_or(now);
    for (index, floor) in scaling.floors.iter().enumerate() {
        let at = |path: &str| format!("/spec/enforcement/scaling/floors/{index}{path}");
        if let Some(recurring) = &floor.recurring
            && let Err(error) = schedule::occurrences(recurring, now, later)
        {
            all.push(Finding::new(Level::Error, at("/recurring"), error.to_string()));
        }
        if autoscaling.mode == AutoscalingMode::Managed && floor.min_replicas > autoscaling.max_replicas {
            let why = format!("the floor {} is above maxReplicas {}", floor.min_replicas, autoscaling.max_replicas);
            all.push(Finding::new(Level::Warning, at("/minReplicas"), why));
        }
    }
    all
}
