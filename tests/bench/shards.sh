#!/usr/bin/env bash
# What replicas that share shards cost: so many operator processes against the lab's API server, which all start when the profiles are
# there. For people to read; nothing here passes or fails.
#
#   tests/bench/shards.sh REPLICAS     1, 2 or 4; with 1 one leads alone
#
# PROFILES=1000 in NAMESPACES=50, SHARDS=REPLICAS, PLIMSOLL=target/image/plimsoll. Without Prometheus. A control plane that has just
# started for each run: the names of a former run are in the API server's memory for a while.
set -euo pipefail
cd "$(dirname "$0")/../.."
eval "$(tests/lab/lab env)"
replicas=${1:?how many processes}
profiles=${PROFILES:-1000} namespaces=${NAMESPACES:-50} shards=${SHARDS:-$replicas}
binary=${PLIMSOLL:-target/image/plimsoll}
. tests/bench/processes.sh
port() { echo $((18200 + $1)); }
metric() { # NAME: the sum over all processes
  for ((i = 0; i < replicas; i++)); do curl -sf "http://127.0.0.1:$(port "$i")/metrics" || true; done |
    awk -v name="$1" '{ split($1, part, "{") } part[1] == name { sum += $2 } END { print sum + 0 }'
}
requests() { # of all clients, watches left out
  kubectl get --raw /metrics | awk '/^apiserver_request_total/ && !/verb="WATCH"/ { sum += $NF } END { printf "%d", sum }'
}
manifests() {
  local i name namespace
  for ((i = 0; i < namespaces; i++)); do echo "{apiVersion: v1, kind: Namespace, metadata: {name: bench-$i}}"; echo ---; done
  for ((i = 0; i < profiles; i++)); do
    name=web-$i namespace=bench-$((i % namespaces))
    cat <<Y
apiVersion: apps/v1
kind: Deployment
metadata: {name: $name, namespace: $namespace}
spec:
  replicas: 0
  selector: {matchLabels: {app: $name}}
  template:
    metadata: {labels: {app: $name}}
    spec: {containers: [{name: app, image: "localhost/none:0"}]}
---
apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata: {name: $name, namespace: $namespace}
spec:
  targetRef: {name: $name}
  objectives:
  - name: availability
    target: "99.9"
    indicator: {ratio: {errors: 'http_requests_total{job="$name",code=~"5.."}', total: 'http_requests_total{job="$name"}'}}
  - name: latency
    target: "95"
    indicator: {latency: {histogram: http_request_duration_seconds, selector: 'job="$name"', threshold: 200ms}}
---
Y
  done
}

kubectl apply --server-side -f crds/ >/dev/null
kubectl wait --for=condition=Established --timeout=30s -f crds/ >/dev/null
manifests >"$work/all.yaml"
kubectl create -f "$work/all.yaml" >/dev/null
sleep 20 # until the controllers of Kubernetes have seen it all
before=$(requests) begun=$(date +%s%N)
for ((i = 0; i < replicas; i++)); do
  POD_NAME=replica-$i "$binary" run --shards "$shards" --lease-namespace default --metrics-address "127.0.0.1:$(port "$i")" \
    --log-format json >"$work/$i.log" 2>&1 </dev/null &
  pids+=($!)
done
until [ "$(metric plimsoll_status_writes_total)" -ge "$profiles" ]; do sleep 0.5; done
took=$((($(date +%s%N) - begun) / 1000000))
until [ "$(metric plimsoll_reconciles_in_flight)" = 0 ]; do sleep 0.5; done
sleep 15
ready=$(kubectl get performanceprofiles --all-namespaces -o json | jq '[.items[] | select(any(.status.conditions[]?; .type == "Ready" and .status == "True"))] | length')
echo "replicas=$replicas shards=$shards profiles=$profiles namespaces=$namespaces ready=$ready converged_ms=$took requests=$(($(requests) - before)) reconciles=$(metric plimsoll_reconciles_total) writes=$(metric plimsoll_child_applies_total) status_writes=$(metric plimsoll_status_writes_total)"
for ((i = 0; i < replicas; i++)); do
  pid=${pids[i]}
  echo "  replica $i: shards $(curl -sf "http://127.0.0.1:$(port "$i")/metrics" | awk '$1 == "plimsoll_shards_held" { print $2 }'), profiles $(curl -sf "http://127.0.0.1:$(port "$i")/metrics" | awk '$1 == "plimsoll_profiles" { print $2 }'), resident $(memory "$pid" VmRSS) MB (most $(memory "$pid" VmHWM)), CPU $(cpu "$pid") s"
done
before=$(requests) quiet=()
for pid in "${pids[@]}"; do quiet+=("$(cpu "$pid")"); done
sleep 60
echo "  60 quiet seconds: $(($(requests) - before)) requests of all clients, CPU $(for ((i = 0; i < replicas; i++)); do awk -v a="${quiet[i]}" -v b="$(cpu "${pids[i]}")" 'BEGIN { printf "%.1f ", b - a }'; done)s"
