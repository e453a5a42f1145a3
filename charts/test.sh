#!/usr/bin/env bash
# The charts without a cluster: lint, golden files, refused values, least privilege, alerts.
#
#   charts/test.sh            compare with tests/golden/chart/
#   charts/test.sh --update   write what is rendered there
#
# Needs helm 4 ($HELM or PATH) and jq. With promtool ($PROMTOOL or PATH) the alerts are tried too, with the operator's binary
# ($PLIMSOLL) the arguments that the chart gives it.
set -euo pipefail
cd "$(dirname "$0")/.."
helm=${HELM:-helm} promtool=${PROMTOOL:-promtool} golden=tests/golden/chart chart=charts/plimsoll crds=charts/plimsoll-crds
for tool in "$helm" jq; do command -v "$tool" >/dev/null || { echo "$tool not found" >&2; exit 2; }; done
out=$(mktemp -d); trap 'rm -rf "$out"' EXIT
passed=0 failed=0
check() { # WHAT COMMAND...: its output is shown when it fails
  local what=$1; shift
  if "$@" >"$out/log" 2>&1; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED $what"; sed 's/^/  /' "$out/log"; fi
}
# The version of the cluster that is rendered for, not the one that this Helm was built with.
kubernetes=1.37.0
render() { "$helm" template plimsoll "$chart" --namespace plimsoll-system --kube-version "$kubernetes" "$@"; }
same() { # NAME: what was rendered is what is kept
  if [ "${update:-}" ]; then mkdir -p "$golden"; cp "$out/$1" "$golden/$1"; else diff -u "$golden/$1" "$out/$1"; fi
}
[ "${1:-}" = --update ] && update=1

for values in "$chart"/ci/*-values.yaml; do
  name=$(basename "$values" -values.yaml)
  check "lint $name" "$helm" lint --strict "$chart" --namespace plimsoll-system --kube-version "$kubernetes" --values "$values"
  check "render $name" render --values "$values"
  cp "$out/log" "$out/$name.yaml"
  check "golden $name" same "$name.yaml"
  check "rights $name" bash hack/least-privilege "$out/$name.yaml"
done
check "rights of deploy/" bash hack/least-privilege deploy/operator.yaml

# Names that a release gives.
check "name of a release with the chart's name" grep -qx '  name: my-plimsoll' <("$helm" template my-plimsoll "$chart")
check "name of any other release" grep -qx '  name: edge-plimsoll' <("$helm" template edge "$chart")

# Each value is described, and each described value has a default that says what it is.
keys() { sed -n 's/^\([a-zA-Z]*\):.*/\1/p' "$1/values.yaml" | sort; }
for dir in "$chart" "$crds"; do
  check "$dir: schema and values name the same" diff <(keys "$dir") <(jq -r '.properties | keys[] | select(. != "global")' "$dir/values.schema.json" | sort)
  check "$dir: every value has a description" jq -e '[.properties | .. | objects | select(has("properties")) | .properties[] | select(has("description") | not)] + [.properties[] | select(has("description") | not)] == []' "$dir/values.schema.json"
done

# Values that must be refused, and what the message has to name.
refused() { # PATTERN ARGUMENTS...
  local pattern=$1; shift
  if render "$@" >/dev/null 2>"$out/error"; then echo "accepted: $*"; return 1; fi
  grep -qE "$pattern" "$out/error" || { cat "$out/error"; echo "does not match: $pattern"; return 1; }
}
while IFS='|' read -r arguments pattern; do
  read -ra words <<<"$arguments"
  check "refused: $arguments" refused "$pattern" "${words[@]}"
