//! The plan, step by step and at random.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::api::annotations::ORIGINAL;

mod finding;
mod server;

use server::{Server, merge_patch};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_secs(second)
}

const NOTHING: Wish = Wish { floor: None, hold: false };

fn wish(floor: i32, hold: bool) -> Wish {
    Wish { floor: Some(floor), hold }
}

/// Takes steps until none is left.
fn settle(server: &mut Server, wish: Wish, now: Timestamp) -> Overlay {
    for _ in 0..8 {
        let step = plan(server.kind, &server.object, "shop", wish, None, now);
        let Some(patch) = step.patch else { return step.overlay };
        server.patch(&patch);
    }
    panic!("no end: {}", server.object);
}

fn autoscaler(spec: Value) -> Server {
    let mut all = json!({"maxReplicas": 10, "scaleTargetRef": {"name": "web"}});
    merge_patch(&mut all, spec);
    Server::new(ScalerKind::HorizontalPodAutoscaler, json!({"spec": all}), "kubectl")
}

fn scaled_object(spec: Value, annotations: Value) -> Server {
    let mut object = json!({"spec": {"scaleTargetRef": {"name": "web"}, "triggers": []}});
    merge_patch(&mut object, json!({"spec": spec, "metadata": {"annotations": annotations}}));
    Server::new(ScalerKind::ScaledObject, object, "kubectl")
}

#[test]
fn two_fields_are_written_in_one_request_and_given_back_in_two() {
    let mut server = autoscaler(json!({"minReplicas": 2}));
    server.apply("git", json!({"spec": {"minReplicas": 2, "maxReplicas": 10}}));
    let before = server.essence();
    let step = plan(server.kind, &server.object, "shop", wish(8, true), None, at(0));
    let patch = step.patch.unwrap();
    assert_eq!(patch["spec"], json!({"minReplicas": 8, "behavior": {"scaleDown": {"selectPolicy": "Disabled"}}}));
    server.patch(&patch);
    assert_eq!(server.owners(Lever::Floor), ["plimsoll"]);
    let overlay = settle(&mut server, wish(8, true), at(1));
    assert_eq!((overlay.floor, overlay.hold), (State::Written, State::Written));
    let first = plan(server.kind, &server.object, "shop", NOTHING, None, at(2)).patch.unwrap();
    assert_eq!(first["spec"], json!({"minReplicas": 2, "behavior": null}));
    server.patch(&first);
    let second = plan(server.kind, &server.object, "shop", NOTHING, None, at(2)).patch.unwrap();
    assert_eq!((second.get("spec"), &second["metadata"]["annotations"][ORIGINAL]), (None, &Value::Null));
    server.patch(&second);
    assert_eq!(server.essence(), before);
    assert_eq!(plan(server.kind, &server.object, "shop", NOTHING, None, at(3)).patch, None);
}

#[test]
fn what_was_not_there_is_not_there_after() {
    for mut server in [
        autoscaler(json!({})),
        autoscaler(json!({"behavior": {"scaleUp": {"stabilizationWindowSeconds": 30}}})),
        autoscaler(json!({"behavior": {"scaleDown": {"selectPolicy": "Min"}}})),
        scaled_object(json!({}), Value::Null),
        scaled_object(json!({"minReplicaCount": 1}), json!({"team": "shop"})),
        scaled_object(json!({}), json!({"autoscaling.keda.sh/paused-scale-in": "false"})),
    ] {
        let before = server.essence();
        settle(&mut server, wish(8, true), at(0));
        assert_eq!(server.value(Lever::Hold), Some(&server.kind.held()));
        assert_eq!(server.value(Lever::Floor), Some(&json!(8)));
        settle(&mut server, wish(5, true), at(10));
        assert_eq!(server.value(Lever::Floor), Some(&json!(5)));
        settle(&mut server, wish(5, false), at(20));
        assert_ne!(server.value(Lever::Hold), Some(&server.kind.held()));
        settle(&mut server, NOTHING, at(30));
        assert_eq!(server.essence(), before);
    }
}

