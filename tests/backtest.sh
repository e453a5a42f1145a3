#!/usr/bin/env bash
# `plimsoll backtest` against a real Prometheus that holds 45 days of a service's counters: the budget is that of the events
# that were written, and the alerts are where the incidents are. Needs prometheus and promtool ($LAB_BIN, or on the path).
#
#   PLIMSOLL=target/debug/plimsoll tests/backtest.sh
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=${LAB_BIN:-$HOME/.cache/plimsoll-lab/bin}:$PATH
plimsoll=${PLIMSOLL:-target/debug/plimsoll}
work=$(mktemp -d)
cleanup() {
  [ -z "${prometheus:-}" ] || { kill "$prometheus" && wait "$prometheus"; } 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "FAILED  $*" >&2; tail -5 "$work/prometheus.log" >&2 || true; exit 1; }

# 45 days to 2026-03-02, a scrape a minute: 1,000 requests a minute by day and 100 by night. On day 25 at noon a total outage of 30
# minutes, on day 35 in the night another, on day 40 two per cent of errors for three hours, a restart on day 42, and no scrape for
# two hours on day 43. The counters do not begin at zero, near which Prometheus extrapolates less. Prints what happened in the last 30 days.
start=$(date -u -d 2026-01-16T00:00:00Z +%s)
awk -v start="$start" -v out="$work/metrics.om" 'BEGIN {
  print "# TYPE requests counter" > out
  good = 900000; bad = 5000
  for (minute = 0; minute <= 45 * 1440; minute++) {
    day = int(minute / 1440); time = minute % 1440
    n = (time >= 480 && time < 1200) ? 1000 : 100
    share = 0
    if (day == 25 && time >= 720 && time < 750) share = 1
    if (day == 35 && time >= 120 && time < 150) share = 1
    if (day == 40 && time >= 600 && time < 780) share = 0.02
    if (minute == 42 * 1440 + 60) { good = 0; bad = 0 }
    good += n * (1 - share); bad += n * share
    if (minute > 15 * 1440) { total += n; wrong += n * share }
    if (day == 43 && time >= 300 && time < 420) continue
    at[++samples] = start + minute * 60; g[samples] = good; b[samples] = bad
  }
  for (i = 1; i <= samples; i++) printf "requests_total{code=\"200\"} %d %d\n", g[i], at[i] > out
  for (i = 1; i <= samples; i++) printf "requests_total{code=\"500\"} %d %d\n", b[i], at[i] > out
  print "# EOF" > out
  printf "%d %d\n", total, wrong
}' > "$work/truth"
read -r total bad < "$work/truth"
promtool tsdb create-blocks-from openmetrics "$work/metrics.om" "$work/data" >"$work/prometheus.log" 2>&1 || fail "the history is not taken"

echo '{}' > "$work/prometheus.yml"
port=0
for candidate in $(seq 19790 19799); do
  if ! (exec 3<>"/dev/tcp/127.0.0.1/$candidate") 2>/dev/null; then port=$candidate; break; fi
done
[ "$port" != 0 ] || fail "no free port"
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/data" --storage.tsdb.retention.time=10y \
  --web.listen-address="127.0.0.1:$port" >>"$work/prometheus.log" 2>&1 &
prometheus=$!
for _ in $(seq 100); do curl -sf "http://127.0.0.1:$port/-/ready" >/dev/null && break; sleep 0.2; done
curl -sf "http://127.0.0.1:$port/-/ready" >/dev/null || fail "Prometheus does not start"

cat > "$work/profile.yaml" <<'Y'
apiVersion: plimsoll.dev/v1alpha1
kind: PerformanceProfile
metadata: {name: shop, namespace: store}
spec:
  targetRef: {name: shop}
  objectives:
  - name: availability
    target: "99.9"
    indicator: {ratio: {errors: 'requests_total{code="500"}', total: requests_total}}
