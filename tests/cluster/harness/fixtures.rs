//! Manifests as users write them.

/// A Deployment whose pods no node takes, so that a lab with a node behaves like one without.
pub fn deployment(name: &str, replicas: u32) -> String {
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      nodeSelector: {{plimsoll.dev/no-such-node: 'true'}}
      containers:
      - name: app
        image: localhost/none:1
        resources: {{requests: {{cpu: 10m, memory: 10Mi}}}}
"
    )
}

/// A profile with nothing but its target: the Deployment of the same name.
pub fn profile(name: &str) -> String {
    profile_with(name, name, "")
}

/// A profile with more in its spec: YAML without indentation.
pub fn profile_with(name: &str, target: &str, spec: &str) -> String {
    let spec = spec.trim_matches('\n').replace('\n', "\n  ");
    format!(
        "
apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata: {{name: {name}}}
spec:
  targetRef: {{name: {target}}}
  {spec}
"
    )
}

/// One sound objective, an item for `objectives:`.
pub fn objective(name: &str) -> String {
    format!(
        "- name: {name}\n  target: \"99.9\"\n  indicator: {{ratio: {{errors: 'requests_total{{job=\"{name}\",code=~\"5..\"}}', \
         total: 'requests_total{{job=\"{name}\"}}'}}}}\n"
    )
}
