#!/usr/bin/env bash
# Poolers with real PgBouncer, real Postgres with two streaming replicas, and real clients, on the lab: each row an experiment that
# passes or fails, with its figures in a line RESULT.
#
#   tests/pooling/run.sh [ROW…|ci|all]
#
# Rows: prepared restart image reload cancel kill switchover failover moved lag budget thousand input tenant. `ci` are those that take
# seconds, with one repetition. Needs KUBECONFIG of the lab with node, the operator's binary in PLIMSOLL and the clients' in CLIENT (the
# example pool-client), and the operator's image, AGENT_IMAGE, in the lab. The operator runs beside the cluster for one namespace.
# REPEAT=1 repeats nothing; KEEP=1 leaves everything, and REUSE=1 goes on with it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
cd "$root"
: "${KUBECONFIG:?}" "${PLIMSOLL:?the binary of the operator}" "${CLIENT:?the binary of the clients}"
version=$(awk -F'"' '/^version/{print $2; exit}' Cargo.toml)
agent_image=${AGENT_IMAGE:-localhost/plimsoll:$version}
ns=${NAMESPACE:-pooling}
results=${RESULTS:-/dev/null}
work=$(mktemp -d)
clients=() pids=() row=setup row_failed=
app_password=the-service-may-read-and-write
monitor_password=the-agents-may-look
run=$(dirname "$(dirname "$(tests/lab/lab kubeconfig)")")
CTR=(env CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1 "$(tests/lab/lab env | sed -n 's/^export PATH=\([^:]*\):.*/\1/p')/ctr" --address "$run/containerd.sock" --namespace k8s.io)

for part in "$here"/lib/*.sh "$here"/rows/*.sh; do
  # shellcheck source=/dev/null
  source "$part"
done

finish() {
  no_clients
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  [ -n "${KEEP:-}" ] || kubectl delete namespace "$ns" --wait=false >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

operator() {
  "$PLIMSOLL" run --namespace "$ns" --leader-elect false --metrics-address 127.0.0.1:18082 --log-format text \
    --agent-image "$agent_image" >"${OPERATOR_LOG:-$work/operator.log}" 2>&1 </dev/null &
  pids+=($!)
}

setup() {
  local begun
  "$here/images.sh"
  kubectl apply -f crds/performanceprofiles.plimsoll.dev.yaml --server-side --force-conflicts >/dev/null
  kubectl create namespace "$ns" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
  # Whatever is made must be allowed where the restricted standard is enforced.
  kubectl label namespace "$ns" pod-security.kubernetes.io/enforce=restricted --overwrite >/dev/null
  k apply -f "$here/postgres.yaml" >/dev/null
  if [ -z "${REUSE:-}" ]; then
    k delete "$profiles" auth --ignore-not-found --cascade=foreground >/dev/null
    servers
  fi
  users
  operator
  begun=$(now)
  k apply -f "$here/profile.yaml" >/dev/null
  await 120 'the first pooler to be ready' first_ready; say "the first pooler is ready after $(since "$begun") s"
  result "first_ready_seconds=$(since "$begun")"
  await 120 'the condition PoolingReady' settled
  say "PoolingReady after $(since "$begun") s"
}
first_ready() { [ "$(k get statefulset auth-pgbouncer -o 'jsonpath={.status.readyReplicas}')" -ge 1 ]; }

# Whatever a row has changed: the profile as declared, with the servers as they are now.
reset() {
  no_clients
  jq -n 1 >/dev/null
  k patch "$profiles" auth --type json -p "[{\"op\":\"replace\",\"path\":\"/spec\",\"value\":$declared}]" >/dev/null
  pooling "{\"primary\":{\"host\":\"auth-db-$primary\"},\"replicas\":$(replicas_of "$primary")}"
  await 120 'the profile as declared' settled
}

all=(prepared reload cancel restart image kill switchover failover moved lag budget thousand input tenant)
rows=("$@")
case ${1:-all} in
  all) rows=("${all[@]}") ;;
  ci) rows=(prepared reload cancel restart switchover lag); export REPEAT=1 ;;
esac

setup
declared=$(k get "$profiles" auth -o json | jq -c .spec)
failed=()
for row in "${rows[@]}"; do
  declare -F "row_$row" >/dev/null || { echo "no row $row" >&2; exit 2; }
  row_failed='' begun_row=$SECONDS
  say "$row"
  "row_$row" || row_failed=1
  [ -z "$row_failed" ] || { failed+=("$row"); k get "$profiles" auth -o yaml | sed -n '/^status:/,$p' | head -60; }
  say "$row $([ -z "$row_failed" ] && echo passed || echo FAILED) in $((SECONDS - begun_row)) s"
  reset || { failed+=("$row"); say 'the profile could not be had back'; servers; users; reset; }
done
((${#failed[@]} == 0)) || { say "failed: ${failed[*]}"; exit 1; }
say "passed: ${rows[*]}"