Y
backtest() { "$plimsoll" backtest "$work/profile.yaml" --prometheus-url "http://127.0.0.1:$port" --until 2026-03-02T00:00:00Z --since 30d --scrape-interval 1m "$@"; }
backtest --target 99 --output json > "$work/account.json" || fail "the backtest failed"
says() { # WHAT FILTER: a jq filter over the account that has to be true
  jq -e --argjson total "$total" --argjson bad "$bad" ".objectives[0] | $2" "$work/account.json" >/dev/null || { jq '.objectives[0] | del(.outcomes[].alerts)' "$work/account.json" >&2; jq -c '.objectives[0].outcomes[0].alerts[]' "$work/account.json" >&2; fail "$1"; }
  echo "ok  $1"
}
says "all events within half a per cent, but for the two hours without scrapes" '.totalEvents > ($total - 12000) * 0.995 and .totalEvents < $total * 1.005'
says "the bad events within half a per cent of the budget" '(.badEvents - $bad) | fabs < $total * 0.001 * 0.005'
says "the budget within half a per cent of it" '(.outcomes[0].budgetRemaining - (1 - $bad / ($total * 0.001))) | fabs < 0.005 + 0.005 * $bad / ($total * 0.001)'
says "with ten times the budget a tenth is spent" '(1 - .outcomes[1].budgetRemaining) * 10 - (1 - .outcomes[0].budgetRemaining) | fabs < 0.01'
says "the outage at noon pages within four minutes" 'any(.outcomes[0].alerts[]; .tier == "page-fast" and .from >= "2026-02-10T12:00:00Z" and .from <= "2026-02-10T12:04:00Z")'
says "and has ended half an hour to an hour and a half after it" 'any(.outcomes[0].alerts[]; .tier == "page-slow" and .from >= "2026-02-10T12:00:00Z" and .from <= "2026-02-10T12:10:00Z" and .until > "2026-02-10T12:50:00Z" and .until < "2026-02-10T14:00:00Z")'
says "the outage at night pages" 'any(.outcomes[0].alerts[]; .tier == "page-fast" and .from >= "2026-02-20T02:00:00Z" and .from <= "2026-02-20T02:06:00Z")'
says "two per cent of errors page after about three quarters of an hour" 'any(.outcomes[0].alerts[]; .severity == "page" and .from >= "2026-02-25T10:30:00Z" and .from <= "2026-02-25T11:00:00Z")'
says "the budget is spent with the outage at noon" '.outcomes[0].exhausted.from >= "2026-02-10T12:00:00Z" and .outcomes[0].exhausted.from <= "2026-02-10T12:40:00Z"'
says "no page anywhere else" 'all(.outcomes[0].alerts[] | select(.severity == "page"); .from[0:10] | IN("2026-02-10", "2026-02-20", "2026-02-25"))'
says "the restart is no error, and the gap is not measured" '(.measuredSeconds - (30 * 1440 + 1 - 115) * 60) | fabs < 600'
backtest --target 99,99.99 > "$work/account.txt" || fail "no table"
grep -q 'ErrorBudgetBurn page-fast' "$work/account.txt" || fail "the table has no alerts"
backtest --output html > "$work/account.html" || fail "no page"
if command -v xmllint >/dev/null; then xmllint --html --noout "$work/account.html" 2>"$work/lint" || true; fi
grep -q '</svg>' "$work/account.html" && ! grep -qE '(src|href)=' "$work/account.html" || fail "the page needs something from elsewhere"
if [ -n "${MEASURE:-}" ]; then # how long it takes, for `make bench-slo`
  for profile in 1 2 3 4 5; do
    printf -- '---\napiVersion: plimsoll.dev/v1alpha1\nkind: PerformanceProfile\nmetadata: {name: p%s, namespace: store}\nspec:\n  targetRef: {name: t%s}\n  objectives:\n' $profile $profile
    for objective in $(seq 20); do
      printf '  - {name: o%s, target: "99.9", indicator: {ratio: {errors: '"'requests_total{code=\"500\"}'"', total: requests_total}}}\n' "$objective"
    done
  done > "$work/hundred.yaml"
  at() { date +%s.%N; }
  begin=$(at); backtest >/dev/null; middle=$(at)
  "$plimsoll" backtest "$work/hundred.yaml" --prometheus-url "http://127.0.0.1:$port" --until 2026-03-02T00:00:00Z --since 30d --scrape-interval 1m --output json | jq -e '.objectives | length == 100' >/dev/null || fail "not a hundred"
  awk -v a="$begin" -v b="$middle" -v c="$(at)" 'BEGIN { printf "30 days of one objective: %.1f s; of a hundred: %.1f s (debug build)\n", b - a, c - b }'
fi
[ -z "${KEEP:-}" ] || cp "$work"/account.* "$KEEP"
echo "ok  table and page"
