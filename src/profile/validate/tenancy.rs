//! What holds a profile to its own namespace, where the installation asks for it, beside the selectors themselves.

use crate::{
    api::v1alpha1::PerformanceProfile,
    profile::finding::{Finding, Level},
    slo::asks_prometheus,
};

/// Texts of alerts that would ask Prometheus when they are filled in: it answers with any series.
pub fn templates(profile: &PerformanceProfile) -> Vec<Finding> {
    let Some(alerting) = &profile.spec.alerting else { return Vec::new() };
    let key = |key: &str| key.replace('~', "~0").replace('/', "~1");
    let of_map = |place: &str, (name, text): (&String, &String)| (format!("{place}/{}", key(name)), text.clone());
    let labels = alerting.labels.iter().map(|entry| of_map("/labels", entry));
    let annotations = alerting.annotations.iter().map(|entry| of_map("/annotations", entry));
    let severity = [("/page/severity", &alerting.page), ("/ticket/severity", &alerting.ticket)];
    let severity = severity.into_iter().filter_map(|(place, class)| Some((place.to_owned(), class.clone()?.severity)));
    let runbook = alerting.runbook_url.iter().map(|url| ("/runbookUrl".to_owned(), url.clone()));
    let why = "it asks Prometheus with `query`, which no selector here can hold to this namespace: use `$value` and `$labels`";
    labels
        .chain(annotations)
        .chain(severity)
        .chain(runbook)
        .filter(|(_, text)| asks_prometheus(text))
        .map(|(place, _)| Finding::new(Level::Error, format!("/spec/alerting{place}"), why))
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        api::reasons,
        profile::{
            settings::Settings,
            testing::{AVAILABILITY, observed, profile},
            validate::{Part, validate},
        },
        slo,
    };

    fn settings(label: &str) -> Settings {
        Settings { namespace_label: Some(label.to_owned()), ..Settings::default() }
    }

    fn indicator(indicator: &str) -> String {
        format!("objectives:\n- {{name: one, target: \"99\", indicator: {{{indicator}}}}}\n")
    }

    /// The message of the reason for which the rules are held.
    fn refusal(spec: &str) -> String {
        let checked = validate(&profile(spec), &observed(), &settings("namespace"));
        let Part::Held(why) = checked.rules else { panic!("{spec}: {:?}", checked.rules) };
        assert_eq!(why.reason, reasons::INVALID, "{spec}");
        why.message
    }

    #[test]
    fn a_selector_for_another_namespace_is_refused_by_its_field() {
        let foreign = "m{namespace=\"other\"}";
        let preset = "telemetry: {preset: Istio, selector: 'app=\"x\"'}\n";
        let enforcement = |text: &str| {
            format!("{AVAILABILITY}enforcement: {{mode: Observe, scaling: {{dependencyWaiting: '{text}'}}}}\n")
        };
        let at = "spec.objectives[0].indicator.";
        for (spec, place) in [
            (indicator(&format!("ratio: {{total: m, errors: '{foreign}'}}")), format!("{at}ratio.errors")),
            (indicator(&format!("ratio: {{total: m, good: '{foreign}'}}")), format!("{at}ratio.good")),
            (indicator(&format!("ratio: {{errors: m, total: '{foreign}'}}")), format!("{at}ratio.total")),
            (
                indicator("latency: {histogram: h, threshold: 1s, selector: 'namespace=~\".+\"'}"),
                format!("{at}latency.selector"),
            ),
            (
                format!("{preset}{}", indicator("latency: {threshold: 1s, selector: 'namespace=~\".+\"'}")),
                format!("{at}latency.selector"),
            ),
            (
                format!("{preset}{}", indicator("throughput: {minimum: \"1\", selector: 'namespace!=\"\"'}")),
                format!("{at}throughput.selector"),
            ),
            (
                indicator("throughput: {counter: m, minimum: \"1\", selector: 'namespace!=\"\"'}"),
                format!("{at}throughput.selector"),
            ),
            (
                indicator("throughput: {counter: '{__name__=\"m\",namespace=\"other\"}', minimum: \"1\"}"),
                format!("{at}throughput.counter"),
            ),
            (
                indicator(&format!(
                    "raw: {{total: 'rate(m[$window])', errors: 'topk(scalar({foreign}), rate(m[$window]))'}}"
                )),
                format!("{at}raw.errors"),
            ),
            (
                indicator(&format!("raw: {{errors: 'rate(m[$window])', total: 'rate(m[$window]) and {foreign}'}}")),
                format!("{at}raw.total"),
            ),
            (indicator(&format!("probe: {{gauge: '{foreign}'}}")), format!("{at}probe.gauge")),
            (
                indicator(&format!("saturation: {{query: 'max({foreign})', maximum: \"1\"}}")),
                format!("{at}saturation.query"),
            ),
            (
                format!(
                    "telemetry: {{preset: Istio, selector: 'namespace=\"other\"'}}\n{}",
                    indicator("availability: {}")
                ),
                "spec.telemetry.selector".to_owned(),
            ),
            (enforcement(&format!("max({foreign})")), "spec.enforcement.scaling.dependencyWaiting".to_owned()),
        ] {
            let message = refusal(&spec);
            assert!(message.starts_with(&format!("{place}: ")), "{spec}: {message}");
            // What cannot be read at all is told of as that.
            assert!(message.contains("looks beyond this namespace") || message.contains("no PromQL"), "{message}");
        }
    }

    /// Every expression of a profile with everything in it, without the operator's own series and metrics.
    fn of_services(spec: &str, settings: &Settings) -> Vec<String> {
        let checked = validate(&profile(spec), &observed(), settings);
        let Part::Wanted(plan) = checked.rules else { panic!("{spec}: {:?}", checked.rules) };
        let rules = plan.rules.groups().into_iter().flat_map(|group| group.rules);
        rules.map(|rule| rule.expr().to_owned()).collect()
    }

    #[test]
    fn every_selector_of_every_rule_names_the_namespace() {
        for spec in [
            AVAILABILITY.to_owned(),
            format!("telemetry: {{preset: Istio, selector: 'app=\"x\"'}}\n{}", indicator("availability: {}")),
            format!("telemetry: {{preset: Linkerd, selector: ''}}\n{}", indicator("latency: {threshold: 1s}")),
            format!("telemetry: {{preset: Linkerd, selector: ''}}\n{}", indicator("throughput: {minimum: \"1\"}")),
            indicator("latency: {histogram: h, threshold: 1s}"),
            indicator("latency: {histogram: h, threshold: 1s, format: Native}"),
            indicator("raw: {errors: 'rate(e[$window])', total: 'rate(t[$window])'}"),
            indicator("probe: {gauge: up}"),
            indicator("throughput: {counter: c, minimum: \"1\"}"),
            indicator("saturation: {query: 'max(q)', maximum: \"1\"}"),
            format!("{AVAILABILITY}enforcement: {{mode: Observe, scaling: {{dependencyWaiting: 'max(w)'}}}}\n"),
        ] {
            let expressions = of_services(&spec, &settings("namespace"));
            assert!(expressions.len() > 10, "{spec}");
            for expression in expressions {
                let fence = slo::Fence::new("namespace".to_owned(), "store".to_owned());
                assert!(fence.holds_text(&expression), "{spec}\n{expression}");
            }
            for expression in of_services(&spec, &settings("tenant")) {
                for (name, matchers) in selectors(&expression) {
                    // What the operator records and measures carries `namespace`, all else the label.
                    let label = if name.starts_with("plimsoll") { "namespace" } else { "tenant" };
                    assert!(matchers.contains(&format!("{label}=\"store\"")), "{spec}\n{expression}: {name}");
                }
            }
        }
    }

    fn selectors(text: &str) -> Vec<(String, Vec<String>)> {
        use promql_parser::parser::Expr;
        let mut found = Vec::new();
        let expr = slo::parse_promql(text).unwrap();
        let walked = slo::walk_promql(&expr, &mut |expr| {
            let selector = match expr {
                Expr::VectorSelector(selector) => selector,
                Expr::MatrixSelector(selector) => &selector.vs,
                _ => return Ok::<_, ()>(()),
            };
            let matchers = selector.matchers.matchers.iter().map(ToString::to_string).collect();
            found.push((selector.name.clone().unwrap_or_default(), matchers));
            Ok(())
        });
        assert_eq!(walked, Ok(true), "{text}");
        found
    }

    #[test]
    fn without_the_flag_nothing_is_added() {
        let plain = of_services(AVAILABILITY, &Settings::default());
        assert!(plain.iter().any(|expression| expression.contains("sum(rate(http_requests_total[5m]))")), "{plain:?}");
    }

    #[test]
    fn templates_that_ask_prometheus_are_refused_by_their_field() {
        let alerting = |alerting: &str| format!("{AVAILABILITY}alerting: {{{alerting}}}\n");
        let query = "{{ query \"up\" }}";
        for (spec, place) in [
            (alerting(&format!("labels: {{a: '{query}'}}")), "labels.a"),
            (alerting(&format!("annotations: {{a: '{query}'}}")), "annotations.a"),
            (alerting("runbookUrl: 'https://x/{{query`up`}}'"), "runbookUrl"),
            (alerting(&format!("page: {{severity: '{query}'}}")), "page.severity"),
            (alerting(&format!("ticket: {{severity: '{query}'}}")), "ticket.severity"),
        ] {
            let message = refusal(&spec);
            assert!(message.starts_with(&format!("spec.alerting.{place}: it asks Prometheus")), "{spec}: {message}");
            assert!(matches!(validate(&profile(&spec), &observed(), &Settings::default()).rules, Part::Wanted(_)));
        }
    }

    #[test]
    fn alerts_carry_the_label_whatever_the_profile_says() {
        let spec = format!("{AVAILABILITY}alerting: {{labels: {{tenant: other}}}}\n");
        let checked = validate(&profile(&spec), &observed(), &settings("tenant"));
        let Part::Wanted(plan) = checked.rules else { panic!("{:?}", checked.rules) };
        let mut alerts = 0;
        for rule in plan.rules.groups().into_iter().flat_map(|group| group.rules) {
            match rule {
                slo::Rule::Alert { labels, .. } => {
                    assert_eq!(labels.get("tenant").map(String::as_str), Some("store"));
                    alerts += 1;
                }
                slo::Rule::Record { labels, .. } => assert_eq!(labels.get("tenant"), None),
            }
        }
        assert!(alerts > 5, "{alerts}");
    }
}
