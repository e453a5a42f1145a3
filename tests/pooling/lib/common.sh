# shellcheck shell=bash
# What every row uses: the words, the checks, the clients, the profile.

k() { kubectl -n "$ns" "$@"; }
say() { printf '[%3d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }
now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.2f", b - a }'; }

# A row goes on after a check that fails, so that its figures are printed; it has failed all the same.
check() { # WHAT COMMAND…
  local what=$1; shift
  if "$@"; then printf '    ok  %s\n' "$what"; else printf '    FAILED  %s\n' "$what"; row_failed=1; fi
}
is() { [ "$1" = "$2" ] || { echo "        $1, not $2" >&2; return 1; }; }
# A bound on time, which a machine that does something else besides may miss: with SOFT=1 it is told, and fails nothing.
in_time() { below "$1" "$2" || [ -n "${SOFT:-}" ]; }
below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a != "" && a + 0 < b + 0) }' || { echo "        $1, not below $2" >&2; return 1; }; }
# Ends a row: nothing that follows would mean anything.
stop() { echo "    FAILED  $*"; row_failed=1; return 1; }
result() { printf 'RESULT row=%s %s\n' "$row" "$*" | tee -a "$results"; }

within() { # SECONDS COMMAND…
  local until=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do ((SECONDS < until)) || return 1; sleep 0.2; done
}
await() { # SECONDS WHAT COMMAND…
  within "$1" "${@:3}" || stop "gave up waiting for $2"
}

# --- the profile ----------------------------------------------------------------------------------------------------
profiles=performanceprofiles.plimsoll.dev
field() { k get "$profiles" auth -o "jsonpath=$1"; }
condition() { field "{.status.conditions[?(@.type==\"$1\")]['status','reason','message']}"; } # True Reason message
state() { # what somebody who looks for the reason of a failure wants to see
  k get pods -o wide
  k get "$profiles" auth -o json | jq -c '(.status.conditions[] | select(.type | startswith("Pooling")) | del(.lastTransitionTime)), .status.pooling'
}
pooling() { # JSON: a merge patch of spec.pooling.postgres; on standard error what the API server says against it
  k patch "$profiles" auth --type merge -p "{\"spec\":{\"pooling\":{\"postgres\":$1}}}" >/dev/null
}
declare_profile() { k replace --force=false -f "$here/profile.yaml" >/dev/null 2>&1 || k apply -f "$here/profile.yaml" >/dev/null; }
settled() { rolled_out 5 && [[ "$(field '{.metadata.generation}')" = "$(field '{.status.observedGeneration}')" && "$(condition PoolingReady)" == True* ]] && loaded_everywhere; }

# --- the poolers ----------------------------------------------------------------------------------------------------
selector=app.kubernetes.io/name=pgbouncer,plimsoll.dev/profile=auth
poolers() { k get pods -l "$selector" -o 'jsonpath={range .items[*]}{.metadata.name}{"\n"}{end}'; }
pooler_ips() { k get pods -l "$selector" -o 'jsonpath={range .items[*]}{.status.podIP}{"\n"}{end}'; }
pooler_ip() { k get pod "auth-pgbouncer-$1" -o 'jsonpath={.status.podIP}'; }
service_ip() { k get service auth-pgbouncer -o 'jsonpath={.spec.clusterIP}'; }
# Changes with every pod that is replaced and every container that is started again.
lives() { k get pods -l "$selector" -o 'jsonpath={range .items[*]}{.metadata.uid}/{.status.containerStatuses[0].restartCount}{"\n"}{end}' | sort; }
report() { curl -sf --max-time 2 "http://$1:9127/status"; }
metrics() { curl -sf --max-time 2 "http://$1:9127/metrics"; }
wanted_hash() { k get configmap auth-pgbouncer -o 'jsonpath={.data.pooler\.json}' | sha256sum | cut -c1-16; }
every_pooler() { # JQ-CONDITION over its report; true when there is one, and it holds for each
  local ip any=
  for ip in $(pooler_ips); do any=1; report "$ip" | jq -e "$1" >/dev/null || return 1; done
  [ -n "$any" ]
}
loaded_everywhere() { local hash; hash=$(wanted_hash) && every_pooler ".loaded == \"$hash\""; }
rolled_out() { k rollout status statefulset/auth-pgbouncer --timeout="${1:-240}s" >/dev/null; }
instances() { k get statefulset auth-pgbouncer -o 'jsonpath={.spec.replicas}'; }

# --- the clients ----------------------------------------------------------------------------------------------------
# Each writes lines of JSON, the last of which is its report. They run beside the cluster: service and pod addresses are reached.
client() { PGPASSWORD=${PGPASSWORD:-$app_password} "$CLIENT" "$@"; }
declare -A client_pids
begin() { # MODE [ARGS…]: in the background, through the pool
  PGPASSWORD=$app_password "$CLIENT" --host "$(service_ip)" "$@" >"$work/$1" &
  client_pids[$1]=$!
}
begin_watch() { # counts the connections that the primary has, directly
  PGPASSWORD=$monitor_password "$CLIENT" --host "$(database_ip "$primary")" --user plimsoll_monitor watch >"$work/watch" &
  client_pids[watch]=$!
}
ended= # the report of the client that was ended last
end() { # MODE
  kill "${client_pids[$1]}" 2>/dev/null || true
  wait "${client_pids[$1]}" || true
  unset "client_pids[$1]"
  ended=$(tail -1 "$work/$1")
}
no_clients() { local mode; for mode in "${!client_pids[@]}"; do end "$mode"; done; }
get() { jq -r "$2" <<<"$1"; } # JSON PATH
# What the rows about restarts ask of hot clients.
nothing_cut() { # REPORT
  check 'no connection was refused' is "$(get "$1" .refused)" 0
  check 'no transaction was cut' is "$(get "$1" .cut)" 0
  check 'there was traffic' below 100 "$(get "$1" .transactions)"
  [ -z "$row_failed" ] || grep '"error"' "$work/hot" | head -5 || true
}
figures() { get "$1" '"transactions=\(.transactions) refused=\(.refused) cut=\(.cut) closed_idle=\(.closed_idle) closed_at_begin=\(.closed_at_begin) p99_ms=\(.transaction_ms.p99) worst_ms=\(.transaction_ms.max)"'; }
