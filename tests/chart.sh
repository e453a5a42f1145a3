#!/usr/bin/env bash
# The charts and deploy/ on a real API server: accepted as they are, installed, upgraded, uninstalled, and what the
# operator's service account may and may not do. Pods need not run.
#
#   KUBECONFIG=… tests/chart.sh
#
# Needs cluster-admin, helm 4 ($HELM or PATH), kubectl ($KUBECTL or PATH) and jq. Removes what it made, and nothing else: a
# definition that was there before, or that somebody's profiles use by then, stays.
set -euo pipefail
cd "$(dirname "$0")/.."
helm=${HELM:-helm} kubectl=${KUBECTL:-kubectl} ns=plimsoll-chart-test other=plimsoll-chart-test-other
crd=performanceprofiles.plimsoll.dev chart=charts/plimsoll
for tool in "$helm" "$kubectl" jq; do command -v "$tool" >/dev/null || { echo "$tool not found" >&2; exit 2; }; done
log=$(mktemp); passed=0 failed=0
k() { "$kubectl" "$@"; }
owner() { k get crd $crd --ignore-not-found -o jsonpath='{.metadata.annotations.meta\.helm\.sh/release-namespace}'; }
had_crd=$(k get crd $crd --ignore-not-found -o name)
# Taking the definition from another release would orphan that release.
case $(owner) in '' | "$ns") ;; *) echo "$crd belongs to a Helm release in $(owner): this test would take it over" >&2; exit 2 ;; esac
made_system=''

# Others may use the same cluster: what came meanwhile stays, and so does a definition that someone's profiles need.
cleanup() {
  "$helm" uninstall plimsoll --namespace $ns --ignore-not-found >/dev/null 2>&1 || true
  k get clusterroles,clusterrolebindings -o name | grep "/$ns:" | xargs -r "$kubectl" delete >/dev/null 2>&1 || true
  "$helm" uninstall plimsoll-crds --namespace $ns --ignore-not-found >/dev/null 2>&1 || true
  k delete namespace $ns $other --ignore-not-found --timeout=60s >/dev/null 2>&1 || true
  [ -z "$made_system" ] || [ "$(k get deployments -n plimsoll-system -o name)" ] || k delete namespace plimsoll-system --timeout=60s >/dev/null 2>&1 || true
  if [ "$(owner)" = $ns ]; then
    local profiles
    if [ -z "$had_crd" ] && profiles=$(k get $crd -A -o name) && [ -z "$profiles" ]; then
      k delete crd $crd >/dev/null
    else
      k annotate crd $crd meta.helm.sh/release-name- meta.helm.sh/release-namespace- helm.sh/resource-policy- plimsoll-chart-test- >/dev/null
      k label crd $crd app.kubernetes.io/managed-by- >/dev/null
    fi
  fi
  rm -f "$log"
}
trap cleanup EXIT

check() { # WHAT COMMAND...
  local what=$1; shift
  if "$@" >"$log" 2>&1; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED $what"; sed 's/^/  /' "$log"; fi
}
fails() { # PATTERN COMMAND...: it fails, and says so
  local pattern=$1 said; shift
  if said=$("$@" 2>&1); then echo "did not fail: $said"; return 1; fi
  [[ $said =~ $pattern ]] || { echo "$said"; return 1; }
}
until_true() { for _ in {1..40}; do "$@" && return; sleep 0.5; done; return 1; }

for name in $ns $other; do
  k create namespace "$name" --dry-run=client -o yaml | k apply -f - >/dev/null
  k label --overwrite namespace "$name" pod-security.kubernetes.io/enforce=restricted >/dev/null
done

# --- The definitions
# Another manager may have applied the definition to this cluster before.
check "install definitions" "$helm" install plimsoll-crds charts/plimsoll-crds --namespace $ns --take-ownership --force-conflicts
check "definition established" k wait --for=condition=Established crd/$crd --timeout=30s
unchanged() { "$helm" template plimsoll-crds charts/plimsoll-crds | k diff --server-side --force-conflicts --field-manager=plimsoll-chart-test -f -; }
check "definition is the chart's" unchanged
check "upgrade definitions" "$helm" upgrade plimsoll-crds charts/plimsoll-crds --namespace $ns --force-conflicts --set annotations.plimsoll-chart-test=upgraded
check "an upgrade reaches the definition" sh -c "'$kubectl' get crd $crd -o jsonpath='{.metadata.annotations.plimsoll-chart-test}' | grep -qx upgraded"
profile() { printf 'apiVersion: plimsoll.dev/v1alpha1\nkind: PerformanceProfile\nmetadata: {name: kept, namespace: %s}\nspec: {targetRef: {apiVersion: apps/v1, kind: Deployment, name: kept}}\n' $ns; }
profile >"$log.profile"
check "a profile with nothing but a target" k apply --server-side -f "$log.profile"
rm -f "$log.profile"

