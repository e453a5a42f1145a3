use std::{path::Path, sync::Arc};

use super::*;
use crate::{
    api::v1alpha1::PerformanceProfile,
    kube::{PrometheusRule, PrometheusRuleSpec, RuleGroups, VMRule, VMRuleSpec, Written},
    profile::{
        Settings,
        testing::{observed, profile},
        validate::{Part, validate},
    },
    yaml,
};

fn rules_of(profile: &PerformanceProfile, settings: &Settings) -> Option<Arc<Rules>> {
    match validate(profile, &observed(), settings).rules {
        Part::Wanted(plan) => Some(plan.rules),
        Part::Unwanted(_) | Part::Held(_) => None,
    }
}

fn fresh() -> Molds {
    Molds(Mutex::new(Memory { seen: VecDeque::new(), molds: VecDeque::new() }))
}

fn settings() -> Vec<Settings> {
    let label = Some("tenant".to_owned());
    vec![Settings::default(), Settings { namespace_label: label, ..Settings::default() }]
}

/// How many shapes are known, and how many of them have a mold.
fn known(molds: &Molds) -> (usize, usize) {
    let memory = molds.lock();
    (memory.molds.len(), memory.molds.iter().filter(|known| matches!(known.form, Form::Cast(_))).count())
}

const MANY_KINDS: &str = r#"
objectives:
- name: availability
  target: "99.9"
  description: 'for {{ all }} "users" of $team$'
  indicator: {ratio: {errors: 'http_requests_total{job="$job$",code=~"5.."}', total: 'http_requests_total{job="$job$"}'}}
- name: quick
  target: "95"
  indicator: {latency: {histogram: $metric$_seconds, selector: 'job="$job$"', threshold: 200ms}}
- name: native
  target: "95"
  window: 7d
  indicator: {latency: {histogram: $metric$_seconds, threshold: 1s, format: Native}}
- name: up
  target: "99"
  groupBy: {labels: [route], limit: 7}
  indicator: {probe: {gauge: 'up{job="$job$"}'}}
- name: busy
  target: "99"
  indicator: {throughput: {counter: '$metric$_total', minimum: "10"}}
alerting:
  labels: {team: $team$}
  annotations: {note: 'ask {{ $labels.profile }} or $team$'}
  runbookUrl: https://$team$.example/runbook
enforcement: {mode: Observe}
"#;

fn named(namespace: &str, name: &str, names: [&str; 3]) -> PerformanceProfile {
    let mut spec = MANY_KINDS.to_owned();
    for (mark, text) in ["$team$", "$job$", "$metric$"].into_iter().zip(names) {
        spec = spec.replace(mark, text);
    }
    let mut profile = profile(&spec);
    profile.metadata.namespace = Some(namespace.to_owned());
    profile.metadata.name = Some(name.to_owned());
    profile
}

#[test]
fn names_in_a_mold_are_as_if_built() {
    for settings in settings() {
        let molds = fresh();
        for (namespace, name, names, label) in [
            ("shop", "web", ["red", "shop", "http"], "a"),
            ("shop", "web", ["red", "shop", "http"], "a"),
            ("store", "web.api", ["blue", "b\u{e9}d", "rpc:server"], "\"a\"\\b\n{{ $value }}"),
            ("s", "w", ["x", "", "x"], ""),
            ("no \"name\"", "w", ["x", "", "x"], ""),
        ] {
            let mut rules = Arc::unwrap_or_clone(rules_of(&named(namespace, name, names), &settings).expect("rules"));
            rules.alerting.as_mut().unwrap().labels.insert("team".to_owned(), label.to_owned());
            assert_eq!(molds.json(&rules).unwrap(), built(&rules).unwrap(), "{namespace}/{name}");
        }
        assert_eq!(known(&molds), (1, 1), "one shape, and a mold of it: the last is another that came once");
    }
}

