#!/usr/bin/env bash
# The demo with assertions, on the lab: real pods, real autoscaler, real Prometheus, the operator from its image and chart.
# The demo itself fails when a scene does not come true; here follows what it leaves out.
#
#   tests/e2e.sh        leaves the cluster as it was; needs `make lab image`
set -euo pipefail
cd "$(dirname "$0")/.."
eval "$(tests/lab/lab env)"
passed=0
ok() { passed=$((passed + 1)); printf 'ok  %s\n' "$*"; }
die() {
  printf 'FAILED  %s\n' "$*" >&2
  kubectl -n demo get performanceprofiles.plimsoll.dev,hpa,pods -o wide >&2 || true
  kubectl -n demo get performanceprofiles.plimsoll.dev auth -o yaml >&2 || true
  kubectl -n plimsoll-system logs -l app.kubernetes.io/name=plimsoll --tail=40 --prefix >&2 || true
  exit 1
}
await() { # SECONDS WHAT COMMAND…
  local until=$((SECONDS + $1)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do ((SECONDS < until)) || die "$what"; sleep 0.5; done
  ok "$what"
}
expect() { local what=$1; shift; "$@" >/dev/null 2>&1 || die "$what"; ok "$what"; }
jsonpath() { kubectl -n demo get "$1" "$2" -o "jsonpath=$3"; }
condition() { [ "$(jsonpath performanceprofiles.plimsoll.dev auth "{.status.conditions[?(@.type==\"$1\")].status}")" = "$2" ]; }
metric() { # POD NAME: the value of the operator's own metric
  kubectl get --raw "/api/v1/namespaces/plimsoll-system/pods/$1:8080/proxy/metrics" | awk -v name="$2" '$1 == name { print $2 }'
}
operators() { kubectl -n plimsoll-system get pods -l app.kubernetes.io/name=plimsoll --field-selector status.phase=Running -o 'jsonpath={.items[*].metadata.name}'; }
leaders() { local pod; for pod in $(operators); do [ "$(metric "$pod" plimsoll_leader)" != 1 ] || echo "$pod"; done; }
one_leader() { [ "$(leaders | wc -w)" = 1 ]; }
another_leader() { one_leader && [ "$(leaders)" != "$1" ]; }
uid() { jsonpath "$1" "$2" '{.metadata.uid}'; }
replicas() { jsonpath deployment auth '{.spec.replicas}'; }

cleanup() {
  kubectl get nodes -o name | xargs -r kubectl uncordon >/dev/null 2>&1 || true
  kubectl delete namespace demo --ignore-not-found --wait=false >/dev/null 2>&1 || true
  for release in plimsoll plimsoll-crds; do
    helm uninstall $release --namespace plimsoll-system --ignore-not-found >/dev/null 2>&1 || true
  done
  # The chart keeps it; in the lab nobody else needs it.
  kubectl delete crd performanceprofiles.plimsoll.dev --ignore-not-found --wait=false >/dev/null 2>&1 || true
  kubectl delete namespace plimsoll-system --ignore-not-found --wait=false >/dev/null 2>&1 || true
}
trap cleanup EXIT

examples/demo/demo up
took=$SECONDS
ok "every scene of the demo"

expect "the budget is in the resource" test -n "$(jsonpath performanceprofiles.plimsoll.dev auth '{.status.worst.budgetRemaining}')"
expect "the rules are loaded" condition RulesLoaded True
expect "two operators run, none has restarted" test "$(kubectl -n plimsoll-system get pods -l app.kubernetes.io/name=plimsoll -o 'jsonpath={.items[*].status.containerStatuses[0].restartCount}')" = "0 0"
expect "one of them leads" one_leader
expect "the Deployment's replicas are the autoscaler's alone" bash -c \
  "! kubectl -n demo get deployment auth -o json --show-managed-fields | jq -e '.metadata.managedFields[] | select(.manager == \"plimsoll\")'"

# The built-in alerts rest on the operator's own metrics, with the labels of the workload and not of the operator.
scraped() { [ "$(curl -sfg "$LAB_PROMETHEUS_URL/api/v1/query?query=$1{namespace=\"demo\",profile=\"auth\"}" | jq '.data.result | length')" -ge 1 ]; }
for name in plimsoll_target_ready_pods plimsoll_autoscaler_utilization_ratio plimsoll_autoscaler_at_max; do
  await 30 "Prometheus has $name" scraped $name
done

# The leader goes; the other takes over, and nothing is made anew.
before=$(uid hpa auth) leader=$(leaders)
kubectl -n plimsoll-system delete pod "$leader" --wait=false >/dev/null
await 40 "another operator leads" another_leader "$leader"
expect "the autoscaler is the same object" test "$(uid hpa auth)" = "$before"
kubectl -n demo delete pdb auth >/dev/null
await 10 "the new leader repairs what is deleted" kubectl -n demo get pdb auth

# Objectives beyond a ratio over 30 days, of the same service and with the same traffic.
indicator='{"ratio": {"errors": "http_requests_total{job=\"demo/auth\",code=~\"5..\"}", "total": "http_requests_total{job=\"demo/auth\"}"}}'
kubectl -n demo patch performanceprofiles.plimsoll.dev auth --type json -p "[
  {\"op\": \"add\", \"path\": \"/spec/objectives/-\", \"value\": {\"name\": \"by-route\", \"target\": \"99\", \"additionalWindows\": [\"1d\"], \"grouping\": {\"by\": [\"route\"]}, \"indicator\": $indicator}},
  {\"op\": \"add\", \"path\": \"/spec/objectives/-\", \"value\": {\"name\": \"month\", \"target\": \"99\", \"calendar\": {\"period\": \"Month\", \"timeZone\": \"Africa/Johannesburg\"}, \"indicator\": $indicator}},
  {\"op\": \"add\", \"path\": \"/spec/objectives/-\", \"value\": {\"name\": \"journey\", \"target\": \"95\", \"indicator\": {\"composite\": {\"mode\": \"Weakest\", \"objectives\": [{\"objective\": \"availability\"}, {\"objective\": \"latency\"}]}}}}
]" >/dev/null
objective() { jsonpath performanceprofiles.plimsoll.dev auth "{.status.objectives[?(@.name==\"$1\")]$2}"; }
said() { [[ $(objective "$1" "$2") =~ $3 ]]; }
query() { curl -sfg --data-urlencode "query=$1" "$LAB_PROMETHEUS_URL/api/v1/query" | jq -r '.data.result[0].value[1]'; }
await 180 "a route has a budget of its own" said by-route '.groups[0].labels.route' '^/'
await 30 "and one over a further window" said by-route '.windows[0].budgetRemaining' '[0-9]'
await 60 "the calendar month has a budget" said month .coverage 'so far$'
await 60 "a composite has a budget" said journey .budget.remaining '[0-9]'
expect "the new rules are loaded" condition RulesLoaded True

# Announced maintenance, from now on for as long as it is there.
now() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ; }
kubectl -n demo patch performanceprofiles.plimsoll.dev auth --type merge -p "{\"spec\": {\"maintenance\": [{\"name\": \"upgrade\", \"once\": {\"start\": \"$(now '-10 seconds')\", \"end\": \"$(now '+1 hour')\"}}]}}" >/dev/null
in_maintenance() { [ "$(jsonpath performanceprofiles.plimsoll.dev auth '{.status.maintenance.current.name}')" = upgrade ]; }
await 20 "the maintenance is in the status" in_maintenance
quiet() { [ "$(query 'plimsoll:total:rate5m{profile="auth",objective="availability"}')" = 0 ]; }
await 90 "its events count for nothing" quiet
kubectl -n demo patch performanceprofiles.plimsoll.dev auth --type json -p '[{"op": "remove", "path": "/spec/maintenance"}]' >/dev/null
counts() { [ "$(query 'plimsoll:total:rate5m{profile="auth",objective="availability"} > bool 0')" = 1 ]; }
await 90 "events count again" counts

# Enforcement with no other rights than the chart's: a node that is cordoned, then more load than the pods can carry.
node=$(kubectl get nodes -o 'jsonpath={.items[0].metadata.name}')
enforcing() { [[ $(jsonpath performanceprofiles.plimsoll.dev auth '{.status.conditions[?(@.type=="Enforcing")].reason}') =~ ^($1)$ ]]; }
action() { [[ " $(jsonpath performanceprofiles.plimsoll.dev auth "{.status.enforcement.actions[?(@.kind==\"$1\")].state}") " == *" $2 "* ]]; }
floor() { [ "$(jsonpath hpa auth '{.spec.minReplicas}')" -ge "$1" ]; }
has_replicas() { [ "$(replicas)" = "$1" ]; }
rate() { kubectl replace --raw "/api/v1/namespaces/demo/pods/$(kubectl -n demo get pods -l app.kubernetes.io/name=load -o 'jsonpath={.items[0].metadata.name}'):8081/proxy/rate" -f - <<<"{\"requestsPerSecond\": $1}"; }
pods=$(replicas)
kubectl -n demo patch performanceprofiles.plimsoll.dev auth --type merge -p "{\"spec\": {\"autoscaling\": {\"minReplicas\": $pods, \"maxReplicas\": $((pods + 6))}, \"enforcement\": {\"mode\": \"Enforce\"}}}" >/dev/null
await 240 "enforcement trusts the numbers" enforcing 'Idle|Acting'
await 90 "$pods pods, none to spare" has_replicas "$pods"
kubectl cordon "$node" >/dev/null
await 60 "pods on a cordoned node: one more is asked for" action SurgeForDrain Open
await 30 "and the autoscaler's minimum says so" floor $((pods + 1))
kubectl uncordon "$node" >/dev/null
await 60 "uncordoned: it is given back" action SurgeForDrain Ended
rate 400 >/dev/null
await 150 "the service burns for want of pods: the floor is raised" action RaiseFloor Open
await 30 "and the autoscaler's minimum says so" floor $((pods + 2))
rate 60 >/dev/null

# Prometheus goes: nothing scales, the numbers stay, the state is unknown; then it comes back.
await 60 "samples arrive" condition MetricsAvailable True
pods=$(replicas) budget=$(jsonpath performanceprofiles.plimsoll.dev auth '{.status.objectives[0].budget.totalEvents}')
kubectl -n monitoring patch prometheus lab --type merge -p '{"spec": {"replicas": 0}}' >/dev/null
await 90 "the operator says that Prometheus is gone" condition MetricsAvailable False
expect "the service keeps its pods ($pods)" test "$(replicas)" -ge 3
expect "the numbers stay ($budget events)" test -n "$(jsonpath performanceprofiles.plimsoll.dev auth '{.status.objectives[0].budget.totalEvents}')"
expect "their state is unknown" test "$(jsonpath performanceprofiles.plimsoll.dev auth '{.status.objectives[0].state}')" = Unknown
kubectl -n monitoring patch prometheus lab --type merge -p '{"spec": {"replicas": 1}}' >/dev/null
await 120 "Prometheus is back" condition MetricsAvailable True

# The operator goes: the service still scales and keeps its alerts.
helm uninstall plimsoll --namespace plimsoll-system --wait >/dev/null
for child in hpa/auth pdb/auth prometheusrule/auth-slo; do
  expect "$child outlives the operator" kubectl -n demo get "$child"
done
kubectl -n demo delete performanceprofiles.plimsoll.dev auth >/dev/null
gone() { ! kubectl -n demo get hpa auth && ! kubectl -n demo get pdb auth && ! kubectl -n demo get prometheusrule auth-slo; }
await 30 "with the profile its children go, without an operator" gone
printf '%d passed, 0 failed\n(the demo took %d s)\n' "$passed" "$took"