done <<'CASES'
--set replica=2|additional properties 'replica' not allowed
--set image.name=plimsoll|'/image'.*additional properties 'name' not allowed
--set replicas=two|'/replicas'.*got string, want integer
--set leaderElection.enabled=false|'/replicas'.*got 2, want 1
--set leaderElection.enabled=false,replicas=1,shards=2|'/shards'.*got 2, want 1
--set shards=0|'/shards'.*got 0, want 1
--set evaluationInterval=30|'/evaluationInterval'.*want string
--set evaluationInterval=half|'/evaluationInterval'.*does not match pattern
--set evaluationInterval=6m|'/evaluationInterval'.*does not match pattern
--set partialResponseStrategy=Warn|'/partialResponseStrategy'.*must be one of
--set enforceNamespaceLabel=a-b|'/enforceNamespaceLabel'.*does not match pattern
--set enforceNamespaceLabel=__name__|'/enforceNamespaceLabel'.*does not match pattern
--set scrapeInterval=0s|'/scrapeInterval'.*does not match pattern
--set metrics.address=localhost|'/metrics/address'.*does not match pattern
--set-json prometheus.headers={"X-A":"b,c"}|'/prometheus/headers/X-A'.*does not match pattern
--set-json ruleLabels={"a":"not/a/label"}|'/ruleLabels/a'.*does not match pattern
--set prometheus.url=prometheus:9090|'/prometheus/url'.*does not match pattern
--set prometheus.caFile=ca.crt|'/prometheus/caFile'.*does not match pattern
--set logFormat=yaml|'/logFormat'.*must be one of 'text', 'json'
--set concurrency=0|'/concurrency'.*got 0, want 1
--set metrics.port=80|'/metrics/port'.*got 80, want 1,?024
--set image.digest=sha256:abc|'/image/digest'.*does not match pattern
--set namespaces={shop,shop}|'/namespaces'.*items at 0 and 1 are equal
--set namespaces={Shop}|'/namespaces/0'.*does not match pattern
--set ruleLabels.release=1|'/ruleLabels/release'.*want string
--set podDisruptionBudget.maxUnavailable=0|'/podDisruptionBudget/maxUnavailable'
--set rbac.extraTargets[0].apiGroups={*},rbac.extraTargets[0].resources={rollouts}|'/rbac/extraTargets/0/apiGroups/0'.*does not match pattern
--set rbac.extraTargets[0].apiGroups={argoproj.io},rbac.extraTargets[0].resources={*}|'/rbac/extraTargets/0/resources/0'.*does not match pattern
--set rbac.extraTargets[0].apiGroups={x},rbac.extraTargets[0].resources={secrets}|'/rbac/extraTargets/0/resources/0'.*'not' failed
--set topologySpread.whenUnsatisfiable=Never|'/topologySpread/whenUnsatisfiable'.*must be one of
CASES

# What an older Kubernetes has not. Everything else is the same for each version that the chart accepts.
check "refused: the policy for floors before 1.36" refused 'floorPolicy.enabled needs Kubernetes 1.36.*this is v1.35.3' \
  --set enforcement.floorPolicy.enabled=true --kube-version 1.35.3
for version in 1.30.0 1.34.4 1.35.0-gke.1; do
  check "Kubernetes $version" diff "$out/default.yaml" <(render --values "$chart/ci/default-values.yaml" --kube-version "$version")
done
check "the policy for floors from 1.36 on" render --set enforcement.floorPolicy.enabled=true --kube-version 1.36.0-gke.100
check "refused: Kubernetes 1.29" refused 'incompatible with Kubernetes' --kube-version 1.29.9

# The definitions: nothing but annotations is added, and keep decides whether they outlive the chart.
definitions() { "$helm" template plimsoll-crds "$crds" "$@"; }
plain() { for file in "$crds"/files/*.yaml; do echo ---; echo "# Source: plimsoll-crds/templates/crds.yaml"; sed '1{/^---$/d}' "$file"; done; }
check "lint definitions" "$helm" lint --strict "$crds"
definitions --set keep=false >"$out/plain.yaml"
check "definitions are rendered as they are" diff <(plain) "$out/plain.yaml"
definitions >"$out/keep.yaml"
kept() { [ "$(grep -c '^    helm.sh/resource-policy: keep$' "$out/keep.yaml")" = "$(grep -c '^kind: CustomResourceDefinition$' "$out/keep.yaml")" ]; }
check "every definition is kept" kept
check "keep changes nothing else" diff <(plain) <(sed '/^  annotations:$/{N;/resource-policy/d}' "$out/keep.yaml")

# The arguments, as the operator reads them: it gets past them and finds no cluster.
arguments() { awk '/^        args:$/{on=1; next} /^        env:$/{on=0} on' "$1" | sed 's/^ *- //' | while read -r line; do case $line in \"*) jq -r . <<<"$line" ;; *) echo "$line" ;; esac; done; }
understood() { # FILE
  local said; mapfile -t words < <(arguments "$1")
  said=$(env -i KUBECONFIG="$out/none" "$PLIMSOLL" "${words[@]}" 2>&1) || true
  [[ $said == *"no cluster"* ]] || { echo "${words[*]}"; echo "$said"; return 1; }
}
if [ "${PLIMSOLL:-}" ]; then
  for name in all bare default namespaces; do check "the operator understands the arguments of $name" understood "$out/$name.yaml"; done
else
  echo "PLIMSOLL is not set: the arguments were not tried"
fi

# The alerts, as Prometheus reads them.
if command -v "$promtool" >/dev/null; then
  awk '/^---/{rule=0} /^kind: PrometheusRule$/{rule=1} rule && /^spec:/{on=1; next} /^---/{on=0} on' "$out/namespaces.yaml" | sed 's/^  //' >"$out/rules.yaml"
  cp "$chart/ci/alerts.test.yaml" "$out/alerts.test.yaml"
  check "alerts parse" "$promtool" check rules "$out/rules.yaml"
  check "alerts fire and stay silent" "$promtool" test rules "$out/alerts.test.yaml"
else
  echo "promtool not found: the alerts were not tried"
fi

echo "charts: $passed passed, $failed failed"
[ "$failed" = 0 ]
