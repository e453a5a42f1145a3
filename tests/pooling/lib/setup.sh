# shellcheck shell=bash
# What an experiment stands on: the images, three servers, the operator beside the cluster, the profile. Sourced with `here` set.

: "${KUBECONFIG:?}" "${PLIMSOLL:?the binary of the operator}" "${CLIENT:?the binary of the clients}"
version=$(awk -F'"' '/^version/{print $2; exit}' Cargo.toml)
agent_image=${AGENT_IMAGE:-localhost/plimsoll:$version}
ns=${NAMESPACE:-pooling}
results=${RESULTS:-/dev/null}
work=$(mktemp -d)
pids=() row=setup row_failed=
app_password=the-service-may-read-and-write
monitor_password=the-agents-may-look
run=$(dirname "$(dirname "$(tests/lab/lab kubeconfig)")")
CTR=(env CONTAINERD_SUPPRESS_DEPRECATION_WARNINGS=1 "$(tests/lab/lab env | sed -n 's/^export PATH=\([^:]*\):.*/\1/p')/ctr" --address "$run/containerd.sock" --namespace k8s.io)

for part in "$here"/lib/{common,database}.sh "$here"/rows/*.sh; do
  # shellcheck source=/dev/null
  source "$part"
done

finish() {
  (($? == 0)) || tail -5 "${OPERATOR_LOG:-$work/operator.log}" >&2 2>/dev/null || true
  no_clients
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  [ -n "${KEEP:-}" ] || kubectl delete namespace "$ns" --wait=false >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

operator() {
  "$PLIMSOLL" run --namespace "$ns" --leader-elect false --metrics-address 127.0.0.1:0 --log-format text \
    --agent-image "$agent_image" >"${OPERATOR_LOG:-$work/operator.log}" 2>&1 </dev/null &
  pids+=($!)
}

setup() {
  local begun
  "$here/images.sh" "$CLIENT"
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
  k apply -f "$here/service.yaml" >/dev/null
  operator
  begun=$(now)
  k apply -f "$here/profile.yaml" >/dev/null
  await 120 'the first pooler to be ready' first_ready; say "the first pooler is ready after $(since "$begun") s"
  result "first_ready_seconds=$(since "$begun")"
  await 120 'the condition PoolingReady' settled
  say "PoolingReady after $(since "$begun") s"
}
first_ready() { [ "$(k get statefulset auth-pgbouncer -o 'jsonpath={.status.readyReplicas}')" -ge 1 ]; }
