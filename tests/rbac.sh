#!/usr/bin/env bash
# The operator with the rights of the chart and no others: the cluster suite runs under its service account, and the audit log says
# whether a request was refused, and which rights were never used.
#
#   KUBECONFIG=… LAB_AUDIT_LOG=… tests/rbac.sh
#
# Needs the lab (its audit policy records every request of the account), helm 4 ($HELM or PATH), kubectl ($KUBECTL or PATH) and jq. Rights
# that only a rare path uses are in tests/rbac-unused.txt, each with its reason. Removes what it made.
set -euo pipefail
cd "$(dirname "$0")/.."
helm=${HELM:-helm} kubectl=${KUBECTL:-kubectl} ns=plimsoll-rbac
sa=system:serviceaccount:$ns:plimsoll
: "${KUBECONFIG:?the administrator of the lab}" "${LAB_AUDIT_LOG:?eval \"\$(tests/lab/lab env)\" sets it}"
for tool in "$helm" "$kubectl" jq cargo; do command -v "$tool" >/dev/null || { echo "$tool not found" >&2; exit 2; }; done
[ -r "$LAB_AUDIT_LOG" ] || { echo "no audit log: $LAB_AUDIT_LOG" >&2; exit 2; }
work=$(mktemp -d)
k() { "$kubectl" "$@"; }
cleanup() {
  k delete namespace $ns --ignore-not-found --timeout=60s >/dev/null 2>&1 || true
  k get clusterroles,clusterrolebindings -o name | grep "/$ns:" | xargs -r "$kubectl" delete >/dev/null 2>&1 || true
}
trap 'cleanup; rm -rf "$work"' EXIT
cleanup
failed=0
fail() { echo "FAILED  $*" >&2; failed=1; }

# --- The account with the chart's roles. What the tests let profiles name as their targets is a value of the chart.
k create namespace $ns >/dev/null
"$helm" template plimsoll charts/plimsoll --namespace $ns --show-only templates/rbac.yaml --set-json 'rbac.extraTargets=[
  {"apiGroups": ["tests.plimsoll.dev"], "resources": ["engines"]}, {"apiGroups": ["argoproj.io"], "resources": ["rollouts"]},
  {"apiGroups": ["apps"], "resources": ["daemonsets"]}]' | k apply -f - >/dev/null
# Tests of the election have leases of the chart's name in their own namespaces: there the same rules.
k get role plimsoll-lease -n $ns -o json | jq "{apiVersion, kind: \"ClusterRole\", metadata: {name: \"$ns:lease\"}, rules}" | k apply -f - >/dev/null
k create clusterrolebinding $ns:lease --clusterrole=$ns:lease --serviceaccount=$ns:plimsoll >/dev/null
k config view --raw --minify -o json |
  jq --arg token "$(k create token plimsoll -n $ns --duration=4h)" '.users[0].user = {token: $token}' >"$work/operator.conf"

# --- The suite, and an operator for the whole cluster, which the suite has none of
started=$(date -u +%Y-%m-%dT%H:%M:%S)
OPERATOR_KUBECONFIG=$work/operator.conf cargo test --locked --test cluster --no-fail-fast -- --ignored --test-threads="${THREADS:-4}" \
  >"$work/suite.log" 2>&1 || { grep -E '^test .* FAILED$' "$work/suite.log" >&2 || tail -30 "$work/suite.log" >&2; fail "the suite under $sa"; }
[ -z "${SUITE_LOG:-}" ] || cp "$work/suite.log" "$SUITE_LOG"
grep '^test result:' "$work/suite.log" || true
whole_cluster() {
  local pid said=1
  KUBECONFIG=$work/operator.conf "${CARGO_TARGET_DIR:-target}/debug/plimsoll" run --metrics-address 127.0.0.1:0 --leader-elect=true --lease-namespace $ns \
    >"$work/operator.log" 2>&1 &
  pid=$!
  k apply -n $ns -f - >/dev/null <<'Y'
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: localhost/none:lab}]}}
---
apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata: {name: web}
spec: {targetRef: {name: web}, enforcement: {mode: Enforce}}
Y
  k wait -n $ns --for=condition=Ready performanceprofiles.plimsoll.dev/web --timeout=30s >/dev/null && said=0
  kill "$pid"; wait "$pid" || true
  [ $said = 0 ] || { tail -20 "$work/operator.log" >&2; return 1; }
}
whole_cluster || fail "an operator for the whole cluster"

# --- What the log says
sleep 1
shopt -s nullglob # a full log is put aside under a name with its time
cat "${LAB_AUDIT_LOG%.log}"-*.log "$LAB_AUDIT_LOG" |
  jq -c --arg user "$sa" --arg since "$started" 'select(.user.username == $user and .requestReceivedTimestamp >= $since)' >"$work/requests"
count=$(wc -l <"$work/requests")
((count > 500)) || fail "only $count requests of $sa are in the audit log"
words='.objectRef as $o | "\(.verb) \(if $o then "\($o.apiGroup // "")/\($o.resource)\(if $o.subresource then "/" + $o.subresource else "" end)" else .requestURI end)"'
jq -r 'select(.annotations["authorization.k8s.io/decision"] == "forbid"
    or (.responseStatus.code == 403 and (.responseStatus.message // "" | test("attempting to grant|cannot set blockOwnerDeletion"))))
  | '"$words" "$work/requests" | sort | uniq -c >"$work/refused"
[ ! -s "$work/refused" ] || { cat "$work/refused" >&2; fail "requests that were refused"; }
# A server-side apply that makes an object is a patch in the log, and is asked for `create` too.
jq -r "select(.annotations[\"authorization.k8s.io/decision\"] == \"allow\" and .objectRef)
  | ., (select(.verb == \"patch\" and .responseStatus.code == 201) | .verb = \"create\") | $words" "$work/requests" | sort -u >"$work/used"
! grep -E ' /secrets(/|$)' "$work/used" || fail "Secrets were read"

# --- Each right of the chart is used, or in the list
{
  k get clusterrole "$ns:plimsoll" -o json
  k get role plimsoll-lease -n $ns -o json
} | jq -r '.rules[] | .apiGroups[] as $group | .resources[] as $resource | .verbs[] | "\(.) \($group)/\($resource)"' | sort -u >"$work/granted"
! grep -E '/secrets(/|$)|\*' "$work/granted" || fail "a right to Secrets, or a wildcard"
sed -E 's/ *#.*//; /^$/d' tests/rbac-unused.txt | sort -u >"$work/listed"
grep -vE '^#|^$' tests/rbac-unused.txt | grep -vE ' # .{10,}' && fail "tests/rbac-unused.txt: a line without its reason"
comm -23 "$work/granted" "$work/used" >"$work/unused"
comm -13 "$work/listed" "$work/unused" >"$work/needless"
[ ! -s "$work/needless" ] || { sed 's/^/  /' "$work/needless" >&2; fail "rights that nothing has used: take them out of charts/plimsoll/templates/_rules.tpl, or give the reason in tests/rbac-unused.txt"; }
comm -23 "$work/listed" "$work/granted" >"$work/stale"
[ ! -s "$work/stale" ] || { sed 's/^/  /' "$work/stale" >&2; fail "tests/rbac-unused.txt names rights that the chart does not give"; }
comm -12 "$work/listed" "$work/used" | sed 's/^/used, and in tests\/rbac-unused.txt: /'
echo "rights: $count requests, $(wc -l <"$work/granted") rights, $(comm -12 "$work/granted" "$work/used" | wc -l) used, $(wc -l <"$work/listed") unused for a reason"
[ "$failed" = 0 ]