#[test]
fn an_object_with_rules_is_sent_as_it_is() {
    let rules = rules_of(&named("shop", "web", ["a"; 3]), &Settings::default()).unwrap();
    let mut prometheus = PrometheusRule::new("web", PrometheusRuleSpec { groups: RuleGroups::Wanted(rules.clone()) });
    let mut victoria = VMRule::new("web", VMRuleSpec { groups: RuleGroups::Wanted(rules) });
    for _ in 0..3 {
        assert_eq!(prometheus.json().unwrap(), serde_json::to_vec(&prometheus).unwrap());
        assert_eq!(victoria.json().unwrap(), serde_json::to_vec(&victoria).unwrap());
        prometheus.metadata.uid = Some("u".to_owned());
        victoria.metadata.labels = Some([("a".to_owned(), "[]}}".to_owned())].into());
    }
}

#[test]
fn every_golden_profile_comes_out_of_its_mold_as_it_is_built() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/profiles");
    let (mut count, mut with_mold) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path().join("profile.yaml")).unwrap();
        for document in yaml::documents(&text).unwrap() {
            let Ok(profile) = serde_json::from_value::<PerformanceProfile>(document.value) else { continue };
            for settings in settings() {
                let Some(rules) = rules_of(&profile, &settings) else { continue };
                let molds = fresh();
                let mut other = (*rules).clone();
                other.workload.profile = "another".to_owned();
                for described in &mut other.objectives {
                    described.objective.identity.profile = "another".to_owned();
                }
                for rules in [&rules, &rules, &rules, &other] {
                    assert_eq!(molds.json(rules).unwrap(), built(rules).unwrap());
                }
                count += 1;
                with_mold += known(&molds).1;
            }
        }
    }
    assert!(count > 20, "only {count}");
    assert_eq!(with_mold, count, "each has a mold");
}

#[test]
fn a_text_like_a_mark_is_a_text() {
    let molds = fresh();
    let of = |namespace: &str| {
        let text = "see plimsoll_name_0_ and plimsoll_name_99999_";
        let mut rules =
            Arc::unwrap_or_clone(rules_of(&named(namespace, "web", ["a"; 3]), &Settings::default()).unwrap());
        rules.partial_response = None;
        rules.objectives.truncate(1);
        rules.objectives[0].objective.identity.namespace = namespace.to_owned();
        rules.alerting.as_mut().unwrap().page_severity = text.to_owned();
        rules
    };
    for namespace in ["one", "one", "two", "plimsoll_name_0_"] {
        let rules = of(namespace);
        assert_eq!(molds.json(&rules).unwrap(), built(&rules).unwrap());
    }
    assert_eq!(known(&molds), (1, 0), "it is known that there is none");
}

#[test]
fn what_comes_once_makes_no_mold_and_the_memory_is_bounded() {
    let molds = fresh();
    let of = |minimum: u32| {
        let mut rules = Arc::unwrap_or_clone(
            rules_of(&profile(crate::profile::testing::AVAILABILITY), &Settings::default()).unwrap(),
        );
        rules.alerting.as_mut().unwrap().min_failures = minimum;
        rules
    };
    for minimum in 1..200 {
        molds.json(&of(minimum)).unwrap();
    }
    assert_eq!(known(&molds).0, 0);
    assert_eq!(molds.lock().seen.len(), SEEN);
    for minimum in 300..340 {
        for _ in 0..2 {
            molds.json(&of(minimum)).unwrap();
        }
    }
    assert_eq!(known(&molds), (MOST, MOST));
    // What is used stays.
    let first = molds.lock().molds.back().unwrap().number;
    molds.json(&of(324)).unwrap();
    for minimum in 400..400 + u32::try_from(MOST).unwrap() - 1 {
        for _ in 0..2 {
            molds.json(&of(minimum)).unwrap();
        }
    }
    let numbers: Vec<_> = molds.lock().molds.iter().map(|known| known.number).collect();
    assert_eq!(numbers.len(), MOST);
    assert_eq!(numbers.last(), Some(&first), "of 324, the oldest that was there");
}
