#!/usr/bin/env bash
# Figures of the release binary against the lab's API server, for people to read; nothing here passes or fails.
#
#   tests/bench.sh [PROFILES]     default 100
set -euo pipefail
cd "$(dirname "$0")/.."
eval "$(tests/lab/lab env)"
profiles=${1:-100} namespace=bench address=127.0.0.1:18099
binary=target/image/plimsoll
log=$(mktemp)
cleanup() {
  [ -z "${operator:-}" ] || kill "$operator" 2>/dev/null || true
  kubectl delete namespace $namespace --ignore-not-found --wait=false >/dev/null
  rm -f "$log"
}
trap cleanup EXIT
resident() { awk '/^VmRSS/{printf "%.1f MB", $2 / 1000}' "/proc/$operator/status"; }
metric() { curl -sf "http://$address/metrics" | awk -v name="$1" 'index($1, name) == 1 { sum += $2 } END { print sum + 0 }'; }
writes() { grep -c '"userAgent":"plimsoll/' "$LAB_AUDIT_LOG" || true; }

manifest() { # NAME: a workload and its profile, with two objectives
  cat <<Y
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: $1, namespace: $namespace}
spec:
  replicas: 0
  selector: {matchLabels: {app: $1}}
  template:
    metadata: {labels: {app: $1}}
    spec: {containers: [{name: app, image: "localhost/none:0"}]}
---
apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata: {name: $1, namespace: $namespace}
spec:
  targetRef: {name: $1}
  rules: {labels: {release: lab}}
  objectives:
  - name: availability
    target: "99.9"
    indicator: {ratio: {errors: 'http_requests_total{job="$1",code=~"5.."}', total: 'http_requests_total{job="$1"}'}}
  - name: latency
    target: "95"
    indicator: {latency: {histogram: http_request_duration_seconds, selector: 'job="$1"', threshold: 200ms}}
Y
}
children() { kubectl -n $namespace get hpa,pdb,prometheusrule --no-headers 2>/dev/null | wc -l; }

kubectl apply --server-side -f crds/ >/dev/null
kubectl create namespace $namespace >/dev/null
setsid "$binary" run --namespace $namespace --leader-elect=false --metrics-address $address --prometheus-url "$LAB_PROMETHEUS_URL" \
  --log-format json >"$log" 2>&1 </dev/null &
operator=$!
sleep 3
echo "binary                                   $(stat -c %s "$binary" | awk '{printf "%.1f MB", $1 / 1e6}')"
echo "resident, no profile                     $(resident)"

times=()
for i in $(seq 20); do
  manifest "one-$i" | kubectl apply -f - >/dev/null
  start=$(date +%s%N)
  until [ "$(kubectl -n $namespace get "hpa/one-$i" "pdb/one-$i" "prometheusrule/one-$i-slo" --no-headers 2>/dev/null | wc -l)" = 3 ]; do sleep 0.02; done
  times+=($((($(date +%s%N) - start) / 1000000)))
done
mapfile -t sorted < <(printf '%s\n' "${times[@]}" | sort -n)
echo "apply returned to all children present   ${sorted[10]} ms median of 20 (${sorted[0]} to ${sorted[19]})"

start=$SECONDS
for i in $(seq "$profiles"); do manifest "many-$i"; done | kubectl apply -f - >/dev/null
until [ "$(children)" = $((3 * (profiles + 20))) ]; do sleep 0.2; done
echo "$profiles profiles at once, all children        $((SECONDS - start)) s, kubectl included"
sleep 45
echo "resident, $((profiles + 20)) profiles                  $(resident)"
before=$(writes) reconciles=$(metric plimsoll_reconciles_total)
sleep 120
echo "write requests in 2 quiet minutes        $(($(writes) - before))"
echo "reconciles in the same time              $(($(metric plimsoll_reconciles_total) - reconciles))"