#[test]
fn what_suffices_is_not_written_and_the_maximum_bounds_the_floor() {
    let server = autoscaler(json!({"minReplicas": 6}));
    for (floor, state) in [(5, State::Enough), (6, State::Enough), (7, State::Written), (60, State::Written)] {
        let step = plan(server.kind, &server.object, "shop", wish(floor, false), None, at(0));
        assert_eq!(step.overlay.floor, state);
        let written = step.patch.map(|patch| patch["spec"]["minReplicas"].clone());
        assert_eq!(written, (floor > 6).then(|| json!(floor.min(10))));
    }
    let held = scaled_object(json!({}), json!({"autoscaling.keda.sh/paused-scale-in": "true"}));
    let step = plan(held.kind, &held.object, "shop", Wish { floor: None, hold: true }, None, at(0));
    assert_eq!((step.patch, step.overlay.hold), (None, State::Enough));
}

#[test]
fn a_floor_that_sinks_to_the_objects_own_is_given_back() {
    let mut server = autoscaler(json!({"minReplicas": 4}));
    let before = server.essence();
    settle(&mut server, wish(8, false), at(0));
    let overlay = settle(&mut server, wish(3, false), at(10));
    assert_eq!((overlay.floor, server.essence()), (State::Enough, before));
}

#[test]
fn another_writer_is_answered_three_times_in_ten_minutes() {
    let mut server = autoscaler(json!({"minReplicas": 2}));
    settle(&mut server, wish(8, true), at(0));
    for round in 1..=3 {
        server.apply("argocd", json!({"spec": {"minReplicas": 3}}));
        settle(&mut server, wish(8, true), at(round * 60));
        assert_eq!(server.value(Lever::Floor), Some(&json!(8)), "round {round}");
    }
    server.apply("argocd", json!({"spec": {"minReplicas": 3}}));
    let overlay = settle(&mut server, wish(8, true), at(240));
    let State::Contended(contention) = overlay.floor else { panic!("{overlay:?}") };
    assert_eq!((contention.by.as_str(), contention.since), ("argocd", at(240)));
    assert_eq!(overlay.hold, State::Written, "the other field is not contended");
    assert_eq!(server.value(Lever::Floor), Some(&json!(3)));
    // It lasts as long as the wish does, and is known after a restart.
    let overlay = settle(&mut server, wish(9, true), at(10_000));
    assert!(matches!(overlay.floor, State::Contended(_)), "{overlay:?}");
    settle(&mut server, NOTHING, at(10_001));
    assert_eq!(server.value(Lever::Floor), Some(&json!(3)), "the other's value stays");
    assert_eq!(server.owners(Lever::Floor), ["argocd"]);
    assert_eq!(server.object["metadata"].get("annotations"), None);
    let overlay = settle(&mut server, wish(9, false), at(10_002));
    assert_eq!(overlay.floor, State::Written, "a new wish begins anew");
}

#[test]
fn a_slow_writer_is_answered_for_ever_and_gets_its_own_value_back() {
    let mut server = autoscaler(json!({"minReplicas": 2}));
    settle(&mut server, wish(8, false), at(0));
    for round in 1..20 {
        server.apply("flux", json!({"spec": {"minReplicas": 4}}));
        let overlay = settle(&mut server, wish(8, false), at(round * 201));
        assert_eq!((overlay.floor, server.value(Lever::Floor)), (State::Written, Some(&json!(8))), "round {round}");
    }
    settle(&mut server, NOTHING, at(9999));
    assert_eq!((server.value(Lever::Floor), server.owners(Lever::Floor)), (Some(&json!(4)), vec!["flux".to_owned()]));
}