# --- What the chart renders, with each of its test values
monitoring=()
if ! k api-resources --api-group=monitoring.coreos.com -o name 2>/dev/null | grep -q prometheusrules; then
  echo "monitoring.coreos.com is not served here: ServiceMonitor and PrometheusRule were not tried"
  monitoring=(--set "serviceMonitor.enabled=false,prometheusRule.enabled=false")
fi
accepted() { "$helm" template plimsoll "$chart" --namespace $ns "${monitoring[@]}" "$@" | k apply --server-side --dry-run=server --validate=strict -f -; }
for values in "$chart"/ci/*-values.yaml; do
  scope=(); case $values in *namespaces*) scope=(--set "namespaces={$ns,$other}") ;; esac
  check "accepted: $(basename "$values")" accepted --values "$values" "${scope[@]}"
done

# --- The operator: install, rights in the whole cluster
check "install" "$helm" install plimsoll "$chart" --namespace $ns --set-json 'rbac.extraTargets=[{"apiGroups": [""], "resources": ["replicationcontrollers"]}]'
sa=system:serviceaccount:$ns:plimsoll
can() { # yes|no VERBS RESOURCE [ARGUMENT...]
  local expected=$1 verbs=$2 resource=$3 verb answer; shift 3
  for verb in ${verbs//,/ }; do
    answer=$(k auth can-i "$verb" "$resource" --as="$sa" "$@" 2>/dev/null) || true
    check "can-i $verb $resource $*: $expected" test "$answer" = "$expected"
  done
}
children() { # yes|no ARGUMENT...
  local expected=$1 kind; shift
  for kind in horizontalpodautoscalers.autoscaling poddisruptionbudgets.policy configmaps services serviceaccounts \
    roles.rbac.authorization.k8s.io rolebindings.rbac.authorization.k8s.io networkpolicies.networking.k8s.io statefulsets.apps; do
    can "$expected" get,list,watch,create,patch,delete $kind "$@"
  done
}
never() { # ARGUMENT...
  can no get,list,watch,create,update,patch,delete secrets "$@"
  can no get,watch,create,patch,delete pods "$@"
  can no get,watch,create,patch,delete nodes "$@"
  can no create pods --subresource=exec "$@"
  can no create,update,patch,delete deployments.apps "$@"
  can no update,patch deployments.apps --subresource=scale "$@"
  can no create,update,delete performanceprofiles.plimsoll.dev "$@"
  can no deletecollection,update configmaps "$@"
  can no update,escalate,bind roles.rbac.authorization.k8s.io "$@"
  can no create,patch,escalate,bind clusterroles.rbac.authorization.k8s.io "$@"
  can no create serviceaccounts --subresource=token "$@"
}
children yes -n $other
never -n $other; never -n $ns
can yes get,list,watch performanceprofiles.plimsoll.dev -A
can yes patch performanceprofiles.plimsoll.dev --subresource=status -n $other
can no update performanceprofiles.plimsoll.dev --subresource=status -n $other
for kind in deployments statefulsets; do can yes get,list,watch $kind.apps -A; done
can yes get replicasets.apps -n $other
can no get deployments.apps --subresource=scale -n $other
can yes get replicationcontrollers -n $other
can no list,watch replicationcontrollers -n $other
can yes get replicationcontrollers --subresource=scale -n $other
can no patch replicationcontrollers --subresource=scale -n $other
can yes patch statefulsets.apps --subresource=scale -n $other
can yes create,patch events.events.k8s.io -n $other
# A kind that is not served cannot be asked about.
if k api-resources --api-group=keda.sh -o name 2>/dev/null | grep -q scaledobjects; then
  can yes get,list,patch scaledobjects.keda.sh -n $other
  can no create,update,delete scaledobjects.keda.sh -n $other
fi
can yes list pods -n $other; can yes list nodes
if [ ${#monitoring[@]} = 0 ]; then
  can yes get,list,watch,create,patch,delete prometheusrules.monitoring.coreos.com -n $other
  can yes get,list,watch,create,patch,delete podmonitors.monitoring.coreos.com -n $other
  check "accepted: deploy/alertmanager" k apply --server-side --dry-run=server --validate=strict -n $other -f deploy/alertmanager/alertmanagerconfig.yaml
  can yes list prometheuses.monitoring.coreos.com -A
  can no create,patch,delete prometheuses.monitoring.coreos.com -n $other
fi
if k api-resources --api-group=operator.victoriametrics.com -o name 2>/dev/null | grep -q vmrules; then
  can yes get,list,watch,create,patch,delete vmrules.operator.victoriametrics.com -n $other
fi
can no get,list,watch,patch,delete customresourcedefinitions.apiextensions.k8s.io
can yes create leases.coordination.k8s.io -n $ns
can yes get,update leases.coordination.k8s.io/plimsoll -n $ns
can no get,update,delete leases.coordination.k8s.io/another -n $ns
can no get,create,update leases.coordination.k8s.io -n $other
check "secrets are refused to a real request" fails forbidden k get secrets -n $ns --as="$sa"
# It writes roles for poolers, and none with more than it has itself.
check "a role that reads secrets is refused" fails "attempting to grant RBAC permissions not currently held" \
  k create role probe --verb=get --resource=secrets -n $other --as="$sa"

# --- The API server understands each expression of the policies, given the types of what they read
typed() { k get validatingadmissionpolicy "plimsoll-freeze-$1.$ns" -o json | jq -e '.status.observedGeneration == .metadata.generation and .status.typeChecking == {}'; }
for action in deny warn; do check "types of the policy that freezes, $action" until_true typed $action; done

# --- The pod is one that a restricted namespace takes; without its seccomp profile it is not.
pod() { k get deployment plimsoll -n $ns -o json | jq "{apiVersion: \"v1\", kind: \"Pod\", metadata: {name: \"probe\", namespace: \"$ns\"}, spec: .spec.template.spec} | $1" | k create --dry-run=server -f -; }
check "restricted pod security takes the pod" pod .
check "restricted pod security is in force" fails violates pod 'del(.spec.securityContext.seccompProfile)'

# --- People's roles, through the cluster's own aggregation
for role in view edit; do k create rolebinding test-$role --clusterrole=$role --user=test-$role -n $ns >/dev/null; done
may() { k auth can-i "$2" "$3" -n $ns --as="test-$1" >/dev/null 2>&1; }
check "view reads profiles" until_true may view list performanceprofiles.plimsoll.dev
check "view does not write them" fails '' may view create performanceprofiles.plimsoll.dev
check "edit writes profiles" until_true may edit create performanceprofiles.plimsoll.dev
check "edit reads profiles" until_true may edit watch performanceprofiles.plimsoll.dev

# --- Upgrade to named namespaces: the ClusterRole goes, Roles come
check "upgrade to namespaces" "$helm" upgrade plimsoll "$chart" --namespace $ns --set "namespaces={$ns}"
check "no cluster-wide binding is left" fails '' sh -c "'$kubectl' get clusterrolebindings -o name | grep '/$ns:'"
children yes -n $ns; children no -n $other
can yes get,list,watch performanceprofiles.plimsoll.dev -n $ns
can no get,list,watch performanceprofiles.plimsoll.dev -A
can yes list pods -n $ns; can no list pods -n $other; can no list nodes
can no get customresourcedefinitions.apiextensions.k8s.io/$crd
can yes get,update leases.coordination.k8s.io/plimsoll -n $ns
never -n $ns; never -n $other

# --- Uninstall: everything of the operator goes, the definitions and the profiles stay
check "uninstall" "$helm" uninstall plimsoll --namespace $ns
left() { k get deployments,services,serviceaccounts,roles,rolebindings,poddisruptionbudgets,networkpolicies,clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings -n $ns -l app.kubernetes.io/instance=plimsoll,app.kubernetes.io/managed-by=Helm -o name | grep . ; }
gone() { ! left; }
check "nothing of the operator is left" until_true gone
check "uninstall definitions" "$helm" uninstall plimsoll-crds --namespace $ns
check "the definition stays" k get crd $crd
check "the profile stays" k get performanceprofiles.plimsoll.dev kept -n $ns
check "an installation of the same name takes it up" "$helm" install plimsoll-crds charts/plimsoll-crds --namespace $ns --force-conflicts

# --- deploy/
if [ -z "$(k get namespace plimsoll-system --ignore-not-found -o name)" ]; then k create -f deploy/namespace.yaml >/dev/null && made_system=1; fi
check "deploy/ is accepted" k apply --server-side --force-conflicts --dry-run=server --validate=strict -k deploy/
overlay() { # the examples in its comments, uncommented
  local dir; dir=$(mktemp -d -p tests .overlay.XXXXXX)
  { printf 'resources: [../../deploy]\n'; sed -n '/^# images:/,$p' deploy/kustomization.yaml | sed -n 's/^# //p' | grep -v '^Which '; } >"$dir/kustomization.yaml"
  k kustomize "$dir" >"$dir/out" || { rm -rf "$dir"; return 1; }
  local want ok=0
  for want in 'image: registry.example.com/platform/plimsoll:' '- --prometheus-url=http://prometheus.monitoring:9090' '- port: 9090'; do grep -qe "$want" "$dir/out" || { echo "missing: $want"; ok=1; }; done
  rm -rf "$dir"; return $ok
}
check "the overlay that deploy/kustomization.yaml shows" overlay

echo "charts on the cluster: $passed passed, $failed failed"
[ "$failed" = 0 ]
