//! Writes floors and holds to an adopted autoscaler, and gives back what is not wanted any more.

mod orphans;

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use k8s_openapi::jiff::Timestamp;
use kube::{Client, ResourceExt};

use super::{
    acting::Acting,
    children::Why,
    error::ChildError,
    observe::Stores,
    overlay::{Candidates, Foreign, Overlay, Record, Scaler, Wish, carry_out, find, foreign, left_behind},
};
use crate::{
    api::{
        conditions, reasons,
        v1alpha1::{AutoscalingMode, PerformanceProfile},
    },
    kube::{Change, ScalerApis, categorize},
    metrics::Metrics,
};

pub use orphans::give_back_orphans;

/// What can be adopted for one profile, and what is to be given back.
#[derive(Debug, Clone, Default)]
pub struct Adoptable {
    /// The object that scales the target, or why there is none; nothing where the profile does not adopt.
    pub scaler: Option<Result<Scaler, Why>>,
    /// What the profile has written to and does not adopt any more.
    pub left_behind: Vec<Scaler>,
}

/// What was written to adopted objects, by profile and object: stands in where an annotation is removed.
#[derive(Default)]
pub struct Records {
    all: Mutex<HashMap<String, Record>>,
}

impl Records {
    fn key(uid: &str, scaler: &Scaler) -> String {
        format!("{uid} {scaler}")
    }

    fn get(&self, uid: &str, scaler: &Scaler) -> Option<Record> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).get(&Self::key(uid, scaler)).cloned()
    }

    fn keep(&self, uid: &str, scaler: &Scaler, record: Option<Record>) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        match record {
            Some(record) => all.insert(Self::key(uid, scaler), record),
            None => all.remove(&Self::key(uid, scaler)),
        };
    }

    /// Forgets profiles that are gone.
    pub fn retain(&self, alive: impl Fn(&str) -> bool) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|key, _| key.split(' ').next().is_some_and(&alive));
    }
}

/// Looks for what can be adopted. A profile that does not adopt, and has not before, costs no request.
pub async fn adoptable(
    client: &Client,
    stores: &Stores,
    profile: &PerformanceProfile,
    apis: ScalerApis,
) -> Result<Adoptable, kube::Error> {
    let wanted = profile.spec.autoscaling.as_ref().is_some_and(|a| a.mode == AutoscalingMode::Adopt);
    let before = profile.status.as_ref().is_some_and(|status| {
        let ready = |one: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
            one.type_ == conditions::AUTOSCALING_READY
        };
        status.conditions.iter().find(ready).is_some_and(|one| one.reason == reasons::ADOPTED)
    });
    let namespace = profile.namespace().unwrap_or_default();
    let here =
        if wanted || before { stores.autoscalers_in(&namespace) } else { stores.written_autoscalers(&namespace) };
    let Foreign { scaled_objects, canaries } =
        if wanted || before { foreign(client, &namespace, apis).await? } else { Foreign::default() };
    let candidates = Candidates { autoscalers: &here, scaled_objects: &scaled_objects, canaries: &canaries };
    let uid = profile.uid().unwrap_or_default();
    let scaler = wanted.then(|| find(&profile.spec.target_ref, &uid, candidates));
    let adopted = scaler.as_ref().and_then(|found| found.as_ref().ok());
    let left_behind = left_behind(&profile.name_any(), adopted, candidates);
    Ok(Adoptable { scaler, left_behind })
}

/// Writes what is wanted to the adopted object, and gives the others back. Tells how the adopted object stands.
pub async fn write(
    client: &Client,
    metrics: &Metrics,
    records: &Records,
    profile: &PerformanceProfile,
    adoptable: &Adoptable,
    acting: &Acting,
    now: Timestamp,
) -> Result<Option<Overlay>, ChildError> {
    let (namespace, name) = (profile.namespace().unwrap_or_default(), profile.name_any());
    let uid = profile.uid().unwrap_or_default();
    let one = async |scaler: &Scaler, wish: Wish| {
        let remembered = records.get(&uid, scaler);
        let done = carry_out(client, &namespace, scaler, &name, wish, remembered.as_ref(), now).await;
        let outcome = done.map_err(|source| ChildError {
            kind: scaler.kind.as_str(),
            name: scaler.name.clone(),
            category: categorize(&source),
            source,
        })?;
        if outcome.change == Change::Written {
            metrics.child_applied(scaler.kind.as_str(), outcome.change);
        }
        records.keep(&uid, scaler, outcome.overlay.as_ref().and_then(|overlay| overlay.record.clone()));
        Ok(outcome.overlay)
    };
    for scaler in &adoptable.left_behind {
        one(scaler, Wish::default()).await?;
    }
    match &adoptable.scaler {
        Some(Ok(scaler)) => one(scaler, Wish { floor: acting.floor, hold: acting.hold }).await,
        _ => Ok(None),
    }
}