#[test]
fn one_that_applies_our_value_keeps_it() {
    let mut server = autoscaler(json!({"minReplicas": 2}));
    settle(&mut server, wish(8, false), at(0));
    server.apply("git", json!({"spec": {"minReplicas": 8}}));
    settle(&mut server, NOTHING, at(1));
    assert_eq!((server.value(Lever::Floor), server.owners(Lever::Floor)), (Some(&json!(8)), vec!["git".to_owned()]));
}

#[test]
fn one_that_writes_our_value_after_it_was_taken_back_keeps_it() {
    let mut server = autoscaler(json!({"minReplicas": 1}));
    settle(&mut server, wish(5, false), at(0));
    // The value is back, and the operator dies before its owner is.
    let first = plan(server.kind, &server.object, "shop", NOTHING, None, at(1)).patch.unwrap();
    server.patch(&first);
    assert_eq!(server.value(Lever::Floor), Some(&json!(1)));
    server.apply("git", json!({"spec": {"minReplicas": 5}}));
    settle(&mut server, NOTHING, at(2));
    assert_eq!((server.value(Lever::Floor), server.owners(Lever::Floor)), (Some(&json!(5)), vec!["git".to_owned()]));
}

#[test]
fn a_lost_note_is_made_good_from_memory_and_said_where_there_is_none() {
    let mut server = autoscaler(json!({"minReplicas": 2}));
    let before = server.essence();
    let record = settle(&mut server, wish(8, false), at(0)).record;
    server.update("kubectl", "Update", json!({"metadata": {"annotations": null}}));
    let blank = plan(server.kind, &server.object, "shop", NOTHING, None, at(1));
    assert_eq!((blank.patch, blank.overlay.floor), (None, State::Unremembered));
    for _ in 0..2 {
        let step = plan(server.kind, &server.object, "shop", NOTHING, record.as_ref(), at(1));
        server.patch(&step.patch.unwrap());
    }
    assert_eq!(server.essence(), before);
    let mut other = record.unwrap();
    other.uid = "u2".to_owned();
    settle(&mut server, wish(8, false), at(2));
    server.update("kubectl", "Update", json!({"metadata": {"annotations": null}}));
    assert_eq!(plan(server.kind, &server.object, "shop", NOTHING, Some(&other), at(3)).patch, None);
}

#[test]
fn a_note_that_was_copied_from_another_object_says_nothing() {
    let mut server = autoscaler(json!({"minReplicas": 5}));
    let note = json!({"profile": "shop", "uid": "u9", "floor": {"was": 1, "set": 5}}).to_string();
    server.update("flagger", "Update", json!({"metadata": {"annotations": {ORIGINAL: note}}}));
    assert_eq!(plan(server.kind, &server.object, "shop", NOTHING, None, at(0)).patch, None);
    settle(&mut server, wish(8, false), at(1));
    settle(&mut server, NOTHING, at(2));
    assert_eq!(server.value(Lever::Floor), Some(&json!(5)));
}

#[derive(Debug, Clone)]
enum Event {
    /// One step towards a wish: the operator may die after it.
    Step(Wish),
    Settle(Wish),
    /// Another applies a floor by force.
    Floor(i32),
    /// Another writes part of the behaviour.
    Behavior,
}

fn events(foreign: bool) -> impl Strategy<Value = Vec<Event>> {
    let wishes = || {
        let floor = prop_oneof![Just(None), (0..14).prop_map(Some)];
        (floor, any::<bool>()).prop_map(|(floor, hold)| Wish { floor, hold })
    };
    let own = prop_oneof![wishes().prop_map(Event::Step), wishes().prop_map(Event::Settle)];
    let others = prop_oneof![3 => (0..12).prop_map(Event::Floor), 1 => Just(Event::Behavior)];
    let weight = u32::from(foreign);
    if foreign {
        proptest::collection::vec(prop_oneof![3 => own, weight => others], 0..40).boxed()
    } else {
        proptest::collection::vec(own, 0..40).boxed()
    }
}

