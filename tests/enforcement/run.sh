#!/usr/bin/env bash
# Two copies of one service under the same load step on a real cluster, one with `mode: Observe`, one with `mode: Enforce`: time
# until the burn is below 1, bad requests, time to the raised floor and to new pods. Then, at the peak, Prometheus is stopped, and
# after that it lies: nothing may scale down, nothing may be frozen.
#
#   tests/enforcement/run.sh [step [REPETITIONS]] [dark [SECONDS]] [lies [SECONDS]]
#
# Needs KUBECONFIG of the lab with node and Prometheus, the image of the sample service in it, and the operator's binary in
# PLIMSOLL. The operator runs beside the cluster, for one namespace of its own.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
ns=side-by-side
: "${KUBECONFIG:?}" "${PLIMSOLL:?the binary of the operator}"
prometheus=${PROMETHEUS_URL:-http://10.96.0.90:9090}
proxy=127.0.0.1:19090
work=$(mktemp -d)
pids=()
k() { kubectl -n "$ns" "$@"; }
say() { printf '[%3d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }
fail() { echo "enforcement: $*" >&2; k get performanceprofiles.plimsoll.dev,hpa,pods >&2 || true; k get performanceprofiles.plimsoll.dev -o yaml > "${KEEP:-$work}/profiles.yaml" || true; tail -5 "$work/operator.log" >&2 || true; exit 1; }
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  kubectl -n monitoring patch prometheus lab --type merge -p '{"spec":{"replicas":1}}' >/dev/null 2>&1 || true
  [ -n "${KEEP:-}" ] || kubectl delete namespace "$ns" --wait=false >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap finish EXIT

await() { # SECONDS WHAT COMMAND…
  local until=$((SECONDS + $1)) what=$2; shift 2
  until "$@" >/dev/null 2>&1; do ((SECONDS < until)) || fail "gave up waiting for $what"; sleep 1; done
}
field() { k get performanceprofiles.plimsoll.dev "$1" -o "jsonpath=$2"; }
replicas() { k get deployment "$1" -o 'jsonpath={.spec.replicas}'; }
ready() { local n; n=$(k get deployment "$1" -o 'jsonpath={.status.readyReplicas}'); echo "${n:-0}"; }
min() { k get hpa "$1" -o 'jsonpath={.spec.minReplicas}'; }
rate() { # REQUESTS PER SECOND, for both copies at once
  local copy pod
  for copy in observe enforce; do
    pod=$(k get pods -l "load=$copy" -o 'jsonpath={.items[0].metadata.name}')
    kubectl replace --raw "/api/v1/namespaces/$ns/pods/$pod:8081/proxy/rate" -f - <<<"{\"requestsPerSecond\": $1}" >/dev/null
  done
}
setup() {
  kubectl create namespace "$ns" --dry-run=client -o yaml | kubectl apply -f - >/dev/null
  kubectl apply -f crds/performanceprofiles.plimsoll.dev.yaml --server-side --force-conflicts >/dev/null
  for copy in observe enforce; do
    mode=$([ "$copy" = enforce ] && echo Enforce || echo Observe)
    sed "s/COPY/$copy/g; s/MODE/$mode/; s/NAMESPACE/$ns/g" "$here/service.yaml" | k apply -f - >/dev/null
  done
  python3 "$here/proxy.py" "$proxy" "$prometheus" "$work/lie" >"$work/proxy.log" 2>&1 </dev/null &
  pids+=($!)
  start_operator
  for copy in observe enforce; do
    await 120 "three pods of $copy" has_ready "$copy" 3
  done
  await 120 'the signals' trusted enforce
  await 60 'the signals' trusted observe
  say 'warming up: what a pod can do is learned'
  sleep "${WARM_UP:-60}"
  # What Prometheus still knew of the last time is not trusted for two minutes.
  for copy in observe enforce; do await 300 "the signals of $copy" trusted "$copy"; done
}
has_ready() { [ "$(ready "$1")" -ge "$2" ]; }
trusted() { [[ "$(field "$1" '{.status.conditions[?(@.type=="Enforcing")].reason}')" =~ ^(Idle|Acting|Observing)$ ]]; }
start_operator() {
  "$PLIMSOLL" run --namespace "$ns" --leader-elect false --prometheus-url "http://$proxy" --rule-label release=lab \
    --evaluation-interval 5s --scrape-interval 5s --metrics-address 127.0.0.1:18081 --log-format text >>"$work/operator.log" 2>&1 </dev/null &
  operator=$!
  pids+=("$operator")
}

# One step of the load, both copies at once; a line of figures for each.
step() { # REPETITION
  say "step $1: from 30 to 90 requests a second"
  rate 90
  python3 "$here/measure.py" "$ns" "${STEP_SECONDS:-240}" >"$work/step"
  sed "s/^/RESULT step=$1 /" "$work/step" | tee -a "${RESULTS:-/dev/null}"
  field enforce '{range .status.enforcement.actions[*]}{.kind} {.state}: {.trigger}; {.evidence}; expected {.expected}; observed {.observed}{"\n"}{end}'
  [ "$(min observe)" = 3 ] || fail 'mode Observe has written a floor'
  grep -q '"floor_s": [0-9]' "$work/step" || fail 'the floor was not raised'
  [[ "$(field observe '{.status.enforcement.actions[*].kind}')" == *RaiseFloor* ]] || fail 'mode Observe does not say what would be done'
  # How long it burned is measured and compared, and no condition of passing on a machine that is noisy: SOFT.
  python3 - "$work/step" <<'PYTHON' || [ -n "${SOFT:-}" ] || fail 'with enforcement the burn is not shorter'
import json, sys
copies = {one["copy"]: one for one in map(json.loads, open(sys.argv[1]))}
sys.exit(not copies["enforce"]["last_burn_s"] < copies["observe"]["last_burn_s"] or not copies["enforce"]["bad"] < copies["observe"]["bad"])
PYTHON
}
fresh() { # everything anew: what was learned and held must not help the next time
  kill "$operator"
  kubectl delete namespace "$ns" --timeout=180s >/dev/null
  setup
}

static_for() { # SECONDS WHAT: nothing scales down, nothing is frozen
  local until=$((SECONDS + $1)) most floor now
  most=$(replicas enforce); floor=$(min enforce)
  while ((SECONDS < until)); do
    now=$(replicas enforce)
    ((now >= most)) || fail "$2: scaled down from $most to $now"
    (($(min enforce) >= floor)) || fail "$2: the floor went from $floor to $(min enforce)"
    [ -z "$(k get configmap enforce-freeze --ignore-not-found -o name)" ] || fail "$2: frozen"
    most=$now
    sleep 2
  done
  reason=$(field enforce '{.status.conditions[?(@.type=="Enforcing")].reason}')
  say "$2: $most pods, floor $floor, Enforcing=$reason"
  [ "$reason" = MetricsNotTrusted ] || fail "$2: the operator has not noticed ($reason)"
}
peak() { rate 90; await 240 'more pods' more_than_three; sleep 20; }
more_than_three() { [ "$(replicas enforce)" -ge 6 ]; }

setup
while (($#)); do
  case $1 in
  step) n=${2:-1}; for ((i = 1; i <= n; i++)); do step "$i"; ((i == n)) || fresh; done; shift ;;
  dark)
    peak
    say "Prometheus is stopped for ${2:-600} s, and the load falls"
    kubectl -n monitoring patch prometheus lab --type merge -p '{"spec":{"replicas":0}}' >/dev/null
    sleep 90; rate 10
    static_for $((${2:-600} - 90)) 'Prometheus stopped'
    kubectl -n monitoring patch prometheus lab --type merge -p '{"spec":{"replicas":1}}' >/dev/null
    await 400 'the numbers to be trusted again' trusted enforce
    shift ;;
  lies)
    for lie in latency frozen; do
      peak
      say "Prometheus lies ($lie) for ${2:-180} s, and the load falls"
      echo "$lie" >"$work/lie"
      sleep 5; [ "$lie" = frozen ] && sleep 100
      rate 10
      static_for "${2:-180}" "Prometheus lies ($lie)"
      rm -f "$work/lie"
      await 400 'the numbers to be trusted again' trusted enforce
    done
    shift ;;
  *) fail "unknown: $1" ;;
  esac
  shift || true
done
say 'done'
