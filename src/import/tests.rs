use super::*;
use crate::{
    check,
    profile::{Level, Settings},
    yaml,
};

fn manifests(text: &str) -> Vec<Manifest> {
    let documents = yaml::documents(text).unwrap();
    documents.into_iter().map(|document| Manifest { file: "f.yaml".into(), document }).collect()
}

fn read(format: Format, text: &str) -> Imported {
    let imported = import(format, &manifests(text), None);
    // Whatever comes out is a profile that `check` has nothing against.
    let written: Vec<_> = imported.profiles.iter().map(|profile| yaml::to_string(profile).unwrap()).collect();
    let checked = check::check_manifests(&manifests(&written.join("---\n")), &Settings::default());
    let errors: Vec<_> = checked.findings.iter().filter(|found| found.finding.level == Level::Error).collect();
    assert!(errors.is_empty(), "{errors:?}\n{}", written.join("---\n"));
    imported
}

fn lines(imported: &Imported) -> Vec<String> {
    imported.notes.iter().map(ToString::to_string).collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one file with all of its shapes")]
fn sloth_file_with_ratios_latency_and_what_has_no_equivalent() {
    let imported = read(
        Format::Sloth,
        r#"version: prometheus/v1
service: bakery
labels: {owner: ovens, tier: "2"}
slos:
- name: orders-availability
  objective: 99.95
  description: Orders are taken.
  sli:
    events:
      error_query: sum(rate(orders_total{job="bakery",code=~"5.."}[{{.window}}])) or vector(0)
      total_query: sum(rate(orders_total{job="bakery"}[{{ .window }}]))
  alerting:
    name: BakeryOrders
    annotations: {summary: Orders fail}
    page_alert: {labels: {severity: wake, routing_key: ovens}}
    ticket_alert: {labels: {severity: mail}}
- name: orders-latency
  objective: 95
  labels: {kind: latency}
  sli:
    events:
      error_query: |
        (
          sum(rate(order_seconds_count{job="bakery"}[{{.window}}]))
          -
          sum(rate(order_seconds_bucket{job="bakery",le="0.25"}[{{.window}}]))
        )
      total_query: sum(rate(order_seconds_count{job="bakery"}[{{.window}}]))
  alerting:
    page_alert: {labels: {severity: wake}}
    ticket_alert: {disable: true}
- name: dough
  objective: 99
  sli: {raw: {error_ratio_query: 1 - avg(dough_ready)}}
- name: grouped
  objective: 99
  sli:
    events:
      error_query: sum(increase(a_total{code="500"}[{{.window}}])) by (oven)
      total_query: sum(rate(a_total[{{.window}}]))
- name: two-counters
  objective: 99
  sli:
    events:
      error_query: |
        sum(rate(a_total[{{.window}}]))
          + sum(rate(b_total[{{.window}}]))
      total_query: sum(rate(c_total[{{.window}}]))
  alerting:
    page_alert: {labels: {severity: wake}}
"#,
    );
    let profile = &imported.profiles[0];
    assert_eq!(imported.profiles.len(), 1);
    assert_eq!(profile.spec.target_ref.name, "bakery");
    assert_eq!(
        yaml::to_string(&profile.spec.objectives).unwrap(),
        r#"- name: orders-availability
  description: Orders are taken.
  target: "99.95"
  window: 30d
  indicator:
    ratio:
      errors: orders_total{job="bakery",code=~"5.."}
      total: orders_total{job="bakery"}
- name: orders-latency
  target: "95"
  window: 30d
  indicator:
    latency:
      histogram: order_seconds
      selector: job="bakery"
      format: Classic
      threshold: 250ms
- name: two-counters
  target: "99"
  window: 30d
  indicator:
    raw:
      errors: sum(rate(a_total[$window])) + sum(rate(b_total[$window]))
      total: sum(rate(c_total[$window]))
"#
    );
    let alerting = profile.spec.alerting.as_ref().unwrap();
    assert_eq!(alerting.page.as_ref().unwrap().severity, "wake");
    assert_eq!(alerting.ticket, None);
    assert_eq!(alerting.labels.keys().collect::<Vec<_>>(), ["owner"]);
    let notes = lines(&imported);
    for expected in [
        "f.yaml:3: note: labels.tier: the alert label `tier` is left out",
        "slos[0].alerting.name: has no equivalent",
        "slos[0].alerting.page_alert.labels.routing_key: has no equivalent",
        "the alert annotation summary=Orders fail of objective orders-availability is left out",
        "the severity of tickets of objective orders-availability is left out",
        "the alert label kind=latency of objective orders-latency is left out",
        "slos[1].alerting: one class of alerts is disabled",
        "f.yaml:34: not imported: slos[2].sli.raw: ",
        "f.yaml:39: not imported: slos[3].sli.events.error_query: ",
        "note: slos[4].sli.events.error_query: its queries are taken as they are",
        "the window is an option",
    ] {
        assert!(notes.iter().any(|note| note.contains(expected)), "{expected}\n{}", notes.join("\n"));
    }
    assert_eq!(imported.found, 5);
    assert_eq!(notes.iter().filter(|note| note.contains("not imported")).count(), 2);
}

#[test]
fn sloth_resource() {
    let imported = read(
        Format::Sloth,
        r#"apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata:
  name: slo-post
  namespace: mail
  labels: {release: monitoring}
spec:
  service: post
  labels: {owner: post}
  slos:
  - name: "Letters Sent"
    objective: 99.9
    sli:
      events:
        errorQuery: sum(increase(letters_lost_total[{{.window}}]))
        totalQuery: sum(increase(letters_total[{{.window}}]))
    alerting: {pageAlert: {disable: true}, ticketAlert: {disable: true}}
"#,
    );
    let profile = &imported.profiles[0];
    assert_eq!(profile.metadata.namespace.as_deref(), Some("mail"));
    assert_eq!(profile.spec.objectives[0].name, "letters-sent");
    assert_eq!(profile.spec.rules.as_ref().unwrap().labels["release"], "monitoring");
    assert_eq!(profile.spec.alerting.as_ref().unwrap().mode, v1alpha1::Management::Disabled);
    assert!(lines(&imported).iter().any(|note| note.contains("`Letters Sent` becomes `letters-sent`")));
}

#[test]
fn pyrra_ratio_latency_and_native() {
    let slo = |name: &str, indicator: &str| {
        format!(
            "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata:\n  name: {name}\n  namespace: shop\n  labels: {{role: alert-rules, pyrra.dev/team: carts}}\nspec:\n  target: '99.5'\n  window: 4w\n  description: Carts.\n  indicator:\n    {indicator}\n  alerting: {{name: X, burnrates: true}}\n"
        )
    };
    let text = [
        slo(
            "cart-errors",
            r#"ratio: {errors: {metric: 'carts_total{job="shop/cart",code=~"5.."}'}, total: {metric: 'carts_total{job="shop/cart"}'}, grouping: [route]}"#,
        ),
        slo(
            "cart-latency",
            r#"latency: {success: {metric: 'cart_seconds_bucket{job="shop/cart",le="1"}'}, total: {metric: 'cart_seconds_count{job="shop/cart"}'}}"#,
        ),
        slo("cart-native", "latencyNative: {latency: 1s, total: {metric: 'cart_seconds{job=\"shop/cart\"}'}}"),
        slo("cart-up", "bool_gauge: {metric: 'up{job=\"shop/cart\"}', grouping: [instance]}"),
        slo("cart-groups", "bool_gauge: {metric: 'up{job=\"shop/cart\"}', grouping: [namespace]}"),
        slo("cart-none", "{}"),
    ];
    let imported = read(Format::Pyrra, &text.join("---\n"));
    assert_eq!(imported.profiles.len(), 1);
    let spec = &imported.profiles[0].spec;
    assert_eq!(spec.target_ref.name, "cart");
    assert_eq!(spec.alerting.as_ref().unwrap().labels["team"], "carts");
    assert_eq!(spec.objectives.len(), 5);
    assert_eq!(spec.objectives[4].grouping, None);
    assert_eq!(spec.objectives[0].grouping.as_ref().unwrap().by, ["route"]);
    let native = spec.objectives[2].indicator.latency.as_ref().unwrap();
    assert_eq!((native.histogram.as_deref(), native.format), (Some("cart_seconds"), v1alpha1::HistogramFormat::Native));
    assert_eq!(spec.objectives[3].indicator.probe.as_ref().unwrap().gauge, "up{job=\"shop/cart\"}");
    assert_eq!(spec.objectives[0].window.to_string(), "28d");
    let latency = spec.objectives[1].indicator.latency.as_ref().unwrap();
    assert_eq!((latency.threshold.to_string().as_str(), latency.selector.as_str()), ("1s", "job=\"shop/cart\""));
    let notes = lines(&imported);
    for expected in [
        "note: spec.alerting: has no equivalent",
        "note: spec.indicator: `namespace` cannot be grouped by",
        "not imported: spec.indicator: it has none of ratio",
    ] {
        assert!(notes.iter().any(|note| note.contains(expected)), "{expected}\n{}", notes.join("\n"));
    }
}

#[test]
fn openslo_with_a_reference_and_with_what_cannot_be() {
    let slo = |name: &str, rest: &str| {
        format!(
            "---\napiVersion: openslo/v1\nkind: SLO\nmetadata: {{name: {name}, displayName: D}}\nspec:\n  service: search\n  budgetingMethod: Occurrences\n  timeWindow: [{{duration: 1w, isRolling: true}}]\n  objectives: [{{target: 0.999, displayName: fine}}]\n{rest}"
        )
    };
    let sli = r#"apiVersion: openslo/v1
kind: SLI
metadata: {name: answers}
spec:
  ratioMetric:
    counter: true
    good: {metricSource: {type: Prometheus, metricSourceRef: main, spec: {query: 'sum(rate(answers_total{ok="yes"}[5m]))'}}}
    total: {metricSource: {type: Prometheus, spec: {query: 'answers_total'}}}
"#;
    let threshold = "  indicator: {spec: {thresholdMetric: {metricSource: {type: Prometheus, spec: {query: x}}}}}\n";
    let text = [
        sli.to_owned(),
        slo("answers", "  indicatorRef: answers\n  alertPolicies: [page]\n"),
        slo("calendar", "  indicatorRef: answers\n").replace("isRolling: true", "isRolling: false"),
        slo("slices", "  indicatorRef: answers\n").replace("Occurrences", "Timeslices"),
        slo("lost", "  indicatorRef: nothing\n"),
        slo("threshold", threshold),
        "---\napiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: {name: page}\nspec: {}\n".to_owned(),
    ];
    let imported = read(Format::Openslo, &text.join(""));
    assert_eq!((imported.found, imported.profiles.len()), (5, 1));
    let objectives = &imported.profiles[0].spec.objectives;
    assert_eq!(objectives.len(), 1);
    assert_eq!((objectives[0].target.to_string().as_str(), objectives[0].window.to_string().as_str()), ("99.9", "7d"));
    assert_eq!(objectives[0].indicator.ratio.as_ref().unwrap().good.as_deref(), Some("answers_total{ok=\"yes\"}"));
    let notes = lines(&imported);
    for expected in [
        "note: spec.alertPolicies: has no equivalent",
        "note: metadata.displayName: has no equivalent",
        "note: spec.ratioMetric.good.metricSource.metricSourceRef: has no equivalent",
        "not imported: spec.timeWindow[0]: a calendar window without a zone",
        "not imported: spec.budgetingMethod: Timeslices",
        "not imported: spec.indicatorRef: no SLI named nothing",
        "not imported: spec.indicator.spec: only a ratioMetric",
        "note: a AlertPolicy has no equivalent",
    ] {
        assert!(notes.iter().any(|note| note.contains(expected)), "{expected}\n{}", notes.join("\n"));
    }
}

#[test]
fn openslo_v1alpha() {
    let imported = read(
        Format::Openslo,
        r"apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: pages}
spec:
  service: web
  budgetingMethod: Occurrences
  timeWindows: [{unit: Day, count: 28, isRolling: true}]
  objectives:
  - displayName: all
    target: 0.98
    ratioMetrics:
      incremental: true
      good: {source: prometheus, queryType: promql, query: pages_ok_total}
      total: {source: prometheus, queryType: promql, query: pages_total}
",
    );
    let objective = &imported.profiles[0].spec.objectives[0];
    assert_eq!((objective.name.as_str(), objective.target.to_string().as_str()), ("pages", "98"));
    assert_eq!(objective.window.to_string(), "28d");
}

#[test]
fn only_forms_that_mean_the_same_are_taken() {
    for query in ["a_total", "sum(a_total)", "(sum((rate(a_total[1m]))))", "sum(increase(a_total[2h])) or vector(0)"] {
        assert_eq!(promql::counter(query).unwrap().to_string(), "a_total", "{query}");
    }
    for query in [
        "",
        "sum(rate(a[5m])) * 2",
        "avg(a)",
        "sum by (x) (a)",
        "rate(a[5m] offset 1h)",
        "sum(rate(a[5m])) or vector(1)",
        "max_over_time(a[5m])",
        "sum(rate(a[5m])) + sum(rate(b[5m]))",
        "topk(3, a)",
        "1",
    ] {
        assert!(promql::counter(query).is_err(), "{query}");
    }
    assert!(promql::counter(&"(".repeat(100_000)).is_err());
    assert!(promql::errors_of("sum(a) - sum(b)", "sum(c)").is_err(), "all events must be the same ones");
}

#[test]
fn targets_are_exact_or_refused() {
    for (per_cent, text) in [(0.999 * 100.0, "99.9"), (99.95, "99.95"), (0.99999 * 100.0, "99.999"), (50.0, "50")] {
        assert_eq!(target(per_cent).unwrap().to_string(), text);
    }
    for per_cent in [100.0, 49.0, 99.999_999, 0.0, -1.0] {
        assert!(target(per_cent).is_err(), "{per_cent}");
    }
}