fn servers() -> impl Strategy<Value = Server> {
    let behaviors = prop_oneof![
        Just(json!({})),
        Just(json!({"behavior": {"scaleUp": {"stabilizationWindowSeconds": 60}}})),
        Just(json!({"behavior": {"scaleDown": {"selectPolicy": "Disabled"}}})),
    ];
    let hpa = (proptest::option::of(1..10), behaviors).prop_map(|(floor, spec)| {
        let mut server = autoscaler(spec);
        if let Some(floor) = floor {
            server.apply("git", json!({"spec": {"minReplicas": floor}}));
        }
        server
    });
    let annotations = prop_oneof![
        Just(Value::Null),
        Just(json!({"team": "a"})),
        Just(json!({"autoscaling.keda.sh/paused-scale-in": "true"})),
    ];
    let keda = (proptest::option::of(0..10), annotations).prop_map(|(floor, annotations)| {
        scaled_object(floor.map_or(json!({}), |floor| json!({"minReplicaCount": floor})), annotations)
    });
    prop_oneof![hpa, keda]
}

proptest! {
    #[test]
    fn whatever_was_wished_all_is_as_before(mut server in servers(), events in events(false)) {
        let before = server.essence();
        for (second, event) in (0..).zip(events) {
            match event {
                Event::Step(wish) => {
                    if let Some(patch) = plan(server.kind, &server.object, "shop", wish, None, at(second)).patch {
                        server.patch(&patch);
                    }
                }
                Event::Settle(wish) => {
                    settle(&mut server, wish, at(second));
                    let floor = server.value(Lever::Floor).and_then(Value::as_i64).unwrap_or(0);
                    let maximum = server.kind.maximum(&server.object);
                    prop_assert!(wish.floor.is_none_or(|wanted| floor >= i64::from(wanted).min(maximum)));
                    prop_assert!(!wish.hold || server.value(Lever::Hold) == Some(&server.kind.held()));
                    prop_assert_eq!(lever::at(&server.object, &["spec", "maxReplicas"]), lever::at(&before, &["spec", "maxReplicas"]));
                }
                Event::Floor(_) | Event::Behavior => {}
            }
        }
        settle(&mut server, NOTHING, at(9_999));
        prop_assert_eq!(server.essence(), before);
    }

    #[test]
    fn whoever_writes_as_well_nothing_of_ours_stays(mut server in servers(), events in events(true)) {
        let key = if server.kind == ScalerKind::ScaledObject { "minReplicaCount" } else { "minReplicas" };
        let mut others = lever::at(&server.object, server.kind.path(Lever::Floor)).cloned();
        let mut last = NOTHING;
        for (second, event) in (0..).zip(events) {
            match event {
                Event::Step(wish) => {
                    last = wish;
                    if let Some(patch) = plan(server.kind, &server.object, "shop", wish, None, at(second)).patch {
                        server.patch(&patch);
                    }
                }
                Event::Settle(wish) => {
                    last = wish;
                    settle(&mut server, wish, at(second));
                }
                Event::Floor(floor) => {
                    // Whoever writes another value and then ours, both between two looks, cannot be told from one whose
                    // value was raised at admission.
                    settle(&mut server, last, at(second));
                    server.apply("argocd", json!({"spec": {key: floor}}));
                    others = Some(json!(floor));
                }
                Event::Behavior if server.kind == ScalerKind::HorizontalPodAutoscaler => {
                    server.apply("argocd", json!({"spec": {"behavior": {"scaleUp": {"stabilizationWindowSeconds": 7}}}}));
                }
                Event::Behavior => {}
            }
        }
        settle(&mut server, NOTHING, at(9_999));
        let list = &server.object["metadata"]["managedFields"];
        prop_assert!(!list.to_string().contains("plimsoll"), "{}", list);
        prop_assert!(!server.object["metadata"].to_string().contains(ORIGINAL));
        prop_assert_eq!(lever::at(&server.object, server.kind.path(Lever::Floor)), others.as_ref());
    }
}
