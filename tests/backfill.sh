#!/usr/bin/env bash
# Thirty days in a real Prometheus, the rules over them, and the operator on a real API server: the budget in the status is that of the
# events that were written. Needs the lab's API server ($KUBECONFIG), and prometheus and promtool ($LAB_BIN, or on the path).
#
#   PLIMSOLL=target/debug/plimsoll tests/backfill.sh
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=${LAB_BIN:-$HOME/.cache/plimsoll-lab/bin}:$PATH
plimsoll=${PLIMSOLL:-target/debug/plimsoll} namespace=backfill
work=$(mktemp -d)
stop() { { kill "$1" && wait "$1"; } 2>/dev/null || true; }
cleanup() {
  [ -z "${operator:-}" ] || stop "$operator"
  [ -z "${prometheus:-}" ] || stop "$prometheus"
  kubectl delete namespace $namespace --ignore-not-found --wait=false >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap cleanup EXIT
fail() {
  echo "FAILED  $*" >&2
  kubectl -n $namespace get performanceprofiles.plimsoll.dev shop -o yaml >&2 2>/dev/null || true
  tail -n 5 "$work"/*.log >&2 || true
  exit 1
}
for port in $(seq 19800 19809); do (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break; done
url=http://127.0.0.1:$port
serve() { # waits until Prometheus answers
  prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --storage.tsdb.retention.time=10y \
    --web.listen-address="127.0.0.1:$port" >>"$work/prometheus.log" 2>&1 &
  prometheus=$!
  for _ in $(seq 100); do curl -sf "$url/-/ready" >/dev/null && return; sleep 0.2; done
  fail "Prometheus does not start"
}

# Somewhat over thirty days to now, a scrape a minute: 1,000 requests a minute by day and 100 by night. An outage of ten minutes on day 5 at
# noon, one of an hour on day 12 at night, 2 % of errors for two hours on day 20, a restart on day 25, no scrape for an hour on
# day 27. Prints all events of the last thirty days and the
# bad ones.
# The history ends now, and Prometheus sees its last sample for five minutes: in these the rules have to run. On a machine that is
# busy otherwise that may be too short, so this is no part of `make test`.
end=$(($(date +%s) / 60 * 60)) start=$(($(date +%s) / 86400 * 86400 - 30 * 86400))
awk -v start="$start" -v end="$end" -v out="$work/metrics.om" 'BEGIN {
  print "# TYPE requests counter" > out
  good = 900000; bad = 5000
  for (at = start; at <= end; at += 60) {
    minute = (at - start) / 60; day = int(minute / 1440); time = minute % 1440
    n = (time >= 480 && time < 1200) ? 1000 : 100
    share = 0
    if (day == 5 && time >= 720 && time < 730) share = 1
    if (day == 12 && time >= 120 && time < 180) share = 1
    if (day == 20 && time >= 600 && time < 720) share = 0.02
    if (minute == 25 * 1440 + 60) { good = 0; bad = 0 }
    good += n * (1 - share); bad += n * share
    if (at > end - 30 * 86400) { total += n; wrong += n * share }
    if (day == 27 && time >= 300 && time < 360) continue
    when[++samples] = at; g[samples] = good; b[samples] = bad
  }
  for (i = 1; i <= samples; i++) printf "requests_total{code=\"200\"} %d %d\n", g[i], when[i] > out
  for (i = 1; i <= samples; i++) printf "requests_total{code=\"500\"} %d %d\n", b[i], when[i] > out
  # Each evaluation of the rules hands this on, so no pass over the past can make it.
  print "# TYPE plimsoll:objective:start_time_seconds gauge" > out
  printf "plimsoll:objective:start_time_seconds{namespace=\"backfill\",objective=\"availability\",profile=\"shop\"} %d %d\n", start, end > out
  print "# EOF" > out
  printf "%d %d\n", total, wrong
}' > "$work/truth"
read -r total bad < "$work/truth"
promtool tsdb create-blocks-from openmetrics "$work/metrics.om" "$work/data" >"$work/promtool.log" 2>&1 || fail "the history is not taken"

cat > "$work/profile.yaml" <<Y
apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata: {name: shop, namespace: $namespace}
spec:
  targetRef: {name: shop}
  rules: {kind: ConfigMap}
  objectives:
  - name: availability
    target: "99.9"
    indicator: {ratio: {errors: 'requests_total{code="500"}', total: requests_total}}
Y
"$plimsoll" render --rules --scrape-interval 1m "$work/profile.yaml" > "$work/rules.yaml" 2>"$work/render.log" || fail "no rules"

# The rules over the past, level by level: a pass cannot see what it writes.
level() { # NAMES…: the recording rules of these names
  awk -v names=" $* " '
    /^- name:/ { group = $0; next } /^  interval:/ { interval = $0; next } /^  rules:/ { next } /^groups:/ { next }
    /^  - / { keep = ($2 == "record:" && index(names, " " $3 " ")); if (keep && group) { print group; print interval; print "  rules:"; group = "" } }
    keep { print }' "$work/rules.yaml" | { echo groups:; cat; } > "$work/level.yaml"
  promtool tsdb create-blocks-from rules --start "$start" --end "$end" --url "$url" --output-dir "$work/data" "$work/level.yaml" >>"$work/promtool.log" 2>&1 || fail "the rules $* are not evaluated"
  stop "$prometheus"; serve
}
echo '{}' > "$work/prometheus.yml"
serve
level plimsoll:total:rate5m
level plimsoll:bad:rate5m
level plimsoll:total:rollup plimsoll:bad:rollup

# From now on Prometheus evaluates all of them itself, and the operator asks it.
stop "$prometheus"
printf 'rule_files: ["%s"]\n' "$work/rules.yaml" > "$work/prometheus.yml"
serve
kubectl create namespace $namespace >/dev/null
kubectl apply --server-side --force-conflicts -f crds/ >/dev/null
setsid "$plimsoll" run --namespace $namespace --leader-elect=false --metrics-address "127.0.0.1:$((port + 20))" --scrape-interval 1m \
  --prometheus-url "$url" >"$work/operator.log" 2>&1 </dev/null &
operator=$!
kubectl apply -f "$work/profile.yaml" >/dev/null
status() { kubectl -n $namespace get performanceprofiles.plimsoll.dev shop -o "jsonpath={.status.objectives[0]$1}"; }
until [ -n "$(status .budget.remaining)" ]; do ((SECONDS < 400)) || fail "no budget in the status"; sleep 1; done
left=$(status .budget.remaining) coverage=$(status .coverage) indicator=$(status .indicator)
# Half a per cent of the budget, and the third digit, to which the status is rounded.
awk -v left="$left" -v total="$total" -v bad="$bad" 'BEGIN {
  truth = (1 - bad / (total * 0.001)) * 100; off = left - truth; if (off < 0) off = -off
  printf "ok  budget in the status %s %%, of the events %.2f %% (%d of %d bad)\n", left, truth, bad, total; exit !(off < 0.5 + 0.05)
}' || fail "the budget in the status is $left %"
[[ $coverage =~ ^(29|30)d\ of\ 30d$ ]] || fail "the coverage is $coverage"
"$plimsoll" explain --scrape-interval 1m --prometheus-url "$url" "$work/profile.yaml" > "$work/explained" || fail "explain"
grep -Eq "budget left +$left %" "$work/explained" || { tail -12 "$work/explained" >&2; fail "explain says something else"; }
echo "ok  coverage $coverage, indicator $indicator %, and explain says the same"
