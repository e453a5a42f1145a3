#!/usr/bin/env bash
# The rules of deploy/alertmanager/inhibit-rules.yaml in a real Alertmanager: which alerts are muted, and which are not.
#
#   tests/alertmanager.sh
#
# Needs Alertmanager and amtool, as $ALERTMANAGER and $AMTOOL or in PATH, curl and jq. Listens on a free port of this machine alone.
set -euo pipefail
cd "$(dirname "$0")/.."
alertmanager=${ALERTMANAGER:-alertmanager} amtool=${AMTOOL:-amtool} rules=deploy/alertmanager/inhibit-rules.yaml
for tool in "$alertmanager" "$amtool" curl jq; do command -v "$tool" >/dev/null || { echo "$tool not found" >&2; exit 2; }; done
work=$(mktemp -d) pid=
end() { if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi; rm -rf "$work"; }
trap end EXIT

{ printf 'route: {receiver: nobody}\nreceivers: [{name: nobody}]\n'; cat "$rules"; } >"$work/config.yaml"
"$amtool" check-config "$work/config.yaml" >"$work/checked" 2>&1 || { cat "$work/checked" >&2; exit 1; }
count=$(grep -c 'source_matchers:' "$rules")
grep -q " - $count inhibit rules" "$work/checked" || { cat "$work/checked"; echo "amtool does not see $count rules" >&2; exit 1; }

"$alertmanager" --config.file="$work/config.yaml" --storage.path="$work/data" --cluster.listen-address= \
  --web.listen-address=127.0.0.1:0 >"$work/log" 2>&1 </dev/null &
pid=$!
url=
for _ in $(seq 100); do # 10 s
  url=$(sed -n 's,.*Listening on.* address=\(127\.0\.0\.1:[0-9]*\).*,http://\1,p' "$work/log" | head -1)
  if [ -n "$url" ] && curl -fsS --max-time 2 "$url/-/ready" >/dev/null 2>&1; then break; fi
  kill -0 "$pid" 2>/dev/null || { cat "$work/log" >&2; echo "Alertmanager has ended" >&2; exit 1; }
  url=
  sleep 0.1
done
[ -n "$url" ] || { cat "$work/log" >&2; echo "Alertmanager is not ready" >&2; exit 1; }

# What is expected of each alert, and its labels.
cat >"$work/expected" <<'ALERTS'
active     alertname=ErrorBudgetBurn       severity=critical tier=page-fast   namespace=shop profile=checkout objective=all
suppressed alertname=ErrorBudgetBurn       severity=critical tier=page-slow   namespace=shop profile=checkout objective=all
suppressed alertname=ErrorBudgetBurn       severity=warning  tier=ticket-fast namespace=shop profile=checkout objective=all
suppressed alertname=ErrorBudgetBurn       severity=warning  tier=ticket-slow namespace=shop profile=checkout objective=all
suppressed alertname=ErrorTrickle          severity=warning  namespace=shop profile=checkout objective=all
suppressed alertname=ErrorRateHigh         severity=critical namespace=shop profile=checkout objective=all
active     alertname=ObjectiveMetricsAbsent severity=warning namespace=shop profile=checkout objective=all
active     alertname=ErrorBudgetBurn       severity=critical tier=page-slow   namespace=shop profile=checkout objective=slower
suppressed alertname=ErrorBudgetBurn       severity=warning  tier=ticket-fast namespace=shop profile=checkout objective=slower
suppressed alertname=ErrorBudgetBurn       severity=warning  tier=ticket-slow namespace=shop profile=checkout objective=slower
suppressed alertname=LatencyAboveTarget    severity=warning  namespace=shop profile=checkout objective=slower
active     alertname=ErrorBudgetBurn       severity=warning  tier=ticket-fast namespace=shop profile=checkout objective=tickets
suppressed alertname=ErrorBudgetBurn       severity=warning  tier=ticket-slow namespace=shop profile=checkout objective=tickets
suppressed alertname=ErrorTrickle          severity=warning  namespace=shop profile=checkout objective=tickets
active     alertname=ErrorRateHigh         severity=critical namespace=shop profile=checkout objective=tickets
active     alertname=LatencyAboveTarget    severity=warning  namespace=shop profile=checkout objective=tickets
active     alertname=ErrorBudgetBurn       severity=warning  tier=ticket-slow namespace=shop profile=checkout objective=slow
suppressed alertname=ErrorTrickle          severity=warning  namespace=shop profile=checkout objective=slow
active     alertname=ErrorTrickle          severity=warning  namespace=shop profile=checkout objective=trickling
active     alertname=ErrorRateHigh         severity=critical namespace=shop profile=checkout objective=trickling
active     alertname=ErrorBudgetExhausted  severity=warning  namespace=shop profile=checkout objective=spent
suppressed alertname=ErrorBudgetLow        severity=warning  namespace=shop profile=checkout objective=spent
active     alertname=ErrorBudgetLow        severity=warning  window=7d namespace=shop profile=checkout objective=spent
active     alertname=ErrorBudgetExhausted  severity=warning  window=7d namespace=shop profile=checkout objective=spent-of-late
suppressed alertname=ErrorBudgetLow        severity=warning  window=7d namespace=shop profile=checkout objective=spent-of-late
active     alertname=ErrorBudgetLow        severity=warning  namespace=shop profile=checkout objective=spent-of-late
active     alertname=ErrorBudgetBurn       severity=critical tier=page-fast   namespace=shop profile=checkout objective=routes group=/pay
suppressed alertname=ErrorBudgetBurn       severity=warning  tier=ticket-slow namespace=shop profile=checkout objective=routes group=/pay
active     alertname=ErrorBudgetBurn       severity=warning  tier=ticket-slow namespace=shop profile=checkout objective=routes group=/cart
active     alertname=ErrorBudgetBurn       severity=warning  tier=ticket-fast namespace=shop profile=search   objective=all
active     alertname=ErrorBudgetBurn       severity=warning  tier=ticket-fast namespace=bank profile=checkout objective=all
active     alertname=AutoscalerAtMaximum   severity=warning  namespace=shop profile=checkout
active     alertname=ErrorBudgetBurn       severity=critical tier=page-fast   namespace=shop
active     alertname=ErrorBudgetBurn       severity=warning  tier=ticket-slow namespace=shop
ALERTS
jq -Rn '[inputs | [splits(" +")] | {labels: (.[1:] | map(split("=") | {(.[0]): (.[1:] | join("="))}) | add)}]' "$work/expected" >"$work/alerts"
curl -fsS --max-time 10 -H 'Content-Type: application/json' --data @"$work/alerts" "$url/api/v2/alerts"

line='"\(.state) \(.labels | to_entries | sort_by(.key) | map("\(.key)=\(.value)") | join(" "))"'
jq -Rnr "inputs | [splits(\" +\")] | {state: .[0], labels: (.[1:] | map(split(\"=\") | {(.[0]): (.[1:] | join(\"=\"))}) | add)} | $line" \
  "$work/expected" | sort >"$work/wanted"
for _ in $(seq 50); do # 5 s
  curl -fsS --max-time 10 "$url/api/v2/alerts" |
    jq -r ".[] | {state: .status.state, labels} | $line" | sort >"$work/found"
  if cmp -s "$work/wanted" "$work/found"; then
    echo "alertmanager: $(wc -l <"$work/found") alerts, $(grep -c ^suppressed "$work/found") of them muted, as expected"
    exit 0
  fi
  sleep 0.1
done
diff "$work/wanted" "$work/found" >&2 || true
echo "alertmanager: other alerts are muted than expected (< expected, > found)" >&2
exit 1
